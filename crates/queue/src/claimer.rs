//! Claims jobs into the free slots of a lane.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore},
    time::sleep,
};
use uuid::Uuid;

use super::{
    Lane,
    config::RECHECK,
    log::log_failure,
    round_robin::RoundRobin,
    rows::Wanted,
    running::{self, Session},
};

/// The most jobs taken in one claim.
const BATCH: usize = 256;

/// Fills the free slots of a lane, over and over.
pub(super) struct Claimer<C> {
    session: Arc<Session<C>>,
    lane: Lane,
    slots: Arc<Semaphore>,
    round_robin: RoundRobin,
    poll: Duration,
    /// Rung when a claim was full: more may wait than one claim at a time can take.
    backlog: Arc<Notify>,
}

/// What a claim found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// Less than there was room for.
    Few,
    /// A job for every slot that was free.
    Enough,
    /// As much as a claim may take.
    Full,
}

impl<C: Send + Sync + 'static> Claimer<C> {
    pub(super) fn new(session: Arc<Session<C>>, lane: Lane, slots: Arc<Semaphore>, poll: Duration) -> Self {
        Self {
            session,
            slots,
            round_robin: RoundRobin::new(lane.per_tenant, lane.strict),
            lane,
            poll,
            backlog: Arc::default(),
        }
    }

    /// Another one for the same slots, if they are so many that one claim at a time could leave some of them empty, as a claim
    /// is mostly a wait for the database. It takes turns of its own, as a worker on another machine does.
    pub(super) fn helper(&self) -> Option<Self> {
        // Where a tenant has a cap, claims that do not know of each other would exceed it.
        (!self.lane.is_shared() && self.lane.slots > BATCH).then(|| Self {
            session: Arc::clone(&self.session),
            lane: self.lane.clone(),
            slots: Arc::clone(&self.slots),
            round_robin: RoundRobin::new(self.lane.per_tenant, self.lane.strict),
            poll: self.poll,
            backlog: Arc::clone(&self.backlog),
        })
    }

    /// Claims whatever comes, until the worker drains.
    pub(super) async fn lead(mut self) {
        let draining = self.session.draining.clone();
        let mut wake = self.session.queue.wake.subscribe();
        loop {
            // Before the claim, so that what is committed during it is noticed after it.
            wake.mark_unchanged();
            let pause = match self.claim().await {
                None => return,
                Some(Found::Full) => {
                    self.backlog.notify_one();
                    continue;
                }
                Some(Found::Enough) => continue,
                Some(Found::Few) => RECHECK.min(self.poll),
                Some(Found::Nothing) => self.poll,
            };
            tokio::select! {
                () = draining.cancelled() => {}
                _ = wake.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Claims beside the one that leads, as long as there is a backlog.
    pub(super) async fn help(mut self) {
        let (draining, backlog) = (self.session.draining.clone(), Arc::clone(&self.backlog));
        while draining.run_until_cancelled(backlog.notified()).await.is_some() {
            while self.claim().await == Some(Found::Full) {}
        }
    }

    /// Fills the slots that are free, as soon as there is one; none if the worker drains.
    async fn claim(&mut self) -> Option<Found> {
        let (session, draining) = (Arc::clone(&self.session), self.session.draining.clone());
        let first = draining.run_until_cancelled(Arc::clone(&self.slots).acquire_owned()).await?.ok()?;
        let mut free = vec![first];
        while free.len() < BATCH
            && let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned()
        {
            free.push(slot);
        }
        if session.paused.has_lane(&self.lane.name) {
            drop(free);
            return self.pause().await;
        }
        let _open = draining.run_until_cancelled(session.gate.read()).await?;
        let held: HashMap<Uuid, usize> = session.running.held(&self.lane.name);
        let now = session.queue.clock.now();
        let count = free.len();
        let wanted = Wanted { worker: session.worker, lane: &self.lane.name, count, held: &held, now };
        let mut start = |job| {
            if let Some(slot) = free.pop() {
                running::start(&session, &self.lane.name, job, slot);
            }
        };
        match session.queue.store.claim(&wanted, &mut self.round_robin, &mut start).await {
            // Whoever holds its cap goes on as soon as it holds less, and nobody rings then.
            Ok(0) if self.lane.strict && self.round_robin.at_cap(&held) > 0 => Some(Found::Few),
            Ok(0) => Some(Found::Nothing),
            Ok(BATCH) => Some(Found::Full),
            Ok(found) if found < count => Some(Found::Few),
            Ok(_) => Some(Found::Enough),
            Err(error) => {
                drop(free);
                log_failure("could not claim jobs", &error);
                self.pause().await
            }
        }
    }

    /// Nothing can be claimed for now.
    async fn pause(&self) -> Option<Found> {
        self.session.draining.run_until_cancelled(sleep(self.poll)).await.map(|()| Found::Enough)
    }
}
