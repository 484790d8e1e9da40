//! What was said, as it is answered.

use serde::Serialize;
use voicemill_types::{self as types, LegRole};

/// The text of a message or recording.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Transcript {
    /// Empty when nobody speaks.
    text: String,
    no_speech: bool,
    /// Somebody speaks, and no word was understood.
    not_understood: bool,
    segments: Vec<Segment>,
    /// ISO 639-1; null when nobody speaks.
    language: Option<String>,
    engine: String,
    model: String,
    /// Length of the audio, speech or not.
    duration_seconds: f64,
    callback_numbers: Vec<CallbackNumber>,
}

/// A telephone number that somebody says.
#[derive(Debug, Serialize)]
struct CallbackNumber {
    /// To dial.
    number: String,
    /// To read.
    display: String,
    /// Digits to dial once it answers.
    extension: Option<String>,
    /// A digit was lost, doubled or not understood: people should listen for themselves.
    unsure: bool,
    start_seconds: f64,
    end_seconds: f64,
}

/// A sentence or so.
#[derive(Debug, Serialize)]
struct Segment {
    start_seconds: f64,
    end_seconds: f64,
    text: String,
    /// Who speaks, where each has a channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<LegRole>,
    words: Vec<Word>,
}

/// One word with its punctuation.
#[derive(Debug, Serialize)]
struct Word {
    start_seconds: f64,
    end_seconds: f64,
    text: String,
    /// From 0 to 1.
    confidence: f32,
    /// So unsure that people should listen for themselves.
    doubtful: bool,
}

impl From<types::Transcript> for Transcript {
    fn from(transcript: types::Transcript) -> Self {
        Self {
            text: transcript.text,
            no_speech: transcript.no_speech,
            not_understood: transcript.not_understood,
            segments: transcript.segments.into_iter().map(Segment::from).collect(),
            language: transcript.language,
            engine: transcript.engine,
            model: transcript.model,
            duration_seconds: transcript.duration_seconds,
            callback_numbers: transcript.callback_numbers.into_iter().map(CallbackNumber::from).collect(),
        }
    }
}

impl From<types::CallbackNumber> for CallbackNumber {
    fn from(number: types::CallbackNumber) -> Self {
        Self {
            number: number.number,
            display: number.display,
            extension: number.extension,
            unsure: number.unsure,
            start_seconds: number.start_seconds,
            end_seconds: number.end_seconds,
        }
    }
}

impl From<types::TranscriptSegment> for Segment {
    fn from(segment: types::TranscriptSegment) -> Self {
        Self {
            start_seconds: segment.start_seconds,
            end_seconds: segment.end_seconds,
            text: segment.text,
            role: segment.role,
            words: segment.words.into_iter().map(Word::from).collect(),
        }
    }
}

impl From<types::TranscriptWord> for Word {
    fn from(word: types::TranscriptWord) -> Self {
        Self {
            start_seconds: word.start_seconds,
            end_seconds: word.end_seconds,
            text: word.text,
            confidence: word.confidence,
            doubtful: word.doubtful,
        }
    }
}
