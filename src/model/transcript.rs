//! What was said, with times.

use serde::{Deserialize, Serialize};

/// The text of a message or recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The whole text, with punctuation; empty when nobody speaks.
    pub text: String,
    /// True when there is no speech in the audio.
    pub no_speech: bool,
    /// The text in pieces of a sentence or so, in order of time.
    pub segments: Vec<TranscriptSegment>,
    /// ISO 639-1 code of the language; `None` when nobody speaks.
    pub language: Option<String>,
    /// Name and version of the engine.
    pub engine: String,
    /// The model's name in the manifest.
    pub model: String,
    /// Length of the audio in seconds, speech or not.
    pub duration_seconds: f64,
}

/// A piece of a transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TranscriptSegment {
    /// Where it begins, in seconds from the start of the audio.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
    /// The words with a space between.
    pub text: String,
    /// Its words, at least one.
    pub words: Vec<TranscriptWord>,
}

/// One word with its punctuation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TranscriptWord {
    /// Where it begins, in seconds from the start of the audio.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
    /// The word as written.
    pub text: String,
    /// How sure the engine is, from 0 to 1.
    pub confidence: f32,
}

/// Which engine transcribes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Ours; whisper.cpp for weights in a form that ours does not read.
    #[default]
    Voicemill,
    /// whisper.cpp.
    WhisperCpp,
}
