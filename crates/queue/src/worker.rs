//! The worker: claims jobs into the slots of its lanes, runs them, and records how they ended.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{RwLock, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Lane, Queue, QueueError, Registry, WorkerConfig,
    claimer::Claimer,
    lease::Lease,
    log::log_failure,
    maintenance,
    pause::Pauses,
    quarantine,
    recorder::Recorder,
    rows::WorkerId,
    running::{Running, Session},
};

/// How long dropped work has to leave, and the last results to be stored, when a worker stops.
const LEAVING: Duration = Duration::from_secs(2);

/// A worker: runs the jobs of a queue in the slots of its lanes, under a lease.
pub struct Worker<C> {
    queue: Queue,
    registry: Arc<Registry<C>>,
    context: Arc<C>,
    config: WorkerConfig,
}

/// Why a worker stopped working under one lease.
enum Ended {
    ByShutdown,
    LeaseLost(WorkerId),
}

impl<C: Send + Sync + 'static> Worker<C> {
    /// A worker that knows these kinds and runs them on this context.
    pub fn new(queue: Queue, registry: Registry<C>, context: Arc<C>, config: WorkerConfig) -> Self {
        Self { queue, registry: Arc::new(registry), context, config }
    }

    /// Works until `shutdown`: then claims nothing more, lets running jobs end within the grace period, and hands the rest back
    /// with their attempts uncounted. Fails only if it cannot begin; a lease lost later is replaced by a new one.
    ///
    /// If the future is dropped instead, jobs are dropped with it, and come back when the lease has run out.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), QueueError> {
        for (number, lane) in self.config.lanes.iter().enumerate() {
            if self.config.lanes[..number].iter().any(|other| other.name == lane.name) {
                return Err(QueueError::LaneTwice(lane.name.to_string()));
            }
        }
        let mut lease = Lease::take(&self.queue, &self.config.host, self.config.lease).await?;
        // The same under every lease: work that was dropped with a lost one, and does not notice, keeps its slot.
        let slots = |lane: &Lane| (lane.clone(), Arc::new(Semaphore::new(lane.slots)));
        let slots: Vec<_> = self.config.lanes.iter().filter(|lane| lane.slots > 0).map(slots).collect();
        loop {
            match self.work(lease, &slots, &shutdown).await {
                Ended::ByShutdown => return Ok(()),
                Ended::LeaseLost(former) => {
                    lease = loop {
                        match Lease::take(&self.queue, &self.config.host, self.config.lease).await {
                            Ok(lease) => {
                                // We dropped its jobs ourselves: they did not crash, and need not wait to be found.
                                self.leave(former).await;
                                break lease;
                            }
                            Err(error) => log_failure("could not take a new lease yet", &error),
                        }
                        tokio::select! {
                            () = shutdown.cancelled() => return Ok(()),
                            () = sleep(self.config.poll) => {}
                        }
                    }
                }
            }
        }
    }

    /// Works under one lease until it is lost or the worker is to stop.
    async fn work(&self, lease: Lease, slots: &[(Lane, Arc<Semaphore>)], shutdown: &CancellationToken) -> Ended {
        let worker = lease.worker;
        tracing::info!(worker, host = self.config.host, "working");
        let running = Arc::new(Running::default());
        let (recorder, results) = Recorder::start(self.queue.clone(), Arc::clone(&running), lease.lost.clone());
        let session = Arc::new(Session {
            queue: self.queue.clone(),
            registry: Arc::clone(&self.registry),
            context: Arc::clone(&self.context),
            worker,
            running,
            paused: Pauses::default(),
            attempts: TaskTracker::new(),
            results,
            gate: RwLock::new(()),
            draining: CancellationToken::new(),
            halt: CancellationToken::new(),
        });
        // Before the first claim, so that a worker that has just begun starts nothing that is paused.
        match self.queue.pauses().await {
            Ok(paused) => drop(session.paused.update(paused)),
            Err(error) => log_failure("could not look for what is paused", &error),
        }
        let _halt = session.halt.clone().drop_guard();
        let _drain = session.draining.clone().drop_guard();
        let loops = TaskTracker::new();
        for (lane, slots) in slots {
            let claimer = Claimer::new(Arc::clone(&session), lane.clone(), Arc::clone(slots), self.config.poll);
            if let Some(helper) = claimer.helper() {
                loops.spawn(helper.help());
            }
            loops.spawn(claimer.lead());
        }
        let lanes = slots.iter().map(|(lane, _)| lane.clone()).collect();
        loops.spawn(quarantine::run_suspects(Arc::clone(&session), lanes, self.config.poll));
        let halt = session.halt.clone();
        let hearing = self.queue.wake.clone().hear_others(self.config.poll);
        tokio::spawn(session.halt.clone().run_until_cancelled_owned(hearing));
        let upkeep = Box::pin(maintenance::keep_up(Arc::clone(&session), self.config.clone()));
        let upkeep = tokio::spawn(async move { halt.run_until_cancelled_owned(upkeep).await });
        loops.close();

        let lost = lease.lost.clone();
        tokio::select! {
            () = lost.cancelled() => {}
            () = shutdown.cancelled() => {
                session.draining.cancel();
                let finished = async {
                    loops.wait().await;
                    session.attempts.close();
                    session.attempts.wait().await;
                };
                tokio::select! {
                    () = lost.cancelled() => {}
                    _ = timeout(self.config.grace, finished) => {}
                }
            }
        }
        session.draining.cancel();
        session.halt.cancel();
        session.attempts.close();
        // A claim under way, or a future that does not yield, must not keep the process.
        let _ = timeout(LEAVING, async {
            loops.wait().await;
            session.attempts.wait().await;
        })
        .await;
        let _ = upkeep.await;
        let _ = timeout(LEAVING, recorder.finish()).await;
        if lost.is_cancelled() {
            return if shutdown.is_cancelled() { Ended::ByShutdown } else { Ended::LeaseLost(worker) };
        }
        drop(lease);
        self.leave(worker).await;
        Ended::ByShutdown
    }

    async fn leave(&self, worker: WorkerId) {
        match self.queue.store.leave(worker, self.queue.clock.now()).await {
            Ok(handed_back) => tracing::info!(worker, handed_back, "stopped working"),
            Err(error) => log_failure("could not hand jobs back; they return when the lease has run out", &error),
        }
        self.queue.wake();
    }
}
