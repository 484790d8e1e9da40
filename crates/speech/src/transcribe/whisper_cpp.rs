//! Whisper by whisper.cpp: one shared model, one thread and one state a core, a window fitted to what is said.
//!
//! The settings are measured, not guessed: flash attention stays off because with a short window it reads stale keys;
//! a second thread costs far more than it gives; and a window without its margin makes the decoder loop.

use std::{ffi::c_void, num::NonZeroUsize};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState, get_lang_str,
    get_whisper_version, install_logging_hooks, print_system_info,
};

use super::{
    EngineInfo, RATE_HZ, TranscribeControl, Transcriber, Transcript,
    hearing::{self, Heard, HeardSegment, Hearing},
    pool::Pool,
    spans::Span,
    words::{self, Token},
};
use crate::{SpeechError, models::ModelStore};
use voicemill_audio::format::AudioSource;

/// Shorter audio than this is padded with silence: the engine ignores less than a second.
const MIN_SAMPLES: usize = RATE_HZ as usize * 11 / 10;

/// A whisper model, ready to transcribe on as many threads as it has states.
pub struct WhisperCpp {
    context: WhisperContext,
    model: String,
    states: Pool<WhisperState>,
}

impl WhisperCpp {
    /// Loads a model, to run at most `states` transcriptions at a time; others wait their turn.
    ///
    /// # Errors
    /// When the model was not fetched, is damaged, or is not one of whisper's.
    pub fn open(store: &ModelStore, model: &str, states: NonZeroUsize) -> Result<Self, SpeechError> {
        install_logging_hooks();
        let path = super::model_file(store, model)?;
        let mut parameters = WhisperContextParameters::default();
        parameters.use_gpu(false).flash_attn(false);
        let context = WhisperContext::new_with_params(path, parameters)
            .map_err(|error| SpeechError::Engine(format!("whisper could not load {model}: {error}")))?;
        Ok(Self { context, model: model.to_owned(), states: Pool::new(states) })
    }

    fn hear_with(
        &self,
        state: &mut WhisperState,
        span: &Span,
        window: usize,
        control: &TranscribeControl<'_>,
    ) -> Result<Heard, SpeechError> {
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_n_threads(1);
        params.set_no_context(true);
        params.set_token_timestamps(true);
        params.set_audio_ctx(window as i32);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        if self.context.is_multilingual() {
            params.set_language(control.language);
        }
        let padded;
        let samples = if span.samples.len() < MIN_SAMPLES {
            padded = [&span.samples[..], &vec![0.0; MIN_SAMPLES - span.samples.len()]].concat();
            &padded
        } else {
            &span.samples
        };
        abort_when_told(&mut params, control);
        let outcome = state.full(params, samples);
        control.check()?;
        outcome.map_err(|error| SpeechError::Engine(format!("whisper failed: {error}")))?;
        Ok(self.collect(state, span))
    }

    fn collect(&self, state: &WhisperState, span: &Span) -> Heard {
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
            is_unintelligible: false,
        }
    }
}

impl Hearing for WhisperCpp {
    const MARGIN: usize = 64;
    const SHORTEST: usize = 256;
    const STEP: usize = 64;
    const KNOWS_LOOPS: bool = false;

    fn seats(&self) -> usize {
        self.states.limit()
    }

    fn hear(&self, span: &Span, window: usize, control: &TranscribeControl<'_>) -> Result<Heard, SpeechError> {
        let make = || {
            let made = self.context.create_state();
            made.map_err(|error| SpeechError::Engine(format!("whisper found no room to work in: {error}")))
        };
        self.states.with_seat(make, control, |state| self.hear_with(state, span, window, control))
    }
}

impl Transcriber for WhisperCpp {
    fn transcribe(
        &self,
        audio: &mut dyn AudioSource,
        control: &TranscribeControl<'_>,
    ) -> Result<Transcript, SpeechError> {
        hearing::transcribe(self, audio, control)
    }

    fn engine(&self) -> EngineInfo {
        EngineInfo {
            engine: format!("whisper.cpp {}", get_whisper_version()),
            model: self.model.clone(),
            cpu: cpu_features(),
        }
    }
}

/// The processor features the engine was built for and found, such as `AVX2 FMA F16C`.
fn cpu_features() -> String {
    let features = print_system_info().rsplit("CPU :").next().unwrap_or_default();
    let on = features.split('|').filter_map(|feature| feature.trim().strip_suffix("= 1"));
    on.map(str::trim).collect::<Vec<_>>().join(" ")
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
