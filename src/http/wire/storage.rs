//! How store and spool stand, as it is answered.

use serde::Serialize;
use uuid::Uuid;
use voicemill_types::Time;

use crate::{
    arrivals::SpooledArrival,
    media::sweep::{self, Counts},
};

/// How store, spool and their comparing stand.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Storage {
    store: String,
    spool: Spool,
    spool_age_seconds: i64,
    free_bytes: u64,
    min_free_bytes: u64,
    passes: Vec<Pass>,
    /// How many blobs are not as they should be.
    faults: i64,
    first_faults: Vec<BlobFault>,
}

#[derive(Debug, Serialize)]
struct Spool {
    entries: u64,
    bytes: u64,
    oldest_at: Option<Time>,
    /// Entries that could not be used and wait for a person.
    set_aside: u64,
}

#[derive(Debug, Serialize)]
struct Pass {
    name: &'static str,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    last: Seen,
    so_far: Option<Seen>,
}

/// What a pass has seen.
#[derive(Debug, Serialize)]
struct Seen {
    seen: u64,
    bytes: u64,
    waiting: u64,
    adopted: u64,
    removed: u64,
    kept: u64,
    faulty: u64,
}

#[derive(Debug, Serialize)]
struct BlobFault {
    key: String,
    fault: String,
    found_at: Time,
}

/// Something that waits in the spool until store and database are back.
#[derive(Debug, Serialize)]
pub(in crate::http) struct SpooledDrop {
    /// The id that the message will have; none for a recording.
    id: Option<Uuid>,
    /// Always `pending`.
    state: &'static str,
    spooled_at: Time,
}

impl From<sweep::Report> for Storage {
    fn from(report: sweep::Report) -> Self {
        let passes = report.passes.into_iter().map(|pass| Pass {
            name: pass.name,
            started_at: pass.started_at,
            finished_at: pass.finished_at,
            last: pass.last.into(),
            so_far: pass.so_far.map(Seen::from),
        });
        let faults = report.first_faults.into_iter();
        Self {
            store: report.store,
            spool: Spool {
                entries: report.spool.entries,
                bytes: report.spool.bytes,
                oldest_at: report.spool.oldest_at,
                set_aside: report.spool.set_aside,
            },
            spool_age_seconds: report.spool_age_seconds,
            free_bytes: report.free_bytes,
            min_free_bytes: report.min_free_bytes,
            passes: passes.collect(),
            faults: report.faults,
            first_faults: faults
                .map(|one| BlobFault { key: one.key, fault: one.fault, found_at: one.found_at })
                .collect(),
        }
    }
}

impl From<Counts> for Seen {
    fn from(counts: Counts) -> Self {
        let Counts { seen, bytes, waiting, adopted, removed, kept, faulty } = counts;
        Self { seen, bytes, waiting, adopted, removed, kept, faulty }
    }
}

impl From<SpooledArrival> for SpooledDrop {
    fn from(spooled: SpooledArrival) -> Self {
        Self { id: spooled.id, state: spooled.state, spooled_at: spooled.spooled_at }
    }
}
