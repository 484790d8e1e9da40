//! Where bytes lie: one trait, and the local folder behind it.
//!
//! A key is written once and never again, so a blob's bytes never change and every reader may keep them for ever. What is
//! stored is durable when [`BlobStore::put`] returns; what failed left nothing behind under its key.

mod body;
#[cfg(test)]
mod conformance;
mod error;
mod keys;
mod local;

use std::{ops::Range, path::Path};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use tokio::io::AsyncWriteExt;

pub use body::ByteStream;
pub use error::StorageError;
pub use keys::{BlobKey, InvalidKey};
pub use local::LocalStore;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256 in lower-case hex.
    pub sha256: String,
}

/// What is known of a blob without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its size.
    pub bytes: u64,
}

/// A blob, or the part of it that was asked for, as it is being read.
pub struct Blob {
    /// Size of the whole blob.
    pub bytes: u64,
    /// The part that `body` yields; a range that reached beyond the end is cut there.
    pub range: Range<u64>,
    /// The bytes of that part.
    pub body: ByteStream,
}

/// A place for blobs that are written once.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Stores all of `body` under `key` and returns once it is durable.
    ///
    /// # Errors
    /// After an error nothing lies under `key` that was not there before, and the body is spent: a repeated attempt needs a
    /// new body. [`StorageError::AlreadyExists`] means that an earlier or concurrent put of the same key won.
    async fn put(&self, key: &BlobKey, body: ByteStream) -> Result<Stored, StorageError>;

    /// Opens a blob, or the `range` of it, for streaming.
    ///
    /// # Errors
    /// [`StorageError::OutOfRange`] when the range is empty or starts at or beyond the end.
    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Blob, StorageError>;

    /// Tells a blob's size.
    async fn head(&self, key: &BlobKey) -> Result<BlobInfo, StorageError>;

    /// Removes a blob; removing what is not there is no error.
    async fn delete(&self, key: &BlobKey) -> Result<(), StorageError>;

    /// Stores the file at `path` under `key`.
    async fn put_file(&self, key: &BlobKey, path: &Path) -> Result<Stored, StorageError> {
        let file = tokio::fs::File::open(path).await.map_err(StorageError::io("open the file to be stored"))?;
        self.put(key, ByteStream::from_reader(file)).await
    }

    /// Copies a blob into the file at `path`, replacing what was there, and returns how many bytes it has.
    async fn fetch_to(&self, key: &BlobKey, path: &Path) -> Result<u64, StorageError> {
        let blob = self.get(key, None).await?;
        let mut file = tokio::fs::File::create(path).await.map_err(StorageError::io("make the file to fetch into"))?;
        let mut body = blob.body;
        while let Some(chunk) = body.try_next().await? {
            file.write_all(&chunk).await.map_err(StorageError::io("write the fetched file"))?;
        }
        file.flush().await.map_err(StorageError::io("write the fetched file"))?;
        Ok(blob.bytes)
    }

    /// Reads a whole blob into memory, refusing one larger than `limit` bytes.
    async fn read(&self, key: &BlobKey, limit: u64) -> Result<Vec<u8>, StorageError> {
        let blob = self.get(key, None).await?;
        if blob.bytes > limit {
            return Err(StorageError::TooLarge { limit });
        }
        blob.body
            .limit(limit)
            .try_fold(Vec::new(), |mut all, chunk| async move {
                all.extend_from_slice(&chunk);
                Ok(all)
            })
            .await
    }
}
