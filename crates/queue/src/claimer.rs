//! Claims jobs into the free slots of a lane.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore},
    time::sleep,
};
use uuid::Uuid;

use super::{
    Lane,
    fairness::Turns,
    maintenance::complain,
    rows::Wanted,
    running::{self, Session},
};

/// The most jobs taken in one claim.
const BATCH: usize = 256;

/// How soon is looked again after a claim that took less than it might have, though nobody rings: what came back out of turn, as
/// a retry does, may have been passed over.
pub(super) const AGAIN: Duration = Duration::from_millis(25);

/// Fills the free slots of a lane, over and over.
pub(super) struct Claimer<C> {
    session: Arc<Session<C>>,
    lane: Lane,
    slots: Arc<Semaphore>,
    turns: Turns,
    width: usize,
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
    pub(super) fn new(
        session: Arc<Session<C>>,
        lane: Lane,
        (width, slots): (usize, Arc<Semaphore>),
        poll: Duration,
    ) -> Self {
        Self { session, lane, slots, turns: Turns::new(cap(lane, width)), width, poll, backlog: Arc::default() }
    }

    /// Another one for the same slots, if they are so many that one claim at a time could leave some of them empty, as a claim
    /// is mostly a wait for the database. It takes turns of its own, as a worker on another machine does.
    pub(super) fn helper(&self) -> Option<Self> {
        // Where a tenant has a cap, claims that do not know of each other would exceed it.
        (self.lane == Lane::Io && self.width > BATCH).then(|| Self {
            session: Arc::clone(&self.session),
            lane: self.lane,
            slots: Arc::clone(&self.slots),
            turns: Turns::new(cap(self.lane, self.width)),
            width: self.width,
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
            let patience = match self.claim().await {
                None => return,
                Some(Found::Full) => {
                    self.backlog.notify_one();
                    continue;
                }
                Some(Found::Enough) => continue,
                Some(Found::Few) => AGAIN.min(self.poll),
                Some(Found::Nothing) => self.poll,
            };
            tokio::select! {
                () = draining.cancelled() => {}
                _ = wake.changed() => {}
                () = sleep(patience) => {}
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
        if session.paused.has_lane(self.lane) {
            drop(free);
            return self.pause().await;
        }
        let held: HashMap<Uuid, usize> = session.running.held(self.lane);
        let now = session.queue.clock.now();
        let count = free.len();
        let wanted = Wanted { worker: session.worker, lane: self.lane, count, held: &held, now };
        let mut start = |job| {
            if let Some(slot) = free.pop() {
                running::start(&session, self.lane, job, slot);
            }
        };
        match session.queue.store.claim(&wanted, &mut self.turns, &mut start).await {
            Ok(0) => Some(Found::Nothing),
            Ok(BATCH) => Some(Found::Full),
            Ok(found) if found < count => Some(Found::Few),
            Ok(_) => Some(Found::Enough),
            Err(error) => {
                drop(free);
                complain("could not claim jobs", &error);
                self.pause().await
            }
        }
    }

    /// Nothing can be claimed for now.
    async fn pause(&self) -> Option<Found> {
        self.session.draining.run_until_cancelled(sleep(self.poll)).await.map(|()| Found::Enough)
    }
}

/// Half of a CPU lane for one tenant while others wait; I/O lanes are wide enough for turns alone.
fn cap(lane: Lane, width: usize) -> usize {
    match lane {
        Lane::Cpu | Lane::Transcribe => width.div_ceil(2),
        Lane::Io => width,
    }
}
