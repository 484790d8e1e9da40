//! A store in a local folder.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io,
    ops::Range,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use jiff::Timestamp;
use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};

use crate::{
    Blob, BlobInfo, BlobKey, BlobStore, ByteStream, Listed, Page, StorageError, Stored,
    cached::{self, Blocks},
    disk::{Disk, Upload, fill, make_folder, measure, remove_older, sync_folder},
};
use voicemill_types::Time;

/// The extended attribute that holds a blob's label.
const LABEL: &str = "user.voicemill.label";
/// How much of a blob that is not in memory is read at a time: each time costs a thread's turn, and each reader as much memory.
const READ: u64 = 128 * 1024;
/// Longest label, in bytes; file systems take about 4 KiB.
const LONGEST_LABEL: usize = 2_048;

/// Blobs as files: `{root}/{owner}/{id}.{extension}`, with `{root}/tmp` for what is still being written.
///
/// A label is kept as an extended attribute, on file systems that have those.
#[derive(Clone)]
pub struct LocalStore {
    root: Arc<Path>,
    disk: Disk,
    blocks: Blocks,
}

impl LocalStore {
    /// Opens the store in the folder `root`, making it if need be.
    pub async fn open(root: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let root: PathBuf = root.into();
        let store = Self { root: root.into(), disk: Disk::new(), blocks: Blocks::default() };
        let temporary = store.temporary();
        store.disk.run("make the store's folder", move || make_folder(&temporary)).await?;
        Ok(store)
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn path(&self, key: &BlobKey) -> PathBuf {
        self.root.join(key.to_string())
    }
}

#[async_trait]
impl BlobStore for LocalStore {
    async fn put_labelled(
        &self,
        key: &BlobKey,
        mut body: ByteStream,
        label: Option<&str>,
    ) -> Result<Stored, StorageError> {
        let temporary = self.temporary();
        let mut upload = self.disk.run("begin a file", move || Upload::begin(&temporary)).await?;
        let mut block = BytesMut::new();
        while let Some(mut chunk) = body.try_next().await? {
            while fill(&mut block, &mut chunk) {
                (upload, block) = self.disk.run("write a file", move || upload.write(block)).await?;
            }
        }
        let (folder, path, label) = (self.root.join(key.folder()), self.path(key), label.map(str::to_owned));
        let finish = move || {
            let (file, stored) = upload.write(block)?.0.finish();
            prepare(file.as_file(), label.as_deref())?;
            make_folder(&folder)?;
            file.persist_noclobber(&path)?;
            sync_folder(&folder)?;
            Ok(stored)
        };
        self.disk.run("finish a file", finish).await.map_err(StorageError::of_the_blob)
    }

    /// Gives the file a second name inside the store where both lie on one disk; else copies it.
    async fn put_file_labelled(&self, key: &BlobKey, path: &Path, label: Option<&str>) -> Result<Stored, StorageError> {
        let (from, folder, to) = (path.to_owned(), self.root.join(key.folder()), self.path(key));
        let text = label.map(str::to_owned);
        let link = move || {
            let file = File::open(&from)?;
            let stored = measure(&file)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            prepare(&file, text.as_deref())?;
            make_folder(&folder)?;
            match fs::hard_link(&from, &to) {
                Ok(()) => {
                    sync_folder(&folder)?;
                    Ok(Some(stored))
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
                // Another disk, or a file system without links.
                Err(_) => Ok(None),
            }
        };
        match self.disk.run("take a file in", link).await {
            Ok(Some(stored)) => Ok(stored),
            Ok(None) => self.put_labelled(key, ByteStream::from_file(path).await?, label).await,
            Err(StorageError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Err(StorageError::AlreadyExists)
            }
            Err(error) => Err(error),
        }
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Blob, StorageError> {
        let is_part = range.is_some();
        let path = self.path(key);
        let file = match cached::open(&path) {
            Some(file) => file,
            None => {
                let open = move || File::open(path);
                self.disk.run("open a file", open).await.map_err(StorageError::of_the_blob)?
            }
        };
        let bytes = file.metadata().map_err(StorageError::io("look at a file"))?.len();
        let wanted = range.unwrap_or(0..u64::MAX);
        let range = wanted.start..wanted.end.min(bytes);
        if range.is_empty() {
            return match is_part {
                true => Err(StorageError::OutOfRange { bytes }),
                false => Ok(Blob { bytes, range, body: Bytes::new().into() }),
            };
        }
        let (file, disk, blocks) = (Arc::new(file), self.disk.clone(), self.blocks.clone());
        let body = stream::try_unfold(range.clone(), move |left| {
            let (disk, file, blocks) = (disk.clone(), Arc::clone(&file), blocks.clone());
            async move {
                if left.is_empty() {
                    return Ok(None);
                }
                match blocks.read(&file, &left).map_err(StorageError::io("read a file"))? {
                    Some(block) => Ok(Some(block)),
                    None => disk.run("read a file", move || read_block(&file, left)).await.map(Some),
                }
            }
        });
        Ok(Blob { bytes, range, body: ByteStream::from_chunks(body) })
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobInfo, StorageError> {
        let path = self.path(key);
        let look = move || {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            Ok(BlobInfo { bytes: metadata.len(), modified: modified(&metadata)?, label: label_of(&file) })
        };
        self.disk.run("look at a file", look).await.map_err(StorageError::of_the_blob)
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StorageError> {
        let folder = self.root.join(key.folder());
        let path = self.path(key);
        let removed = self
            .disk
            .run("remove a file", move || {
                fs::remove_file(path)?;
                sync_folder(&folder)
            })
            .await
            .map_err(StorageError::of_the_blob);
        match removed {
            Err(StorageError::NotFound) => Ok(()),
            other => other,
        }
    }

    async fn list(&self, after: &str, limit: u16) -> Result<Page, StorageError> {
        let (root, after) = (Arc::clone(&self.root), after.to_owned());
        self.disk.run("list the store", move || list(&root, &after, usize::from(limit))).await
    }

    async fn tidy(&self, age: Duration) -> Result<u64, StorageError> {
        let temporary = self.temporary();
        self.disk.run("look for old temporary files", move || remove_older(&temporary, age)).await
    }
}

/// Labels a file and makes its bytes durable, before it gets the name under which it is found: a name never leads to
/// half a file.
fn prepare(file: &File, label: Option<&str>) -> io::Result<()> {
    if let Some(label) = label.filter(|label| label.len() <= LONGEST_LABEL) {
        // A file system without attributes keeps the blob all the same.
        let _ = fsetxattr(file, LABEL, label.as_bytes(), XattrFlags::empty());
    }
    file.sync_all()
}

fn label_of(file: &File) -> Option<String> {
    let mut label = vec![0; LONGEST_LABEL];
    let length = fgetxattr(file, LABEL, label.as_mut_slice()).ok()?;
    label.truncate(length);
    String::from_utf8(label).ok()
}

fn modified(metadata: &fs::Metadata) -> io::Result<Time> {
    Timestamp::try_from(metadata.modified()?).map(Time::from).map_err(io::Error::other)
}

/// The first `limit` keys after `after`, in order, with memory for no more than these.
fn list(root: &Path, after: &str, limit: usize) -> io::Result<Page> {
    let (mut page, mut room) = (Page::default(), limit);
    let folders: BTreeSet<String> = names(root)?.filter(|name| name != "tmp").collect();
    for folder in folders {
        let mut first = BTreeSet::new();
        if folder.as_str() < after.split('/').next().unwrap_or_default() {
            continue;
        }
        for name in names(&root.join(&folder))? {
            let text = format!("{folder}/{name}");
            if text.as_str() > after && text.parse::<BlobKey>().is_ok() {
                first.insert(text);
                if first.len() > room {
                    first.pop_last();
                }
            }
        }
        room -= first.len();
        for text in first {
            // What is gone by now was removed meanwhile.
            if let (Ok(key), Ok(metadata)) = (text.parse(), fs::metadata(root.join(&text))) {
                page.blobs.push(Listed { key, bytes: metadata.len(), modified: modified(&metadata)? });
            }
            page.next = Some(text);
        }
        if room == 0 {
            return Ok(page);
        }
    }
    Ok(Page { next: None, ..page })
}

fn names(folder: &Path) -> io::Result<impl Iterator<Item = String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(error) => return Err(error),
    };
    Ok(entries.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok()))
}

/// Reads the first block of what is left and returns it with the rest.
fn read_block(file: &File, left: Range<u64>) -> io::Result<(Bytes, Range<u64>)> {
    let length = (left.end - left.start).min(READ);
    let mut block = vec![0; length as usize];
    file.read_exact_at(&mut block, left.start)?;
    Ok((block.into(), left.start + length..left.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    async fn store() -> (tempfile::TempDir, LocalStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path().join("blobs")).await.unwrap();
        (folder, store)
    }

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(files_below(&path));
            } else {
                files.push(path);
            }
        }
        files
    }

    #[tokio::test]
    async fn a_put_that_is_given_up_leaves_nothing() {
        let (folder, store) = store().await;
        let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap();
        let endless = ByteStream::new(stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(&[7; 4096]))));
        let given_up = tokio::time::timeout(std::time::Duration::from_millis(50), store.put(&key, endless)).await;
        assert!(given_up.is_err());
        // The last write may still be under way; the file goes when it ends.
        for _ in 0..100 {
            if files_below(folder.path()).is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the temporary file is still there");
    }

    #[tokio::test]
    async fn files_lie_where_their_keys_say_and_are_private() {
        use std::os::unix::fs::PermissionsExt;

        let (folder, store) = store().await;
        let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap();
        store.put(&key, Bytes::from_static(b"abc").into()).await.unwrap();
        let path = folder.path().join("blobs").join(key.to_string());
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        // What is taken in may have been anybody's to read.
        let (taken, readable) = (BlobKey::new(Uuid::now_v7(), "wav").unwrap(), folder.path().join("readable"));
        fs::write(&readable, b"abc").unwrap();
        fs::set_permissions(&readable, Permissions::from_mode(0o644)).unwrap();
        store.put_file(&taken, &readable).await.unwrap();
        let path = folder.path().join("blobs").join(taken.to_string());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_full_disk_has_its_own_name() {
        let error = StorageError::io("write a file")(io::Error::from_raw_os_error(28));
        assert!(matches!(error, StorageError::Full), "{error:?}");
    }
}
