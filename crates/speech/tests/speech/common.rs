//! Models, engines and lines that the tests share.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

use voicemill_audio::{
    format::{AudioBlock, AudioError, AudioSource, AudioSpec},
    resample::Resampler,
};
use voicemill_speech::{
    models::{Manifest, ModelStore},
    synthesize::{LocalVoices, Pcm, VoiceId},
    text,
    transcribe::{self, Engine, SpeechSource, TranscribeControl, Transcriber, Transcript, Whisper},
};

pub(crate) const HEART: VoiceId = VoiceId::from_static("heart");

/// Where the fetched models lie; without them these tests fail rather than pass unseen.
pub(crate) fn models_dir() -> PathBuf {
    let folder = std::env::var_os("VOICEMILL_MODELS_DIR").map(PathBuf::from);
    folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/fetched"))
}

pub(crate) fn store() -> ModelStore {
    let store = ModelStore::new(models_dir(), Manifest::built_in().unwrap());
    for model in ["whisper-tiny.en", "voice-heart"] {
        store.path(model).unwrap_or_else(|error| panic!("{error} (run make models)"));
    }
    store
}

pub(crate) fn voices() -> LocalVoices {
    LocalVoices::new(Arc::new(store()))
}

pub(crate) fn transcriber() -> Whisper {
    Whisper::open(&store(), "whisper-tiny.en", NonZeroUsize::MIN).unwrap()
}

pub(crate) fn source(rate_hz: u32, samples: Vec<f32>) -> SpeechSource {
    SpeechSource::new(Box::new(Samples { rate_hz, samples, at: 0 })).unwrap()
}

pub(crate) fn transcribe(rate_hz: u32, samples: Vec<f32>) -> Transcript {
    transcriber().transcribe(&mut source(rate_hz, samples), &TranscribeControl::default()).unwrap()
}

/// What a phone line leaves of speech: 8 kHz, and no finer than µ-law.
pub(crate) fn over_the_phone(speech: &Pcm) -> Vec<f32> {
    let mut resampler = Resampler::new(AudioSpec::mono(speech.rate_hz), 8_000).unwrap();
    let mut samples = Vec::new();
    resampler.push(&speech.samples, &mut samples).unwrap();
    resampler.finish(&mut samples).unwrap();
    samples.into_iter().map(through_mu_law).collect()
}

/// A sample compressed, rounded to eight bits and expanded.
fn through_mu_law(sample: f32) -> f32 {
    const MU: f32 = 255.0;
    let compressed = (1.0 + MU * sample.abs().min(1.0)).ln() / (1.0 + MU).ln();
    let rounded = (compressed * 127.0).round() / 127.0;
    sample.signum() * ((1.0 + MU).powf(rounded) - 1.0) / MU
}

/// The words of a text, numbers spoken out, without case or punctuation.
pub(crate) fn words(text: &str) -> Vec<String> {
    let said = text::speakable(text).to_lowercase();
    let words = said.split(|character: char| !character.is_alphanumeric() && character != '\'');
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Ours and whisper.cpp, one thread each.
pub(crate) fn engines() -> [Arc<dyn Transcriber>; 2] {
    [Engine::Voicemill, Engine::WhisperCpp]
        .map(|engine| transcribe::open(&store(), "whisper-tiny.en", engine, NonZeroUsize::MIN).unwrap())
}

/// Samples of one channel as a source, in blocks of an odd size.
pub(crate) struct Samples {
    pub(crate) rate_hz: u32,
    pub(crate) samples: Vec<f32>,
    pub(crate) at: usize,
}

impl AudioSource for Samples {
    fn spec(&self) -> AudioSpec {
        AudioSpec { rate_hz: self.rate_hz, channels: 1 }
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        let end = (self.at + 1001).min(self.samples.len());
        block.samples.clear();
        block.samples.extend_from_slice(&self.samples[self.at..end]);
        self.at = end;
        Ok(!block.samples.is_empty())
    }
}
