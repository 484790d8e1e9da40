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
use crate::SpeechError;
use voicemill_audio::format::AudioSource;

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

/// Less than so many seconds of speech without a word are a cough rather than something that was not understood.
const LEAST_UNINTELLIGIBLE_SECONDS: f64 = 1.5;

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
    let (mut segments, mut language, mut unintelligible_seconds) = (Vec::new(), None, 0.0);
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
        for (heard, span) in side_by_side(&batch, engine.seats(), hear)?.into_iter().zip(&batch) {
            if heard.is_unintelligible {
                unintelligible_seconds += span.seconds();
            }
            segments.extend(heard.segments.into_iter().flat_map(HeardSegment::sentences));
            language = language.or(heard.language);
        }
    }
    control.report(spans.done_seconds());
    let mut transcript = super::transcript(segments, language, engine.engine(), spans.done_seconds());
    transcript.not_understood = transcript.text.is_empty() && unintelligible_seconds >= LEAST_UNINTELLIGIBLE_SECONDS;
    transcript.no_speech &= !transcript.not_understood;
    Ok(transcript)
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
    /// True when the engine believes that somebody speaks, and none of its words are to be believed.
    pub(super) is_unintelligible: bool,
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
        let mut guesses_at_speech = false;
        self.segments.retain(|segment| {
            let confidence = quality::mean_confidence(&segment.words);
            let (guessed, unsure) = (confidence < GUESSED_CONFIDENCE, confidence < UNSURE_CONFIDENCE);
            let filler = quality::is_filler(&segment.words, span.seconds());
            let nobody = unsure && segment.no_speech_probability > NO_SPEECH_PROBABILITY;
            guesses_at_speech |= guessed && !filler && !nobody && !segment.words.is_empty();
            !(filler || guessed || nobody)
        });
        self.is_unintelligible = guesses_at_speech && self.segments.iter().all(|segment| segment.words.is_empty());
        self
    }
}

impl HeardSegment {
    /// The words as segments of a sentence each.
    fn sentences(self) -> Vec<Segment> {
        let together = |word: &Word, next: &Word| {
            !ends_sentence(&word.text) && next.start_seconds - word.end_seconds < SEGMENT_PAUSE_SECONDS
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

/// True for a word that a sentence ends with; the period of a title or an initial ends none.
fn ends_sentence(word: &str) -> bool {
    const TITLES: [&str; 9] = ["Dr", "Mr", "Mrs", "Ms", "St", "Prof", "Rev", "Jr", "Sgt"];
    let Some(abbreviated) = word.strip_suffix('.') else { return word.ends_with(['?', '!']) };
    let initial = abbreviated.chars().count() == 1 && abbreviated.chars().all(char::is_uppercase);
    !(initial || TITLES.contains(&abbreviated))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcribe::EngineInfo;

    /// An engine that hears what a function says of a window.
    struct Script(fn(usize) -> Vec<HeardSegment>);

    impl Transcriber for Script {
        fn transcribe(
            &self,
            audio: &mut dyn AudioSource,
            control: &TranscribeControl<'_>,
        ) -> Result<Transcript, SpeechError> {
            transcribe(self, audio, control)
        }

        fn engine(&self) -> EngineInfo {
            EngineInfo { engine: "script".to_owned(), model: "none".to_owned(), cpu: String::new() }
        }
    }

    impl Hearing for Script {
        const MARGIN: usize = 50;
        const SHORTEST: usize = 100;
        const STEP: usize = 50;
        const KNOWS_LOOPS: bool = false;

        fn seats(&self) -> usize {
            1
        }

        fn hear(&self, _: &Span, window: usize, _: &TranscribeControl<'_>) -> Result<Heard, SpeechError> {
            Ok(Heard { segments: (self.0)(window), language: None, is_unintelligible: false })
        }
    }

    /// Words of a quarter of a second each, from the tenth second on.
    fn segment(text: &str, confidence: f32, no_speech_probability: f32) -> HeardSegment {
        let word = |(index, text): (usize, &str)| Word {
            start_seconds: 10.0 + index as f64 / 4.0,
            end_seconds: 10.25 + index as f64 / 4.0,
            text: text.to_owned(),
            confidence,
            doubtful: false,
        };
        HeardSegment { words: text.split(' ').enumerate().map(word).collect(), no_speech_probability }
    }

    /// What is believed of four seconds from the tenth on.
    fn believed(script: fn(usize) -> Vec<HeardSegment>) -> Vec<Vec<Word>> {
        let span = Span { start_seconds: 10.0, samples: vec![0.0; 4 * RATE_HZ as usize] };
        let heard = hear_well(&Script(script), &span, &TranscribeControl::default()).unwrap();
        heard.segments.into_iter().map(|segment| segment.words).collect()
    }

    fn texts(script: fn(usize) -> Vec<HeardSegment>) -> Vec<String> {
        let text = |words: Vec<Word>| crate::transcribe::join(words.iter().map(|word| word.text.as_str()));
        believed(script).into_iter().map(text).collect()
    }

    #[test]
    fn what_is_doubtful_in_a_fitted_window_is_heard_again_in_the_full_one() {
        let doubtful = |window| match window {
            FULL_WINDOW => vec![segment("Please call me back.", 0.9, 0.0)],
            _ => vec![segment("Please tall me bag.", 0.3, 0.0)],
        };
        assert_eq!(texts(doubtful), ["Please call me back."]);
        let sure = |window| match window {
            FULL_WINDOW => panic!("it was heard again"),
            _ => vec![segment("Please call me back.", 0.9, 0.0)],
        };
        assert_eq!(texts(sure), ["Please call me back."]);
    }

    #[test]
    fn what_ends_twice_is_heard_again_in_the_full_window() {
        let stutters = |window| match window {
            FULL_WINDOW => vec![segment("Start without me. See you soon.", 0.9, 0.0)],
            _ => vec![segment("Start without me. See you soon. See you soon.", 0.9, 0.0)],
        };
        assert_eq!(texts(stutters), ["Start without me. See you soon."]);
    }

    #[test]
    fn guesses_fillers_and_what_the_engine_takes_for_no_speech_are_left_out() {
        let mixed = |_| {
            vec![
                segment("It is Anna.", 0.9, 0.9),
                segment("Guessed at noise.", 0.15, 0.0),
                segment("Unsure, and no speech.", 0.45, 0.7),
                segment("Unsure, but speech.", 0.45, 0.5),
                segment("Bye.", 0.9, 0.0),
            ]
        };
        assert_eq!(texts(mixed), ["It is Anna.", "Unsure, but speech."]);
    }

    #[test]
    fn speech_without_a_word_to_believe_is_not_understood() {
        let judged = |script: fn(usize) -> Vec<HeardSegment>| {
            let span = Span { start_seconds: 10.0, samples: vec![0.0; 4 * RATE_HZ as usize] };
            hear_well(&Script(script), &span, &TranscribeControl::default()).unwrap().is_unintelligible
        };
        assert!(judged(|_| vec![segment("Geister an einem fremden Wort.", 0.15, 0.1)]));
        assert!(!judged(|_| vec![segment("Guessed where nobody speaks.", 0.15, 0.9)]), "the engine hears nobody");
        assert!(
            !judged(|_| vec![segment("Call me back.", 0.9, 0.0), segment("Guessed.", 0.1, 0.0)]),
            "some is understood"
        );
        assert!(!judged(|_| Vec::new()));
    }

    #[test]
    fn a_title_and_an_initial_end_no_segment() {
        let sentences = segment("It is Dr. A. Smith. Call me.", 0.9, 0.0).sentences();
        let texts: Vec<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
        assert_eq!(texts, ["It is Dr. A. Smith.", "Call me."]);
    }

    #[test]
    fn a_loop_is_cut_after_its_first_round() {
        let looped = |_| vec![segment("Call me. See you at work. See you at work. See you at work.", 0.9, 0.0)];
        assert_eq!(texts(looped), ["Call me. See you at work."]);
    }

    #[test]
    fn no_word_lies_behind_the_end_of_what_was_heard() {
        let spread = |_| vec![segment("a b c d e f g h i j k l m n o p q r s t", 0.9, 0.0)];
        let words = believed(spread).concat();
        assert!(words.len() > 16 && words.iter().all(|word| word.end_seconds <= 14.0), "{words:?}");
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
