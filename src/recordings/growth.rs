//! Whether one file of a leg is an earlier state of the other: recorders write under the final name while a call lasts.

use futures_util::TryStreamExt;
use voicemill_storage::{BlobStore, StorageError};

use crate::{arrivals::StoredBlob, error::ServiceError, media::Original};

/// A header is written anew when its file has grown.
const HEADER_BYTES: u64 = 1_024;
/// The end of a finished file may hold tags, or a page that says that it is the last.
const END_BYTES: u64 = 4_096;

/// True if the shorter file is how the longer one began. Of what is too short to hold a sound, nothing is lost.
pub(crate) async fn is_akin(store: &dyn BlobStore, file: &Original, blob: &StoredBlob) -> Result<bool, ServiceError> {
    let shorter = file.bytes.unsigned_abs().min(blob.content.bytes);
    let range = HEADER_BYTES..shorter.saturating_sub(END_BYTES);
    if range.is_empty() {
        return Ok(shorter <= HEADER_BYTES);
    }
    let open = async |key: &str| -> Result<_, ServiceError> {
        let key = key.parse().map_err(StorageError::from)?;
        Ok(store.get(&key, Some(range.clone())).await?.body)
    };
    let (mut left, mut right) = (open(&file.key).await?, open(&blob.key).await?);
    let (mut a, mut b) = (bytes::Bytes::new(), bytes::Bytes::new());
    loop {
        if a.is_empty() {
            a = left.try_next().await?.unwrap_or_default();
        }
        if b.is_empty() {
            b = right.try_next().await?.unwrap_or_default();
        }
        let both = a.len().min(b.len());
        if both == 0 {
            return Ok(a.is_empty() && b.is_empty());
        }
        if a.split_to(both) != b.split_to(both) {
            return Ok(false);
        }
    }
}
