//! Renditions: found within a domain, and read from the store.

pub(crate) mod blobs;
mod forget_blobs;
pub(crate) mod listening;
pub(crate) mod render;
mod rendition;
pub mod rows;
pub mod sweep;

pub use self::{
    forget_blobs::ForgetBlobs,
    rendition::{Original, Purpose, Rendition},
};

use std::ops::Range;

use voicemill_storage::{BlobKey, ByteStream};
use voicemill_types::RenditionId;

use crate::{app::App, domains::Domain, error::ServiceError};

/// The domain's rendition with that id.
pub async fn fetch(app: &App, domain: &Domain, id: RenditionId) -> Result<Rendition, ServiceError> {
    const NOTHING: ServiceError = ServiceError::NotFound("rendition");
    let mut connection = app.database.read().await?;
    let rendition = rows::by_id(&mut connection, id).await?.ok_or(NOTHING)?;
    // Every key begins with the domain that owns the blob.
    if key(&rendition)?.domain() == domain.id { Ok(rendition) } else { Err(NOTHING) }
}

/// The bytes of a rendition, or a part of them.
pub async fn read(app: &App, rendition: &Rendition, range: Option<Range<u64>>) -> Result<ByteStream, ServiceError> {
    Ok(app.store.get(&key(rendition)?, range).await?.body)
}

fn key(rendition: &Rendition) -> Result<BlobKey, ServiceError> {
    rendition.key.parse().map_err(|error: voicemill_storage::InvalidKey| ServiceError::Internal(error.into()))
}
