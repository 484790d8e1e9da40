//! The speech gate: which parts of a window are worth an engine's time. Whisper writes sentences for silence, tones and
//! noise, so what passes must stand out from the noise floor, sound like a voice to a detector, and not be tones.

use std::ops::Range;

use super::{
    RATE_HZ,
    tones::{Signals, take_out_lines},
};
use voicemill_audio::speech_activity::SpeechDetector;

/// Pauses shorter than this stay inside a span; the engine makes better sentences of whole ones.
const BRIDGE_SAMPLES: usize = 2 * RATE_HZ as usize;
/// What is kept before a span, so that no soft consonant is cut, and after it, where words trail off.
const MARGIN_BEFORE_SAMPLES: usize = RATE_HZ as usize * 35 / 100;
const MARGIN_AFTER_SAMPLES: usize = RATE_HZ as usize * 8 / 10;
/// Less speech than this in a span is a click or a breath.
const MIN_SPEECH_SAMPLES: usize = RATE_HZ as usize / 4;
/// Signals are cut out of speech in steps of 32 ms.
const STEP_SAMPLES: usize = 512;

/// A part of a window in which somebody speaks.
pub(super) struct Speech {
    /// Where it begins, in samples from the start of the window.
    pub(super) start: usize,
    /// What is heard there (16 kHz), without hum and without the tones before and after it.
    pub(super) samples: Vec<f32>,
}

/// The parts of `samples` (16 kHz) in which somebody speaks, in order.
pub(super) fn speech(mut samples: Vec<f32>) -> Vec<Speech> {
    take_out_lines(&mut samples);
    let mut detector = SpeechDetector::default();
    detector.push(&samples);
    let index = |seconds: f64| ((seconds.max(0.0) * f64::from(RATE_HZ)) as usize).min(samples.len());
    let segments: Vec<Range<usize>> =
        detector.finish().iter().map(|segment| index(segment.start_seconds)..index(segment.end_seconds)).collect();
    if segments.is_empty() {
        return Vec::new();
    }
    let signals = Signals::find(&samples);
    let voice: Vec<Range<usize>> = segments.into_iter().flat_map(|segment| outside(&signals, segment)).collect();
    voice
        .chunk_by(|before, after| after.start - before.end < BRIDGE_SAMPLES)
        .filter(|span| span.iter().map(Range::len).sum::<usize>() >= MIN_SPEECH_SAMPLES)
        .filter_map(|span| {
            let (first, last) = (span.first()?, span.last()?);
            let start = first.start.saturating_sub(MARGIN_BEFORE_SAMPLES);
            let end = (last.end + MARGIN_AFTER_SAMPLES).min(samples.len());
            let mut heard = samples[start..end].to_vec();
            signals.mute(&mut heard, start);
            Some(Speech { start, samples: heard })
        })
        .collect()
}

/// The parts of `segment` that lie outside of signals.
fn outside(signals: &Signals, segment: Range<usize>) -> Vec<Range<usize>> {
    let steps: Vec<usize> = segment.clone().step_by(STEP_SAMPLES).collect();
    let runs = steps.chunk_by(|&one, &next| signals.is_at(one) == signals.is_at(next));
    runs.filter(|run| !signals.is_at(run[0]))
        .map(|run| run[0]..(run[run.len() - 1] + STEP_SAMPLES).min(segment.end))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn seconds(count: usize, wave: impl Fn(f32) -> f32) -> Vec<f32> {
        (0..count * RATE_HZ as usize).map(|index| wave(index as f32 / RATE_HZ as f32)).collect()
    }

    fn sines(frequencies: &[f32], time: f32) -> f32 {
        frequencies.iter().map(|hz| 0.2 * (TAU * hz * time).sin()).sum()
    }

    /// Noise from a fixed seed, between −1 and 1.
    fn noise() -> impl FnMut() -> f32 {
        let mut state = 1u32;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        }
    }

    #[test]
    fn silence_and_noise_do_not_pass() {
        assert!(speech(Vec::new()).is_empty());
        assert!(speech(vec![0.0; 48_000]).is_empty());
        let mut random = noise();
        for level in [0.001, 0.01, 0.1, 0.5] {
            let hiss: Vec<f32> = (0..80_000).map(|_| level * random()).collect();
            assert!(speech(hiss).is_empty(), "noise at {level}");
        }
    }

    #[test]
    fn call_progress_tones_do_not_pass() {
        let on_off = |time: f32, on: f32, period: f32| if time % period < on { 1.0 } else { 0.0 };
        for (name, wave) in [
            ("dial", seconds(8, |time| sines(&[350.0, 440.0], time))),
            ("ringing", seconds(12, |time| sines(&[440.0, 480.0], time) * on_off(time, 2.0, 6.0))),
            ("busy", seconds(8, |time| sines(&[480.0, 620.0], time) * on_off(time, 0.5, 1.0))),
            ("reorder", seconds(8, |time| sines(&[480.0, 620.0], time) * on_off(time, 0.25, 0.5))),
            ("stuttering", seconds(8, |time| sines(&[350.0, 440.0], time) * on_off(time, 0.1, 0.2))),
            ("fax", seconds(8, |time| sines(&[1100.0], time) * on_off(time, 0.5, 3.5))),
            ("keys", seconds(6, |time| sines(&[697.0 + 73.0 * time.floor(), 1336.0], time) * on_off(time, 0.1, 0.2))),
        ] {
            assert!(speech(wave).is_empty(), "{name}");
        }
    }
}
