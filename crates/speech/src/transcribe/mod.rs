//! Speech to text: what an engine is asked for and what it answers.

mod callback;
#[cfg(feature = "cloud")]
mod cloud;
mod engine;
mod gate;
mod hearing;
mod pool;
mod quality;
mod roles;
mod shared;
mod source;
mod spans;
mod tones;
mod whisper;
#[cfg(feature = "whisper-cpp")]
mod whisper_cpp;
mod windows;
mod words;

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};

#[cfg(feature = "cloud")]
pub use cloud::{CloudTranscriber, CloudTranscriptionConfig};
pub use roles::by_roles;
pub use shared::Transcribers;
pub use source::SpeechSource;
pub use whisper::{Whisper, is_language};
#[cfg(feature = "whisper-cpp")]
pub use whisper_cpp::WhisperCpp;

use super::{SpeechError, error::Refusal, models::ModelStore};
pub use engine::Engine;
use voicemill_audio::format::AudioSource;
pub use voicemill_types::{Transcript, TranscriptSegment as Segment, TranscriptWord as Word};

/// Sampling rate that every engine hears, in Hz.
pub const RATE_HZ: u32 = 16_000;

/// Words less sure than this are marked as doubtful: of human telephone speech one right word in forty, and every fifth
/// wrong one.
const DOUBTFUL_CONFIDENCE: f32 = 0.5;

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

/// Loads a model of the store for `engine`, to hear at most `threads` spans at a time.
///
/// # Errors
/// When the model was not fetched, is damaged, or is not one of whisper's.
pub fn open(
    store: &ModelStore,
    model: &str,
    engine: Engine,
    threads: NonZeroUsize,
) -> Result<Arc<dyn Transcriber>, SpeechError> {
    if engine == Engine::Voicemill {
        match Whisper::open(store, model, threads) {
            Ok(whisper) => return Ok(Arc::new(whisper)),
            // Other quantisations, and a machine whose kernels fail their trial, are left to whisper.cpp.
            Err(error @ (SpeechError::UnreadableModel(_) | SpeechError::Engine(_)))
                if cfg!(feature = "whisper-cpp") =>
            {
                tracing::warn!(%error, model, "whisper.cpp transcribes instead");
            }
            Err(error) => return Err(error),
        }
    }
    whisper_cpp(store, model, threads)
}

#[cfg(feature = "whisper-cpp")]
fn whisper_cpp(store: &ModelStore, model: &str, threads: NonZeroUsize) -> Result<Arc<dyn Transcriber>, SpeechError> {
    Ok(Arc::new(WhisperCpp::open(store, model, threads)?))
}

#[cfg(not(feature = "whisper-cpp"))]
fn whisper_cpp(_: &ModelStore, _: &str, _: NonZeroUsize) -> Result<Arc<dyn Transcriber>, SpeechError> {
    Err(SpeechError::MissingFeature { feature: "whisper-cpp" })
}

/// What an engine heard, with all that follows from it.
fn transcript(
    mut segments: Vec<Segment>,
    language: Option<String>,
    engine: EngineInfo,
    duration_seconds: f64,
) -> Transcript {
    for word in segments.iter_mut().flat_map(|segment| &mut segment.words) {
        word.doubtful = word.confidence < DOUBTFUL_CONFIDENCE;
    }
    let words: Vec<&Word> = segments.iter().flat_map(|segment| &segment.words).collect();
    let callback::Found { numbers: callback_numbers, doubtful } = callback::find(&words);
    for (index, word) in segments.iter_mut().flat_map(|segment| &mut segment.words).enumerate() {
        word.doubtful |= doubtful.contains(&index);
    }
    let text = join(segments.iter().map(|segment| segment.text.as_str()));
    Transcript {
        no_speech: text.is_empty(),
        not_understood: false,
        language: language.filter(|_| !text.is_empty()),
        text,
        segments,
        engine: engine.engine,
        model: engine.model,
        duration_seconds,
        callback_numbers,
    }
}

fn join<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

/// The one file of a model for transcription.
fn model_file(store: &ModelStore, model: &str) -> Result<PathBuf, SpeechError> {
    if let Some(file) = store.own_file(model)? {
        return Ok(file);
    }
    match store.manifest().model(model)?.files.as_slice() {
        [file] => store.file(model, &file.name),
        _ => Err(Refusal::NotForTranscription { model: model.to_owned() }.into()),
    }
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
    /// The language that is spoken, as ISO 639-1 calls it; heard from the audio if none is given.
    pub language: Option<&'a str>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_the_engine_is_unsure_of_are_marked() {
        let word = |(text, confidence): &(&str, f32)| Word {
            start_seconds: 0.0,
            end_seconds: 0.5,
            text: (*text).to_owned(),
            confidence: *confidence,
            doubtful: false,
        };
        let words = [("Call", 0.9), ("Bob", 0.49), ("now.", 0.5)].iter().map(word).collect();
        let segment =
            Segment { start_seconds: 0.0, end_seconds: 0.5, text: "Call Bob now.".to_owned(), role: None, words };
        let engine = EngineInfo { engine: "script".to_owned(), model: "none".to_owned(), cpu: String::new() };
        let transcript = transcript(vec![segment], None, engine, 0.5);
        assert_eq!(transcript.words().map(|word| word.doubtful).collect::<Vec<_>>(), [false, true, false]);
    }
}
