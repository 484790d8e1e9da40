#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod body;
mod cached;
mod disk;
mod error;
mod keys;
mod landing;
mod local;
#[cfg(feature = "s3")]
pub mod s3;
mod scratch;
mod spool;

use std::{ops::Range, path::Path, time::Duration};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use tokio::io::AsyncWriteExt;

pub use body::ByteStream;
pub use error::StorageError;
pub use keys::{BlobKey, InvalidKey};
pub use landing::{Landed, Landing};
pub use local::LocalStore;
#[cfg(feature = "s3")]
pub use s3::S3Store;
pub use scratch::Scratch;
pub use spool::{Depth, Entry, Manifest, Spool};

use voicemill_types::Time;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stored {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256 in lower-case hex.
    pub sha256: String,
}

/// What is known of a blob without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its size.
    pub bytes: u64,
    /// When it was stored.
    pub modified: Time,
    /// What its writer noted on it.
    pub label: Option<String>,
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

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: BlobKey,
    /// Its size.
    pub bytes: u64,
    /// When it was stored.
    pub modified: Time,
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Blobs by key; what is in the store and is no blob of ours is left out, so that a page may be short.
    pub blobs: Vec<Listed>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// A place for blobs that are written once.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Stores all of `body` under `key` and returns once it is durable.
    ///
    /// A label is a note of up to about a kilobyte that stays with the blob; a store that has no room for it goes without.
    ///
    /// # Errors
    /// After an error nothing lies under `key` that was not there before, unless the store itself went away meanwhile: then
    /// it may hold the blob, and a key of its own for every try keeps that harmless. The body is spent: a repeated attempt
    /// needs a new one. [`StorageError::AlreadyExists`] means that an earlier or concurrent put of the same key won.
    async fn put_labelled(&self, key: &BlobKey, body: ByteStream, label: Option<&str>) -> Result<Stored, StorageError>;

    /// Opens a blob, or the `range` of it, for streaming.
    ///
    /// # Errors
    /// [`StorageError::OutOfRange`] when the range is empty or starts at or beyond the end.
    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Blob, StorageError>;

    /// Tells what is known of a blob.
    async fn head(&self, key: &BlobKey) -> Result<BlobInfo, StorageError>;

    /// Removes a blob; removing what is not there is no error.
    async fn delete(&self, key: &BlobKey) -> Result<(), StorageError>;

    /// Lists up to `limit` blobs in the order of their keys as text, from just after `after`, which is empty for the first
    /// page and then what [`Page::next`] says.
    async fn list(&self, after: &str, limit: u16) -> Result<Page, StorageError>;

    /// Removes what writers left half-way that stopped longer than `age` ago; tells how much that was.
    async fn tidy(&self, age: Duration) -> Result<u64, StorageError>;

    /// Stores all of `body` under `key`; see [`BlobStore::put_labelled`].
    async fn put(&self, key: &BlobKey, body: ByteStream) -> Result<Stored, StorageError> {
        self.put_labelled(key, body, None).await
    }

    /// Stores the file at `path` under `key`. The file is given away: nobody may write to it again.
    async fn put_file(&self, key: &BlobKey, path: &Path) -> Result<Stored, StorageError> {
        self.put_file_labelled(key, path, None).await
    }

    /// Stores the file at `path` under `key`, with a label. The file is given away: nobody may write to it again.
    async fn put_file_labelled(&self, key: &BlobKey, path: &Path, label: Option<&str>) -> Result<Stored, StorageError> {
        self.put_labelled(key, ByteStream::from_file(path).await?, label).await
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

    /// Reads a whole blob and measures what it is, with memory for a piece of it.
    async fn measure(&self, key: &BlobKey) -> Result<Stored, StorageError> {
        use sha2::{Digest, Sha256};

        let mut body = self.get(key, None).await?.body;
        let (mut sha256, mut bytes) = (Sha256::new(), 0);
        while let Some(chunk) = body.try_next().await? {
            sha256.update(&chunk);
            bytes += chunk.len() as u64;
        }
        Ok(Stored { bytes, sha256: disk::hex(&sha256.finalize()) })
    }
}
