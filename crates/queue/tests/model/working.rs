//! What workers do.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{harness::Harness, job::Modelled, operation::End, requests::LANE};
use crate::{
    JobError, JobId, Priority, State,
    retry::{self, MAX_GIVE_UP_ATTEMPTS, MAX_LONE_CRASHES, Outcome, backoff},
    rows::Wanted,
    store,
};

const TTL: SignedDuration = SignedDuration::from_secs(15);

impl Harness {
    pub(super) async fn join(&mut self, now: Timestamp) {
        let worker = self.store.join("here", now).await.unwrap();
        assert!(self.workers.insert(worker));
    }

    pub(super) async fn beat(&mut self, worker: usize, now: Timestamp) {
        let Some(worker) = self.worker(worker) else { return };
        let mut transaction = self.database.begin().await.unwrap();
        assert!(store::beat(transaction.connection(), worker, now).await.unwrap());
        transaction.commit().await.unwrap();
    }

    pub(super) async fn claim(&mut self, worker: usize, wanted: usize, now: Timestamp) {
        let Some(worker) = self.worker(worker) else { return };
        if self.pauses.has_lane(LANE) {
            return;
        }
        let mut held = HashMap::new();
        for job in self.jobs.values().filter(|job| job.worker == Some(worker)) {
            *held.entry(job.tenant).or_default() += 1;
        }
        let mut waiting: Vec<_> =
            self.jobs.values().filter(|job| job.state == State::Available).map(|job| job.priority).collect();
        waiting.sort();
        waiting.truncate(wanted);
        let request = Wanted { worker, lane: &LANE.into(), count: wanted, held: &held, now };
        let mut claimed = Vec::new();
        let count = self.store.claim(&request, &mut self.round_robin, &mut |job| claimed.push(job)).await.unwrap();
        assert_eq!(claimed.len(), count);
        let mut priorities = Vec::new();
        let mut taken = Vec::new();
        for claim in claimed {
            let job = self.jobs.get_mut(&claim.id).unwrap();
            assert_eq!(job.state, State::Available, "claimed twice");
            priorities.push(job.priority);
            taken.push(claim.id);
            job.state = State::Running;
            job.worker = Some(worker);
            job.claim += 1;
            job.alone = false;
            match job.give_up_reason {
                None => job.attempt += 1,
                Some(_) => job.give_up_attempts += 1,
            }
            assert_eq!((claim.claim, claim.attempt), (job.claim, job.attempt));
            self.claims.push(claim);
        }
        for (id, left) in self.jobs.iter().filter(|(_, job)| job.state == State::Available) {
            let rank = |job: &Modelled| (job.tenant, job.priority);
            let newer = taken.iter().any(|taken| taken > id && rank(&self.jobs[taken]) == rank(left));
            assert!(!newer, "a tenant's oldest goes first");
        }
        assert!(priorities.is_sorted(), "the urgent goes first");
        assert_eq!(priorities, waiting, "no slot stays empty and nobody urgent waits");
        self.put_aside(&taken, now).await;
    }

    /// Claims one job out of quarantine.
    pub(super) async fn claim_suspect(&mut self, worker: usize, alone: bool, now: Timestamp) {
        let Some(worker) = self.worker(worker) else { return };
        let lanes = [LANE.to_owned()];
        let suspects = self.jobs.iter().filter(|(_, job)| job.state == State::Quarantined);
        let first = suspects.min_by_key(|(id, job)| (job.priority, job.crashes, **id)).map(|(id, _)| *id);
        assert_eq!(self.store.any_suspect(&lanes).await.unwrap(), first.is_some());
        assert!(!self.store.any_suspect(&["another".to_owned()]).await.unwrap());
        let claimed = self.store.claim_suspect(worker, &lanes, alone, now).await.unwrap();
        assert_eq!(claimed.as_ref().map(|suspect| suspect.job.id), first);
        let Some(claimed) = claimed else { return };
        let job = self.jobs.get_mut(&claimed.job.id).unwrap();
        job.state = State::Running;
        job.worker = Some(worker);
        job.claim += 1;
        job.attempt += 1;
        job.alone = alone;
        assert_eq!((claimed.lane.as_str(), claimed.job.claim, claimed.job.attempt), (LANE, job.claim, job.attempt));
        self.claims.push(claimed.job);
        self.put_aside(&[first.unwrap()], now).await;
    }

    pub(super) async fn settle(&mut self, claim: usize, end: End, now: Timestamp) {
        if self.claims.is_empty() {
            return;
        }
        let claim = &self.claims[claim % self.claims.len()];
        let (id, number) = (claim.id, claim.claim);
        let outcome = match end {
            End::Well | End::Commits => Outcome::Returned(Ok(())),
            End::Retry => Outcome::Returned(Err(JobError::Retry(anyhow::anyhow!("failed")))),
            End::Discard => Outcome::Returned(Err(JobError::Discard(anyhow::anyhow!("hopeless")))),
            End::Snooze => Outcome::Returned(Err(JobError::Snooze(Duration::from_secs(30)))),
            End::Undecodable => Outcome::Undecodable("garbled".to_owned()),
            End::Paused => Outcome::Paused,
        };
        let settled = claim.settled(retry::settle(claim, outcome, now, 1.0));
        let holds = |job: &&mut Modelled| job.claim == number && job.state == State::Running;
        let waiting = self.jobs.values().filter(|job| job.waits_for.contains(&id)).count() as u64;
        let held = self.jobs.get_mut(&id).filter(holds);
        let completes = held.as_ref().is_some_and(|job| job.give_up_reason.is_none());
        if end == End::Commits {
            let mut transaction = self.database.begin().await.unwrap();
            let freed = store::complete(transaction.connection(), id, number, now).await.unwrap();
            transaction.commit().await.unwrap();
            assert_eq!(freed, completes.then_some(waiting));
            if completes {
                self.completes(id, now);
            }
            return;
        }
        if end == End::Well && claim.give_up_reason.is_some() {
            // Recorded, and a dead letter, in one transaction.
            let give_up_reason = claim.give_up_reason.clone().unwrap();
            let mut transaction = self.database.begin().await.unwrap();
            let dead = store::dead_letter(transaction.connection(), id, number, &give_up_reason, now).await.unwrap();
            transaction.commit().await.unwrap();
            assert_eq!(dead, held.is_some());
        }
        let freed = self.store.settle(&[settled], now).await.unwrap();
        assert_eq!(freed, if completes && end == End::Well { waiting } else { 0 });
        // A zombie: the comparison below shows that nothing has changed.
        let Some(job) = held else { return };
        let tried = if job.give_up_reason.is_none() { u32::from(job.attempt) } else { job.give_up_attempts };
        let limit = if job.give_up_reason.is_none() { u32::from(job.max_attempts) } else { MAX_GIVE_UP_ATTEMPTS };
        match end {
            End::Well if job.give_up_reason.is_none() => self.completes(id, now),
            End::Well => {
                let give_up_reason = job.give_up_reason.clone().unwrap();
                job.is_dead(&give_up_reason);
            }
            End::Retry if tried >= limit => job.is_given_up("failed", now),
            End::Retry => {
                job.errors += 1;
                job.goes_back(now + SignedDuration::try_from(backoff(tried, 1.0)).unwrap(), true, now);
            }
            End::Discard => job.is_given_up("hopeless", now),
            End::Snooze => job.goes_back(now + SignedDuration::from_secs(30), false, now),
            End::Undecodable => job.is_dead("garbled"),
            End::Paused => job.is_parked(now),
            End::Commits => unreachable!("ended above"),
        }
    }

    /// A job is completed: it leaves, and whoever waits for it waits for one less.
    fn completes(&mut self, id: JobId, now: Timestamp) {
        self.jobs.remove(&id);
        self.done.insert(id);
        for job in self.jobs.values_mut() {
            job.waits_no_more_for(id, now);
        }
    }

    pub(super) async fn leave(&mut self, worker: usize, now: Timestamp) {
        let Some(worker) = self.worker(worker) else { return };
        let handed_back = self.store.leave(worker, now).await.unwrap();
        self.workers.remove(&worker);
        let mut expected = 0;
        for job in self.jobs.values_mut().filter(|job| job.worker == Some(worker)) {
            expected += 1;
            job.goes_back(now, false, now);
        }
        assert_eq!(handed_back, expected);
    }

    pub(super) async fn reap(&mut self, by: usize, now: Timestamp) {
        let own = self.worker(by).unwrap_or_default();
        // Some are looked at before they beat again, and live.
        let mut seen = self.store.workers().await.unwrap();
        seen.retain(|(worker, _)| *worker != own);
        seen.sort_unstable();
        let lively = seen.last().copied().filter(|(_, beat)| *beat >= (now - TTL).as_microsecond());
        if let Some((worker, _)) = lively {
            let mut transaction = self.database.begin().await.unwrap();
            assert!(store::beat(transaction.connection(), worker, now).await.unwrap());
            transaction.commit().await.unwrap();
        }
        let reaped = self.store.reap(&seen, now).await.unwrap();
        let lively = lively.map(|(worker, _)| worker);
        let dead: Vec<_> =
            self.workers.iter().copied().filter(|&worker| worker != own && Some(worker) != lively).collect();
        assert_eq!(reaped.iter().map(|(worker, _)| *worker).collect::<Vec<_>>(), dead);
        for worker in dead {
            self.workers.remove(&worker);
            let fallen: Vec<_> =
                self.jobs.iter().filter(|(_, job)| job.worker == Some(worker)).map(|(id, _)| *id).collect();
            let lone = matches!(fallen[..], [only] if self.jobs[&only].alone);
            if !lone {
                self.jobs.values_mut().for_each(|job| job.lone_crashes = 0);
            }
            for id in fallen {
                let stored = self.row(id).await;
                let job = self.jobs.get_mut(&id).unwrap();
                let died = "its worker died or lost its lease";
                if job.give_up_reason.is_some() && job.give_up_attempts >= MAX_GIVE_UP_ATTEMPTS {
                    job.is_given_up(died, now);
                } else if lone && job.lone_crashes + 1 >= MAX_LONE_CRASHES {
                    job.is_given_up(&format!("{died} 3 times in a row while nothing else ran there"), now);
                } else {
                    // The pause is random within its bounds.
                    let pause = |jitter| SignedDuration::try_from(backoff(job.crashes + 1, jitter)).unwrap();
                    let expected = now + pause(0.5)..=now + pause(1.5);
                    assert!(job.cancel.is_some() || expected.contains(&stored.run_at));
                    job.crashes(stored.run_at, lone, now);
                }
            }
        }
    }

    /// Bulk work that has waited for so many seconds competes as normal work, one job of each tenant at a time.
    pub(super) async fn age(&mut self, seconds: i64, now: Timestamp) {
        let cutoff = now - SignedDuration::from_secs(seconds);
        let mut overdue: BTreeMap<Uuid, JobId> = BTreeMap::new();
        let available = || self.jobs.iter().filter(|(_, job)| job.state == State::Available);
        for (id, job) in available().filter(|(_, job)| job.priority == Priority::Bulk) {
            overdue.entry(job.tenant).or_insert(*id);
        }
        for (_, job) in available().filter(|(_, job)| job.aged) {
            overdue.remove(&job.tenant);
        }
        overdue.retain(|_, id| self.jobs[id].run_at <= cutoff);
        assert_eq!(self.store.age(LANE, cutoff, 1_000).await.unwrap(), overdue.len() as u64);
        assert_eq!(self.store.age("another", cutoff, 1_000).await.unwrap(), 0);
        for id in overdue.values() {
            let job = self.jobs.get_mut(id).unwrap();
            (job.priority, job.aged) = (Priority::Normal, true);
        }
    }

    pub(super) async fn promote(&mut self, now: Timestamp) {
        self.store.promote(1_000, now).await.unwrap();
        for job in self.jobs.values_mut().filter(|job| job.state == State::Scheduled && job.run_at <= now) {
            job.is_ready();
        }
    }
}
