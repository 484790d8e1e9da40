//! The first stop of what comes from outside: a file on the local disk.

use std::{path::Path, sync::Arc};

use bytes::BytesMut;
use futures_util::TryStreamExt;
use tempfile::TempPath;
use tokio::runtime::Handle;

use crate::{
    ByteStream, Scratch, StorageError, Stored,
    disk::{Disk, Upload, fill, free_bytes, make_folder},
};

/// A folder for bodies on their way in, on a disk that is never filled to the brim.
#[derive(Clone, Debug)]
pub struct Landing {
    scratch: Arc<Scratch>,
    min_free_bytes: u64,
    disk: Disk,
}

/// A body that has arrived whole; its file goes when this is dropped. It is not durable yet.
#[derive(Debug)]
pub struct Landed {
    /// There until it is dropped, or given to the spool.
    path: Option<TempPath>,
    /// What arrived.
    pub content: Stored,
}

impl Landed {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// The file itself, for who makes something else of it.
    pub(crate) fn into_path(mut self) -> Option<TempPath> {
        self.path.take()
    }
}

impl Drop for Landed {
    fn drop(&mut self) {
        // While the disk syncs for others, a name goes slowly: no task is to wait for it.
        if let (Some(path), Ok(runtime)) = (self.path.take(), Handle::try_current()) {
            runtime.spawn_blocking(move || drop(path));
        }
    }
}

impl Landing {
    /// Opens a landing of this process's own in `folder`, making it if need be; what processes that are no more left there
    /// is removed. A body that would leave less than `min_free_bytes` free on its disk is refused.
    pub async fn open(folder: impl AsRef<Path>, min_free_bytes: u64) -> Result<Self, StorageError> {
        let (folder, disk) = (folder.as_ref().to_owned(), Disk::new());
        let prepare = move || {
            make_folder(&folder)?;
            Scratch::open(&folder, min_free_bytes)
        };
        let scratch = disk.run("make the folder that uploads land in", prepare).await?;
        Ok(Self { scratch: Arc::new(scratch), min_free_bytes, disk })
    }

    /// Checks that there is room for as many bytes as a sender announces, before any is read.
    ///
    /// # Errors
    /// [`StorageError::Full`] when there is not.
    pub async fn check_room(&self, bytes: u64) -> Result<(), StorageError> {
        let free = self.free_bytes().await?;
        if free < self.min_free_bytes.saturating_add(bytes) { Err(StorageError::Full) } else { Ok(()) }
    }

    /// Bytes free on its disk.
    pub async fn free_bytes(&self) -> Result<u64, StorageError> {
        let folder = self.scratch.path().to_owned();
        self.disk.run("measure the free space", move || free_bytes(&folder)).await
    }

    /// Takes a whole body in.
    ///
    /// # Errors
    /// [`StorageError::Full`] when it would fill the disk; whatever the error, nothing stays behind.
    pub async fn take(&self, mut body: ByteStream) -> Result<Landed, StorageError> {
        self.check_room(body.length().unwrap_or(0)).await?;
        let folder = self.scratch.path().to_owned();
        let mut upload = self.disk.run("begin an upload", move || Upload::begin(&folder)).await?;
        // Small until there is more: a hundred uploads at once are common, and most are short.
        let mut block = BytesMut::new();
        while let Some(mut chunk) = body.try_next().await? {
            while fill(&mut block, &mut chunk) {
                (upload, block) = self.write(upload, block).await?;
            }
        }
        let (upload, _) = self.write(upload, block).await?;
        let (file, content) = upload.finish();
        Ok(Landed { path: Some(file.into_temp_path()), content })
    }

    async fn write(&self, upload: Upload, block: BytesMut) -> Result<(Upload, BytesMut), StorageError> {
        let (folder, floor) = (self.scratch.path().to_owned(), self.min_free_bytes);
        let write = move || {
            if free_bytes(&folder)? < floor.saturating_add(block.len() as u64) {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            upload.write(block)
        };
        self.disk.run("write an upload", write).await
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn what_lands_is_whole_and_gone_with_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let landing = Landing::open(folder.path(), 0).await.unwrap();
        let landed = landing.take(Bytes::from_static(b"abc").into()).await.unwrap();
        assert_eq!(landed.content.bytes, 3);
        assert_eq!(landed.content.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let path = landed.path().to_owned();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        drop(landed);
        for _ in 0..500 {
            if !path.exists() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it is still there");
    }

    #[tokio::test]
    async fn what_a_crash_left_is_gone_at_the_next_start_and_nothing_that_still_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let (living, killed) =
            (Landing::open(folder.path(), 0).await.unwrap(), Landing::open(folder.path(), 0).await.unwrap());
        let arriving = living.take(Bytes::from_static(b"abc").into()).await.unwrap();
        let left = killed.take(Bytes::from_static(b"abc").into()).await.unwrap();
        // What a killed process leaves is not removed by it; its locks are gone.
        let left = TempPath::keep(left.into_path().unwrap()).unwrap();
        drop(killed);
        Landing::open(folder.path(), 0).await.unwrap();
        assert!(!left.exists() && arriving.path().exists());
    }

    #[tokio::test]
    async fn a_disk_that_is_nearly_full_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let landing = Landing::open(folder.path(), u64::MAX).await.unwrap();
        let unread = ByteStream::new(futures_util::stream::poll_fn(
            |_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> { panic!("the body was read") },
        ));
        assert!(matches!(landing.take(unread).await, Err(StorageError::Full)));
        assert_eq!(std::fs::read_dir(landing.scratch.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_body_that_says_no_length_ends_before_the_disk_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let free = Landing::open(folder.path(), 0).await.unwrap().free_bytes().await.unwrap();
        let landing = Landing::open(folder.path(), free.saturating_sub(4 << 20)).await.unwrap();
        let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[7; 65_536])));
        let body = ByteStream::new(endless).limit(512 << 20);
        assert!(matches!(landing.take(body).await, Err(StorageError::Full)));
        assert_eq!(std::fs::read_dir(landing.scratch.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn room_is_kept_for_what_is_announced() {
        let folder = tempfile::tempdir().unwrap();
        let landing = Landing::open(folder.path(), 0).await.unwrap();
        landing.check_room(1).await.unwrap();
        assert!(matches!(landing.check_room(u64::MAX).await, Err(StorageError::Full)));
    }
}
