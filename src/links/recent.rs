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
pub(crate) struct Recent(Mutex<HashMap<(LinkId, String), Found>>);

#[derive(Debug)]
struct Found {
    at: Instant,
    link: Link,
    file: File,
}

impl Recent {
    /// What a link led to less than a second ago.
    pub(super) fn get(&self, link: LinkId, extension: &str) -> Option<(Link, File)> {
        let found = self.lock();
        let found = found.get(&(link, extension.to_owned())).filter(|found| found.at.elapsed() < FRESH)?;
        Some((found.link.clone(), found.file.clone()))
    }

    /// Remembers what was found in a reading that began at `at`.
    pub(super) fn put(&self, at: Instant, extension: &str, link: Link, file: File) {
        // It stands in the address that somebody asked for.
        if extension.len() > LONGEST_EXTENSION {
            return;
        }
        let mut found = self.lock();
        if found.len() >= MOST {
            found.clear();
        }
        found.insert((link.id, extension.to_owned()), Found { at, link, file });
    }

    /// Forgets all of it: something was written.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(LinkId, String), Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
