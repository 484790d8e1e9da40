//! Opening a database, reading and writing it.

use std::time::{Duration, Instant};

use sqlx::{
    ConnectOptions, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::sleep;

use super::{Connection, DatabaseUrl, DbError, Held, Kind, Log, Transaction, error::is_busy};

/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long to wait before a file that is busy is opened again.
const RETRY_DELAY: Duration = Duration::from_millis(20);

/// A handle to the database; cheap to clone.
#[derive(Clone, Debug)]
pub enum Database {
    /// A SQLite file.
    Sqlite(SqlitePools),
    /// A PostgreSQL server.
    Postgres(PostgresPool),
}

/// The connections to a SQLite file.
#[derive(Clone, Debug)]
pub struct SqlitePools {
    /// Connections that only read.
    pub read: SqlitePool,
    /// The one connection that writes: writers queue up in this process instead of meeting SQLITE_BUSY.
    pub write: SqlitePool,
    /// What makes the writes durable: whoever commits on `write` by itself waits for [`Log::sync`], too, before it acts on it.
    pub log: Log,
}

impl SqlitePools {
    /// How long a statement waits for another process's write before it fails as busy.
    const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
}

/// The connections to a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresPool {
    /// Connections that read and write.
    pub pool: PgPool,
}

impl PostgresPool {
    /// No wait is without end: neither for a lock nor for a statement, nor for the rest of a transaction whose process was
    /// stopped in the middle of it.
    const BOUNDS: &str =
        "SET lock_timeout = '10s'; SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'";

    /// A pool beside the main one, each of whose connections begins with these settings. It connects when it is used.
    pub fn another(&self, connections: u32, settings: &'static str) -> PgPool {
        let options = self.pool.connect_options().as_ref().clone();
        postgres_pool(connections, settings).test_before_acquire(false).connect_lazy_with(options)
    }

    /// A connection that shares nothing with the pools.
    pub async fn connect_alone(&self) -> sqlx::Result<sqlx::PgConnection> {
        self.pool.connect_options().connect().await
    }
}

// Connection options hold a password.
impl std::fmt::Debug for PostgresPool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PostgresPool").field("size", &self.pool.size()).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the pools; makes a SQLite file that is missing. The schema is as it was.
    ///
    /// `connections` is the most that are held to PostgreSQL.
    pub async fn connect(address: &DatabaseUrl, connections: u32) -> Result<Self, DbError> {
        match address {
            DatabaseUrl::Sqlite(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // Commits are synced together, by the log.
                    .synchronous(SqliteSynchronous::Normal)
                    // 16 MB: moving the log into the file waits for the disk twice, while nobody writes.
                    .pragma("wal_autocheckpoint", "4000")
                    .foreign_keys(true)
                    .busy_timeout(SqlitePools::BUSY_TIMEOUT);
                // A file of this machine needs no ping before each use.
                let pool = |connections| {
                    SqlitePoolOptions::new()
                        .max_connections(connections)
                        .acquire_timeout(ACQUIRE_TIMEOUT)
                        .test_before_acquire(false)
                };
                // While another process makes the file, or its log, SQLite is busy at once.
                let deadline = Instant::now() + SqlitePools::BUSY_TIMEOUT;
                let write = loop {
                    match pool(1).connect_with(options.clone()).await {
                        Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(RETRY_DELAY).await,
                        opened => break opened?,
                    }
                };
                let read = pool(8).connect_with(options.read_only(true)).await?;
                Ok(Self::Sqlite(SqlitePools { read, write, log: Log::beside(file) }))
            }
            DatabaseUrl::Postgres(options) => {
                let options = PgConnectOptions::clone(options).application_name("voicemill");
                let pool = postgres_pool(connections, PostgresPool::BOUNDS).connect_with(options).await?;
                Ok(Self::Postgres(PostgresPool { pool }))
            }
        }
    }

    /// Which database it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// Ends every connection, once what is under way on it has ended. Of a SQLite file the last one to close brings everything
    /// from the log into the file, which is then a whole database by itself; the one that writes is that last one.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pools) => {
                pools.read.close().await;
                pools.write.close().await;
            }
            Self::Postgres(postgres) => postgres.pool.close().await,
        }
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Connection, DbError> {
        Ok(match self {
            Self::Sqlite(pools) => Connection::Sqlite(Held::pooled(pools.read.acquire().await?)),
            Self::Postgres(postgres) => Connection::Postgres(Held::pooled(postgres.pool.acquire().await?)),
        })
    }

    /// A view of one moment, for reads that must agree with each other; dropping it ends it.
    pub async fn snapshot(&self) -> Result<Transaction, DbError> {
        Ok(match self {
            Self::Sqlite(pools) => Transaction::sqlite(pools.read.begin().await?, None),
            Self::Postgres(postgres) => Transaction::postgres(
                postgres.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
            ),
        })
    }

    /// Begins a write transaction. On SQLite it takes the write lock at once, so that it never fails half-way for want of
    /// it; on PostgreSQL others write meanwhile, and what must not change under it is held by [`Connection::lock`].
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        Ok(match self {
            Self::Sqlite(pools) => {
                Transaction::sqlite(pools.write.begin_with("BEGIN IMMEDIATE").await?, Some(pools.log.clone()))
            }
            Self::Postgres(postgres) => Transaction::postgres(postgres.pool.begin().await?),
        })
    }

    /// Returns once everything that can be read now would survive a power cut: for who tells somebody that a thing is done
    /// because it was found done. On PostgreSQL nothing is read before that.
    pub async fn settled(&self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(pools) => Ok(pools.log.sync().await?),
            Self::Postgres(_) => Ok(()),
        }
    }
}

fn postgres_pool(connections: u32, settings: &'static str) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT).after_connect(
        move |connection, _| Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(drop) }),
    )
}
