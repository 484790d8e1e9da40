//! Connections and transactions of either database.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use sqlx::{Database, Postgres, Sqlite, pool::PoolConnection};

use super::{DbError, Kind, Log};

/// What every repository function takes: a connection from a pool or the inside of a [`Transaction`], on either database.
#[derive(Debug)]
pub enum Connection {
    /// To a SQLite file.
    Sqlite(Held<Sqlite>),
    /// To a PostgreSQL server.
    Postgres(Held<Postgres>),
}

impl Connection {
    /// Which database it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// Waits until no other transaction holds the lock of this name, and holds it until this transaction ends.
    ///
    /// For what is read and then written on the strength of that. SQLite has one writer at a time, and needs no lock.
    pub async fn lock(&mut self, name: uuid::Uuid) -> Result<(), DbError> {
        if let Self::Postgres(connection) = self {
            let (high, low) = name.as_u64_pair();
            let query = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind((high ^ low).cast_signed());
            query.execute(&mut **connection).await?;
        }
        Ok(())
    }
}

/// A driver's own connection, from wherever it came.
pub struct Held<D: Database>(From<D>);

enum From<D: Database> {
    Pool(PoolConnection<D>),
    Transaction(sqlx::Transaction<'static, D>),
    Nowhere(D::Connection),
}

impl<D: Database> Held<D> {
    /// One that goes back to its pool.
    pub(super) fn pooled(connection: PoolConnection<D>) -> Self {
        Self(From::Pool(connection))
    }

    /// One that belongs to no pool.
    pub fn alone(connection: D::Connection) -> Self {
        Self(From::Nowhere(connection))
    }

    fn transaction(transaction: sqlx::Transaction<'static, D>) -> Self {
        Self(From::Transaction(transaction))
    }

    async fn commit(self) -> sqlx::Result<()> {
        match self.0 {
            From::Transaction(transaction) => transaction.commit().await,
            From::Pool(_) | From::Nowhere(_) => Ok(()),
        }
    }
}

impl<D: Database> fmt::Debug for Held<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Held").finish_non_exhaustive()
    }
}

impl<D: Database> Deref for Held<D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        match &self.0 {
            From::Pool(connection) => connection,
            From::Transaction(transaction) => transaction,
            From::Nowhere(connection) => connection,
        }
    }
}

impl<D: Database> DerefMut for Held<D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        match &mut self.0 {
            From::Pool(connection) => connection,
            From::Transaction(transaction) => transaction,
            From::Nowhere(connection) => connection,
        }
    }
}

/// A transaction: dropped without [`Transaction::commit`], it leaves nothing behind.
pub struct Transaction {
    connection: Connection,
    /// What makes a write durable on SQLite.
    log: Option<Log>,
    after_commit: Vec<Box<dyn FnOnce() + Send + Sync>>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.after_commit.len();
        formatter
            .debug_struct("Transaction")
            .field("connection", &self.connection)
            .field("after_commit", &waiting)
            .finish()
    }
}

impl Transaction {
    pub(super) fn sqlite(transaction: sqlx::Transaction<'static, Sqlite>, log: Option<Log>) -> Self {
        Self { log, ..Self::of(Connection::Sqlite(Held::transaction(transaction))) }
    }

    pub(super) fn postgres(transaction: sqlx::Transaction<'static, Postgres>) -> Self {
        Self::of(Connection::Postgres(Held::transaction(transaction)))
    }

    fn of(connection: Connection) -> Self {
        Self { connection, log: None, after_commit: Vec::new() }
    }

    /// The connection inside, for repository functions and for enqueueing jobs.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Has something done once this is committed, and never if it is not. It must be short, and must not block.
    pub fn after_commit(&mut self, act: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(Box::new(act));
    }

    /// Makes everything done inside it durable, all at once. Where that fails, it may have happened all the same.
    pub async fn commit(self) -> Result<(), DbError> {
        match self.connection {
            Connection::Sqlite(held) => held.commit().await?,
            Connection::Postgres(held) => held.commit().await?,
        }
        // The writer is free again: others write while this waits, and share the next sync.
        if let Some(log) = self.log {
            log.sync().await?;
        }
        for act in self.after_commit {
            act();
        }
        Ok(())
    }
}
