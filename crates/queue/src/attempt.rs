//! One attempt at a job, as the job sees it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{JobId, Queue, QueueError, store};
use voicemill_sql::{Connection, Transaction};

/// One attempt at a job.
///
/// Clones are cheap. The slot that the attempt takes in its lane is free again when the last clone is gone, so a closure on
/// another thread that holds a clone keeps its lane from running wider than it is, even after the job's future was dropped.
#[derive(Clone)]
pub struct Attempt {
    /// The job; outputs may be named after it, for it never changes between attempts and is never used again.
    pub job_id: JobId,
    /// Which attempt this is, from 1.
    pub number: u16,
    /// How many attempts the job has.
    pub max_attempts: u16,
    /// Whose job it is.
    pub tenant: Uuid,
    /// Which claim this is: grows with every claim of the job, counted as an attempt or not. With `job_id` it names what only
    /// this attempt wrote.
    pub claim: i64,
    pub(super) deadline: Instant,
    pub(super) cancellation: CancellationToken,
    pub(super) progress: Progress,
    pub(super) ending: Arc<Ending>,
    pub(super) queue: Queue,
    pub(super) _slot: Arc<OwnedSemaphorePermit>,
}

impl Attempt {
    /// When the attempt will be stopped, on the monotonic clock.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The time left until the deadline.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Cancelled as soon as nobody wants the result any more, for whatever reason. Long work on other threads must watch it.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }

    /// Whether this is the last attempt that the job has.
    pub fn is_last(&self) -> bool {
        self.number >= self.max_attempts
    }

    /// Reports how much is done, from 0 to 1; it is stored about once a second.
    pub fn report(&self, fraction: f64) {
        self.progress.set(fraction);
    }

    /// Verifies, inside the caller's own write transaction, that this attempt still holds the job.
    ///
    /// A worker that was stopped or cut off longer than its lease may go on without knowing that another has taken over. Call
    /// this in every transaction that such a zombie must not commit; on [`FenceError::Lost`], roll back. The answer holds until
    /// the transaction ends, because nothing can take the job away meanwhile.
    pub async fn fence(&self, connection: &mut Connection) -> Result<(), FenceError> {
        let holds = store::holds(connection, self.job_id, self.claim).await?;
        holds.then_some(()).ok_or(FenceError::Lost)
    }

    /// Completes the job inside the caller's own write transaction, so that its effects happen exactly once: they and the
    /// completion commit together or not at all. Fenced as [`Attempt::fence`] is. What `run` returns after the commit changes
    /// nothing; without the commit the job is not completed, whatever `run` returns.
    pub async fn complete(&self, connection: &mut Connection) -> Result<(), FenceError> {
        let now = self.queue.clock.now();
        let freed = store::complete(connection, self.job_id, self.claim, now).await?.ok_or(FenceError::Lost)?;
        self.ending.completed.store(true, Ordering::Relaxed);
        self.ending.freed.fetch_or(freed > 0, Ordering::Relaxed);
        Ok(())
    }

    /// Begins the transaction in which the job is given up.
    pub(super) async fn begin(&self) -> Result<Transaction, FenceError> {
        Ok(self.queue.database.begin().await.map_err(QueueError::from)?)
    }

    /// Makes the job a dead letter and commits that with whatever else is in the transaction; on [`FenceError::Lost`], nothing
    /// of it remains.
    ///
    /// The job's row comes last, as in every transaction that changes jobs beside other rows, so that no two wait for each
    /// other.
    pub(super) async fn give_up(&self, mut transaction: Transaction, reason: &str) -> Result<(), FenceError> {
        let now = self.queue.clock.now();
        if !store::dead_letter(transaction.connection(), self.job_id, self.claim, reason, now).await? {
            return Err(FenceError::Lost);
        }
        transaction.commit().await.map_err(QueueError::from)?;
        self.queue.wake();
        Ok(())
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Attempt")
            .field("job_id", &self.job_id)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Why an attempt may not commit.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// Another worker has, or will get, the job: roll back and stop.
    #[error("the lease of this job is lost")]
    Lost,
    /// It could not be verified: roll back and retry.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl From<sqlx::Error> for FenceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Queue(error.into())
    }
}

/// What an attempt did about its own completion, for whoever runs it.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// It completed the job in a transaction of its own.
    pub(super) completed: AtomicBool,
    /// Others waited for the job, and may start.
    pub(super) freed: AtomicBool,
}

/// How far a running job is, shared between it and who stores it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU32>);

impl Progress {
    fn set(&self, fraction: f64) {
        let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
        self.0.store((fraction as f32).to_bits(), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> f64 {
        f64::from(f32::from_bits(self.0.load(Ordering::Relaxed)))
    }
}
