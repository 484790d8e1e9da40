//! A call's recording, one or more legs.

use crate::refusal::Failure;
use voicemill_types::{DomainId, MediaId, RecordingId, Time};

use crate::media::{MediaState, TranscriptState};

/// One call's recording.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Recording {
    /// Identity.
    pub id: RecordingId,
    /// The domain it belongs to.
    pub domain_id: DomainId,
    /// Its sound.
    pub media_id: MediaId,
    /// The core's id of the call; the same id twice in a domain is one recording.
    pub call_id: String,
    /// Where it stands.
    pub state: MediaState,
    /// Why it failed or why there is none.
    #[sqlx(json(nullable))]
    pub reason: Option<Failure>,
    /// The calling party's number; may be empty.
    pub caller_number: String,
    /// The called party's number; may be empty.
    pub callee_number: String,
    /// When the call began.
    pub started_at: Time,
    /// Length of the stored recording in milliseconds, once known.
    pub duration_ms: Option<i64>,
    /// By how much the callee's leg is longer than the caller's, in milliseconds; a sign of a clock that runs fast.
    pub skew_ms: Option<i64>,
    /// The waveform's bins, loudest peak of each on a scale of 0 to 255.
    pub waveform: Vec<u8>,
    /// Where the work on its transcript stands.
    pub transcript_state: TranscriptState,
    /// When it was first heard of.
    pub created_at: Time,
}
