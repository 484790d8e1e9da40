//! How a worker works.

use std::{num::NonZero, thread::available_parallelism, time::Duration};

use tokio::sync::Semaphore;

use super::Lane;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// A name for people, to tell machines apart.
    pub host: String,
    /// Slots of the CPU lane; none to leave it to others.
    pub cpu_slots: usize,
    /// Slots of the I/O lane; none to leave it to others.
    pub io_slots: usize,
    /// Slots of the lane for transcription; none to leave it to others.
    pub transcribe_slots: usize,
    /// How long after its last heartbeat a worker's jobs are taken from it.
    pub lease: Duration,
    /// How often a worker looks for work that nobody told it of.
    pub poll: Duration,
    /// How long running jobs may go on after the shutdown began; what is left then is handed back.
    pub grace: Duration,
    /// How long completed jobs are remembered.
    pub keep_done: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            cpu_slots: available_parallelism().map_or(1, NonZero::get),
            io_slots: 64,
            transcribe_slots: available_parallelism().map_or(1, NonZero::get).div_ceil(2),
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            grace: Duration::from_secs(10),
            keep_done: Duration::from_secs(7 * 24 * 3_600),
        }
    }
}

impl WorkerConfig {
    pub(super) fn slots(&self, lane: Lane) -> usize {
        match lane {
            Lane::Cpu => self.cpu_slots,
            Lane::Io => self.io_slots,
            Lane::Transcribe => self.transcribe_slots,
        }
        .min(Semaphore::MAX_PERMITS)
    }
}
