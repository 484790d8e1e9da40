//! What callers and operators ask for.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{harness::Harness, job::Modelled};
use crate::{Priority, QueueError, State, rows::Draft, store};

/// The kind of what is enqueued.
pub(super) const KIND: &str = "kind";

/// The only lane.
pub(super) const LANE: &str = "lane";

impl Harness {
    pub(super) async fn enqueue(
        &mut self,
        (tenant, priority, delay, key, max_attempts): (u8, Priority, i64, Option<u8>, u16),
        after: &[usize],
        now: Timestamp,
    ) {
        let key = key.map(|key| format!("key {key}"));
        let tenant = Uuid::from_u128(tenant.into());
        let run_at = now + SignedDuration::from_secs(delay);
        // Mostly such as are still there.
        let there: Vec<_> = self.jobs.keys().copied().collect();
        let choose = |number: &usize| {
            let among = if number.is_multiple_of(4) { &self.known } else { &there };
            among.get(number / 4 % among.len().max(1)).copied()
        };
        let after: BTreeSet<_> = after.iter().filter_map(choose).collect();
        let draft = Draft {
            lane: LANE,
            kind: KIND,
            tenant,
            priority,
            max_attempts,
            run_at,
            unique_key: key.as_deref(),
            payload: "null".into(),
            after: after.iter().copied().collect(),
        };
        let mut transaction = self.database.begin().await.unwrap();
        let enqueued = store::enqueue(transaction.connection(), &draft, now).await;
        let gone = after.iter().find(|job| !self.jobs.contains_key(job) && !self.done.contains(job));
        if let Some(gone) = gone {
            assert!(matches!(enqueued, Err(QueueError::UnknownJob(unknown)) if unknown == *gone));
            return;
        }
        transaction.commit().await.unwrap();
        let enqueued = enqueued.unwrap();
        let waits_for: BTreeSet<_> = after.into_iter().filter(|job| self.jobs.contains_key(job)).collect();
        for parent in &waits_for {
            self.jobs.get_mut(parent).unwrap().awaited = true;
        }
        let standing = key.as_deref().and_then(|key| self.with_key(KIND, key).map(|(id, _)| *id));
        assert_eq!(enqueued.fresh, standing.is_none());
        if let Some(standing) = standing {
            assert_eq!(enqueued.id, standing);
            return;
        }
        let mut job = Modelled::new(KIND, tenant, priority, key, max_attempts);
        job.begins(run_at, waits_for, now);
        self.learn(enqueued.id, job);
    }

    pub(super) async fn expedite(&mut self, key: u8, delay: i64, now: Timestamp) {
        let key = format!("key {key}");
        let run_at = now + SignedDuration::from_secs(delay);
        let mut transaction = self.database.begin().await.unwrap();
        let expedited = store::expedite(transaction.connection(), KIND, &key, run_at, now).await.unwrap();
        transaction.commit().await.unwrap();
        let waits = |job: &Modelled| matches!(job.state, State::Scheduled | State::Blocked) && job.run_at > run_at;
        let waiting = self.with_key(KIND, &key).filter(|(_, job)| waits(job));
        assert_eq!(expedited, waiting.is_some());
        if let Some((_, job)) = waiting {
            job.run_at = run_at;
            if run_at <= now && job.state == State::Scheduled {
                job.is_ready();
            }
        }
    }

    pub(super) async fn cancel(&mut self, job: usize, now: Timestamp) {
        let Some(id) = self.job(job) else { return };
        let mut transaction = self.database.begin().await.unwrap();
        let cancelled = store::cancel(transaction.connection(), id, "cancelled", now).await.unwrap();
        transaction.commit().await.unwrap();
        let job = self.jobs.get_mut(&id).unwrap();
        assert_eq!(cancelled, job.give_up_reason.is_none());
        if job.give_up_reason.is_some() {
            return;
        }
        if job.state == State::Running {
            job.cancel = Some("cancelled".to_owned());
        } else {
            job.give_up_reason = Some("cancelled".to_owned());
            job.state = State::Available;
            job.run_at = now;
        }
    }

    pub(super) async fn retry(&mut self, job: usize, now: Timestamp) {
        let Some(id) = self.dead_or_any(job) else { return };
        let mut transaction = self.database.begin().await.unwrap();
        let retried = store::retry(transaction.connection(), id, now).await.unwrap();
        transaction.commit().await.unwrap();
        let Modelled { kind, key, .. } = self.jobs[&id].clone();
        let has_heir = key.is_some_and(|key| self.with_key(&kind, &key).is_some());
        let job = self.jobs.get_mut(&id).unwrap();
        assert_eq!(retried, job.state == State::Discarded && !has_heir);
        if retried {
            (job.attempt, job.give_up_attempts, job.give_up_reason) = (0, 0, None);
            (job.crashes, job.lone_crashes) = (0, 0);
            job.begins(now, job.waits_for.clone(), now);
        }
    }

    pub(super) async fn forget(&mut self, job: usize, now: Timestamp) {
        let Some(id) = self.dead_or_any(job) else { return };
        let mut transaction = self.database.begin().await.unwrap();
        let forgotten = store::forget(transaction.connection(), id, now).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(forgotten, self.jobs[&id].state == State::Discarded);
        if forgotten {
            let gone = self.jobs.remove(&id).unwrap();
            let reason = format!("job {id} ({}), which it waited for, was given up and removed", gone.kind);
            for job in self.jobs.values_mut() {
                job.loses_dependency(id, &reason, now);
            }
        }
    }
}
