//! Audio links that were opened a moment ago: a player asks for one sound in many ranges, and none of them needs a database.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use voicemill_types::LinkId;

use super::{Link, Listen};
use crate::media::Rendition;

/// How long what was found counts: what another process revokes is shut within a second. What this one commits is known at
/// once, as every commit empties all of it.
const FRESH: Duration = Duration::from_millis(900);

/// Most that is remembered.
const MOST: usize = 1_000;

/// What links led to.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<HashMap<(LinkId, Listen), Found>>);

#[derive(Debug)]
struct Found {
    at: Instant,
    link: Link,
    rendition: Rendition,
}

impl Recent {
    /// What a link led to less than a second ago.
    pub(super) fn get(&self, link: LinkId, listen: Listen) -> Option<(Link, Rendition)> {
        let found = self.lock();
        let found = found.get(&(link, listen)).filter(|found| found.at.elapsed() < FRESH)?;
        Some((found.link.clone(), found.rendition.clone()))
    }

    /// Remembers what was found in a reading that began at `at`.
    pub(super) fn put(&self, at: Instant, listen: Listen, link: Link, rendition: Rendition) {
        let mut found = self.lock();
        if found.len() >= MOST {
            found.clear();
        }
        found.insert((link.id, listen), Found { at, link, rendition });
    }

    /// Forgets all of it: something was written.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(LinkId, Listen), Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
