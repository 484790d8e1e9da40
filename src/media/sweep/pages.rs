//! What the passes share: counting, and what a page found.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use voicemill_types::Time;

use crate::{
    app::App,
    error::ServiceError,
    media::blobs::{self, Fault},
};

/// What a pass has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Blobs, rows or originals looked at.
    pub seen: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Orphans too young to be touched: a day old at most, originals 30 days more.
    pub waiting: u64,
    /// Orphans that became what they were dropped as.
    pub adopted: u64,
    /// Orphans that were removed.
    pub removed: u64,
    /// Orphans that were kept, for a person to look at.
    pub kept: u64,
    /// Blobs that are not there, or not as they were.
    pub faulty: u64,
}

/// What became of a page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Where the next one begins; none after the last.
    pub(crate) next: Option<String>,
    /// What is wrong.
    pub(crate) faults: Vec<Fault>,
    /// What was wrong before: key and fault.
    pub(crate) mended: Vec<(String, &'static str)>,
}

impl Page {
    pub(crate) fn fault(&mut self, app: &App, key: &str, fault: &str) {
        let found_at = Time::from(app.clock.now());
        self.faults.push(Fault { key: key.to_owned(), fault: fault.to_owned(), found_at });
    }
}

/// The faults that are known, by key and fault, so that only those need be cleared.
pub(crate) async fn known_faults(app: &App) -> Result<HashSet<(String, String)>, ServiceError> {
    const MOST: i64 = 10_000;
    let mut connection = app.database.read().await?;
    let faults = blobs::faults(&mut connection, MOST).await?;
    Ok(faults.into_iter().map(|fault| (fault.key, fault.fault)).collect())
}
