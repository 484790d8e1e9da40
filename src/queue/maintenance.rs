//! What a worker does beside its jobs: promotes those whose time has come, reaps dead workers, passes cancellations and
//! progress on, and forgets what was completed long ago.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{Queue, QueueError, WorkerConfig, running::Session, store::WorkerId};

/// The most jobs promoted, or forgotten, in one statement, so that the writer is soon free again.
const BATCH: u32 = 1_000;

/// How long to leave others to promote what is due.
const MEANWHILE: Duration = Duration::from_millis(20);

/// How often completed jobs are looked through for old ones.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Looks after the queue until the future is dropped.
pub(super) async fn keep_up<C: Send + Sync + 'static>(session: Arc<Session<C>>, config: WorkerConfig) {
    let queue = &session.queue;
    let mut wake = queue.wake.subscribe();
    let mut reporting = Every::new(config.poll);
    let mut reaping = Every::new(config.lease / 3);
    let mut pruning = Every::new(PRUNE_EVERY);
    let mut releasing = Every::new(config.lease);
    let mut looking = Every::new(config.poll);
    loop {
        wake.mark_unchanged();
        if let Err(error) = pass_on_cancellations(&session).await {
            complain("could not pass on cancellations", &error);
        }
        let goes_on = match queue.pauses().await {
            Ok(paused) => session.paused.update(paused),
            Err(error) => {
                complain("could not look for what is paused", &error);
                false
            }
        };
        if (goes_on || releasing.is_due())
            && let Err(error) = queue.release().await
        {
            complain("could not release what was paused", &error);
        }
        if looking.is_due()
            && let Err(error) = queue.enqueue_due().await
        {
            complain("could not look for what is due by the calendar", &error);
        }
        if reporting.is_due()
            && let Err(error) = store_progress(&session).await
        {
            complain("could not store progress", &error);
        }
        if reaping.is_due()
            && let Err(error) = queue.reap(session.worker, config.lease).await
        {
            complain("could not look for dead workers", &error);
        }
        if pruning.is_due()
            && let Err(error) = queue.prune(config.keep_done).await
        {
            complain("could not forget completed jobs", &error);
        }
        let pause = match queue.promote().await {
            Ok(next) => next.unwrap_or(config.poll).min(config.poll),
            Err(error) => {
                complain("could not promote scheduled jobs", &error);
                config.poll
            }
        };
        tokio::select! {
            _ = wake.changed() => {}
            () = sleep(pause) => {}
        }
    }
}

async fn pass_on_cancellations<C>(session: &Session<C>) -> Result<(), QueueError> {
    for (id, reason) in session.queue.store.cancelled(session.worker).await? {
        session.running.cancel(id, reason);
    }
    Ok(())
}

async fn store_progress<C>(session: &Session<C>) -> Result<(), QueueError> {
    let changes = session.running.progress();
    if changes.is_empty() {
        return Ok(());
    }
    session.queue.store.store_progress(&changes).await
}

impl Queue {
    /// Makes available what is due; returns how long it is until something else is.
    async fn promote(&self) -> Result<Option<Duration>, QueueError> {
        loop {
            let Some(next) = self.store.next_run().await? else {
                return Ok(None);
            };
            let now = self.clock.now();
            if next > now {
                return Ok(Some(next.duration_since(now).unsigned_abs()));
            }
            if self.store.promote(BATCH, now).await? == 0 {
                // Another worker is at it.
                return Ok(Some(MEANWHILE));
            }
            self.wake();
        }
    }

    /// Takes their jobs from workers that have not beaten for `ttl`. The caller's own lease is not the reaper's business: its
    /// heart judges it by the monotonic clock, so a wall clock that was set forward does not stop a worker that is alone.
    async fn reap(&self, own: WorkerId, ttl: Duration) -> Result<(), QueueError> {
        let now = self.clock.now();
        let before = now.saturating_sub(ttl).unwrap_or(now);
        for (worker, jobs) in self.store.reap(own, before, now).await? {
            tracing::warn!(worker, jobs, "a worker died; its jobs go to others");
            self.wake();
        }
        Ok(())
    }

    /// Forgets jobs that were completed longer ago than `keep`.
    async fn prune(&self, keep: Duration) -> Result<(), QueueError> {
        let now = self.clock.now();
        let before = now.saturating_sub(keep).unwrap_or(now);
        while self.store.prune(before, BATCH, now).await? == u64::from(BATCH) {}
        Ok(())
    }
}

/// Logs what will be tried again.
pub(super) fn complain(what: &str, error: &QueueError) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}

/// Something done from time to time; the first time at once.
struct Every {
    interval: Duration,
    last: Option<Instant>,
}

impl Every {
    fn new(interval: Duration) -> Self {
        Self { interval, last: None }
    }

    fn is_due(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= self.interval);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }
}
