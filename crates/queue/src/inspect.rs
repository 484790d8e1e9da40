//! What operators see of the queue.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{JobId, Priority, Queue, QueueError};

/// Where a job stands. Completed ones have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum State {
    /// May start now.
    Available,
    /// Waits for its time.
    Scheduled,
    /// Waits until other jobs are completed.
    Blocked,
    /// Waits to run alone, because workers died under it.
    Quarantined,
    /// Its kind or its tenant is paused.
    Paused,
    /// A worker has it.
    Running,
    /// A dead letter.
    Discarded,
}

/// A job that is not finished, without its payload.
#[derive(Clone, Debug, Serialize)]
pub struct JobInfo {
    /// Its number.
    pub id: JobId,
    /// The lane it runs in.
    pub lane: String,
    /// The stored name of its kind.
    pub kind: String,
    /// Whose it is.
    pub tenant: Uuid,
    /// Its rank in the lane.
    pub priority: Priority,
    /// Where it stands.
    pub state: State,
    /// The attempts used so far, a running one included.
    pub attempt: u16,
    /// The attempts that it has.
    pub max_attempts: u16,
    /// How often its worker died or lost its lease since an attempt ended otherwise.
    pub crashes: u32,
    /// How much of the running attempt is done, from 0 to 1.
    pub progress: f64,
    /// When it may start, or might have.
    pub run_at: Timestamp,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// The key that keeps it single.
    pub unique_key: Option<String>,
    /// Why it was given up.
    pub give_up_reason: Option<String>,
    /// Why it is asked to stop while it runs.
    pub cancel: Option<String>,
    /// What went wrong, the newest last, at most ten.
    pub errors: Vec<Failure>,
    /// For how many jobs it still waits.
    pub waits: u32,
    /// Some of them, at most ten, dead letters first.
    pub waits_for: Vec<Awaited>,
}

/// A job that another waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Awaited {
    /// Its number.
    pub id: JobId,
    /// The stored name of its kind.
    pub kind: String,
    /// Where it stands; what waits for a dead letter waits until that is retried, or removed.
    pub state: State,
}

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Which attempt it was.
    pub attempt: u16,
    /// When it ended.
    pub at: Timestamp,
    /// What went wrong.
    pub error: String,
}

/// Which jobs to list.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Only in this state.
    pub state: Option<State>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this tenant.
    pub tenant: Option<Uuid>,
    /// Only older than this one: for the next page, the last of the page before.
    pub before: Option<JobId>,
    /// At most this many.
    pub limit: u32,
}

impl Default for JobFilter {
    fn default() -> Self {
        Self { state: None, kind: None, tenant: None, before: None, limit: 100 }
    }
}

/// How many jobs of a kind are in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stat {
    /// The lane.
    pub lane: String,
    /// The kind.
    pub kind: String,
    /// The state.
    pub state: State,
    /// How many.
    pub count: u64,
    /// The earliest time that one of them was, or is, due.
    pub oldest: Timestamp,
}

impl Queue {
    /// Unfinished jobs, the newest first.
    pub async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>, QueueError> {
        self.store.list(filter).await
    }

    /// One unfinished job; none if it is completed, or was never there.
    pub async fn show(&self, id: JobId) -> Result<Option<JobInfo>, QueueError> {
        let filter = JobFilter { before: id.checked_add(1), limit: 1, ..JobFilter::default() };
        Ok(self.store.list(&filter).await?.pop().filter(|job| job.id == id))
    }

    /// How many unfinished jobs there are, by lane, kind and state.
    pub async fn stats(&self) -> Result<Vec<Stat>, QueueError> {
        self.store.stats().await
    }
}
