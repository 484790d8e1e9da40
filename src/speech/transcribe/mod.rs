//! Speech to text: what an engine is asked for and what it answers.

mod gate;
mod pool;
mod quality;
mod source;
mod whisper;
mod windows;
mod words;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use serde::{Deserialize, Serialize};

pub use source::SpeechSource;
pub use whisper::WhisperTranscriber;

use super::SpeechError;
use crate::audio::format::AudioSource;

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
    /// Set to true by another thread to stop the work.
    pub cancelled: Option<&'a AtomicBool>,
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

/// What was said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The whole text, with punctuation; empty when nobody speaks.
    pub text: String,
    /// True when there is no speech in the audio.
    pub no_speech: bool,
    /// The text in pieces of a sentence or so, in order of time.
    pub segments: Vec<Segment>,
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
pub struct Segment {
    /// Where it begins, in seconds from the start of the audio.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
    /// The words with a space between.
    pub text: String,
    /// Its words, at least one.
    pub words: Vec<Word>,
}

/// One word with its punctuation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Where it begins, in seconds from the start of the audio.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
    /// The word as written.
    pub text: String,
    /// How sure the engine is, from 0 to 1.
    pub confidence: f32,
}

impl TranscribeControl<'_> {
    /// An error once the work should stop.
    fn check(&self) -> Result<(), SpeechError> {
        if self
            .cancelled
            .is_some_and(|cancelled| cancelled.load(Ordering::Relaxed))
        {
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
