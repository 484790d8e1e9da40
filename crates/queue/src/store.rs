//! The queue's statements, on whichever database holds it.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Enqueued, JobFilter, JobId, JobInfo, QueueError, Stat, postgres,
    retry::{Claimed, Settled},
    round_robin::RoundRobin,
    rows::{Draft, Found, Line, Suspect, Wanted, WorkerId},
    sqlite,
};
use voicemill_sql::{Connection, Database, Held};

// What callers do in their own transactions.

/// Declares functions that either database has for its own connection.
macro_rules! inside {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {$(
        $(#[$doc])*
        pub(super) async fn $name(
            connection: &mut Connection,
            $($argument: $type),*
        ) -> Result<$result, QueueError> {
            match connection {
                Connection::Sqlite(connection) => sqlite::$name(connection, $($argument),*).await,
                Connection::Postgres(connection) => postgres::$name(connection, $($argument),*).await,
            }
        }
    )+};
}

inside! {
    enqueue(draft: &Draft<'_>, now: Timestamp) -> Enqueued;
    /// Adds jobs of one kind; returns how many are new.
    enqueue_all(kind: (&str, &str), drafts: &[Draft<'_>], now: Timestamp) -> u64;
    expedite(kind: &str, unique_key: &str, run_at: Timestamp, now: Timestamp) -> bool;
    cancel(id: JobId, reason: &str, now: Timestamp) -> bool;
    /// The unfinished jobs of a kind with these unique keys.
    find(kind: &str, unique_keys: &[String]) -> Vec<Found>;
    /// Which places these have among those of their tenant, from 1, if they are among the first `limit`.
    places(line: &Line, ids: &[JobId], limit: i64) -> Vec<(JobId, i64)>;
    /// Whether the claim is still the job's; it stays so until the transaction ends.
    holds(id: JobId, claim: i64) -> bool;
    /// Completes a running job; returns how many jobs waited for it, or none if the claim is no longer the job's.
    complete(id: JobId, claim: i64, now: Timestamp) -> Option<u64>;
    /// Makes a running job a dead letter; false if the claim is no longer the job's.
    dead_letter(id: JobId, claim: i64, reason: &str, now: Timestamp) -> bool;
    retry(id: JobId, now: Timestamp) -> bool;
    forget(id: JobId, now: Timestamp) -> bool;
}

/// The database of a queue.
#[derive(Clone, Debug)]
pub(super) enum Store {
    Sqlite(sqlite::Store),
    Postgres(postgres::Store),
}

/// Declares methods that the store of either database has.
macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {$(
        $(#[$doc])*
        pub(super) async fn $name(&self, $($argument: $type),*) -> Result<$result, QueueError> {
            match self {
                Self::Sqlite(store) => store.$name($($argument),*).await,
                Self::Postgres(store) => bounded(store.$name($($argument),*)).await,
            }
        }
    )+};
}

/// A server that is cut off says nothing, not even that it is gone; every other wait ends before this.
const SILENCE: Duration = Duration::from_secs(40);

async fn bounded<T>(statement: impl Future<Output = Result<T, QueueError>>) -> Result<T, QueueError> {
    let silent = |_| QueueError::Database(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(SILENCE, statement).await.map_err(silent)?
}

impl Store {
    pub(super) fn new(database: &Database) -> Self {
        match database {
            Database::Sqlite(pools) => Self::Sqlite(sqlite::Store::new(pools.clone())),
            Database::Postgres(postgres) => Self::Postgres(postgres::Store::new(postgres.clone())),
        }
    }

    methods! {
        /// Claims jobs of a lane, as many as wanted at most: the most urgent first, and among them the tenants in turn. Hands over each
        /// as soon as it is claimed, also when it fails afterwards; returns how many there were.
        claim(wanted: &Wanted<'_>, round_robin: &mut RoundRobin, hand_over: &mut (dyn FnMut(Claimed) + Send)) -> usize;
        /// Claims one job in quarantine; `alone` says that nothing runs beside it.
        claim_suspect(worker: WorkerId, lanes: &[String], alone: bool, now: Timestamp) -> Option<Suspect>;
        /// Whether a job of these lanes waits in quarantine.
        any_suspect(lanes: &[String]) -> bool;
        /// Stores how attempts ended; returns how many jobs waited for those that are completed. A result whose claim is no
        /// longer the job's changes nothing, so that after a failure all of them may be stored again.
        settle(results: &[Settled], now: Timestamp) -> u64;
        join(host: &str, now: Timestamp) -> WorkerId;
        /// Leaves in good order: what the worker still holds is handed back, its attempts uncounted.
        leave(worker: WorkerId, now: Timestamp) -> usize;
        /// Every worker and its last beat.
        workers() -> Vec<(WorkerId, i64)>;
        /// Takes their jobs from these workers, unless they have beaten since; returns from whom, and how many.
        reap(dead: &[(WorkerId, i64)], now: Timestamp) -> Vec<(WorkerId, usize)>;
        /// The jobs that the database says this worker holds, and by which claims.
        held(worker: WorkerId) -> Vec<(JobId, i64)>;
        /// The running jobs of this worker that somebody wants stopped, and why.
        cancelled(worker: WorkerId) -> Vec<(JobId, String)>;
        store_progress(changes: &[(JobId, i64, f64)]) -> ();
        /// Makes jobs available whose time has come, at most `limit`; returns how many.
        promote(limit: u32, now: Timestamp) -> u64;
        /// Has bulk jobs of a lane that have waited since `cutoff` compete as normal ones, one of each tenant at a time and at most
        /// `limit`; returns how many did.
        age(lane: &str, cutoff: Timestamp, limit: u32) -> u64;
        /// When the next scheduled job is due.
        next_run() -> Option<Timestamp>;
        /// Forgets completed jobs that finished before this moment, at most `limit`; returns how many, as far as it counts.
        prune(before: Timestamp, limit: u32, now: Timestamp) -> u64;
        list(filter: &JobFilter) -> Vec<JobInfo>;
        stats() -> Vec<Stat>;
    }

    /// A connection that shares nothing with the pools, for the heartbeat; it waits for others' writes as long as `busy_timeout`.
    pub(super) async fn connect_alone(&self, busy_timeout: Duration) -> Result<Connection, QueueError> {
        Ok(match self {
            Self::Sqlite(store) => Connection::Sqlite(Held::alone(store.connect_alone(busy_timeout).await?)),
            Self::Postgres(store) => Connection::Postgres(Held::alone(store.connect_alone().await?)),
        })
    }
}

inside! {
    /// Keeps a worker's lease; false if it was reaped.
    beat(worker: WorkerId, now: Timestamp) -> bool;
}
