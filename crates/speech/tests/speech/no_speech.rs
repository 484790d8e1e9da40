//! What is not speech has no words: the sounds of lines, machines and rooms that whisper is known to write sentences for.

use std::{f32::consts::TAU, num::NonZeroUsize};

use voicemill_speech::{
    models::ModelState,
    transcribe::{self, Engine, TranscribeControl},
};

use crate::common::{source, store};

/// Of telephone lines, in Hz.
const RATE_HZ: u32 = 8_000;

/// So many seconds of a wave of time.
fn wave(seconds: usize, wave: impl Fn(f32) -> f32) -> Vec<f32> {
    (0..seconds * RATE_HZ as usize).map(|index| wave(index as f32 / RATE_HZ as f32)).collect()
}

fn sine(hz: f32, time: f32) -> f32 {
    (TAU * (hz * time).fract()).sin()
}

/// The sum of sines, each of a fifth of full scale, while it is on in its rhythm.
fn tones<const N: usize>(seconds: usize, hz: [f32; N], on: f32, period: f32) -> Vec<f32> {
    let sum = |time: f32| hz.iter().map(|hz| 0.2 * sine(*hz, time)).sum::<f32>();
    wave(seconds, |time| if time % period < on { sum(time) } else { 0.0 })
}

/// Numbers from a fixed seed, between −1 and 1.
fn random(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

fn noise(seed: u32, seconds: usize, level: f32) -> Vec<f32> {
    let mut random = random(seed);
    wave(seconds, |_| 0.0).into_iter().map(|_| level * random()).collect()
}

/// What is left of it below a corner, which is the lower the smaller `share` is.
fn low(samples: &[f32], share: f32) -> Vec<f32> {
    let mut held = 0.0;
    let hold = |sample: &f32| {
        held += share * (sample - held);
        held
    };
    samples.iter().map(hold).collect()
}

fn mix<const N: usize>(parts: [&[f32]; N]) -> Vec<f32> {
    (0..parts[0].len()).map(|index| parts.iter().map(|part| part[index]).sum()).collect()
}

/// Harmonics of a tone, each weaker than the last.
fn harmonics(hz: f32, time: f32, count: usize) -> f32 {
    (1..=count).map(|harmonic| sine(hz * harmonic as f32, time) / harmonic as f32).sum()
}

fn noises() -> Vec<(&'static str, Vec<f32>)> {
    let white = noise(9, 20, 1.0);
    let brown: Vec<f32> = low(&noise(10, 20, 1.5), 0.01);
    let gusts = low(&low(&noise(14, 20, 2.5), 0.03), 0.2);
    let gusts = gusts.iter().zip(wave(20, |time| (1.0 + 0.9 * sine(0.3, time)) * (1.0 + 0.6 * sine(0.17, time))));
    let breath = low(&noise(18, 12, 0.05), 0.4);
    let breath = breath.iter().zip(wave(12, |time| sine(0.25, time).max(0.0).powi(2)));
    let hum = |hz| mix([&wave(15, |time| 0.2 * harmonics(hz, time, 7)), &noise(11, 15, 0.003)]);
    vec![
        ("nothing", Vec::new()),
        ("silence", vec![0.0; 80_000]),
        ("the last bit", noise(1, 10, 0.000_03)),
        ("white noise", noise(7, 20, 0.05)),
        ("loud white noise", noise(8, 12, 0.4)),
        (
            "pink noise",
            mix([&low(&white, 0.5), &low(&white, 0.1), &low(&white, 0.02)]).iter().map(|s| 0.15 * s).collect(),
        ),
        ("brown noise", brown),
        ("wind", gusts.map(|(gust, swell)| gust * swell).collect()),
        ("breath", breath.map(|(air, swell)| air * swell).collect()),
        ("hum at 50 Hz", hum(50.0)),
        ("hum at 60 Hz", hum(60.0)),
        ("clicks", clicks()),
        ("an engine", wave(10, |time| 0.15 * harmonics(35.0 + 5.0 * sine(0.4, time) / time.max(1.0), time, 11))),
    ]
}

fn clicks() -> Vec<f32> {
    let (mut random, mut samples) = (random(15), noise(16, 15, 0.001));
    let mut at = 0;
    loop {
        at += (200.0 + 3_000.0 * (random() + 1.0)) as usize;
        let Some(click) = samples.get_mut(at..at + 25) else { return samples };
        let swing = |index: usize| if index.is_multiple_of(2) { 0.6 } else { -0.6 };
        click
            .iter_mut()
            .enumerate()
            .for_each(|(index, sample)| *sample += swing(index) * (-(index as f32) / 5.0).exp());
    }
}

fn signals() -> Vec<(&'static str, Vec<f32>)> {
    let information = |time: f32| match time % 3.0 {
        part if part < 0.33 => sine(950.0, time),
        part if part < 0.66 => sine(1_400.0, time),
        part if part < 0.99 => sine(1_800.0, time),
        _ => 0.0,
    };
    let keys = |time: f32| {
        let key = (time / 0.2) as usize;
        let pair = sine([697.0, 770.0, 852.0, 941.0][key % 4], time) + sine([1_209.0, 1_336.0, 1_477.0][key % 3], time);
        if time % 0.2 < 0.1 { 0.2 * pair } else { 0.0 }
    };
    let british = |time: f32| {
        let on = matches!((time % 3.0 * 5.0) as usize, 0 | 1 | 3 | 4);
        if on { 0.2 * (sine(400.0, time) + sine(450.0, time)) } else { 0.0 }
    };
    vec![
        ("dial tone", tones(8, [350.0, 440.0], 1.0, 1.0)),
        ("ringing", tones(18, [440.0, 480.0], 2.0, 6.0)),
        ("British ringing", wave(15, british)),
        ("busy", tones(10, [480.0, 620.0], 0.5, 1.0)),
        ("reorder", tones(10, [480.0, 620.0], 0.25, 0.5)),
        ("special information", wave(9, |time| 0.3 * information(time))),
        ("keys", wave(8, keys)),
        ("fax that calls", tones(12, [1_100.0], 0.5, 3.5)),
        ("fax that answers", tones(6, [2_100.0], 1.0, 1.0)),
        ("fax that sends", frequency_shift()),
        ("modem", modem()),
        ("beeps", tones(12, [1_000.0], 0.2, 2.0)),
    ]
}

/// V.21: 300 bits a second as 1,650 or 1,850 Hz.
fn frequency_shift() -> Vec<f32> {
    let (mut random, mut phase, mut hz) = (random(12), 0.0f32, 0.0);
    let sample = |index: usize| {
        if index.is_multiple_of(RATE_HZ as usize / 300) {
            hz = if random() > 0.0 { 1_650.0 } else { 1_850.0 };
        }
        phase = (phase + hz / RATE_HZ as f32).fract();
        0.3 * (TAU * phase).sin()
    };
    (0..8 * RATE_HZ as usize).map(sample).collect()
}

/// Twenty-five points on a carrier of 1,800 Hz, 2,400 times a second.
fn modem() -> Vec<f32> {
    let (mut random, mut point, mut symbol) = (random(13), (0.0, 0.0), usize::MAX);
    let sample = |index: usize| {
        if symbol != index * 2_400 / RATE_HZ as usize {
            symbol = index * 2_400 / RATE_HZ as usize;
            point = ((2.0 * random()).round(), (2.0 * random()).round());
        }
        let turn = TAU * (1_800.0 * index as f32 / RATE_HZ as f32).fract();
        0.12 * (point.0 * turn.cos() + point.1 * turn.sin())
    };
    low(&(0..6 * RATE_HZ as usize).map(sample).collect::<Vec<_>>(), 0.8)
}

/// Melodies, chords and drums, as hold music through a phone.
fn music() -> Vec<(&'static str, Vec<f32>)> {
    let melody = |time: f32| {
        let note = [262.0, 330.0, 392.0, 523.0, 392.0, 330.0][(time * 3.0) as usize % 6];
        0.2 * (1.0 - (time * 3.0).fract()) * harmonics(note, time, 4)
    };
    let chords = |time: f32| {
        let chords = [[262.0, 330.0, 392.0], [220.0, 262.0, 330.0], [175.0, 220.0, 262.0], [196.0, 247.0, 294.0]];
        chords[(time / 2.0) as usize % 4].iter().map(|note| 0.08 * harmonics(*note, time, 5)).sum()
    };
    let beat = |time: f32| 0.7 * (-18.0 * (time % 0.5)).exp() * sine(60.0, time % 0.5);
    let snare: Vec<f32> = noise(17, 16, 0.3)
        .into_iter()
        .zip(wave(16, |time| (-40.0 * ((time + 0.25) % 0.5)).exp()))
        .map(|(n, e)| n * e)
        .collect();
    vec![
        ("melody", wave(20, melody)),
        ("organ", wave(20, chords)),
        ("drums", mix([&wave(16, beat), &snare])),
        ("siren", wave(15, |time| 0.3 * (TAU * (700.0 * time - 95.0 * (TAU * 0.5 * time).cos()).fract()).sin())),
    ]
}

#[test]
fn what_is_not_speech_has_no_words() {
    let store = store();
    let clips = [noises(), signals(), music()].concat();
    assert!(clips.len() >= 20);
    let is_there =
        |name: &str| store.status().iter().any(|(model, state)| model.name == name && *state == ModelState::Present);
    for model in ["whisper-tiny.en", "whisper-base"].into_iter().filter(|model| is_there(model)) {
        let engine = transcribe::open(&store, model, Engine::Voicemill, NonZeroUsize::new(2).unwrap()).unwrap();
        for (name, samples) in &clips {
            let transcript =
                engine.transcribe(&mut source(RATE_HZ, samples.clone()), &TranscribeControl::default()).unwrap();
            assert!(
                transcript.no_speech,
                "{model} hears in {name}: {:?}, {}",
                transcript.text, transcript.not_understood
            );
            assert_eq!((transcript.text.as_str(), transcript.language), ("", None), "{name}");
        }
    }
}
