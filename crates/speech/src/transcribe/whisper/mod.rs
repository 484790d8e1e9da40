//! Whisper in Rust: the published weights of OpenAI's models, in eight bits, on kernels that choose the processor's
//! widest instructions when the program runs. One thread a span; its window fits what is said.

mod align;
mod decoder;
mod encoder;
mod layers;
mod mel;
mod vocabulary;
mod weights;
mod writing;

use std::num::NonZeroUsize;

use rayon::{ThreadPool, ThreadPoolBuilder};

pub use self::vocabulary::is_language;
use self::{
    decoder::Decoder,
    encoder::Encoder,
    layers::{Kernels, Scratch},
    mel::Spectrogram,
    vocabulary::Vocabulary,
    weights::Weights,
    writing::Writer,
};
use super::{
    EngineInfo, RATE_HZ, TranscribeControl, Transcriber, Transcript,
    hearing::{self, Heard, HeardSegment, Hearing, SAMPLES_PER_POSITION},
    pool::Pool,
    spans::Span,
    words::{self, Token},
};
use crate::{SpeechError, error::Refusal, models::ModelStore};
use voicemill_audio::format::AudioSource;

/// When the decoder stops with more than this left to hear, the rest is heard by itself; it goes on at least so far.
const LEAST_REST_SAMPLES: usize = 2 * RATE_HZ as usize;
const LEAST_STEP_SECONDS: f64 = 1.0;

/// A whisper model, ready to transcribe on as many threads as it was given.
pub struct Whisper {
    model: String,
    /// The names of the kernels that this machine uses.
    cpu: String,
    spectrogram: Spectrogram,
    encoder: Encoder,
    decoder: Decoder,
    vocabulary: Vocabulary,
    /// Pools of one thread each: matrix products stay on the thread of their span, where they cost least.
    soloists: Pool<ThreadPool>,
}

impl Whisper {
    /// Loads a model of the store, to hear at most `threads` spans at a time; others wait their turn.
    ///
    /// # Errors
    /// When the model was not fetched, is damaged, is not one of whisper's, or this machine calculates wrongly.
    pub fn open(store: &ModelStore, model: &str, threads: NonZeroUsize) -> Result<Self, SpeechError> {
        let mut weights = Weights::open(&super::model_file(store, model)?)?;
        let kernels = Kernels::new();
        kernels.try_out()?;
        let encoder = Encoder::read(&mut weights, &kernels)?;
        let aligned = align::heads(weights.shape);
        Ok(Self {
            model: model.to_owned(),
            spectrogram: Spectrogram::new(&weights.mel_filters),
            decoder: Decoder::read(&mut weights, &kernels, aligned)?,
            vocabulary: Vocabulary::read(&mut weights)?,
            encoder,
            cpu: kernels.names(),
            soloists: Pool::new(threads),
        })
    }

    fn hear_alone(&self, span: &Span, window: usize, control: &TranscribeControl<'_>) -> Result<Heard, SpeechError> {
        let check = || control.check();
        let (kernels, mut scratch) = (Kernels::new(), Scratch::default());
        let writer = Writer { kernels: &kernels, decoder: &self.decoder, vocabulary: &self.vocabulary };
        let mut heard = Heard { segments: Vec::new(), language: None, is_unintelligible: false };
        let (mut rest, mut window, mut start_seconds) = (&span.samples[..], window, span.start_seconds);
        loop {
            let spectrogram = self.spectrogram.of(rest, 2 * window);
            let encoded = self.encoder.forward(&kernels, &mut scratch, &spectrogram, &check)?;
            let positions = rest.len().div_ceil(SAMPLES_PER_POSITION).min(window);
            let text = writer.write(&mut scratch, &encoded, window, positions, control.language, &check)?;
            let tokens: Vec<Token> = text
                .tokens
                .iter()
                .map(|written| Token {
                    bytes: self.vocabulary.text(written.token).to_vec(),
                    start_seconds: start_seconds + written.start_seconds,
                    end_seconds: start_seconds + written.end_seconds,
                    log_probability: written.log_probability,
                })
                .collect();
            let no_speech_probability = text.no_speech_probability;
            heard.segments.push(HeardSegment { words: words::join(&tokens), no_speech_probability });
            heard.language = heard.language.or(text.language.map(str::to_owned));
            // Where the decoder stopped early, the rest is heard by itself.
            let Some(until) = text.until_seconds.filter(|until| *until >= LEAST_STEP_SECONDS) else { break };
            let done = (until * f64::from(RATE_HZ)) as usize;
            if rest.len().saturating_sub(done) < LEAST_REST_SAMPLES {
                break;
            }
            rest = &rest[done..];
            start_seconds += until;
            window = hearing::fitted_window::<Self>(rest.len()).min(window);
        }
        Ok(heard)
    }
}

impl Hearing for Whisper {
    const MARGIN: usize = 128;
    const SHORTEST: usize = 256;
    const STEP: usize = 16;
    const KNOWS_LOOPS: bool = true;

    fn seats(&self) -> usize {
        self.soloists.limit()
    }

    fn hear(&self, span: &Span, window: usize, control: &TranscribeControl<'_>) -> Result<Heard, SpeechError> {
        self.soloists.with_seat(soloist, control, |soloist| soloist.install(|| self.hear_alone(span, window, control)))
    }
}

impl Transcriber for Whisper {
    fn transcribe(
        &self,
        audio: &mut dyn AudioSource,
        control: &TranscribeControl<'_>,
    ) -> Result<Transcript, SpeechError> {
        if let Some(language) = control.language.filter(|language| self.vocabulary.is_english() && *language != "en") {
            let (model, language) = (self.model.clone(), language.to_owned());
            return Err(Refusal::OnlyEnglish { model, language }.into());
        }
        hearing::transcribe(self, audio, control)
    }

    fn engine(&self) -> EngineInfo {
        EngineInfo {
            engine: format!("voicemill whisper {}", env!("CARGO_PKG_VERSION")),
            model: self.model.clone(),
            cpu: self.cpu.clone(),
        }
    }
}

fn soloist() -> Result<ThreadPool, SpeechError> {
    let built = ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "whisper".into()).build();
    built.map_err(|error| SpeechError::Engine(format!("no thread to transcribe with ({error})")))
}
