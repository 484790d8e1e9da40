//! What a job is: its declaration, how it ends, and how it is asked for.

use std::{fmt::Display, future::Future, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{Attempt, FenceError, JobId, QueueError};
use voicemill_sql::{DbError, Transaction};

/// One kind of work: its payload is the type itself, its behaviour is [`Job::run`].
///
/// A job may run more than once (its worker can die at any moment), so repeating it must be harmless. Name outputs after
/// [`Attempt::job_id`], and commit effects on the database under [`Attempt::complete`].
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What the job works with; the queue only hands it on.
    type Context: Send + Sync + 'static;

    /// The stored name. Never change it without leaving the old one in [`Job::ALIASES`].
    const KIND: &'static str;

    /// Former names, under which jobs may still be waiting.
    const ALIASES: &'static [&'static str] = &[];

    /// The name of the lane whose slots it takes.
    const LANE: &'static str;

    /// How long one attempt may take; then it is stopped and counts as failed.
    const TIMEOUT: Duration;

    /// How many attempts it has before it is given up.
    const MAX_ATTEMPTS: u16 = 10;

    /// Does the work.
    ///
    /// The future may be dropped at any await: at the deadline, on cancellation, when the lease is lost or the process stops.
    /// Work on other threads should watch [`Attempt::cancellation`] and hold a clone of the attempt, which keeps its slot.
    fn run(&self, context: &Self::Context, attempt: &Attempt) -> impl Future<Output = Result<(), JobError>> + Send;

    /// Records that the job was given up for good, and why: attempts used up, discarded, cancelled, crashed too often.
    ///
    /// The queue makes the job a dead letter in this same transaction and commits it, unless the job has meanwhile been taken
    /// away: then nothing of it remains. It runs as an attempt of its own, with the same lease and deadline, and is repeated
    /// if it fails. It must write through `transaction` alone: SQLite has one writer, and that is it.
    fn given_up(
        &self,
        context: &Self::Context,
        transaction: &mut Transaction,
        reason: &str,
    ) -> impl Future<Output = Result<(), JobError>> + Send {
        let _ = (context, transaction, reason);
        std::future::ready(Ok(()))
    }
}

/// How a job ends that does not end well; its text is kept with the job and shown to operators.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It may work later: tried again after a growing pause, until the attempts are used up.
    #[error("{0:#}")]
    Retry(anyhow::Error),
    /// It will never work: given up at once.
    #[error("{0:#}")]
    Discard(anyhow::Error),
    /// It is too early: comes back after this long, and the attempt does not count.
    #[error("not before {0:?} from now")]
    Snooze(Duration),
}

/// What passes is tried again, and what will be the same the next time is not.
impl From<QueueError> for JobError {
    fn from(error: QueueError) -> Self {
        if error.is_transient() { Self::Retry(error.into()) } else { Self::Discard(error.into()) }
    }
}

/// As for [`QueueError`].
impl From<DbError> for JobError {
    fn from(error: DbError) -> Self {
        if error.is_transient() { Self::Retry(error.into()) } else { Self::Discard(error.into()) }
    }
}

/// Nothing of an attempt that lost its lease counts any more, so that it does not matter how it ends.
impl From<FenceError> for JobError {
    fn from(error: FenceError) -> Self {
        match error {
            FenceError::Lost => Self::Retry(error.into()),
            FenceError::Queue(error) => error.into(),
        }
    }
}

/// Makes the decision visible where an error has no opinion of its own: `.retry()?` or `.discard()?`.
pub trait Decide<T> {
    /// An error is worth another attempt.
    fn retry(self) -> Result<T, JobError>;

    /// An error is final.
    fn discard(self) -> Result<T, JobError>;
}

impl<T, E: Into<anyhow::Error>> Decide<T> for Result<T, E> {
    fn retry(self) -> Result<T, JobError> {
        self.map_err(|error| JobError::Retry(error.into()))
    }

    fn discard(self) -> Result<T, JobError> {
        self.map_err(|error| JobError::Discard(error.into()))
    }
}

/// Who goes first within a lane: nothing of a lower rank starts while something of a higher rank waits, but bulk work that has
/// waited for long ([`crate::WorkerConfig::bulk_age`]) competes as normal work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[repr(i32)]
pub enum Priority {
    /// Somebody is on the line.
    Urgent = 0,
    /// Somebody waits for it.
    #[default]
    Normal = 1,
    /// Nobody waits: re-rendering, imports, sweeps.
    Bulk = 2,
}

impl Priority {
    /// Every rank, the first to go first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];
}

/// A job to enqueue, and how.
#[derive(Debug)]
pub struct NewJob<'a, J> {
    pub(super) job: &'a J,
    pub(super) tenant: Uuid,
    pub(super) priority: Priority,
    pub(super) run_at: Option<Timestamp>,
    pub(super) unique_key: Option<String>,
    pub(super) max_attempts: u16,
    pub(super) after: Vec<JobId>,
}

impl<'a, J: Job> NewJob<'a, J> {
    /// A job of this tenant: to run at once, of normal priority, not unique.
    pub fn new(tenant: Uuid, job: &'a J) -> Self {
        Self {
            job,
            tenant,
            priority: Priority::default(),
            run_at: None,
            unique_key: None,
            max_attempts: J::MAX_ATTEMPTS,
            after: Vec::new(),
        }
    }

    /// At most one job of this kind and key is alive at a time: enqueueing another returns the one that stands.
    #[must_use]
    pub fn unique(mut self, key: impl Display) -> Self {
        self.unique_key = Some(key.to_string());
        self
    }

    /// Not before this moment.
    #[must_use]
    pub fn at(mut self, run_at: Timestamp) -> Self {
        self.run_at = Some(run_at);
        self
    }

    /// Not before these are completed; what is completed already counts, what is unknown is refused. If one of them is given
    /// up, this one waits on, for a dead letter may be retried; if that is removed, this one is given up too.
    #[must_use]
    pub fn after(mut self, jobs: impl IntoIterator<Item = JobId>) -> Self {
        self.after.extend(jobs);
        self
    }

    /// Before or after others.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Another number of attempts than the kind's, at least one.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u16) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }
}

/// What [`super::Queue::enqueue`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job, new or the one that stood already.
    pub id: JobId,
    /// Whether it is new.
    pub fresh: bool,
}
