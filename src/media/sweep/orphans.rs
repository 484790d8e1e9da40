//! From the store to the database: blobs that no row names.
//!
//! What a core dropped carries a note of what it is, and becomes that. What can be made again is removed when it is a day old, by
//! when no job and no request is at work on it any more. An original cannot: it is kept for 30 days more, in case its rows come
//! back with a backup.

use std::{collections::HashSet, time::Duration};

use voicemill_storage::{BlobKey, Listed, StorageError};
use voicemill_types::Time;

use crate::{
    app::App,
    arrivals::{
        Arrival, StoredBlob,
        intake::{self, ORIGINAL},
    },
    error::ServiceError,
    media::{
        blobs,
        sweep::{
            identity,
            pages::{Counts, Page, known_faults},
        },
    },
};

/// How old an orphan must be.
const DAY: Duration = Duration::from_secs(86_400);

/// How long an original is kept after it was first seen that no row names it.
const GRACE: Duration = Duration::from_secs(30 * 86_400);

/// Blobs of a page.
const BLOBS: u16 = 1_000;

/// A note of an orphan that has no place: its mailbox is gone, or the database is not the one that it was dropped to.
const UNPLACED: &str = "no row names it, and what it was dropped as cannot be made of it";

/// A note when most of a page are orphans: then it is more likely that this is not their database.
const MASS: &str = "no row names it, nor most of its neighbours: is this the database of this store?";

/// An orphan's fate.
enum Fate {
    Adopted,
    Removed,
    /// An original whose time is not over.
    Waiting,
    Kept,
}

pub(crate) async fn page(app: &App, after: &str, counts: &mut Counts) -> Result<Page, ServiceError> {
    let listed = app.store.list(after, BLOBS).await?;
    let mut page = Page { next: listed.next, ..Page::default() };
    let named = named(app, &listed.blobs).await?;
    let now = Time::from(app.clock.now());
    let mut old = Vec::new();
    let identity = identity::key()?;
    for blob in listed.blobs.iter().filter(|blob| blob.key != identity) {
        counts.seen += 1;
        counts.bytes += blob.bytes;
        let key = blob.key.to_string();
        // The spool still brings it to the database.
        if named.contains(&key) || app.spool.names_blob(&key) {
            continue;
        }
        if blob.modified.after(DAY) < now {
            old.push(blob);
        } else {
            counts.waiting += 1;
        }
    }
    const FEW: usize = 50;
    let suspicious = old.len() > FEW && old.len() * 2 > listed.blobs.len();
    for blob in old {
        let key = blob.key.to_string();
        if suspicious {
            counts.kept += 1;
            page.fault(app, &key, MASS);
            continue;
        }
        match settle(app, &blob.key).await? {
            Fate::Adopted => counts.adopted += 1,
            Fate::Removed => counts.removed += 1,
            Fate::Waiting => counts.waiting += 1,
            Fate::Kept => {
                counts.kept += 1;
                page.fault(app, &key, UNPLACED);
            }
        }
    }
    mended(app, &listed.blobs, &mut page).await?;
    if page.next.is_none() {
        let mut tx = app.begin().await?;
        blobs::clear_orphans(tx.connection()).await?;
        tx.commit().await?;
        let tidied = app.store.tidy(DAY).await?;
        if tidied > 0 {
            tracing::info!(tidied, "uploads that were given up long ago were removed");
        }
    }
    Ok(page)
}

/// Notes which orphans are none any more; at the end, those too that somebody took away.
async fn mended(app: &App, listed: &[Listed], page: &mut Page) -> Result<(), ServiceError> {
    let faulty: HashSet<String> = page.faults.iter().map(|fault| fault.key.clone()).collect();
    let listed: HashSet<String> = listed.iter().map(|blob| blob.key.to_string()).collect();
    for (key, fault) in known_faults(app).await? {
        let Some(fault) = [UNPLACED, MASS].into_iter().find(|kind| **kind == *fault) else { continue };
        if !faulty.contains(&key) && (listed.contains(&key) || (page.next.is_none() && is_gone(app, &key).await)) {
            page.mended.push((key, fault));
        }
    }
    Ok(())
}

async fn is_gone(app: &App, key: &str) -> bool {
    let Ok(key) = key.parse() else { return true };
    matches!(app.store.head(&key).await, Err(StorageError::NotFound))
}

async fn named(app: &App, listed: &[Listed]) -> Result<HashSet<String>, ServiceError> {
    let keys: Vec<String> = listed.iter().map(|blob| blob.key.to_string()).collect();
    let mut named = HashSet::new();
    let mut connection = app.database.read().await?;
    for some in keys.chunks(blobs::NAMED_AT_ONCE) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        named.extend(blobs::named(&mut connection, &some).await?);
    }
    Ok(named)
}

/// Makes of an orphan what it was dropped as, or removes it.
async fn settle(app: &App, key: &BlobKey) -> Result<Fate, ServiceError> {
    let arrival = match app.store.head(key).await {
        Ok(blob) => blob.label.and_then(|label| serde_json::from_str::<Arrival>(&label).ok()),
        Err(StorageError::NotFound) => return Ok(Fate::Removed),
        Err(error) => return Err(error.into()),
    };
    let arrival = arrival.filter(|arrival| key.extension() == ORIGINAL && arrival.domain().0 == key.owner());
    if let Some(arrival) = arrival {
        let blob = StoredBlob { key: key.to_string(), content: app.store.measure(key).await? };
        match arrival.commit(app, Some(&blob)).await {
            Ok(true) => {
                tracing::info!(%key, "an orphan became what a core dropped");
                return Ok(Fate::Adopted);
            }
            // The core dropped it again, and the same bytes lie under another key.
            Ok(false) if matches!(arrival, Arrival::Message(_)) => {
                intake::forget(app, &key.to_string()).await;
                return Ok(Fate::Removed);
            }
            Ok(false) => {}
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => return Ok(Fate::Kept),
        }
    }
    let key_text = key.to_string();
    if key.extension() == ORIGINAL {
        let now = Time::from(app.clock.now());
        let mut tx = app.begin().await?;
        let since = blobs::orphan_since(tx.connection(), &key_text, now).await?;
        let is_over = since.after(GRACE) <= now;
        if is_over {
            blobs::forget_orphan(tx.connection(), &key_text).await?;
        }
        tx.commit().await?;
        if !is_over {
            return Ok(Fate::Waiting);
        }
    }
    intake::forget(app, &key_text).await;
    Ok(Fate::Removed)
}
