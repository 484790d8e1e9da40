//! What operators pause, and how workers follow it.

use jiff::Timestamp;

use super::{harness::Harness, job::Modelled};
use crate::{
    JobId, Pause, State,
    retry::{self, Outcome},
};

impl Harness {
    pub(super) async fn pause(&mut self, what: &Pause) {
        let mut transaction = self.database.begin().await.unwrap();
        let paused = self.queue.pause(transaction.connection(), what).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(paused, self.paused.insert(what.clone()));
    }

    pub(super) async fn resume(&mut self, what: &Pause) {
        let mut transaction = self.database.begin().await.unwrap();
        let resumed = self.queue.resume(transaction.connection(), what).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(resumed, self.paused.remove(what));
    }

    pub(super) async fn refresh(&mut self) {
        let goes_on = self.pauses.update(self.queue.pauses().await.unwrap());
        assert_eq!(goes_on, self.known_pauses.difference(&self.paused).next().is_some());
        self.known_pauses.clone_from(&self.paused);
    }

    /// A worker puts aside what it comes upon and knows is paused.
    pub(super) async fn put_aside(&mut self, taken: &[JobId], now: Timestamp) {
        let claims = self.claims.split_off(self.claims.len() - taken.len());
        for claim in claims {
            let job = self.jobs.get_mut(&claim.id).unwrap();
            let knows = |what: Pause| self.known_pauses.contains(&what);
            let held_back = knows(Pause::Kind(job.kind.clone())) || knows(Pause::Tenant(job.tenant));
            assert_eq!(self.pauses.hold_back(&claim.kind, claim.tenant), held_back);
            if held_back && job.give_up_reason.is_none() {
                let settled = claim.settled(retry::settle(&claim, Outcome::Paused, now, 1.0));
                self.store.settle(&[settled], now).await.unwrap();
                job.is_parked(now);
            }
            self.claims.push(claim);
        }
    }

    pub(super) async fn make_available(&mut self) {
        self.queue.make_available().await.unwrap();
        let stays = |job: &Modelled| {
            self.paused.contains(&Pause::Kind(job.kind.clone())) || self.paused.contains(&Pause::Tenant(job.tenant))
        };
        for job in self.jobs.values_mut().filter(|job| job.state == State::Paused && !stays(job)) {
            job.is_ready();
        }
    }
}
