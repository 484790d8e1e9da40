//! The attempts under way.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Instant,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, RwLock, mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    Attempt, JobId, Queue, Registry,
    attempt::{Ending, Progress},
    pause::Pauses,
    retry::{self, Claimed, Outcome, Settlement},
    rows::WorkerId,
};

/// What the tasks of a worker share while it holds one lease.
pub(super) struct Session<C> {
    pub(super) queue: Queue,
    pub(super) registry: Arc<Registry<C>>,
    pub(super) context: Arc<C>,
    pub(super) worker: WorkerId,
    pub(super) running: Arc<Running>,
    pub(super) attempts: TaskTracker,
    pub(super) results: mpsc::Sender<retry::Settled>,
    pub(super) paused: Pauses,
    /// Held to claim; held alone by a suspect, beside which nothing is to start.
    pub(super) gate: RwLock<()>,
    /// Nothing more is claimed.
    pub(super) draining: CancellationToken,
    /// Whatever still runs is dropped, without a result.
    pub(super) halt: CancellationToken,
}

impl<C> Session<C> {
    /// Whether an operator has paused the job's kind or tenant. One that only tells its owner why it was given up goes on.
    fn is_paused(&self, job: &Claimed) -> bool {
        job.give_up_reason.is_none() && self.paused.hold_back(&job.kind, job.tenant)
    }
}

/// What a worker runs at the moment.
#[derive(Debug, Default)]
pub(super) struct Running {
    jobs: Mutex<HashMap<JobId, Entry>>,
    /// Something has left.
    left: Notify,
}

#[derive(Debug)]
struct Entry {
    claim: i64,
    lane: Arc<str>,
    tenant: Uuid,
    progress: Progress,
    stored_progress: f64,
    cancel: Option<oneshot::Sender<String>>,
    /// The attempt is over, and how it ended is about to be stored.
    ended: bool,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many slots of a lane each tenant holds.
    pub(super) fn held(&self, lane: &str) -> HashMap<Uuid, usize> {
        let mut held = HashMap::new();
        for entry in self.lock().values().filter(|entry| *entry.lane == *lane && !entry.ended) {
            *held.entry(entry.tenant).or_default() += 1;
        }
        held
    }

    /// Stops an attempt because somebody gave the job up.
    pub(super) fn cancel(&self, id: JobId, reason: String) {
        if let Some(cancel) = self.lock().get_mut(&id).and_then(|entry| entry.cancel.take()) {
            // An attempt that has just ended needs no stopping.
            let _ = cancel.send(reason);
        }
    }

    /// Waits until the job is not in our hands under this claim any more: it has ended, and how is stored.
    pub(super) async fn until_gone(&self, id: JobId, claim: i64) {
        self.until(|jobs| jobs.get(&id).is_none_or(|entry| entry.claim != claim)).await;
    }

    /// Waits until nothing runs, and how all of it ended is stored.
    pub(super) async fn until_idle(&self) {
        self.until(HashMap::is_empty).await;
    }

    async fn until(&self, holds: impl Fn(&HashMap<JobId, Entry>) -> bool) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if holds(&self.lock()) {
                return;
            }
            left.await;
        }
    }

    /// Whether the job is in our hands under this claim.
    pub(super) fn knows(&self, id: JobId, claim: i64) -> bool {
        self.lock().get(&id).is_some_and(|entry| entry.claim == claim)
    }

    /// The attempt is over, and its slot is about to be free.
    fn ended(&self, id: JobId) {
        if let Some(entry) = self.lock().get_mut(&id) {
            entry.ended = true;
        }
    }

    /// How these ended is stored.
    pub(super) fn forget(&self, settled: &[retry::Settled]) {
        let mut entries = self.lock();
        for result in settled {
            // The job may be back under another claim.
            if entries.get(&result.id).is_some_and(|entry| entry.claim == result.claim) {
                entries.remove(&result.id);
            }
        }
        drop(entries);
        self.left.notify_waiters();
    }

    /// The progress that has changed since the last call.
    pub(super) fn progress(&self) -> Vec<(JobId, i64, f64)> {
        let mut changes = Vec::new();
        for (&id, entry) in self.lock().iter_mut() {
            let progress = entry.progress.get();
            if progress != entry.stored_progress {
                entry.stored_progress = progress;
                changes.push((id, entry.claim, progress));
            }
        }
        changes
    }
}

/// Starts an attempt in its slot.
pub(super) fn start<C: Send + Sync + 'static>(
    session: &Arc<Session<C>>,
    lane: &Arc<str>,
    job: Claimed,
    slot: OwnedSemaphorePermit,
) {
    let (cancel, cancelled) = oneshot::channel();
    let progress = Progress::default();
    let entry = Entry {
        claim: job.claim,
        lane: Arc::clone(lane),
        tenant: job.tenant,
        progress: progress.clone(),
        stored_progress: 0.0,
        cancel: Some(cancel),
        ended: false,
    };
    session.running.lock().insert(job.id, entry);
    let task = run(Arc::clone(session), job, Arc::new(slot), progress, cancelled);
    session.attempts.spawn(task);
}

/// Runs one attempt to its end and hands the result to the recorder; without a result if the worker stops first.
async fn run<C: Send + Sync + 'static>(
    session: Arc<Session<C>>,
    job: Claimed,
    slot: Arc<OwnedSemaphorePermit>,
    progress: Progress,
    cancelled: oneshot::Receiver<String>,
) {
    let halt = session.halt.clone();
    let ending = Arc::<Ending>::default();
    let attempt = attempt(&session, &job, Arc::clone(&slot), (progress, Arc::clone(&ending)), cancelled);
    let outcome = halt.run_until_cancelled(attempt).await;
    session.running.ended(job.id);
    if ending.freed.load(Ordering::Relaxed) {
        session.queue.wake();
    }
    let Some(outcome) = outcome else { return };
    report(&job, &outcome);
    let mut settlement = retry::settle(&job, outcome, session.queue.clock.now(), retry::jitter());
    if settlement == Settlement::Complete && ending.completed.load(Ordering::Relaxed) {
        settlement = Settlement::Stored;
    }
    // The slot is held until there is room for the result, so that results cannot pile up.
    let _ = session.results.send(job.settled(settlement)).await;
    drop(slot);
}

async fn attempt<C: Send + Sync + 'static>(
    session: &Session<C>,
    job: &Claimed,
    slot: Arc<OwnedSemaphorePermit>,
    (progress, ending): (Progress, Arc<Ending>),
    cancelled: oneshot::Receiver<String>,
) -> Outcome {
    if session.is_paused(job) {
        return Outcome::Paused;
    }
    let Some(kind) = session.registry.get(&job.kind) else {
        return Outcome::UnknownKind;
    };
    let cancellation = CancellationToken::new();
    let attempt = Attempt {
        job_id: job.id,
        number: job.attempt,
        max_attempts: job.max_attempts,
        tenant: job.tenant,
        claim: job.claim,
        deadline: Instant::now() + kind.timeout,
        cancellation: cancellation.clone(),
        progress,
        ending,
        queue: session.queue.clone(),
        _slot: slot,
    };
    let work = match kind.prepare(&job.payload, Arc::clone(&session.context), attempt, job.give_up_reason.clone()) {
        Ok(work) => work,
        Err(error) => return Outcome::Undecodable(format!("the payload of {:?} cannot be decoded: {error}", job.kind)),
    };
    // A task of its own: a panic ends it alone, and one that blocks its thread cannot keep us from seeing the deadline.
    let task = tokio::spawn(work);
    let _stop = Stop { task: task.abort_handle(), cancellation };
    tokio::select! {
        ended = timeout(kind.timeout, task) => match ended {
            Err(_) => Outcome::TimedOut(kind.timeout),
            Ok(Ok(result)) => Outcome::Returned(result),
            Ok(Err(error)) => Outcome::Panicked(error.try_into_panic().map_or_else(|error| error.to_string(), message)),
        },
        Ok(reason) = cancelled => Outcome::Cancelled(reason),
    }
}

/// Stops the work of an attempt that is over, on whatever thread it runs.
struct Stop {
    task: AbortHandle,
    cancellation: CancellationToken,
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.cancellation.cancel();
        self.task.abort();
    }
}

/// The message of a panic.
fn message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => {
            panic.downcast_ref::<&str>().map_or_else(|| "no message".to_owned(), |message| (*message).to_owned())
        }
    }
}

/// Tells the log how an attempt ended, unless well. The error itself stays with the job: it may name what no log may hold.
fn report(job: &Claimed, outcome: &Outcome) {
    let (id, kind, attempt) = (job.id, job.kind.as_str(), job.attempt);
    match outcome {
        Outcome::Returned(Ok(())) => tracing::debug!(id, kind, attempt, "job done"),
        Outcome::Returned(Err(super::JobError::Snooze(pause))) => tracing::debug!(id, kind, ?pause, "job snoozes"),
        Outcome::Returned(Err(super::JobError::Retry(_))) => tracing::warn!(id, kind, attempt, "job failed"),
        Outcome::Returned(Err(super::JobError::Discard(_))) => tracing::warn!(id, kind, attempt, "job failed for good"),
        Outcome::Panicked(_) => tracing::error!(id, kind, attempt, "job panicked"),
        Outcome::TimedOut(limit) => tracing::warn!(id, kind, attempt, ?limit, "job took too long"),
        Outcome::Cancelled(_) => tracing::info!(id, kind, attempt, "job cancelled"),
        Outcome::Paused => tracing::debug!(id, kind, "paused"),
        Outcome::UnknownKind => {
            tracing::warn!(id, kind, "no job of this kind is known here; leaving it for a newer version");
        }
        Outcome::Undecodable(_) => tracing::error!(id, kind, "the job's payload cannot be decoded"),
    }
}
