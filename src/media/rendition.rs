//! Uses of bytes in the store: what came, and what was made of it.

use voicemill_audio::encode::OutputFormat;
use voicemill_types::{MediaId, RenditionId, Time};

/// What a rendition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Purpose {
    /// Fetched by call cores and played on phones.
    Phone,
    /// Attached to mails.
    Mail,
    /// The brief clip, for mails and pages.
    Brief,
    /// Played by browsers.
    Browser,
    /// Played by browsers, sounding as a phone would.
    Preview,
    /// Heard by the transcriber, and downloaded by people who want to keep it.
    Archive,
}

/// What the bytes of a blob are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum Role {
    /// The bytes as they came: the only ones that cannot be made again.
    Original,
    /// Made of the original.
    Rendition,
    /// A mail as it was sent.
    Mail,
    /// What a voice said, for whoever has the same words spoken again.
    Speech,
}

/// The bytes as they came; kept until retention ends, whatever became of them.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Original {
    /// The media they belong to.
    pub media_id: MediaId,
    /// The version they are the original of.
    pub version: i64,
    /// For recordings which leg (`caller`, `callee`); otherwise empty.
    pub part: String,
    /// Where they lie in the store.
    pub key: String,
    /// How many they are.
    pub bytes: i64,
    /// Their SHA-256, in hex.
    pub sha256: String,
    /// The format that file name or metadata claim, used only for headerless audio.
    pub hint: Option<String>,
    /// When they were stored.
    pub created_at: Time,
}

/// One encoding of a message, prompt or recording; its bytes never change.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Rendition {
    /// Identity, and its address.
    pub id: RenditionId,
    /// The media it was made of.
    pub media_id: MediaId,
    /// The version it was made of.
    pub version: i64,
    /// A name unique among the renditions of one version, such as `phone-ulaw-8k`.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The encoding, as the audio module names it.
    pub format: String,
    /// Its Content-Type.
    pub content_type: String,
    /// Sampling rate in Hz.
    pub rate_hz: i64,
    /// Length in milliseconds, measured by decoding what was written.
    pub duration_ms: i64,
    /// Size in bytes.
    pub bytes: i64,
    /// SHA-256 of the bytes in hex; also the ETag.
    pub sha256: String,
    /// Where it lies in the store.
    pub key: String,
    /// When it was made.
    pub created_at: Time,
}

impl Rendition {
    /// The file name extension of its format, without a dot.
    pub fn extension(&self) -> &'static str {
        OutputFormat::from_name(&self.format).unwrap_or(OutputFormat::Wav).extension()
    }
}
