//! Sound, whoever it belongs to: its state and versions, its renditions, its words, and its bytes in the store.
//!
//! `state.rs` has every change of state; `owners.rs` knows what messages, prompts and recordings want made; two jobs do it.

pub(crate) mod blobs;
mod forget_blobs;
pub(crate) mod owners;
pub(crate) mod plan;
pub(crate) mod render;
mod render_media;
pub(crate) mod rendition;
pub mod rows;
mod settled;
pub(crate) mod state;
pub mod sweep;
#[cfg(test)]
mod tests;
mod transcribe_media;

pub use self::{
    forget_blobs::ForgetBlobs,
    plan::WAVEFORM_BINS,
    render_media::RenderMedia,
    rendition::{Original, Purpose, Rendition},
    settled::settled,
    state::{Media, MediaState, OwnerKind, TranscriptState},
    transcribe_media::TranscribeMedia,
};

use crate::refusal::Thing;
use std::ops::Range;

use uuid::Uuid;
use voicemill_queue::{NewJob, Priority};
use voicemill_storage::{BlobKey, ByteStream};
use voicemill_types::{MediaId, RenditionId};

use crate::{app::App, domains::Domain, error::ServiceError, transaction::Tx};

/// The domain's rendition with that id.
pub async fn fetch(app: &App, domain: &Domain, id: RenditionId) -> Result<Rendition, ServiceError> {
    let mut connection = app.database.read().await?;
    rows::in_domain(&mut connection, domain.id, id).await?.ok_or(ServiceError::NotFound(Thing::Rendition {}))
}

/// The bytes of a rendition, or a part of them.
pub async fn read(app: &App, rendition: &Rendition, range: Option<Range<u64>>) -> Result<ByteStream, ServiceError> {
    Ok(app.store.get(&key(rendition)?, range).await?.body)
}

fn key(rendition: &Rendition) -> Result<BlobKey, ServiceError> {
    rendition.key.parse().map_err(|error: voicemill_storage::InvalidKey| ServiceError::Internal(error.into()))
}

/// Has the latest version of media rendered.
pub(crate) async fn enqueue_render(tx: &mut Tx<'_>, media: &Media) -> Result<(), ServiceError> {
    let job = RenderMedia::of(media);
    tx.enqueue(NewJob::new(media.domain_id.0, &job).unique(media.job_key())).await?;
    Ok(())
}

/// Takes media from an owner that is gone, with blobs that were the owner's alone: with its last owner it goes too, its bytes
/// leave the store, and that is noted in the record of the deletion. False if another owner keeps it.
pub(crate) async fn release(
    tx: &mut Tx<'_>,
    domain: voicemill_types::DomainId,
    media: MediaId,
    (mut keys, deletion): (Vec<String>, Uuid),
) -> Result<bool, ServiceError> {
    let of_media = rows::delete_unused(tx.connection(), media).await?;
    let is_gone = of_media.is_some();
    keys.extend(of_media.into_iter().flatten());
    if is_gone || !keys.is_empty() {
        let forget = ForgetBlobs { keys, deletion: is_gone.then_some(deletion) };
        tx.enqueue(NewJob::new(domain.0, &forget).priority(Priority::Bulk)).await?;
    }
    Ok(is_gone)
}

/// Takes media from a prompt that is gone: its bytes leave the store. Of what a domain says itself no proof of deletion is kept.
pub(crate) async fn release_prompt(
    tx: &mut Tx<'_>,
    domain: voicemill_types::DomainId,
    media: MediaId,
) -> Result<(), ServiceError> {
    let keys = rows::delete_unused(tx.connection(), media).await?;
    forget(tx, domain, keys.unwrap_or_default()).await
}

/// Takes one version from media that stays: its bytes leave the store.
pub(crate) async fn release_version(
    tx: &mut Tx<'_>,
    domain: voicemill_types::DomainId,
    version: (MediaId, i64),
) -> Result<(), ServiceError> {
    let keys = rows::delete_version(tx.connection(), version).await?;
    forget(tx, domain, keys).await
}

async fn forget(tx: &mut Tx<'_>, domain: voicemill_types::DomainId, keys: Vec<String>) -> Result<(), ServiceError> {
    if !keys.is_empty() {
        let forget = ForgetBlobs { keys, deletion: None };
        tx.enqueue(NewJob::new(domain.0, &forget).priority(Priority::Bulk)).await?;
    }
    Ok(())
}
