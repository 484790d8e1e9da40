//! What cores dropped while store or database were down: durable on the local disk, in the order of arrival.
//!
//! An entry is a manifest, `entries/{place}.json`, and where bytes belong to it `entries/{place}.body`. The bytes are
//! durable before the manifest is, and an entry is there when its manifest is, so that a crash at any moment leaves whole
//! entries only. What cannot be used is set aside with the reason beside it, never removed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    Landed, StorageError, Stored,
    disk::{Disk, make_folder, sync_folder},
};
use voicemill_types::Time;

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What makes two drops the same.
    pub identity: Uuid,
    /// The id by which its sender may ask for it.
    pub subject: Option<Uuid>,
    /// When it arrived here.
    pub arrived_at: Time,
    /// The bytes beside it, if it has any.
    pub content: Option<Stored>,
    /// The key of its bytes if these are in the store already; nobody may remove them there.
    pub blob: Option<String>,
    /// Whatever its writer needs to go on with it.
    pub note: serde_json::Value,
}

/// An entry to work on.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the order, and its name.
    pub place: String,
    /// What it is about.
    pub manifest: Manifest,
    /// Where its bytes are, if it has any.
    pub body: Option<PathBuf>,
}

/// How much is waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Entries.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest of them arrived.
    pub oldest_at: Option<Time>,
    /// Entries that could not be used and wait for a person, in the folder `aside`.
    pub set_aside: u64,
}

/// A handle to the spool; clones share one.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: Arc<Path>,
    disk: Disk,
    index: Arc<Mutex<Index>>,
    filled: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Index {
    entries: BTreeMap<String, Known>,
    by_identity: HashMap<Uuid, String>,
    last: u64,
}

#[derive(Debug)]
struct Known {
    identity: Uuid,
    subject: Option<Uuid>,
    arrived_at: Time,
    bytes: u64,
    blob: Option<String>,
}

impl Index {
    fn add(&mut self, place: &str, manifest: &Manifest) {
        self.by_identity.insert(manifest.identity, place.to_owned());
        let bytes = manifest.content.as_ref().map_or(0, |content| content.bytes);
        let Manifest { identity, subject, arrived_at, .. } = *manifest;
        let known = Known { identity, subject, arrived_at, bytes, blob: manifest.blob.clone() };
        self.entries.insert(place.to_owned(), known);
    }

    fn remove(&mut self, place: &str) {
        if let Some(known) = self.entries.remove(place)
            && self.by_identity.get(&known.identity).is_some_and(|held| held == place)
        {
            self.by_identity.remove(&known.identity);
        }
    }
}

impl Spool {
    /// Opens the spool in `folder`, making it if need be, and finds what an earlier process left there.
    pub async fn open(folder: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let folder: PathBuf = folder.into();
        let spool =
            Self { folder: folder.into(), disk: Disk::new(), index: Arc::default(), filled: Arc::new(Notify::new()) };
        let (entries, aside) = (spool.entries(), spool.aside());
        let make = move || make_folder(&entries).and_then(|()| make_folder(&aside));
        spool.disk.run("make the spool's folders", make).await?;
        spool.refresh().await?;
        Ok(spool)
    }

    fn entries(&self) -> PathBuf {
        self.folder.join("entries")
    }

    fn aside(&self) -> PathBuf {
        self.folder.join("aside")
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry, and returns once it would survive a power cut.
    pub async fn add(&self, manifest: Manifest, body: Option<Landed>) -> Result<(), StorageError> {
        let arrived = u64::try_from(manifest.arrived_at.microseconds()).unwrap_or(0);
        let place = {
            let mut index = self.index();
            index.last = arrived.max(index.last + 1);
            format!("{:020}-{}", index.last, manifest.identity)
        };
        let manifest = Manifest { content: body.as_ref().map(|body| body.content.clone()), ..manifest };
        let (entries, name, draft) = (self.entries(), place.clone(), manifest.clone());
        let add = move || {
            if let Some(path) = body.and_then(Landed::into_path) {
                File::open(&path)?.sync_all()?;
                path.persist_noclobber(entries.join(&name).with_extension(BODY))?;
            }
            let mut file = NamedTempFile::new_in(&entries)?;
            serde_json::to_writer(&mut file, &draft)?;
            file.flush()?;
            file.as_file().sync_all()?;
            file.persist_noclobber(entries.join(&name).with_extension(MANIFEST))?;
            sync_folder(&entries)
        };
        self.disk.run("write to the spool", add).await?;
        self.index().add(&place, &manifest);
        self.filled.notify_one();
        Ok(())
    }

    /// The waiting entry of that identity.
    pub async fn find(&self, identity: Uuid) -> Result<Option<Entry>, StorageError> {
        let place = self.index().by_identity.get(&identity).cloned();
        match place {
            Some(place) => self.read(&place).await,
            None => Ok(None),
        }
    }

    /// The waiting entry that is known to its sender by that id.
    pub async fn find_subject(&self, subject: Uuid) -> Result<Option<Entry>, StorageError> {
        let place = self
            .index()
            .entries
            .iter()
            .find(|(_, known)| known.subject == Some(subject))
            .map(|(place, _)| place.clone());
        match place {
            Some(place) => self.read(&place).await,
            None => Ok(None),
        }
    }

    /// Whether an entry of that identity waits.
    pub fn holds(&self, identity: Uuid) -> bool {
        self.index().by_identity.contains_key(&identity)
    }

    /// Whether a waiting entry is about that blob of the store.
    pub fn names_blob(&self, key: &str) -> bool {
        self.index().entries.values().any(|known| known.blob.as_deref() == Some(key))
    }

    /// The places of up to `limit` waiting entries, the oldest first.
    pub fn oldest(&self, limit: usize) -> Vec<String> {
        self.index().entries.keys().take(limit).cloned().collect()
    }

    /// Reads an entry; none when it is gone.
    pub async fn read(&self, place: &str) -> Result<Option<Entry>, StorageError> {
        let (path, place) = (self.entries().join(place), place.to_owned());
        let read = move || match fs::read(path.with_extension(MANIFEST)) {
            Ok(text) => {
                let manifest: Manifest = serde_json::from_slice(&text)?;
                let body = manifest.content.is_some().then(|| path.with_extension(BODY));
                Ok(Some(Entry { place, manifest, body }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        self.disk.run("read from the spool", read).await
    }

    /// Removes an entry whose work is done. A crash may bring it back, so doing its work again must be harmless.
    pub async fn remove(&self, place: &str) -> Result<(), StorageError> {
        let path = self.entries().join(place);
        let remove = move || {
            unless_gone(fs::remove_file(path.with_extension(MANIFEST)))?;
            unless_gone(fs::remove_file(path.with_extension(BODY)))
        };
        self.disk.run("remove from the spool", remove).await?;
        self.index().remove(place);
        Ok(())
    }

    /// Puts an entry that cannot be used where a person finds it, with the reason beside it.
    pub async fn set_aside(&self, place: &str, reason: &str) -> Result<(), StorageError> {
        let (from, to, reason) = (self.entries().join(place), self.aside().join(place), reason.to_owned());
        let set_aside = move || {
            fs::write(to.with_extension("reason.txt"), reason)?;
            for extension in [BODY, MANIFEST] {
                unless_gone(fs::rename(from.with_extension(extension), to.with_extension(extension)))?;
            }
            to.parent().map_or(Ok(()), sync_folder)
        };
        self.disk.run("set an entry of the spool aside", set_aside).await?;
        self.index().remove(place);
        Ok(())
    }

    /// How much is waiting.
    pub async fn depth(&self) -> Result<Depth, StorageError> {
        let aside = self.aside();
        let set_aside = self.disk.run("list the spool", move || Ok(places(&aside)?.len() as u64)).await?;
        let index = self.index();
        Ok(Depth {
            entries: index.entries.len() as u64,
            bytes: index.entries.values().map(|known| known.bytes).sum(),
            oldest_at: index.entries.values().map(|known| known.arrived_at).min(),
            set_aside,
        })
    }

    /// Takes note of what other processes did here.
    pub async fn refresh(&self) -> Result<(), StorageError> {
        let known: BTreeSet<String> = self.index().entries.keys().cloned().collect();
        let entries = self.entries();
        let there = self.disk.run("list the spool", move || places(&entries)).await?;
        known.difference(&there).for_each(|gone| self.index().remove(gone));
        for place in there.difference(&known) {
            match self.read(place).await {
                Ok(Some(entry)) => self.index().add(place, &entry.manifest),
                Ok(None) => {}
                // A manifest that cannot be read keeps nobody from those that can.
                Err(error) => {
                    tracing::error!(
                        place,
                        error = &error as &dyn std::error::Error,
                        "an entry of the spool is set aside"
                    );
                    self.set_aside(place, &error.to_string()).await?;
                }
            }
        }
        Ok(())
    }

    /// The right to work entries off, for one process at a time; none when another has it.
    pub async fn lock(&self) -> Result<Option<File>, StorageError> {
        let path = self.folder.join("lock");
        let lock = move || {
            let file = File::options().create(true).append(true).open(path)?;
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(fs::TryLockError::WouldBlock) => Ok(None),
                Err(fs::TryLockError::Error(error)) => Err(error),
            }
        };
        self.disk.run("lock the spool", lock).await
    }

    /// Waits until something is added, but no longer than `limit`.
    pub async fn filled(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.filled.notified()).await;
    }
}

const MANIFEST: &str = "json";
const BODY: &str = "body";

/// The entries whose manifests are in a folder.
fn places(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut places = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = PathBuf::from(entry?.file_name());
        if path.extension().is_some_and(|extension| extension == MANIFEST)
            && let Some(place) = path.file_stem().and_then(|stem| stem.to_str())
        {
            places.insert(place.to_owned());
        }
    }
    Ok(places)
}

/// What is not there any more needs no removing.
fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Landing;

    fn manifest(identity: u128, at: i64) -> Manifest {
        Manifest {
            identity: Uuid::from_u128(identity),
            subject: None,
            arrived_at: Time::from_microseconds(at),
            content: None,
            blob: None,
            note: serde_json::json!({"n": at}),
        }
    }

    async fn spool_with(folder: &Path, entries: &[(u128, i64)]) -> Spool {
        let spool = Spool::open(folder.join("spool")).await.unwrap();
        let landing = Landing::open(folder.join("landing"), 0).await.unwrap();
        for (identity, at) in entries {
            let landed = landing.take(Bytes::from(format!("body {at}")).into()).await.unwrap();
            spool.add(manifest(*identity, *at), Some(landed)).await.unwrap();
        }
        spool
    }

    #[tokio::test]
    async fn entries_come_back_in_the_order_of_arrival_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        // The clock stands still, and then goes back.
        drop(spool_with(folder.path(), &[(1, 50), (2, 50), (3, 40)]).await);
        let spool = Spool::open(folder.path().join("spool")).await.unwrap();
        let mut seen = Vec::new();
        for place in spool.oldest(10) {
            let entry = spool.read(&place).await.unwrap().unwrap();
            let body = std::fs::read_to_string(entry.body.unwrap()).unwrap();
            assert_eq!(body, format!("body {}", entry.manifest.note["n"]));
            assert_eq!(entry.manifest.content.unwrap().bytes, body.len() as u64);
            seen.push(entry.manifest.identity.as_u128());
        }
        assert_eq!(seen, [1, 2, 3]);
        let depth = spool.depth().await.unwrap();
        assert_eq!((depth.entries, depth.bytes, depth.set_aside), (3, 21, 0));
        assert_eq!(depth.oldest_at, Some(Time::from_microseconds(40)));
    }

    #[tokio::test]
    async fn bytes_without_a_manifest_are_no_entry() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool_with(folder.path(), &[(1, 1)]).await;
        // What a crash before the manifest leaves.
        std::fs::remove_file(spool.entries().join(&spool.oldest(1)[0]).with_extension(MANIFEST)).unwrap();
        spool.refresh().await.unwrap();
        assert_eq!(spool.depth().await.unwrap().entries, 0);
        assert!(!spool.holds(Uuid::from_u128(1)));
    }

    #[tokio::test]
    async fn a_manifest_that_cannot_be_read_is_set_aside_and_the_others_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool_with(folder.path(), &[(1, 1), (2, 2)]).await;
        std::fs::write(spool.entries().join(&spool.oldest(1)[0]).with_extension(MANIFEST), "{").unwrap();
        drop(spool);
        let spool = Spool::open(folder.path().join("spool")).await.unwrap();
        let depth = spool.depth().await.unwrap();
        assert_eq!((depth.entries, depth.set_aside), (1, 1));
        assert!(spool.holds(Uuid::from_u128(2)));
        assert_eq!(std::fs::read_dir(spool.aside()).unwrap().count(), 3, "manifest, body and reason");
    }

    #[tokio::test]
    async fn what_is_done_is_gone_and_one_process_works_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool_with(folder.path(), &[(1, 1)]).await;
        let other = Spool::open(folder.path().join("spool")).await.unwrap();
        let lock = spool.lock().await.unwrap();
        assert!(lock.is_some());
        assert!(other.lock().await.unwrap().is_none());
        let place = spool.oldest(1).remove(0);
        spool.remove(&place).await.unwrap();
        spool.remove(&place).await.unwrap();
        assert_eq!(std::fs::read_dir(spool.entries()).unwrap().count(), 0);
        other.refresh().await.unwrap();
        assert!(!other.holds(Uuid::from_u128(1)));
        drop(lock);
        assert!(other.lock().await.unwrap().is_some());
    }
}
