//! The speech gate: which parts of a window are worth an engine's time. Whisper writes sentences for silence, tones and
//! noise, so what passes must stand out from the noise floor, sound like a voice to a detector, and not be tones.

use std::{
    ops::Range,
    sync::{Arc, LazyLock},
};

use rustfft::{Fft, FftPlanner, num_complex::Complex32};

use super::RATE_HZ;
use voicemill_audio::speech_activity::{SpeechDetector, SpeechSegment};

/// Pauses shorter than this stay inside a span; the engine makes better sentences of whole ones.
const BRIDGE_SECONDS: f64 = 2.0;
/// What is kept before a span, so that no soft consonant is cut, and after it, where words trail off.
const MARGIN_BEFORE_SECONDS: f64 = 0.35;
const MARGIN_AFTER_SECONDS: f64 = 0.8;
/// Less speech than this in a span is a click or a breath.
const MIN_SPEECH_SECONDS: f64 = 0.25;

/// Points of the spectra in which tones are looked for: 64 ms.
const POINTS: usize = 1_024;
/// Level below which a spectrum tells nothing, in dB of full scale.
const MIN_LEVEL_DBFS: f32 = -55.0;
/// Share of a spectrum's energy in its two strongest peaks from which it is a tone or a pair of tones.
const TONAL_SHARE: f32 = 0.93;
/// Share of a span's spectra from which tones make it a signal rather than speech.
const TONAL_SPAN_SHARE: f32 = 0.5;

/// The parts of `samples` (16 kHz) in which somebody speaks, in order, as ranges of samples.
pub(super) fn speech(samples: &[f32]) -> Vec<Range<usize>> {
    let mut detector = SpeechDetector::default();
    detector.push(samples);
    let segments = detector.finish();
    let index = |seconds: f64| ((seconds.max(0.0) * f64::from(RATE_HZ)) as usize).min(samples.len());
    segments
        .chunk_by(|before, after| after.start_seconds - before.end_seconds < BRIDGE_SECONDS)
        .filter_map(|span| {
            let (first, last) = (span.first()?, span.last()?);
            let whole = index(first.start_seconds)..index(last.end_seconds);
            let padded =
                index(first.start_seconds - MARGIN_BEFORE_SECONDS)..index(last.end_seconds + MARGIN_AFTER_SECONDS);
            let speech_seconds: f64 = span.iter().map(length_seconds).sum();
            (speech_seconds >= MIN_SPEECH_SECONDS && !is_signal(&samples[whole])).then_some(padded)
        })
        .collect()
}

fn length_seconds(segment: &SpeechSegment) -> f64 {
    segment.end_seconds - segment.start_seconds
}

/// True when most of what is loud is tones: ringing, busy, fax, keys.
fn is_signal(samples: &[f32]) -> bool {
    let (mut loud, mut tonal) = (0, 0);
    for stretch in samples.chunks_exact(POINTS).filter(|stretch| level_dbfs(stretch) > MIN_LEVEL_DBFS) {
        loud += 1;
        tonal += usize::from(is_tonal(stretch));
    }
    tonal as f32 > TONAL_SPAN_SHARE * loud as f32
}

/// True when two narrow peaks hold nearly all the energy of a stretch.
fn is_tonal(stretch: &[f32]) -> bool {
    /// Bins on either side of a peak that its window smears it over.
    const SMEAR: usize = 2;
    static TRANSFORM: LazyLock<Arc<dyn Fft<f32>>> = LazyLock::new(|| FftPlanner::new().plan_fft_forward(POINTS));

    let mut spectrum: Vec<Complex32> = stretch
        .iter()
        .enumerate()
        .map(|(index, sample)| {
            let phase = std::f32::consts::TAU * index as f32 / POINTS as f32;
            Complex32::new(sample * (0.5 - 0.5 * phase.cos()), 0.0)
        })
        .collect();
    TRANSFORM.process(&mut spectrum);
    let mut power: Vec<f32> = spectrum[..POINTS / 2].iter().map(Complex32::norm_sqr).collect();
    power[..SMEAR].fill(0.0);
    let total: f32 = power.iter().sum();
    let mut in_peaks = 0.0;
    for _ in 0..2 {
        let peak = (0..power.len()).max_by(|&one, &other| power[one].total_cmp(&power[other])).unwrap_or(0);
        let around = &mut power[peak.saturating_sub(SMEAR)..(peak + SMEAR + 1).min(POINTS / 2)];
        in_peaks += around.iter().sum::<f32>();
        around.fill(0.0);
    }
    in_peaks > TONAL_SHARE * total
}

fn level_dbfs(stretch: &[f32]) -> f32 {
    let power = stretch.iter().map(|sample| sample * sample).sum::<f32>() / stretch.len() as f32;
    10.0 * power.max(1e-12).log10()
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
        assert!(speech(&[]).is_empty());
        assert!(speech(&vec![0.0; 48_000]).is_empty());
        let mut random = noise();
        for level in [0.001, 0.01, 0.1, 0.5] {
            let hiss: Vec<f32> = (0..80_000).map(|_| level * random()).collect();
            assert!(speech(&hiss).is_empty(), "noise at {level}");
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
            ("fax", seconds(8, |time| sines(&[1100.0], time) * on_off(time, 0.5, 3.5))),
            ("keys", seconds(6, |time| sines(&[697.0 + 73.0 * time.floor(), 1336.0], time) * on_off(time, 0.1, 0.2))),
        ] {
            assert!(speech(&wave).is_empty(), "{name}: {:?}", speech(&wave));
        }
    }
}
