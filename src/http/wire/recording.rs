//! Call recordings as they are answered.

use serde::Serialize;
use voicemill_types::{DomainId, RecordingId, Time};

use super::{Failure, Outlook, rendition::Rendition, transcript::Transcript, waveform};
use crate::{
    media::{MediaState, TranscriptState},
    recordings,
};

/// One call's recording.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Recording {
    id: RecordingId,
    domain_id: DomainId,
    call_id: String,
    /// Which recording of that call it is, from 1.
    take: i64,
    completed_at: Option<Time>,
    state: MediaState,
    reason: Option<Failure>,
    caller_number: String,
    callee_number: String,
    started_at: Time,
    duration_ms: Option<i64>,
    /// By how much the callee's leg is longer than the caller's.
    skew_ms: Option<i64>,
    transcript_state: TranscriptState,
    created_at: Time,
}

/// One call's recording with all that belongs to it.
#[derive(Debug, Serialize)]
pub(in crate::http) struct RecordingDetails {
    #[serde(flatten)]
    recording: Recording,
    /// In base64: a byte a bin, the loudest peak in it on a scale of 0 to 255.
    #[serde(skip_serializing_if = "Option::is_none")]
    waveform: Option<String>,
    transcript: Option<Transcript>,
    renditions: Vec<Rendition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Outlook>,
}

/// A leg that a core handed over, and the recording that has it.
#[derive(Debug, Serialize)]
pub(in crate::http) struct AddedLeg {
    #[serde(flatten)]
    recording: Recording,
    /// False when its sound was here already.
    kept: bool,
    /// The recording of the same call before this one, which the leg began; both are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_call_as: Option<RecordingId>,
}

impl From<recordings::Added> for AddedLeg {
    fn from(added: recordings::Added) -> Self {
        Self { recording: added.recording.into(), kept: added.kept, same_call_as: added.same_call_as }
    }
}

impl From<recordings::Recording> for Recording {
    fn from(recording: recordings::Recording) -> Self {
        Self {
            id: recording.id,
            domain_id: recording.domain_id,
            call_id: recording.call_id,
            take: recording.take,
            completed_at: recording.completed_at,
            state: recording.state,
            reason: recording.reason.as_ref().map(Failure::from),
            caller_number: recording.caller_number,
            callee_number: recording.callee_number,
            started_at: recording.started_at,
            duration_ms: recording.duration_ms,
            skew_ms: recording.skew_ms,
            transcript_state: recording.transcript_state,
            created_at: recording.created_at,
        }
    }
}

impl From<recordings::Details> for RecordingDetails {
    fn from(details: recordings::Details) -> Self {
        Self {
            waveform: waveform(&details.recording.waveform),
            recording: details.recording.into(),
            transcript: details.transcript.map(Transcript::from),
            renditions: details.renditions.iter().map(Rendition::from).collect(),
            queue: details.queue.map(Outlook::from),
        }
    }
}
