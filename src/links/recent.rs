//! Audio links that were opened a moment ago: a player asks for one sound in many ranges, and none of them needs a database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// What links led to; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent(Arc<Mutex<Remembered>>);

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

#[cfg(test)]
mod tests {
    use voicemill_sql::Kind;
    use voicemill_types::{DomainId, MediaId, MessageId, RenditionId, Time};

    use super::*;
    use crate::{
        links::LinkSpan,
        media::{Purpose, Rendition},
        testing,
    };

    const EXTENSION: &str = "mp3";

    fn found() -> (Link, File) {
        let at = Time::from_microseconds(0);
        let link = Link {
            id: LinkId::random(),
            domain_id: DomainId::new(),
            message_id: MessageId::new(),
            span: LinkSpan::Full,
            created_at: at,
            expires_at: at.after(Link::LIFETIME),
            revoked_at: None,
        };
        let rendition = Rendition {
            id: RenditionId::new(),
            media_id: MediaId::new(),
            version: 1,
            name: "browser-mp3".to_owned(),
            purpose: Purpose::Browser,
            format: EXTENSION.to_owned(),
            content_type: "audio/mpeg".to_owned(),
            rate_hz: 16_000,
            duration_ms: 4_100,
            bytes: 12_345,
            sha256: "ab".repeat(32),
            key: "key".to_owned(),
            created_at: at,
        };
        (link, File { rendition, name: "Robin Stone.mp3".to_owned() })
    }

    /// A reading and a commit that passed each other: the link was read, then revoked, and then remembered.
    #[tokio::test]
    async fn what_was_read_before_a_commit_is_not_served_after_it() {
        let opened = testing::open(Kind::Sqlite).await;
        let recent = &opened.app.recent_links;
        let (link, file) = found();
        let began = Instant::now();
        opened.app.begin().await.unwrap().commit().await.unwrap();
        recent.put(began, EXTENSION, link.clone(), file.clone());
        assert!(recent.get(link.id, EXTENSION).is_none(), "it may have been revoked by that commit");

        let began = Instant::now();
        recent.put(began, EXTENSION, link.clone(), file.clone());
        assert!(recent.get(link.id, EXTENSION).is_some(), "it was read after the commit");
        opened.app.begin().await.unwrap().commit().await.unwrap();
        assert!(recent.get(link.id, EXTENSION).is_none(), "every commit empties it");
    }

    /// The queue commits those, and knows nothing of links.
    #[tokio::test]
    async fn a_commit_that_gives_a_job_up_counts_as_one() {
        let opened = testing::open(Kind::Sqlite).await;
        let recent = &opened.app.recent_links;
        let (link, file) = found();
        recent.put(Instant::now(), EXTENSION, link.clone(), file);
        let mut transaction = opened.app.database.begin().await.unwrap();
        drop(opened.app.join(&mut transaction));
        assert!(recent.get(link.id, EXTENSION).is_some(), "nothing is committed yet");
        transaction.commit().await.unwrap();
        assert!(recent.get(link.id, EXTENSION).is_none());
    }
}
