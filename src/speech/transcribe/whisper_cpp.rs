//! Whisper by whisper.cpp: one shared model, one thread and one state a core, a window fitted to what is said.
//!
//! The settings are measured, not guessed: flash attention stays off because with a short window it reads stale keys;
//! a second thread costs far more than it gives; and a window without its margin makes the decoder loop.

use std::{ffi::c_void, num::NonZeroUsize, thread};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState, get_lang_str,
    get_whisper_version, install_logging_hooks, print_system_info,
};

use super::{
    EngineInfo, RATE_HZ, Segment, TranscribeControl, Transcriber, Transcript, gate,
    pool::Pool,
    quality,
    windows::Windows,
    words::{self, Token},
};
use crate::{
    audio::format::AudioSource,
    speech::{SpeechError, models::ModelStore},
};

/// Encoder positions of the full window of 30 s.
const FULL_CONTEXT: usize = 1500;
const SAMPLES_PER_POSITION: usize = RATE_HZ as usize / 50;
const CONTEXT_MARGIN: usize = 64;
const CONTEXT_STEP: usize = 64;
const MIN_CONTEXT: usize = 256;

/// Shorter audio than this is padded with silence: the engine ignores less than a second.
const MIN_SAMPLES: usize = RATE_HZ as usize * 11 / 10;

/// Probability of "no speech" from which an unsure segment is dropped.
const NO_SPEECH_PROBABILITY: f32 = 0.6;
const UNSURE_CONFIDENCE: f32 = 0.5;

/// A whisper model, ready to transcribe on as many threads as it has states.
pub struct WhisperTranscriber {
    context: WhisperContext,
    model: String,
    pool: Pool,
}

impl WhisperTranscriber {
    /// Loads a model of the store, with a state for every core.
    ///
    /// # Errors
    /// When the model was not fetched, is damaged, or is not one of whisper's.
    pub fn open(store: &ModelStore, model: &str) -> Result<Self, SpeechError> {
        let states = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::with_states(store, model, states)
    }

    /// Loads a model, to run at most `states` transcriptions at a time; others wait their turn.
    ///
    /// # Errors
    /// As [`WhisperTranscriber::open`].
    pub fn with_states(store: &ModelStore, model: &str, states: NonZeroUsize) -> Result<Self, SpeechError> {
        install_logging_hooks();
        let listed = store.manifest().model(model)?;
        let not_whisper = || SpeechError::Refused(format!("the model {model} is not for transcription"));
        let [file] = listed.files.as_slice() else {
            return Err(not_whisper());
        };
        let path = store.file(model, &file.name)?;
        let mut parameters = WhisperContextParameters::default();
        parameters.use_gpu(false).flash_attn(false);
        let context = WhisperContext::new_with_params(path, parameters)
            .map_err(|error| SpeechError::Engine(format!("whisper could not load {model}: {error}")))?;
        Ok(Self { context, model: model.to_owned(), pool: Pool::new(states) })
    }

    /// Transcribes one span of speech; a doubtful result from the fitted window is heard again in the full one.
    fn transcribe_span(
        &self,
        state: &mut WhisperState,
        span: &Span<'_>,
        control: &TranscribeControl<'_>,
    ) -> Result<Heard, SpeechError> {
        let fitted = fitted_context(span.samples.len());
        let heard = self.hear(state, span, fitted, control)?;
        if fitted == FULL_CONTEXT || !heard.is_doubtful(span) {
            return Ok(heard.believable(span));
        }
        tracing::debug!("a doubtful window is heard again in full");
        let again = self.hear(state, span, FULL_CONTEXT, control)?;
        Ok(again.believable(span))
    }

    fn hear(
        &self,
        state: &mut WhisperState,
        span: &Span<'_>,
        audio_context: usize,
        control: &TranscribeControl<'_>,
    ) -> Result<Heard, SpeechError> {
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_n_threads(1);
        params.set_no_context(true);
        params.set_token_timestamps(true);
        params.set_audio_ctx(audio_context as i32);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        if self.context.is_multilingual() {
            params.set_language(None);
        }
        let padded;
        let samples = if span.samples.len() < MIN_SAMPLES {
            padded = [span.samples, &vec![0.0; MIN_SAMPLES - span.samples.len()]].concat();
            &padded
        } else {
            span.samples
        };
        abort_when_told(&mut params, control);
        let outcome = state.full(params, samples);
        control.check()?;
        outcome.map_err(|error| SpeechError::Engine(format!("whisper failed: {error}")))?;
        Ok(self.collect(state, span))
    }

    fn collect(&self, state: &WhisperState, span: &Span<'_>) -> Heard {
        let end_of_text = self.context.token_eot();
        let at = |centiseconds: i64| span.start_seconds + centiseconds as f64 / 100.0;
        let segments = state.as_iter().map(|segment| {
            let tokens = (0..segment.n_tokens()).filter_map(|index| segment.get_token(index));
            let tokens: Vec<Token> = tokens
                .map(|token| (token.token_data(), token))
                .filter(|(data, _)| data.id < end_of_text)
                .map(|(data, token)| Token {
                    bytes: token.to_bytes().unwrap_or_default().to_vec(),
                    start_seconds: at(data.t0),
                    end_seconds: at(data.t1),
                    log_probability: data.plog,
                })
                .collect();
            HeardSegment { words: words::join(&tokens), no_speech_probability: segment.no_speech_probability() }
        });
        Heard {
            segments: segments.collect(),
            language: get_lang_str(state.full_lang_id_from_state()).map(str::to_owned),
        }
    }
}

impl Transcriber for WhisperTranscriber {
    fn transcribe(
        &self,
        audio: &mut dyn AudioSource,
        control: &TranscribeControl<'_>,
    ) -> Result<Transcript, SpeechError> {
        let mut windows = Windows::new(audio)?;
        let mut segments = Vec::new();
        let mut language = None;
        while let Some(window) = windows.next()? {
            control.check()?;
            for range in gate::speech(&window.samples) {
                let span = Span {
                    start_seconds: (window.start + range.start as u64) as f64 / f64::from(RATE_HZ),
                    samples: &window.samples[range],
                };
                let heard = self
                    .pool
                    .with_state(&self.context, control, |state| self.transcribe_span(state, &span, control))?;
                segments.extend(heard.segments.into_iter().filter_map(HeardSegment::finish));
                language = language.or(heard.language);
            }
            control.report(windows.done() as f64 / f64::from(RATE_HZ));
        }
        let info = self.engine();
        Ok(Transcript {
            text: join(segments.iter().map(|segment: &Segment| segment.text.as_str())),
            no_speech: segments.is_empty(),
            language: language.filter(|_| !segments.is_empty()),
            segments,
            engine: info.engine,
            model: info.model,
            duration_seconds: windows.done() as f64 / f64::from(RATE_HZ),
        })
    }

    fn engine(&self) -> EngineInfo {
        EngineInfo {
            engine: format!("whisper.cpp {}", get_whisper_version()),
            model: self.model.clone(),
            cpu: cpu_features(),
        }
    }
}

/// A stretch of one window in which somebody speaks.
struct Span<'a> {
    start_seconds: f64,
    samples: &'a [f32],
}

impl Span<'_> {
    fn end_seconds(&self) -> f64 {
        self.start_seconds + self.samples.len() as f64 / f64::from(RATE_HZ)
    }
}

/// What one pass over a span gave.
struct Heard {
    segments: Vec<HeardSegment>,
    language: Option<String>,
}

struct HeardSegment {
    words: Vec<super::Word>,
    no_speech_probability: f32,
}

impl Heard {
    fn is_doubtful(&self, span: &Span<'_>) -> bool {
        let words: Vec<_> = self.segments.iter().flat_map(|segment| segment.words.iter().cloned()).collect();
        quality::is_doubtful(&words, span.end_seconds() - span.start_seconds)
    }

    /// Without sounds put in brackets, loops, and what the engine itself takes for no speech.
    fn believable(mut self, span: &Span<'_>) -> Self {
        let end_seconds = span.end_seconds();
        for segment in &mut self.segments {
            segment.words = words::without_annotations(std::mem::take(&mut segment.words));
            if let Some(start) = quality::loop_start(&segment.words) {
                segment.words.truncate(start);
            }
            // Without a closing timestamp the engine spreads its last words over what is left of its 30 s.
            for word in &mut segment.words {
                word.start_seconds = word.start_seconds.min(end_seconds);
                word.end_seconds = word.end_seconds.min(end_seconds);
            }
        }
        self.segments.retain(|segment| {
            let unsure = quality::mean_confidence(&segment.words) < UNSURE_CONFIDENCE;
            !(unsure && segment.no_speech_probability > NO_SPEECH_PROBABILITY)
        });
        self
    }
}

impl HeardSegment {
    fn finish(self) -> Option<Segment> {
        Some(Segment {
            start_seconds: self.words.first()?.start_seconds,
            end_seconds: self.words.last()?.end_seconds,
            text: join(self.words.iter().map(|word| word.text.as_str())),
            words: self.words,
        })
    }
}

fn join<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

/// Encoder positions for so many samples, with the margin that keeps the decoder from looping.
fn fitted_context(samples: usize) -> usize {
    let positions = samples.div_ceil(SAMPLES_PER_POSITION) + CONTEXT_MARGIN;
    let stepped = positions.max(MIN_CONTEXT).next_multiple_of(CONTEXT_STEP);
    stepped.min(FULL_CONTEXT)
}

/// The processor features the engine was built for and found, such as `AVX2 FMA F16C`.
fn cpu_features() -> String {
    let features = print_system_info().rsplit("CPU :").next().unwrap_or_default();
    let on = features.split('|').filter_map(|feature| feature.trim().strip_suffix("= 1"));
    join(on.map(str::trim))
}

/// Lets `control` stop the engine between two operations of its graph.
///
/// `FullParams::set_abort_callback_safe` of whisper-rs 0.16 boxes a trait object and then reads it back as the bare
/// closure, which is undefined behaviour; it also never frees the box. So the callback is set here by hand.
#[expect(unsafe_code, reason = "the C library's callback, whose safe wrapper is unsound")]
fn abort_when_told<'a>(params: &mut FullParams<'a, 'a>, control: &'a TranscribeControl<'_>) {
    /// # Safety
    /// `data` points to a live `TranscribeControl`.
    unsafe extern "C" fn should_abort(data: *mut c_void) -> bool {
        // SAFETY: `data` is the pointer set below; nothing writes through it.
        let control = unsafe { &*data.cast_const().cast::<TranscribeControl<'_>>() };
        control.check().is_err()
    }

    let data = std::ptr::from_ref(control).cast_mut().cast();
    // SAFETY: `params` borrows `control` for as long as it lives, and the engine keeps neither after its call returns.
    unsafe {
        params.set_abort_callback(Some(should_abort));
        params.set_abort_callback_user_data(data);
    }
}
