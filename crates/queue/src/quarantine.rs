//! Runs suspects, the jobs under which workers died again and again, one at a time and with nothing beside them.
//!
//! When a process dies, the database knows what ran there and not what killed it. What was interrupted once starts again
//! like anything else. What was interrupted twice waits in quarantine: a worker lets what it runs end, starts nothing else, and
//! runs the suspect alone. If it ends, it is no suspect any more; if the worker dies, there is little doubt whose fault it was.
//!
//! Others wait for that, so each step is bounded: if what runs does not end in time, the suspect starts beside it, and its
//! crash proves nothing; a suspect that lives on has others beside it again; and between two suspects others have their time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{
    Lane,
    log::log_failure,
    running::{self, Session},
};

/// How long to wait for what runs to end before a suspect starts beside it.
const EMPTYING: Duration = Duration::from_secs(30);

/// How long nothing else starts while a suspect runs.
const ALONE: Duration = Duration::from_secs(60);

/// Looks for suspects of these lanes, and runs them, until the worker drains.
pub(super) async fn run_suspects<C: Send + Sync + 'static>(session: Arc<Session<C>>, lanes: Vec<Lane>, poll: Duration) {
    let draining = session.draining.clone();
    // Held by the attempt, and by whatever it does on other threads, to the very end.
    let slot = Arc::new(Semaphore::new(1));
    let work = async {
        loop {
            let begun = Instant::now();
            run_one(&session, &lanes, &slot).await;
            sleep(begun.elapsed().max(poll)).await;
        }
    };
    draining.run_until_cancelled(work).await;
}

async fn run_one<C: Send + Sync + 'static>(session: &Arc<Session<C>>, lanes: &[Lane], slot: &Arc<Semaphore>) {
    let names: Vec<String> =
        lanes.iter().map(|lane| lane.name.to_string()).filter(|lane| !session.paused.has_lane(lane)).collect();
    let store = &session.queue.store;
    match store.any_suspect(&names).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return log_failure("could not look for jobs in quarantine", &error),
    }
    let Ok(slot) = Arc::clone(slot).acquire_owned().await else { return };
    let gate = session.gate.write().await;
    let alone = timeout(EMPTYING, session.running.until_idle()).await.is_ok();
    let suspect = match store.claim_suspect(session.worker, &names, alone, session.queue.clock.now()).await {
        Ok(Some(suspect)) => suspect,
        Ok(None) => return,
        Err(error) => return log_failure("could not claim a job in quarantine", &error),
    };
    let (id, claim) = (suspect.job.id, suspect.job.claim);
    tracing::warn!(id, kind = suspect.job.kind, alone, "workers died under this job; it runs by itself");
    running::start(session, &suspect.lane.into(), suspect.job, slot);
    // However it goes on, others go on after this.
    let _ = timeout(ALONE, session.running.until_gone(id, claim)).await;
    drop(gate);
}
