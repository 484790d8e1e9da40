//! Words survive what comes before, beneath and behind them (K02 and K06 of the faults of the field).

use std::{f32::consts::TAU, path::Path};

use voicemill_audio::{decode, format::AudioBlock};
use voicemill_speech::{
    accuracy::{edits, words},
    transcribe::{TranscribeControl, Transcriber, Whisper},
};

use crate::common::{source, transcriber};

/// Of telephone lines, in Hz.
const RATE_HZ: u32 = 8_000;

/// What is said in `samples/voicemail-short.wav`, and in its first 3.6 seconds.
const SAID: &str =
    "Hello, it is Sam. I am running 10 minutes late, so please start without me. I will be there at noon. Bye.";
const SAID_FIRST: &str = "Hello, it is Sam. I am running 10 minutes";
const FIRST: usize = 36 * RATE_HZ as usize / 10;

/// A message of ten seconds in a human voice's place.
fn message() -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/voicemail-short.wav");
    let opened = decode::open(&path, None).unwrap();
    let (rate_hz, mut source) = (opened.source.spec().rate_hz, opened.source);
    assert_eq!(rate_hz, RATE_HZ);
    let (mut block, mut samples) = (AudioBlock::default(), Vec::new());
    while source.next_block(&mut block).unwrap() {
        samples.extend_from_slice(&block.samples);
    }
    samples
}

fn wave(seconds: f32, wave: impl Fn(f32) -> f32) -> Vec<f32> {
    (0..(seconds * RATE_HZ as f32) as usize).map(|index| wave(index as f32 / RATE_HZ as f32)).collect()
}

fn sine(hz: f32, time: f32) -> f32 {
    (TAU * (hz * time).fract()).sin()
}

/// So many seconds of tones that are on and off by turns, as `cadence` says in seconds; always on if it says nothing.
fn tones(seconds: f32, level: f32, hz: &[f32], cadence: &[f32]) -> Vec<f32> {
    let period: f32 = cadence.iter().sum();
    wave(seconds, |time| {
        let (mut within, mut on) = (if period > 0.0 { time % period } else { 0.0 }, true);
        for part in cadence {
            if within < *part {
                break;
            }
            within -= part;
            on = !on;
        }
        if on { hz.iter().map(|hz| level * sine(*hz, time)).sum() } else { 0.0 }
    })
}

/// What exchanges of the world play when a caller hangs up or nobody is there (ITU-T E.180, supplement 2).
const SIGNALS: [(&str, &[f32], &[f32]); 25] = [
    ("busy, North America", &[480.0, 620.0], &[0.5, 0.5]),
    ("reorder, North America", &[480.0, 620.0], &[0.25, 0.25]),
    ("dial tone, North America", &[350.0, 440.0], &[]),
    ("ringing, North America", &[440.0, 480.0], &[2.0, 4.0]),
    ("howler, North America", &[1_400.0, 2_060.0, 2_450.0, 2_600.0], &[0.1, 0.1]),
    ("busy, Germany", &[425.0], &[0.48, 0.48]),
    ("congestion, Germany", &[425.0], &[0.24, 0.24]),
    ("dial tone, Germany", &[425.0], &[]),
    ("ringing, Germany", &[425.0], &[1.0, 4.0]),
    ("busy, Britain", &[400.0], &[0.375, 0.375]),
    ("unobtainable, Britain", &[400.0], &[]),
    ("dial tone, Britain", &[350.0, 450.0], &[]),
    ("ringing, Britain", &[400.0, 450.0], &[0.4, 0.2, 0.4, 2.0]),
    ("busy, France", &[440.0], &[0.5, 0.5]),
    ("ringing, France", &[440.0], &[1.5, 3.5]),
    ("busy, Japan", &[400.0], &[0.5, 0.5]),
    ("ringing, Japan", &[384.0, 416.0], &[1.0, 2.0]),
    ("busy, Australia", &[425.0], &[0.375, 0.375]),
    ("busy, India", &[400.0], &[0.75, 0.75]),
    ("busy, Brazil", &[425.0], &[0.25, 0.25]),
    ("busy, Italy", &[425.0], &[0.5, 0.5]),
    ("special information", &[950.0], &[0.33, 1.0]),
    ("fax", &[1_100.0], &[0.5, 3.0]),
    ("stutter dial tone, North America", &[350.0, 440.0], &[0.1, 0.1]),
    ("special dial tone, Austria", &[425.0], &[0.1, 0.1]),
];

/// Words of `said` that are missing or otherwise in what is heard.
fn wrong(engine: &Whisper, said: &str, samples: Vec<f32>) -> (usize, String) {
    let heard = engine.transcribe(&mut source(RATE_HZ, samples), &TranscribeControl::default()).unwrap().text;
    (edits(&words(said), &words(&heard)), heard)
}

#[test]
fn k02_words_are_heard_whatever_tone_follows_them() {
    let (engine, message) = (transcriber(), message());
    let clean = wrong(&engine, SAID_FIRST, message[..FIRST].to_vec()).0;
    let mut lost = Vec::new();
    for (name, hz, cadence) in SIGNALS {
        for (seconds, level) in [(4.0, 0.1), (8.0, 0.2), (15.0, 0.02)] {
            let samples = [&message[..FIRST], &tones(seconds, level, hz, cadence)].concat();
            let (errors, heard) = wrong(&engine, SAID_FIRST, samples);
            if errors > clean + 1 {
                lost.push(format!("{name}, {seconds} s at {level}: {heard:?}"));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn k02_a_whole_message_is_heard_with_tones_before_and_behind_it() {
    let (engine, message) = (transcriber(), message());
    let clean = wrong(&engine, SAID, message.clone()).0;
    let beep = tones(0.6, 0.2, &[1_000.0], &[]);
    for (name, hz, cadence) in [SIGNALS[0], SIGNALS[5], SIGNALS[7]] {
        let samples = [&beep[..], &message, &tones(15.0, 0.2, hz, cadence)].concat();
        let (errors, heard) = wrong(&engine, SAID, samples);
        assert!(errors <= clean + 1, "{name}: {heard:?}");
    }
}

#[test]
fn k02_words_are_heard_above_hum_and_whine() {
    let (engine, message) = (transcriber(), message());
    let clean = wrong(&engine, SAID, message.clone()).0;
    let mut lost = Vec::new();
    for hz in [50.0, 60.0, 100.0, 120.0, 150.0, 400.0, 1_000.0, 2_375.0] {
        for level in [0.03, 0.1] {
            let hum = wave(message.len() as f32 / RATE_HZ as f32 + 1.0, |time| level * sine(hz, time));
            let samples = message.iter().zip(&hum).map(|(voice, hum)| voice + hum).collect();
            let (errors, heard) = wrong(&engine, SAID, samples);
            if errors > clean + 2 {
                lost.push(format!("{hz} Hz at {level}: {heard:?}"));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn k02_words_are_heard_above_a_buzz_of_the_mains_with_its_harmonics() {
    let (engine, message) = (transcriber(), message());
    let clean = wrong(&engine, SAID, message.clone()).0;
    for mains_hz in [50.0, 60.0] {
        let buzz = |time: f32| {
            (1..=7).map(|harmonic| 0.03 * sine(mains_hz * harmonic as f32, time) / harmonic as f32).sum::<f32>()
        };
        let buzz = wave(message.len() as f32 / RATE_HZ as f32 + 1.0, buzz);
        let samples = message.iter().zip(&buzz).map(|(voice, buzz)| voice + buzz).collect();
        let (errors, heard) = wrong(&engine, SAID, samples);
        assert!(errors <= clean + 2, "{mains_hz} Hz: {heard:?}");
    }
}

#[test]
fn k06_words_are_heard_whatever_the_offset() {
    let (engine, message) = (transcriber(), message());
    let clean = wrong(&engine, SAID, message.clone()).0;
    for offset in [0.002, 0.05, 0.2, -0.3] {
        let samples = message.iter().map(|sample| sample + offset).collect();
        let (errors, heard) = wrong(&engine, SAID, samples);
        assert!(errors <= clean, "{offset}: {heard:?}");
    }
}
