//! What was said, with times.

/// The text of a message or recording.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Transcript {
    /// All of it, with punctuation; empty when there is no speech.
    pub text: String,
    /// The same in the pieces the engine heard.
    pub segments: Vec<TranscriptSegment>,
    /// BCP 47 language tag.
    pub language: String,
    /// The engine that made it, with its version.
    pub engine: String,
    /// The model it used.
    pub model: String,
    /// True when a speech gate found nothing to transcribe.
    pub no_speech: bool,
    /// Length of the audio that was heard, in seconds.
    pub duration_seconds: f64,
}

/// A run of words between pauses.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TranscriptSegment {
    /// Start in seconds from the beginning of the audio.
    pub start_seconds: f64,
    /// End in seconds from the beginning of the audio.
    pub end_seconds: f64,
    /// Its text.
    pub text: String,
    /// Its words.
    pub words: Vec<TranscriptWord>,
}

/// One word.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TranscriptWord {
    /// Start in seconds from the beginning of the audio.
    pub start_seconds: f64,
    /// End in seconds from the beginning of the audio.
    pub end_seconds: f64,
    /// The word with its punctuation.
    pub text: String,
    /// The engine's own probability, 0 to 1.
    pub confidence: f32,
}
