//! Opening the database, migrating it, reading and writing it.

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// What every repository function takes: a pooled connection or the inside of a [`Transaction`].
pub type Connection = SqliteConnection;

/// A failed statement, and whether asking again may help.
#[derive(Debug, thiserror::Error)]
#[error("database: {0}")]
pub struct DbError(#[from] sqlx::Error);

impl DbError {
    /// True when the same statement may succeed later: busy, out of connections, connection lost.
    pub fn is_transient(&self) -> bool {
        const BUSY: i64 = 5;
        const LOCKED: i64 = 6;
        match &self.0 {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(error) => error
                .code()
                .and_then(|code| code.parse::<i64>().ok())
                .is_some_and(|code| matches!(code & 0xff, BUSY | LOCKED)),
            _ => false,
        }
    }

    /// True when a row with the same unique key stands already.
    pub fn is_conflict(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(error) if error.is_unique_violation())
    }
}

/// A handle to the database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    read: SqlitePool,
    write: SqlitePool,
}

/// A transaction: dropped without [`Transaction::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Transaction(sqlx::Transaction<'static, Sqlite>);

impl Transaction {
    /// The connection inside, for repository functions and for enqueueing jobs.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.0
    }

    /// Makes everything done inside it durable, all at once.
    pub async fn commit(self) -> Result<(), DbError> {
        Ok(self.0.commit().await?)
    }
}

impl Database {
    /// How long a statement waits for another process's write before it fails as busy.
    const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long a caller waits for a free connection.
    const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

    /// Opens the SQLite file, makes it if it is missing, and brings its schema up to date.
    pub async fn open(file: &Path) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Self::BUSY_TIMEOUT);
        let pool =
            |connections| SqlitePoolOptions::new().max_connections(connections).acquire_timeout(Self::ACQUIRE_TIMEOUT);
        // One connection writes: writers queue up in this process instead of meeting SQLITE_BUSY.
        let write = pool(1).connect_with(options.clone()).await?;
        migrations().run(&write).await.map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
        let read = pool(8).connect_with(options.read_only(true)).await?;
        Ok(Self { read, write })
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<PoolConnection<Sqlite>, DbError> {
        Ok(self.read.acquire().await?)
    }

    /// A view of one moment, for reads that must agree with each other; dropping it ends it.
    pub async fn snapshot(&self) -> Result<Transaction, DbError> {
        Ok(Transaction(self.read.begin().await?))
    }

    /// Begins a write transaction, taking the write lock at once so that it never fails half-way for want of it.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        Ok(Transaction(self.write.begin_with("BEGIN IMMEDIATE").await?))
    }

    /// The pool with the one writing connection, for the queue.
    pub fn writer(&self) -> &SqlitePool {
        &self.write
    }

    /// The pool of reading connections, for the queue.
    pub fn reader(&self) -> &SqlitePool {
        &self.read
    }
}

fn migrations() -> Migrator {
    let migration = |version, description: &'static str, sql: &'static str| {
        Migration::new(version, description.into(), MigrationType::Simple, sqlx::SqlStr::from_static(sql), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "metadata", include_str!("migrations/0001_metadata.sql")),
        migration(2, "queue", crate::queue::SCHEMA),
        migration(10, "speech", include_str!("migrations/0010_speech.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use sqlx::{Executor, SqlSafeStr};

    use super::*;
    use crate::db;

    #[tokio::test]
    async fn every_statement_prepares() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("test.db")).await.unwrap();
        let mut connection = database.read().await.unwrap();
        let lists = [
            db::domains::STATEMENTS,
            db::links::STATEMENTS,
            db::mailboxes::STATEMENTS,
            db::messages::STATEMENTS,
            db::notices::STATEMENTS,
            db::prompts::STATEMENTS,
            db::pronunciations::STATEMENTS,
            db::recording_transcripts::STATEMENTS,
            db::recordings::STATEMENTS,
            db::renditions::STATEMENTS,
            db::speech::STATEMENTS,
        ];
        for (name, sql) in lists.concat() {
            let prepared = (&mut *connection).prepare(sql.into_sql_str()).await;
            assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
        }
    }

    #[tokio::test]
    async fn opening_twice_migrates_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("test.db");
        Database::open(&file).await.unwrap();
        Database::open(&file).await.unwrap();
    }
}
