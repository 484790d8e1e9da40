//! The schema of either database, brought up to date step by step.

use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::db::{Database, DbError, Kind, on};

/// A step that has a file of the same name for either database.
macro_rules! file {
    ($kind:ident, $name:literal) => {
        match $kind {
            Kind::Sqlite => include_str!(concat!("migrations/sqlite/", $name)),
            Kind::Postgres => include_str!(concat!("migrations/postgres/", $name)),
        }
    };
}

/// The steps in their order. One that was ever released does not change.
fn steps(kind: Kind) -> Vec<(i64, &'static str, &'static str)> {
    vec![(1, "voicemill", file!(kind, "0001_voicemill.sql"))]
}

/// Brings the schema up to date and returns the steps that were taken; of several processes that do so at once, one does.
pub async fn migrate(database: &Database) -> Result<Vec<&'static str>, DbError> {
    let before = applied(database).await?;
    let kind = database.kind();
    let migration = |&(version, description, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, description.into(), MigrationType::Simple, sqlx::SqlStr::from_static(sql), false)
    };
    let migrator = Migrator::with_migrations(steps(kind).iter().map(migration).collect());
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
    let mut taken: Vec<_> =
        steps(kind).into_iter().filter(|step| !before.contains(&step.0)).map(|step| step.1).collect();
    // The queue keeps a line of its own.
    taken.extend(voicemill_queue::migrate(database).await?);
    Ok(taken)
}

/// The steps that were taken before; none where the table of steps is missing.
async fn applied(database: &Database) -> Result<Vec<i64>, DbError> {
    const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success";
    let connection = &mut database.read().await?;
    let versions: sqlx::Result<Vec<i64>> = on!(connection, sqlx::query_scalar(APPLIED).fetch_all(connection).await);
    match versions {
        Err(sqlx::Error::Database(_)) => Ok(Vec::new()),
        versions => Ok(versions?),
    }
}
