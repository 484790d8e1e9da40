//! What is heard: words, times, and an end when it is told.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Instant;

use voicemill_speech::{
    SpeechError,
    accuracy::edits,
    synthesize::{Pcm, Speech, Synthesizer},
    transcribe::{TranscribeControl, Transcriber},
};

use crate::common::{HEART, engines, over_the_phone, source, transcribe, transcriber, voices, words};

const SENTENCES: [&str; 5] = [
    "Thank you for calling Riverside Dental. Our office is closed right now.",
    "Please leave your name, your number and a short message after the tone.",
    "Your appointment is on March 14 at 9:30 AM.",
    "For billing, press two. To speak with an operator, press zero.",
    "Hello, this is Anna from the front desk, please call me back tomorrow morning.",
];

#[test]
fn what_is_spoken_over_the_phone_is_understood() {
    let voice = voices();
    let lines = SENTENCES.map(|text| over_the_phone(&voice.synthesize(&Speech::new(text, &HEART)).unwrap()));
    for engine in engines() {
        let (mut errors, mut total) = (0, 0);
        for (sentence, line) in SENTENCES.iter().zip(&lines) {
            let transcript =
                engine.transcribe(&mut source(8_000, line.clone()), &TranscribeControl::default()).unwrap();
            let reference = words(sentence);
            let wrong = edits(&reference, &words(&transcript.text));
            println!("{wrong} wrong: {:?}", transcript.text);
            errors += wrong;
            total += reference.len();
        }
        assert!(errors as f64 <= 0.05 * total as f64, "{:?}: {errors} of {total} words are wrong", engine.engine());
    }
}

#[test]
fn words_are_timed_where_they_are_said() {
    let voice = voices();
    let sentence = |text: &str| voice.synthesize(&Speech::new(text, &HEART)).unwrap().samples;
    let (first, second) = (sentence("Please bring your insurance card."), sentence("Tomorrow is fine as well."));
    let quiet = vec![0.0; 24_000 * 3 / 2];
    let begins = (first.len() + quiet.len()) as f64 / 24_000.0;
    let transcript = transcribe(24_000, [first, quiet, second].concat());
    let word = |wanted: &str| {
        let mut words = transcript.words();
        words.find(|word| word.text.to_lowercase().starts_with(wanted)).unwrap_or_else(|| panic!("{transcript:#?}"))
    };
    assert!(
        (word("tomorrow").start_seconds - begins).abs() < 0.35,
        "{} s, not {begins}",
        word("tomorrow").start_seconds
    );
    assert!(word("card").end_seconds < begins - 1.0, "{:?}", word("card"));
}

#[test]
fn segments_and_words_have_times_and_confidences() {
    let speech = voices().synthesize(&Speech::new(SENTENCES[1], &HEART)).unwrap();
    let seconds = speech.seconds();
    let transcript = transcribe(speech.rate_hz, speech.samples);
    assert!(!transcript.no_speech);
    assert_eq!(transcript.language.as_deref(), Some("en"));
    assert_eq!(transcript.model, "whisper-tiny.en");
    assert!((transcript.duration_seconds - seconds).abs() < 0.01);
    let words: Vec<_> = transcript.segments.iter().flat_map(|segment| &segment.words).collect();
    assert!(words.len() >= 12);
    for word in &words {
        assert!(word.start_seconds <= word.end_seconds && word.end_seconds <= seconds + 0.01, "{word:?}");
        assert!((0.0..=1.0).contains(&word.confidence), "{word:?}");
    }
    assert!(words.windows(2).all(|pair| pair[0].start_seconds <= pair[1].start_seconds));
    let joined: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(joined.join(" "), transcript.text);
}

#[test]
fn long_audio_is_heard_to_its_end_in_windows() {
    let voice = voices();
    let mut once = voice.synthesize(&Speech::new("Please call the office on Monday.", &HEART)).unwrap().samples;
    once.resize(once.len() + 24_000 * 3 / 4, 0.0);
    let rounds = 75.0 * 24_000.0 / once.len() as f64;
    let rounds = rounds.ceil() as usize;
    let seconds = once.repeat(rounds).len() as f64 / 24_000.0;

    let reported = Mutex::new(Vec::new());
    let control = TranscribeControl {
        progress: Some(&|seconds| reported.lock().unwrap().push(seconds)),
        ..TranscribeControl::default()
    };
    let transcript = transcriber().transcribe(&mut source(24_000, once.repeat(rounds)), &control).unwrap();
    let heard = transcript.text.to_lowercase().matches("office").count();
    assert!(heard.abs_diff(rounds) <= 1, "{heard} of {rounds}: {}", transcript.text);
    let reported = reported.into_inner().unwrap();
    assert!(reported.len() >= 3 && reported.is_sorted(), "{reported:?}");
    assert!((reported.last().unwrap() - seconds).abs() < 0.01);
}

#[test]
fn cancelling_and_deadlines_stop_the_work_and_leave_the_engine_good() {
    let speech = voices().synthesize(&Speech::new(SENTENCES[0], &HEART)).unwrap();
    for engine in engines() {
        stops_when_told(&*engine, &speech);
    }
}

fn stops_when_told(engine: &dyn Transcriber, speech: &Pcm) {
    let run = |control: &TranscribeControl<'_>| {
        engine.transcribe(&mut source(speech.rate_hz, speech.samples.clone()), control)
    };

    let control = TranscribeControl { cancelled: Some(&|| true), ..TranscribeControl::default() };
    assert!(matches!(run(&control), Err(SpeechError::Cancelled)));

    let passed = TranscribeControl { deadline: Some(Instant::now()), ..TranscribeControl::default() };
    assert!(matches!(run(&passed), Err(SpeechError::DeadlineExceeded)));

    // Late enough to fall into the engine's own work, which must ask again and again, and end when it is told.
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::SeqCst) >= 20;
    let control = TranscribeControl { cancelled: Some(&stop), ..TranscribeControl::default() };
    assert!(matches!(run(&control), Err(SpeechError::Cancelled)));
    assert!((20..40).contains(&asked.into_inner()), "it went on although it was told to stop");

    assert!(run(&TranscribeControl::default()).unwrap().text.contains("Riverside"));
}

#[test]
fn an_engine_is_shared_by_more_callers_than_it_has_states() {
    let speech = voices().synthesize(&Speech::new(SENTENCES[0], &HEART)).unwrap();
    let transcriber = transcriber();
    let texts: Vec<String> = std::thread::scope(|scope| {
        let run = || {
            let mut audio = source(speech.rate_hz, speech.samples.clone());
            transcriber.transcribe(&mut audio, &TranscribeControl::default()).unwrap().text
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(texts[0].contains("Riverside"));
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}
