//! A store in a local folder.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    ops::Range,
    os::unix::fs::{DirBuilderExt, FileExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::Semaphore;

use super::{Blob, BlobInfo, BlobKey, BlobStore, ByteStream, StorageError, Stored};

/// How much is gathered before one write, and read at a time.
const BLOCK: usize = 256 * 1024;

/// How many threads may wait for the disk at a time.
const DISK_THREADS: usize = 16;

/// Blobs as files: `{root}/{domain}/{uuid}.{ext}`, with `{root}/tmp` for what is still being written.
#[derive(Clone)]
pub struct LocalStore {
    root: Arc<Path>,
    disk: Arc<Semaphore>,
}

impl LocalStore {
    /// Opens the store in the folder `root`, making it if need be.
    pub async fn open(root: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let root: PathBuf = root.into();
        let store = Self { root: root.into(), disk: Arc::new(Semaphore::new(DISK_THREADS)) };
        let temporary = store.temporary();
        store.on_disk("make the store's folder", move || make_folder(&temporary)).await?;
        Ok(store)
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn path(&self, key: &BlobKey) -> PathBuf {
        self.root.join(key.to_string())
    }

    /// Runs file-system work off the async threads, with few enough at a time that a slow disk cannot use up the pool.
    async fn on_disk<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let permit = Arc::clone(&self.disk).acquire_owned().await;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
        .map_err(StorageError::io(doing))
    }
}

#[async_trait]
impl BlobStore for LocalStore {
    async fn put(&self, key: &BlobKey, mut body: ByteStream) -> Result<Stored, StorageError> {
        let temporary = self.temporary();
        let mut upload = self.on_disk("begin a file", move || Upload::begin(&temporary)).await?;
        let mut block = BytesMut::with_capacity(BLOCK);
        while let Some(chunk) = body.try_next().await? {
            block.extend_from_slice(&chunk);
            if block.len() >= BLOCK {
                let full = block.split().freeze();
                upload = self.on_disk("write a file", move || upload.write(&full)).await?;
            }
        }
        let folder = self.root.join(key.folder());
        let path = self.path(key);
        self.on_disk("finish a file", move || upload.write(&block)?.finish(&folder, &path))
            .await
            .map_err(StorageError::of_the_blob)
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Blob, StorageError> {
        let path = self.path(key);
        let (file, bytes) = self
            .on_disk("open a file", move || {
                let file = File::open(path)?;
                let bytes = file.metadata()?.len();
                Ok((Arc::new(file), bytes))
            })
            .await
            .map_err(StorageError::of_the_blob)?;
        let range = match range {
            None => 0..bytes,
            Some(range) => {
                let cut = range.start..range.end.min(bytes);
                if cut.is_empty() {
                    return Err(StorageError::OutOfRange { bytes });
                }
                cut
            }
        };
        let store = self.clone();
        let body = stream::try_unfold(range.clone(), move |left| {
            let (store, file) = (store.clone(), Arc::clone(&file));
            async move {
                if left.is_empty() {
                    return Ok(None);
                }
                let block = store.on_disk("read a file", move || read_block(&file, left)).await?;
                Ok(Some(block))
            }
        });
        Ok(Blob { bytes, range, body: ByteStream::from_chunks(body) })
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobInfo, StorageError> {
        let path = self.path(key);
        let metadata =
            self.on_disk("look at a file", move || fs::metadata(path)).await.map_err(StorageError::of_the_blob)?;
        Ok(BlobInfo { bytes: metadata.len() })
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StorageError> {
        let folder = self.root.join(key.folder());
        let path = self.path(key);
        let removed = self
            .on_disk("remove a file", move || {
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
}

/// A file on its way in; dropped before it is finished, it leaves nothing.
struct Upload {
    file: NamedTempFile,
    sha256: Sha256,
    bytes: u64,
}

impl Upload {
    fn begin(temporary: &Path) -> io::Result<Self> {
        Ok(Self { file: NamedTempFile::new_in(temporary)?, sha256: Sha256::new(), bytes: 0 })
    }

    fn write(mut self, block: &[u8]) -> io::Result<Self> {
        self.file.write_all(block)?;
        self.sha256.update(block);
        self.bytes += block.len() as u64;
        Ok(self)
    }

    /// Makes the bytes durable first and their name second, so that a name never leads to half a file.
    fn finish(self, folder: &Path, path: &Path) -> io::Result<Stored> {
        self.file.as_file().sync_all()?;
        make_folder(folder)?;
        self.file.persist_noclobber(path)?;
        sync_folder(folder)?;
        Ok(Stored { bytes: self.bytes, sha256: hex(&self.sha256.finalize()) })
    }
}

/// Reads the first block of what is left and returns it with the rest.
fn read_block(file: &File, left: Range<u64>) -> io::Result<(Bytes, Range<u64>)> {
    let length = (left.end - left.start).min(BLOCK as u64);
    let mut block = vec![0; length as usize];
    file.read_exact_at(&mut block, left.start)?;
    Ok((block.into(), left.start + length..left.end))
}

/// Makes a folder that only we can look into, and its name durable.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::DomainId, storage::conformance};

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
    async fn it_behaves_as_every_store_does() {
        let (folder, store) = store().await;
        conformance::check(Arc::new(store)).await;
        assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new(), "something was left behind");
    }

    #[tokio::test]
    async fn a_put_that_is_given_up_leaves_nothing() {
        let (folder, store) = store().await;
        let key = BlobKey::new(DomainId::new(), "wav").unwrap();
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
        let key = BlobKey::new(DomainId::new(), "wav").unwrap();
        store.put(&key, Bytes::from_static(b"abc").into()).await.unwrap();
        let path = folder.path().join("blobs").join(key.to_string());
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_full_disk_has_its_own_name() {
        let error = StorageError::io("write a file")(io::Error::from_raw_os_error(28));
        assert!(matches!(error, StorageError::Full), "{error:?}");
    }
}
