#![doc = include_str!("../README.md")]
//!
//! # Architecture invariants
//!
//! No lock and no transaction is held while a job runs. SQL that is one database's own stands in `sqlite/` and `postgres/`. A
//! worker's id and a job's id are never used twice. Wall-clock time comes from [`Clock`] alone, and leases are judged on the
//! monotonic clock, by who holds them and by who would take them. Whoever changes jobs beside other rows changes the jobs last,
//! and several in the order of their ids, so that no two wait for each other.

#![forbid(unsafe_code)]

mod attempt;
mod claimer;
mod config;
mod cron;
mod inspect;
mod job;
mod lane;
mod lease;
mod log;
mod maintenance;
mod migrations;
mod outlook;
mod pause;
mod postgres;
mod quarantine;
mod recorder;
mod registry;
mod retry;
mod round_robin;
mod rows;
mod running;
mod sqlite;
#[cfg(test)]
mod statements;
mod store;
mod wake;
mod worker;

// It looks at the inside of the queue, and is test code all the same.
#[cfg(test)]
#[path = "../tests/model/mod.rs"]
mod model;

use jiff::Timestamp;

pub use self::{
    attempt::{Attempt, FenceError},
    config::WorkerConfig,
    cron::{BadSchedule, Schedule},
    inspect::{Awaited, Failure, JobFilter, JobInfo, Stat, State},
    job::{Decide, Enqueued, Job, JobError, NewJob, Priority},
    lane::Lane,
    migrations::migrate,
    outlook::Outlook,
    pause::{Pause, Paused},
    registry::Registry,
    worker::Worker,
};
use self::{store::Store, wake::Wake};
use voicemill_sql::{Connection, Database, DbError};
use voicemill_types::clock::Clock;

/// The number of a job; it is never used twice, so that outputs may be named after it.
pub type JobId = i64;

/// A handle to the queue; clones share one.
#[derive(Clone, Debug)]
pub struct Queue {
    store: Store,
    database: Database,
    clock: Clock,
    wake: Wake,
}

impl Queue {
    /// The queue in this database, whose schema has been brought up to date. Call it within the runtime that it is used on.
    pub fn new(database: &Database, clock: Clock) -> Self {
        let store = Store::new(database);
        Self { wake: Wake::new(&store), store, database: database.clone(), clock }
    }

    /// Adds a job inside the caller's write transaction. Call [`Queue::wake`] after the commit.
    pub async fn enqueue<J: Job>(
        &self,
        connection: &mut Connection,
        new: NewJob<'_, J>,
    ) -> Result<Enqueued, QueueError> {
        let now = self.clock.now();
        store::enqueue(connection, &draft(&new, now)?, now).await
    }

    /// Adds any number of jobs of a kind at once inside the caller's write transaction, and returns how many are new: those
    /// whose unique keys stand already are left out. Call [`Queue::wake`] after the commit.
    pub async fn enqueue_all<J: Job>(
        &self,
        connection: &mut Connection,
        new: Vec<NewJob<'_, J>>,
    ) -> Result<u64, QueueError> {
        let now = self.clock.now();
        let drafts = new.iter().map(|new| draft(new, now)).collect::<Result<Vec<_>, _>>()?;
        store::enqueue_all(connection, (J::LANE, J::KIND), &drafts, now).await
    }

    /// Brings the waiting job with this unique key forward to `run_at` inside the caller's write transaction; false if there is
    /// none that would run later. Call [`Queue::wake`] after the commit.
    pub async fn expedite<J: Job>(
        &self,
        connection: &mut Connection,
        unique_key: &str,
        run_at: Timestamp,
    ) -> Result<bool, QueueError> {
        store::expedite(connection, J::KIND, unique_key, run_at, self.clock.now()).await
    }

    /// Gives a job up inside the caller's write transaction: a waiting one at once, a running one as soon as its worker hears of
    /// it. Its owner is told the reason, then it is a dead letter. False if it is gone or given up already.
    pub async fn cancel(&self, connection: &mut Connection, id: JobId, reason: &str) -> Result<bool, QueueError> {
        store::cancel(connection, id, &retry::storable(reason.to_owned()), self.clock.now()).await
    }

    /// Lets a dead letter start anew, with all its attempts, inside the caller's write transaction; false if it is none, or if
    /// another job with its unique key is alive.
    pub async fn retry(&self, connection: &mut Connection, id: JobId) -> Result<bool, QueueError> {
        store::retry(connection, id, self.clock.now()).await
    }

    /// Removes a dead letter inside the caller's write transaction; false if it is none. Jobs that are blocked by it will never
    /// be what they were meant to be: their owners are told so, then they are dead letters themselves.
    pub async fn forget(&self, connection: &mut Connection, id: JobId) -> Result<bool, QueueError> {
        store::forget(connection, id, self.clock.now()).await
    }

    /// Tells the workers that there may be something to do: of this process, and on PostgreSQL of all others. Those of another
    /// process on SQLite notice within their poll interval.
    pub fn wake(&self) {
        self.wake.ring();
    }
}

/// How many others a job may wait for.
const MOST_AWAITED: usize = 1_000;

fn draft<'a, J: Job>(new: &'a NewJob<'_, J>, now: Timestamp) -> Result<rows::Draft<'a>, QueueError> {
    let mut after = new.after.clone();
    after.sort_unstable();
    after.dedup();
    if after.len() > MOST_AWAITED {
        return Err(QueueError::WaitsForTooMany(after.len()));
    }
    Ok(rows::Draft {
        lane: J::LANE,
        kind: J::KIND,
        tenant: new.tenant,
        priority: new.priority,
        max_attempts: new.max_attempts,
        run_at: new.run_at.unwrap_or(now),
        unique_key: new.unique_key.as_deref(),
        payload: serde_json::to_string(new.job)?.into(),
        after,
    })
}

/// Why the queue could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The database failed or was busy.
    #[error("the job queue's database failed")]
    Database(#[from] sqlx::Error),
    /// No connection was to be had, or a transaction failed.
    #[error("the job queue's database failed")]
    Connection(#[from] DbError),
    /// A job cannot come again as it is asked to.
    #[error(transparent)]
    Schedule(#[from] BadSchedule),
    /// A job is to wait for one that is neither there nor among those that were completed lately.
    #[error(
        "job {0}, which another is to wait for, is unknown: it was never there, was removed, or was completed too long ago"
    )]
    UnknownJob(JobId),
    /// A job is to wait for more others than are kept account of.
    #[error("a job may wait for {MOST_AWAITED} others, not for {0}; have some of them wait for the rest")]
    WaitsForTooMany(usize),
    /// A payload has no form in JSON.
    #[error("the job's payload cannot be encoded")]
    Payload(#[from] serde_json::Error),
    /// A worker is to serve a lane twice.
    #[error("the lane {0:?} is configured twice; give each name once, with all its slots")]
    LaneTwice(String),
    /// The operating system gave no thread for the heartbeat.
    #[error("the heartbeat's thread did not start")]
    Heartbeat(#[source] std::io::Error),
}

impl QueueError {
    /// Whether the same may work later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => voicemill_sql::is_transient(error),
            Self::Connection(error) => error.is_transient(),
            Self::Heartbeat(_) => true,
            Self::Payload(_)
            | Self::Schedule(_)
            | Self::UnknownJob(_)
            | Self::WaitsForTooMany(_)
            | Self::LaneTwice(_) => false,
        }
    }
}
