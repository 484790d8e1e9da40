//! What engines of whisper's kind have in common: spans heard side by side, doubtful ones twice, and only what is
//! believable kept.

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, prelude::*};

use super::{
    EngineInfo, RATE_HZ, Segment, TranscribeControl, Transcript, Word, callback, quality,
    spans::{Span, Spans},
    words,
};
use crate::{audio::format::AudioSource, speech::SpeechError};

/// Encoder positions of the full window of 30 s; one is 20 ms.
pub(super) const FULL_WINDOW: usize = 1_500;
/// Samples that one encoder position stands for.
pub(super) const SAMPLES_PER_POSITION: usize = RATE_HZ as usize / 50;
/// Windows grow in steps, so that engines can reuse what they prepared for one.
const WINDOW_STEP: usize = 64;

/// Spans taken up at a time, for each thread: enough that a message of a minute is heard at once on all of them.
const SPANS_A_THREAD: usize = 2;

/// Probability of "no speech" from which an unsure segment is dropped.
const NO_SPEECH_PROBABILITY: f32 = 0.6;
const UNSURE_CONFIDENCE: f32 = 0.5;

/// A sentence ends a segment; so does a pause longer than this.
const SEGMENT_PAUSE_SECONDS: f64 = 1.5;

/// An engine that hears one span at a time, on the calling thread.
pub(super) trait Hearing: Sync {
    /// Encoder positions of silence after a span, without which the decoder is cut short or loops.
    const MARGIN: usize;
    /// Shortest window in encoder positions.
    const SHORTEST: usize;
    /// True if what it says twice was said twice; else loops are looked for in the words.
    const KNOWS_LOOPS: bool;

    /// Hears `span` in a window of so many encoder positions.
    fn hear(&self, span: &Span, window: usize, control: &TranscribeControl<'_>) -> Result<Heard, SpeechError>;
}

/// Transcribes all of `audio` on the threads of `crew`.
pub(super) fn transcribe<E: Hearing>(
    engine: &E,
    info: EngineInfo,
    crew: &ThreadPool,
    audio: &mut dyn AudioSource,
    control: &TranscribeControl<'_>,
) -> Result<Transcript, SpeechError> {
    let mut spans = Spans::new(audio)?;
    let (mut segments, mut language) = (Vec::new(), None);
    loop {
        let before_seconds = spans.done_seconds();
        let batch = spans.next(SPANS_A_THREAD * crew.current_num_threads(), control)?;
        if batch.is_empty() {
            break;
        }
        let step_seconds = (spans.done_seconds() - before_seconds) / batch.len() as f64;
        let done = Mutex::new(before_seconds);
        let hear = |span: &Span| -> Result<Heard, SpeechError> {
            let heard = hear_well(engine, span, control)?;
            let mut done_seconds = done.lock().unwrap_or_else(PoisonError::into_inner);
            *done_seconds += step_seconds;
            control.report(*done_seconds);
            Ok(heard)
        };
        let heard: Vec<Heard> = crew.install(|| batch.par_iter().map(hear).collect::<Result<_, _>>())?;
        for heard in heard {
            segments.extend(heard.segments.into_iter().flat_map(HeardSegment::sentences));
            language = language.or(heard.language);
        }
    }
    control.report(spans.done_seconds());
    let words: Vec<Word> = segments.iter().flat_map(|segment: &Segment| segment.words.iter().cloned()).collect();
    Ok(Transcript {
        text: join(segments.iter().map(|segment: &Segment| segment.text.as_str())),
        no_speech: segments.is_empty(),
        language: language.filter(|_| !segments.is_empty()),
        segments,
        engine: info.engine,
        model: info.model,
        callback_numbers: callback::callback_numbers(&words),
        duration_seconds: spans.done_seconds(),
    })
}

/// Encoder positions of the window for so many samples.
pub(super) fn fitted_window<E: Hearing>(samples: usize) -> usize {
    let positions = (samples.div_ceil(SAMPLES_PER_POSITION) + E::MARGIN).max(E::SHORTEST);
    positions.next_multiple_of(WINDOW_STEP).min(FULL_WINDOW)
}

/// Hears one span in a fitted window, and in the full one if what came out is doubtful.
fn hear_well<E: Hearing>(engine: &E, span: &Span, control: &TranscribeControl<'_>) -> Result<Heard, SpeechError> {
    let fitted = fitted_window::<E>(span.samples.len());
    let heard = engine.hear(span, fitted, control)?;
    if fitted == FULL_WINDOW || !heard.is_doubtful(span, E::KNOWS_LOOPS) {
        return Ok(heard.believable(span, E::KNOWS_LOOPS));
    }
    tracing::debug!("a doubtful window is heard again in full");
    Ok(engine.hear(span, FULL_WINDOW, control)?.believable(span, E::KNOWS_LOOPS))
}

/// What one pass over a span gave.
pub(super) struct Heard {
    pub(super) segments: Vec<HeardSegment>,
    /// As ISO 639-1 calls it.
    pub(super) language: Option<String>,
}

/// Words in a row, and how likely the engine thinks it that nobody spoke there.
pub(super) struct HeardSegment {
    pub(super) words: Vec<Word>,
    pub(super) no_speech_probability: f32,
}

impl Heard {
    fn is_doubtful(&self, span: &Span, knows_loops: bool) -> bool {
        let words: Vec<_> = self.segments.iter().flat_map(|segment| segment.words.iter().cloned()).collect();
        quality::is_doubtful(&words, span.seconds()) || (!knows_loops && quality::is_looped(&words))
    }

    /// Without sounds put in brackets, loops, and what the engine itself takes for no speech.
    fn believable(mut self, span: &Span, knows_loops: bool) -> Self {
        let end_seconds = span.end_seconds();
        for segment in &mut self.segments {
            segment.words = words::without_annotations(std::mem::take(&mut segment.words));
            if let Some(start) = quality::loop_start(&segment.words).filter(|_| !knows_loops) {
                segment.words.truncate(start);
            }
            // Without a closing timestamp an engine spreads its last words over what is left of its 30 s.
            for word in &mut segment.words {
                word.start_seconds = word.start_seconds.min(end_seconds);
                word.end_seconds = word.end_seconds.min(end_seconds);
            }
        }
        self.segments.retain(|segment| {
            let unsure = quality::mean_confidence(&segment.words) < UNSURE_CONFIDENCE;
            let filler = quality::is_filler(&segment.words, span.seconds());
            !(filler || (unsure && segment.no_speech_probability > NO_SPEECH_PROBABILITY))
        });
        self
    }
}

impl HeardSegment {
    /// The words as segments of a sentence each.
    fn sentences(self) -> Vec<Segment> {
        let together = |word: &Word, next: &Word| {
            !word.text.ends_with(['.', '?', '!']) && next.start_seconds - word.end_seconds < SEGMENT_PAUSE_SECONDS
        };
        let segment = |words: &[Word]| {
            Some(Segment {
                start_seconds: words.first()?.start_seconds,
                end_seconds: words.last()?.end_seconds,
                text: join(words.iter().map(|word| word.text.as_str())),
                words: words.to_vec(),
            })
        };
        self.words.chunk_by(together).filter_map(segment).collect()
    }
}

fn join<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}
