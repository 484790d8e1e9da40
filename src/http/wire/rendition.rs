//! One encoding of a message, prompt or recording, as it is answered.

use serde::Serialize;
use voicemill_types::{RenditionId, Time};

use crate::media::{self, Purpose};

/// One encoding; `GET /media/{id}/{any name}` has its bytes, which never change.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Rendition {
    id: RenditionId,
    version: i64,
    /// Unique among the renditions of one version, such as `phone-ulaw-8k`.
    name: String,
    purpose: Purpose,
    format: String,
    content_type: String,
    rate_hz: i64,
    duration_ms: i64,
    bytes: i64,
    /// In hex; also the ETag.
    sha256: String,
    created_at: Time,
}

impl From<&media::Rendition> for Rendition {
    fn from(rendition: &media::Rendition) -> Self {
        Self {
            id: rendition.id,
            version: rendition.version,
            name: rendition.name.clone(),
            purpose: rendition.purpose,
            format: rendition.format.clone(),
            content_type: rendition.content_type.clone(),
            rate_hz: rendition.rate_hz,
            duration_ms: rendition.duration_ms,
            bytes: rendition.bytes,
            sha256: rendition.sha256.clone(),
            created_at: rendition.created_at,
        }
    }
}
