//! What engines of whisper's kind have in common: spans heard side by side, doubtful ones twice, and only what is
//! believable kept.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    RATE_HZ, Segment, TranscribeControl, Transcriber, Transcript, Word, quality,
    spans::{Span, Spans},
    words,
};
use crate::{audio::format::AudioSource, speech::SpeechError};

/// Encoder positions of the full window of 30 s; one is 20 ms.
pub(super) const FULL_WINDOW: usize = 1_500;
/// Samples that one encoder position stands for.
pub(super) const SAMPLES_PER_POSITION: usize = RATE_HZ as usize / 50;
/// Spans taken up at a time, for each thread: enough that a message of a minute is heard at once on all of them.
const SPANS_A_THREAD: usize = 2;

/// Probability of "no speech" from which an unsure segment is dropped.
const NO_SPEECH_PROBABILITY: f32 = 0.6;
const UNSURE_CONFIDENCE: f32 = 0.5;

/// Words less sure than this on the whole are guesses at noise, whatever the engine thinks.
const GUESSED_CONFIDENCE: f32 = 0.2;

/// A sentence ends a segment; so does a pause longer than this.
const SEGMENT_PAUSE_SECONDS: f64 = 1.5;

/// An engine that hears one span at a time, on the calling thread.
pub(super) trait Hearing: Transcriber {
    /// Encoder positions of silence after a span, without which the decoder is cut short or loops.
    const MARGIN: usize;
    /// Shortest window in encoder positions.
    const SHORTEST: usize;
    /// Windows grow in steps of so many positions.
    const STEP: usize;
    /// True if it runs into no loops; else they are looked for in the words, and cut.
    const KNOWS_LOOPS: bool;

    /// How many spans it hears at a time; others wait their turn.
    fn seats(&self) -> usize;

    /// Hears `span` in a window of so many encoder positions.
    fn hear(&self, span: &Span, window: usize, control: &TranscribeControl<'_>) -> Result<Heard, SpeechError>;
}

/// Transcribes all of `audio`, on as many threads as the engine has seats.
pub(super) fn transcribe<E: Hearing>(
    engine: &E,
    audio: &mut dyn AudioSource,
    control: &TranscribeControl<'_>,
) -> Result<Transcript, SpeechError> {
    let mut spans = Spans::new(audio)?;
    let (mut segments, mut language) = (Vec::new(), None);
    loop {
        let before_seconds = spans.done_seconds();
        let batch = spans.next(SPANS_A_THREAD * engine.seats(), control)?;
        if batch.is_empty() {
            break;
        }
        let step_seconds = (spans.done_seconds() - before_seconds) / batch.len() as f64;
        let done_seconds = Mutex::new(before_seconds);
        let hear = |span: &Span| {
            let heard = hear_well(engine, span, control)?;
            let mut done_seconds = done_seconds.lock().unwrap_or_else(PoisonError::into_inner);
            *done_seconds += step_seconds;
            control.report(*done_seconds);
            Ok(heard)
        };
        for heard in side_by_side(&batch, engine.seats(), hear)? {
            segments.extend(heard.segments.into_iter().flat_map(HeardSegment::sentences));
            language = language.or(heard.language);
        }
    }
    control.report(spans.done_seconds());
    Ok(super::transcript(segments, language, engine.engine(), spans.done_seconds()))
}

/// What `work` makes of each of `items`, in their order, done on up to `threads` threads.
///
/// They are plain threads: one of a work-stealing pool that waits for its seat would begin the next span meanwhile.
fn side_by_side<T: Sync, R: Send + Sync>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R, SpeechError> + Sync,
) -> Result<Vec<R>, SpeechError> {
    let (next, made) = (AtomicUsize::new(0), items.iter().map(|_| OnceLock::new()).collect::<Vec<_>>());
    let work_through = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((item, place)) = items.get(index).zip(made.get(index)) else { break };
            place.get_or_init(|| work(item));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(work_through);
        }
        work_through();
    });
    made.into_iter().filter_map(OnceLock::into_inner).collect()
}

/// Encoder positions of the window for so many samples.
pub(super) fn fitted_window<E: Hearing>(samples: usize) -> usize {
    let positions = (samples.div_ceil(SAMPLES_PER_POSITION) + E::MARGIN).max(E::SHORTEST);
    positions.next_multiple_of(E::STEP).min(FULL_WINDOW)
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
        let words: Vec<Word> = self.segments.iter().flat_map(|segment| segment.words.iter().cloned()).collect();
        quality::is_doubtful(&words, span.seconds())
            || quality::ends_twice(&words)
            || (!knows_loops && quality::loop_start(&words).is_some())
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
            let confidence = quality::mean_confidence(&segment.words);
            let (guessed, unsure) = (confidence < GUESSED_CONFIDENCE, confidence < UNSURE_CONFIDENCE);
            let filler = quality::is_filler(&segment.words, span.seconds());
            !(filler || guessed || (unsure && segment.no_speech_probability > NO_SPEECH_PROBABILITY))
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
                text: super::join(words.iter().map(|word| word.text.as_str())),
                role: None,
                words: words.to_vec(),
            })
        };
        self.words.chunk_by(together).filter_map(segment).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::transcribe::EngineInfo;

    /// Writes the last sentence of what it hears twice, except in the full window; tells in which windows it was asked.
    struct Stutterer(Mutex<Vec<usize>>);

    impl Transcriber for Stutterer {
        fn transcribe(&self, _: &mut dyn AudioSource, _: &TranscribeControl<'_>) -> Result<Transcript, SpeechError> {
            unreachable!("spans are heard one by one here")
        }

        fn engine(&self) -> EngineInfo {
            EngineInfo { engine: "stutterer".into(), model: String::new(), cpu: String::new() }
        }
    }

    impl Hearing for Stutterer {
        const MARGIN: usize = 128;
        const SHORTEST: usize = 64;
        const STEP: usize = 16;
        const KNOWS_LOOPS: bool = true;

        fn seats(&self) -> usize {
            1
        }

        fn hear(&self, _: &Span, window: usize, _: &TranscribeControl<'_>) -> Result<Heard, SpeechError> {
            self.0.lock().unwrap().push(window);
            let text = "Start without me. See you soon. See you soon.";
            let said = if window == FULL_WINDOW { &text[..31] } else { text };
            let word = |(index, text): (usize, &str)| Word {
                text: text.into(),
                start_seconds: index as f64 * 0.4,
                end_seconds: index as f64 * 0.4 + 0.3,
                confidence: 0.9,
                doubtful: false,
            };
            let words = said.split(' ').enumerate().map(word).collect();
            Ok(Heard { segments: vec![HeardSegment { words, no_speech_probability: 0.0 }], language: None })
        }
    }

    #[test]
    fn what_ends_twice_is_heard_again_in_the_full_window() {
        let engine = Stutterer(Mutex::default());
        let span = Span { start_seconds: 0.0, samples: vec![0.1; 6 * RATE_HZ as usize] };
        let heard = hear_well(&engine, &span, &TranscribeControl::default()).unwrap();
        let words: Vec<_> = heard.segments[0].words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words.join(" "), "Start without me. See you soon.");
        let fitted = fitted_window::<Stutterer>(span.samples.len());
        assert!(fitted < FULL_WINDOW);
        assert_eq!(*engine.0.lock().unwrap(), [fitted, FULL_WINDOW]);
    }

    #[test]
    fn what_is_done_side_by_side_keeps_its_order_and_its_error() {
        let items: Vec<u64> = (0..20).collect();
        let later_first = |item: &u64| {
            thread::sleep(std::time::Duration::from_millis(item % 4));
            Ok(item * 2)
        };
        for threads in [1, 3, 50] {
            let made = side_by_side(&items, threads, later_first).unwrap();
            assert_eq!(made, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
        let fails = |item: &u64| if *item == 7 { Err(SpeechError::Cancelled) } else { Ok(()) };
        assert!(matches!(side_by_side(&items, 3, fails), Err(SpeechError::Cancelled)));
    }
}
