//! How much memory the service and the decoders it runs take at most.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Looks at the resident memory of this process and its children, twenty times a second.
pub(super) struct PeakMemory(Arc<AtomicU64>);

impl PeakMemory {
    /// Begins to watch; the thread ends with the value.
    pub(super) fn watch() -> Self {
        let peak_kb = Arc::new(AtomicU64::new(0));
        let watched = Arc::downgrade(&peak_kb);
        std::thread::spawn(move || {
            while let Some(peak_kb) = watched.upgrade() {
                peak_kb.fetch_max(resident_kb("self") + children_kb(), Ordering::Relaxed);
                drop(peak_kb);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self(peak_kb)
    }

    /// The most that was seen, in MB.
    pub(super) fn peak_mb(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64 / 1000.0
    }
}

fn resident_kb(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn children_kb() -> u64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0;
    };
    let children = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .collect::<String>();
    children.split_whitespace().map(resident_kb).sum()
}
