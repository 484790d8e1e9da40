//! What a worker does beside its jobs: promotes those whose time has come, reaps dead workers, ages bulk work, passes
//! cancellations and progress on, and forgets what was completed long ago.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    JobId, Queue, QueueError, WorkerConfig,
    log::log_failure,
    retry::{Settled, Settlement},
    rows::{DECLARED_DEAD, WorkerId},
    running::Session,
};

/// The most jobs promoted, or forgotten, in one statement, so that the writer is soon free again.
const BATCH: u32 = 1_000;

/// The least time between two rounds, so that a flood of jobs is not also one of upkeep.
const BREATH: Duration = Duration::from_millis(10);

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
    let mut aging = Every::new(config.poll);
    let mut watch = Watch::default();
    let mut suspects = HashSet::new();
    loop {
        wake.mark_unchanged();
        if let Err(error) = pass_on_cancellations(&session).await {
            log_failure("could not pass on cancellations", &error);
        }
        if looking.is_due() {
            if let Err(error) = queue.enqueue_due().await {
                log_failure("could not look for what is due by the calendar", &error);
            }
            let goes_on = refresh_pauses(&session).await.unwrap_or_else(|error| {
                log_failure("could not look for what is paused", &error);
                false
            });
            if (goes_on || releasing.is_due())
                && let Err(error) = queue.make_available().await
            {
                log_failure("could not make available what was paused", &error);
            }
        }
        if reporting.is_due()
            && let Err(error) = store_progress(&session).await
        {
            log_failure("could not store progress", &error);
        }
        if reaping.is_due() {
            if let Err(error) = queue.reap(session.worker, config.lease, &mut watch).await {
                log_failure("could not look for dead workers", &error);
            }
            if let Err(error) = hand_back_unknown_claims(&session, &mut suspects).await {
                log_failure("could not look for jobs that nobody runs", &error);
            }
        }
        if pruning.is_due()
            && let Err(error) = queue.prune(config.keep_done).await
        {
            log_failure("could not forget completed jobs", &error);
        }
        if aging.is_due() {
            for lane in config.lanes.iter().filter(|lane| lane.slots > 0) {
                if let Err(error) = queue.age(&lane.name, config.bulk_age).await {
                    log_failure("could not look for bulk jobs that have waited long", &error);
                }
            }
        }
        let pause = match queue.promote().await {
            Ok(next) => next.unwrap_or(config.poll).min(config.poll),
            Err(error) => {
                log_failure("could not promote scheduled jobs", &error);
                config.poll
            }
        };
        tokio::select! {
            _ = wake.changed() => sleep(BREATH.min(pause)).await,
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

/// Takes over what is paused; true if something goes on that did not before.
async fn refresh_pauses<C>(session: &Session<C>) -> Result<bool, QueueError> {
    Ok(session.paused.update(session.queue.pauses().await?))
}

async fn store_progress<C>(session: &Session<C>) -> Result<(), QueueError> {
    let changes = session.running.progress();
    if changes.is_empty() {
        return Ok(());
    }
    session.queue.store.store_progress(&changes).await
}

/// Hands back what the database says we hold and we know nothing of: the answer to a claim was lost with its connection.
/// Twice in a row, because a claim that is just being answered looks the same.
async fn hand_back_unknown_claims<C>(
    session: &Session<C>,
    suspects: &mut HashSet<(JobId, i64)>,
) -> Result<(), QueueError> {
    let held = session.queue.store.held(session.worker).await?;
    let unknown: HashSet<_> = held.into_iter().filter(|&(id, claim)| !session.running.knows(id, claim)).collect();
    let now = session.queue.clock.now();
    let back = Settlement::Reschedule { run_at: now, counted: false, crash: None, error: None };
    let settled = |&(id, claim): &(JobId, i64)| Settled { id, claim, settlement: back.clone() };
    let unknown_claims: Vec<_> = unknown.intersection(suspects).map(settled).collect();
    *suspects = unknown;
    if !unknown_claims.is_empty() {
        tracing::warn!(
            worker = session.worker,
            jobs = unknown_claims.len(),
            "jobs that were claimed and never heard of go back"
        );
        session.queue.store.settle(&unknown_claims, now).await?;
        session.queue.wake();
    }
    Ok(())
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

    /// Has bulk work of a lane that has waited for `age` compete as normal work.
    async fn age(&self, lane: &str, age: Duration) -> Result<(), QueueError> {
        let now = self.clock.now();
        self.store.age(lane, now.saturating_sub(age).unwrap_or(now), BATCH).await?;
        Ok(())
    }

    /// Takes their jobs from workers that this one has not seen beat for `ttl`. The caller's own lease is not the reaper's
    /// business: its heart judges it.
    async fn reap(&self, own: WorkerId, ttl: Duration, watch: &mut Watch) -> Result<(), QueueError> {
        let mut workers = self.store.workers().await?;
        workers.retain(|(worker, _)| *worker != own);
        let dead = watch.dead(&workers, ttl, Instant::now());
        if dead.is_empty() {
            return Ok(());
        }
        for (worker, jobs) in self.store.reap(&dead, self.clock.now()).await? {
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

/// The beats of other workers as they were seen to change, by our monotonic clock: neither a clock that is wrong on some
/// machine nor one that is set makes anybody look dead.
#[derive(Debug, Default)]
struct Watch(HashMap<WorkerId, (i64, Instant)>);

impl Watch {
    /// Those that have not beaten for `ttl` as far as we have seen, with their last beats.
    fn dead(&mut self, workers: &[(WorkerId, i64)], ttl: Duration, now: Instant) -> Vec<(WorkerId, i64)> {
        self.0.retain(|worker, _| workers.iter().any(|(known, _)| known == worker));
        let mut dead = Vec::new();
        for &(worker, beat) in workers {
            let seen = self.0.entry(worker).or_insert((beat, now));
            if seen.0 != beat {
                *seen = (beat, now);
            }
            if beat == DECLARED_DEAD || now.duration_since(seen.1) >= ttl {
                dead.push((worker, beat));
            }
        }
        dead
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_seen_to_beat_for_a_lease_is_dead_whatever_the_clock_says() {
        let (ttl, begun) = (Duration::from_secs(15), Instant::now());
        let mut watch = Watch::default();
        let at = |seconds| begun + Duration::from_secs(seconds);
        // One beats by a clock that is years ahead, one by a clock that is set back, one not at all.
        assert_eq!(watch.dead(&[(1, 9_000), (2, 500), (3, 100)], ttl, at(0)), []);
        assert_eq!(watch.dead(&[(1, 9_001), (2, 501), (3, 100)], ttl, at(10)), []);
        assert_eq!(watch.dead(&[(1, 9_002), (2, 502), (3, 100)], ttl, at(15)), [(3, 100)]);
        // Another has taken its jobs; who has just come is watched from now on.
        assert_eq!(watch.dead(&[(1, 9_003), (2, 502), (4, 1)], ttl, at(24)), []);
        assert_eq!(watch.dead(&[(1, 9_004), (2, 502), (4, 1)], ttl, at(30)), [(2, 502)]);
    }

    #[test]
    fn who_is_declared_dead_is_dead_at_once() {
        let mut watch = Watch::default();
        assert_eq!(watch.dead(&[(1, DECLARED_DEAD)], Duration::from_secs(15), Instant::now()), [(1, 0)]);
    }
}
