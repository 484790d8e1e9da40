//! How a worker works.

use std::time::Duration;

use super::Lane;

/// How soon is looked again after a claim that took less than it might have, though nobody rings: what came back out of turn, as
/// a retry does, may have been passed over.
pub(super) const RECHECK: Duration = Duration::from_millis(25);

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// A name for people, to tell machines apart.
    pub host: String,
    /// The lanes whose jobs it runs, each name once. A worker without any only looks after the queue.
    pub lanes: Vec<Lane>,
    /// How long after its last heartbeat a worker's jobs are taken from it.
    pub lease: Duration,
    /// How often a worker looks for work that nobody told it of.
    pub poll: Duration,
    /// How long running jobs may go on after the shutdown began; what is left then is handed back.
    pub grace: Duration,
    /// How long a bulk job waits before it competes as a normal one, so that it never starves; of each tenant one at a time,
    /// so that the others do not get in the way of its normal ones.
    pub bulk_age: Duration,
    /// How long completed jobs are remembered.
    pub keep_done: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            lanes: Vec::new(),
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            grace: Duration::from_secs(10),
            bulk_age: Duration::from_secs(15 * 60),
            keep_done: Duration::from_secs(7 * 24 * 3_600),
        }
    }
}
