//! Audio links that were opened a moment ago: a player asks for one sound in many ranges, and none of them needs a database.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use voicemill_types::LinkId;

use super::{File, Link};

/// How long what was found counts: what another process revokes is shut within a second. What this one commits is known at
/// once, as every commit empties all of it.
const FRESH: Duration = Duration::from_millis(900);

/// Most that is remembered.
const MOST: usize = 1_000;
/// Longest extension in bytes that is remembered; ours are shorter.
const LONGEST_EXTENSION: usize = 8;

/// What links led to.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    found: HashMap<(LinkId, String), Found>,
    cleared_at: Option<Instant>,
}

#[derive(Debug)]
struct Found {
    at: Instant,
    link: Link,
    file: File,
}

impl Recent {
    /// What a link led to less than a second ago.
    pub(super) fn get(&self, link: LinkId, extension: &str) -> Option<(Link, File)> {
        let remembered = self.lock();
        let found = remembered.found.get(&(link, extension.to_owned())).filter(|found| found.at.elapsed() < FRESH)?;
        Some((found.link.clone(), found.file.clone()))
    }

    /// Remembers what was found in a reading that began at `at`.
    pub(super) fn put(&self, at: Instant, extension: &str, link: Link, file: File) {
        // It stands in the address that somebody asked for.
        if extension.len() > LONGEST_EXTENSION {
            return;
        }
        let mut remembered = self.lock();
        // What was read before a commit may not be so any more.
        if remembered.cleared_at.is_some_and(|cleared_at| cleared_at >= at) {
            return;
        }
        if remembered.found.len() >= MOST {
            remembered.found.clear();
        }
        remembered.found.insert((link.id, extension.to_owned()), Found { at, link, file });
    }

    /// Forgets all of it: something was written.
    pub(crate) fn clear(&self) {
        let mut remembered = self.lock();
        remembered.found.clear();
        remembered.cleared_at = Some(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
