//! Speech to text: what an engine is asked for and what it answers.

mod cloud;
mod gate;
mod pool;
mod quality;
mod source;
mod whisper;
mod windows;
mod words;

use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use cloud::{CloudTranscriber, CloudTranscriptionConfig};
pub use source::SpeechSource;
pub use whisper::WhisperTranscriber;

use super::SpeechError;
use crate::audio::format::AudioSource;
pub use crate::model::{Transcript, TranscriptSegment as Segment, TranscriptWord as Word};

/// Sampling rate that every engine hears, in Hz.
pub const RATE_HZ: u32 = 16_000;

/// An engine that turns speech into text.
pub trait Transcriber: Send + Sync {
    /// Transcribes audio of 16 kHz, one channel, to its end, in memory that does not grow with its length.
    ///
    /// # Errors
    /// [`SpeechError::Cancelled`] and [`SpeechError::DeadlineExceeded`] when `control` says so; the engine stays good
    /// for the next call after any error.
    fn transcribe(
        &self,
        audio: &mut dyn AudioSource,
        control: &TranscribeControl<'_>,
    ) -> Result<Transcript, SpeechError>;

    /// What the engine is, for people who ask.
    fn engine(&self) -> EngineInfo;
}

/// How a caller keeps hold of a transcription that may take long.
#[derive(Clone, Copy, Default)]
pub struct TranscribeControl<'a> {
    /// Asked now and then; the work stops soon after it says true.
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// The moment after which the result is of no use.
    pub deadline: Option<Instant>,
    /// Called now and then with the seconds of audio that are done.
    pub progress: Option<&'a (dyn Fn(f64) + Sync)>,
}

/// Name and build of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Name and version.
    pub engine: String,
    /// The model's name in the manifest.
    pub model: String,
    /// The processor features in use.
    pub cpu: String,
}

impl TranscribeControl<'_> {
    /// An error once the work should stop.
    fn check(&self) -> Result<(), SpeechError> {
        if self.cancelled.is_some_and(|cancelled| cancelled()) {
            return Err(SpeechError::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(SpeechError::DeadlineExceeded);
        }
        Ok(())
    }

    fn report(&self, done_seconds: f64) {
        if let Some(progress) = self.progress {
            progress(done_seconds);
        }
    }
}
