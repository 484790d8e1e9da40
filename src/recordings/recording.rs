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
    /// The core's id of the call.
    pub call_id: String,
    /// Which recording of that call it is, from 1: a leg with other sound than was there begins another.
    pub take: i64,
    /// When the core said that every leg is there.
    pub completed_at: Option<Time>,
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

impl Recording {
    /// True once no more legs are taken into it.
    pub(crate) fn is_over(&self) -> bool {
        self.completed_at.is_some() || self.state != MediaState::Pending
    }
}
