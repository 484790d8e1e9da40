//! What an operator wants to know of the database.

use super::{Database, DbError};

/// What answers at the database's address.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name and version.
    pub version: String,
    /// What about it harms the service, each as a sentence.
    pub warnings: Vec<String>,
}

/// The oldest PostgreSQL that the statements are made for, as `server_version_num` has it.
const OLDEST: i32 = 150_000;

/// Transactions that stay open for longer keep dead rows of the queue from being removed, which slows it down.
const OLD_TRANSACTION_SECONDS: i64 = 600;

const SHOW_VERSION: &str = "SELECT current_setting('server_version_num')::integer, current_setting('server_version')";

/// The age of the oldest transaction or replication slot that holds rows back, in seconds and in transactions.
const OLDEST_TRANSACTION: &str = "SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::bigint \
     FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()";

const PREPARED: &str = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()";

impl Database {
    /// Asks the database who it is and whether anything about it harms the service.
    pub async fn server(&self) -> Result<Server, DbError> {
        match self {
            Self::Sqlite(pools) => {
                let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&pools.read).await?;
                Ok(Server { version: format!("SQLite {version}"), warnings: Vec::new() })
            }
            Self::Postgres(postgres) => {
                let mut warnings = Vec::new();
                let (number, version): (i32, String) = sqlx::query_as(SHOW_VERSION).fetch_one(&postgres.pool).await?;
                if number < OLDEST {
                    warnings.push(format!("PostgreSQL {version} is too old: 15 or later is needed"));
                }
                if behind_a_transaction_pool(&postgres.pool).await? {
                    warnings.push(
                        "connections go through a pooler that hands them on between transactions; connect to \
                         PostgreSQL itself, or through a pooler in session mode"
                            .to_owned(),
                    );
                }
                let seconds: i64 = sqlx::query_scalar(OLDEST_TRANSACTION).fetch_one(&postgres.pool).await?;
                if seconds > OLD_TRANSACTION_SECONDS {
                    warnings.push(format!(
                        "a transaction has been open for {} minutes, and the queue slows down while it is; look for it \
                         in pg_stat_activity",
                        seconds / 60
                    ));
                }
                let prepared: i64 = sqlx::query_scalar(PREPARED).fetch_one(&postgres.pool).await?;
                if prepared > 0 {
                    warnings.push(format!(
                        "{prepared} prepared transactions wait to be ended, and the queue slows down while they do; \
                         look for them in pg_prepared_xacts"
                    ));
                }
                Ok(Server { version: format!("PostgreSQL {version}"), warnings })
            }
        }
    }
}

/// Whether what one statement sets is gone in the next, or seen by another connection: so it is where a pooler gives a
/// server's connection to somebody else after each transaction.
async fn behind_a_transaction_pool(pool: &sqlx::PgPool) -> Result<bool, DbError> {
    const WHO: &str = "SELECT pg_backend_pid()";
    let mut first = pool.acquire().await?;
    let mut second = pool.acquire().await?;
    let mut seen: [Vec<i32>; 2] = Default::default();
    for _ in 0..3 {
        seen[0].push(sqlx::query_scalar(WHO).persistent(false).fetch_one(&mut *first).await?);
        seen[1].push(sqlx::query_scalar(WHO).persistent(false).fetch_one(&mut *second).await?);
    }
    let moves = seen.iter().any(|pids| pids.iter().any(|pid| *pid != pids[0]));
    Ok(moves || seen[0][0] == seen[1][0])
}
