//! How bytes from outside become an original: durable in the store first, then a row.

use uuid::Uuid;

use super::ServiceError;
use crate::{
    app::App,
    model::{DomainId, Original, Time},
    storage::{BlobKey, ByteStream},
};

/// Audio on its way in.
pub struct Incoming {
    /// The bytes.
    pub body: ByteStream,
    /// What file name or metadata claim the format to be, as a file extension; believed only for headerless audio.
    pub hint: Option<String>,
}

/// Stores the bytes; the caller writes the row, or calls [`forget`] if it does not.
pub(super) async fn store(
    app: &App,
    domain: DomainId,
    owner: Uuid,
    version: i64,
    part: &str,
    incoming: Incoming,
) -> Result<Original, ServiceError> {
    let hint = incoming
        .hint
        .map(|hint| hint.to_ascii_lowercase())
        .filter(|hint| (1..=8).contains(&hint.len()) && hint.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    // The name says nothing of the format: only the bytes do.
    let key = BlobKey::new(domain, "orig").map_err(|error| ServiceError::Internal(error.into()))?;
    let stored = app.store.put(&key, incoming.body.limit(app.config.http.max_body_bytes)).await?;
    Ok(Original {
        owner_id: owner,
        version,
        part: part.to_owned(),
        key: key.to_string(),
        bytes: i64::try_from(stored.bytes).unwrap_or(i64::MAX),
        sha256: stored.sha256,
        hint,
        created_at: Time::from(app.clock.now()),
    })
}

/// Takes bytes out of the store again that no row names.
pub(super) async fn forget(app: &App, original: &Original) {
    let Ok(key) = original.key.parse() else { return };
    if let Err(error) = app.store.delete(&key).await {
        tracing::warn!(%key, error = &error as &dyn std::error::Error, "an orphan stays in the store");
    }
}
