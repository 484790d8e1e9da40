//! The schema of the queue, brought up to date step by step, apart from that of the service whose database it shares.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use voicemill_sql::{Database, DbError, Kind, on};

/// Where the steps that were taken are listed.
const TABLE: &str = "_voicemill_queue_migrations";

/// The steps in their order, as version, name and SQL. One that was ever released does not change.
fn steps(kind: Kind) -> [(i64, &'static str, &'static str); 1] {
    match kind {
        Kind::Sqlite => [(1, "queue", include_str!("../migrations/sqlite/0001_queue.sql"))],
        Kind::Postgres => [(1, "queue", include_str!("../migrations/postgres/0001_queue.sql"))],
    }
}

/// Brings the queue's tables up to date and returns the names of the steps that were taken; of several processes that do so at
/// once, one does.
///
/// The tables are those that [`crate::Queue`] works on: call this before [`crate::Queue::new`]. The queue keeps a list of steps
/// of its own, so that its schema and the service's change independently of each other.
///
/// # Errors
/// If the database cannot be reached or refuses a step, or if its tables are those of a newer version.
pub async fn migrate(database: &Database) -> Result<Vec<&'static str>, DbError> {
    let before = applied(database).await?;
    let steps = steps(database.kind());
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sqlx::SqlStr::from_static(sql), false)
    };
    let mut migrator = Migrator::with_migrations(steps.into_iter().map(migration).collect());
    migrator.dangerous_set_table_name(TABLE);
    let outcome = match database {
        // Inside one transaction, because the migrator has no lock of its own there.
        Database::Sqlite(pools) => {
            let mut transaction = pools.write.begin_with("BEGIN IMMEDIATE").await?;
            let outcome = migrator.run_direct(None, &mut *transaction, false).await;
            if outcome.is_ok() {
                transaction.commit().await?;
            }
            outcome
        }
        // On a connection of its own, where no statement's time is bounded: an index may take long to build. The migrator
        // holds an advisory lock meanwhile.
        Database::Postgres(postgres) => migrator.run_direct(None, &mut postgres.connect_alone().await?, false).await,
    };
    outcome.map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
    Ok(steps.into_iter().filter(|step| !before.contains(&step.0)).map(|step| step.1).collect())
}

/// The steps that were taken before; none where the table of steps is missing.
async fn applied(database: &Database) -> Result<Vec<i64>, DbError> {
    const APPLIED: &str = "SELECT version FROM _voicemill_queue_migrations WHERE success";
    let connection = &mut database.read().await?;
    let versions: sqlx::Result<Vec<i64>> = on!(connection, sqlx::query_scalar(APPLIED).fetch_all(connection).await);
    match versions {
        Err(sqlx::Error::Database(_)) => Ok(Vec::new()),
        versions => Ok(versions?),
    }
}
