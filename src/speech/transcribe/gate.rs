//! The speech gate: which parts of a window are worth an engine's time. Whisper writes sentences for silence, tones and
//! noise, so what passes must stand out from the noise floor, sound like a voice to a detector, and not be tones.

use std::{ops::Range, sync::LazyLock};

use earshot::Detector;
use rustfft::{Fft, FftPlanner, num_complex::Complex32};

use super::RATE_HZ;

/// Samples of one frame: 16 ms, what the detector hears at a time.
const FRAME_SAMPLES: usize = 256;
const FRAMES_PER_SECOND: f32 = RATE_HZ as f32 / FRAME_SAMPLES as f32;

/// Level below which nothing is speech, in dB of full scale.
const MIN_LEVEL_DB: f32 = -62.0;
/// How far speech stands above the noise floor.
const ABOVE_FLOOR_DB: f32 = 6.0;
/// How far below the loudest part speech may fall.
const BELOW_PEAK_DB: f32 = 32.0;

/// Score from which the detector hears a voice.
const VOICE_SCORE: f32 = 0.5;

/// Share of a frame's energy in its two strongest peaks from which it is a tone or a pair of tones.
const TONAL_SHARE: f32 = 0.93;
/// Share of a span's loud frames from which tones make it a signal rather than speech.
const TONAL_SPAN_SHARE: f32 = 0.6;

/// Pauses shorter than this stay inside a span; the engine makes better sentences of whole ones.
const BRIDGE_SECONDS: f32 = 2.0;
/// What is kept on either side of a span, so that no soft consonant is cut.
const MARGIN_SECONDS: f32 = 0.35;
/// Less voice than this in a span is a click or a breath.
const MIN_VOICE_SECONDS: f32 = 0.16;

/// The parts of `samples` (16 kHz) in which somebody speaks, in order, as ranges of samples.
pub(super) fn speech(samples: &[f32]) -> Vec<Range<usize>> {
    let levels: Vec<f32> = samples.chunks(FRAME_SAMPLES).map(level_db).collect();
    let threshold = threshold_db(&levels);
    let mut detector = Detector::default_boxed();
    let mut frame = [0.0; FRAME_SAMPLES];
    let voiced: Vec<bool> = samples
        .chunks(FRAME_SAMPLES)
        .zip(&levels)
        .map(|(chunk, &level)| {
            frame.fill(0.0);
            for (target, sample) in frame.iter_mut().zip(chunk) {
                *target = sample.clamp(-1.0, 1.0);
            }
            // The detector carries state from frame to frame, so it hears the quiet ones too.
            detector.predict_f32(&frame) >= VOICE_SCORE && level > threshold
        })
        .collect();

    let margin = seconds_to_frames(MARGIN_SECONDS);
    bridge(&voiced)
        .filter(|span| {
            let count = voiced[span.clone()].iter().filter(|&&voiced| voiced).count();
            count >= seconds_to_frames(MIN_VOICE_SECONDS) && !is_signal(samples, &levels, threshold, span)
        })
        .map(|span| {
            let start = span.start.saturating_sub(margin) * FRAME_SAMPLES;
            let end = (span.end + margin) * FRAME_SAMPLES;
            start..end.min(samples.len())
        })
        .collect()
}

/// The level that speech must exceed, from the quietest tenth and the loudest twentieth of the frames.
fn threshold_db(levels: &[f32]) -> f32 {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f32| {
        let index = (sorted.len() as f32 * share) as usize;
        sorted
            .get(index.min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or(MIN_LEVEL_DB)
    };
    let (floor, peak) = (at(0.1), at(0.95));
    // A window that is speech from end to end has no floor to stand above.
    let above_floor = (floor + ABOVE_FLOOR_DB).min(peak - ABOVE_FLOOR_DB);
    above_floor.max(peak - BELOW_PEAK_DB).max(MIN_LEVEL_DB)
}

/// Ranges of frames from the first voiced one to the last, with short pauses bridged.
fn bridge(voiced: &[bool]) -> impl Iterator<Item = Range<usize>> {
    let gap = seconds_to_frames(BRIDGE_SECONDS);
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (index, _) in voiced.iter().enumerate().filter(|(_, voiced)| **voiced) {
        match spans.last_mut() {
            Some(span) if index - span.end < gap => span.end = index + 1,
            _ => spans.push(index..index + 1),
        }
    }
    spans.into_iter()
}

/// True when a span's loud frames are mostly tones: ringing, busy, fax, keys.
fn is_signal(samples: &[f32], levels: &[f32], threshold: f32, span: &Range<usize>) -> bool {
    let loud: Vec<usize> = span.clone().filter(|&index| levels[index] > threshold).collect();
    let tonal = loud
        .iter()
        .filter(|&&index| is_tonal(samples, index * FRAME_SAMPLES))
        .count();
    tonal as f32 > TONAL_SPAN_SHARE * loud.len() as f32
}

/// True when two narrow peaks hold nearly all the energy of the 64 ms from `start` on.
fn is_tonal(samples: &[f32], start: usize) -> bool {
    const POINTS: usize = 1024;
    /// Bins on either side of a peak that its window smears it over.
    const SMEAR: usize = 2;
    static TRANSFORM: LazyLock<std::sync::Arc<dyn Fft<f32>>> =
        LazyLock::new(|| FftPlanner::new().plan_fft_forward(POINTS));

    let Some(stretch) = samples.get(start..start + POINTS) else {
        return false;
    };
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
        let peak = (0..power.len())
            .max_by(|&one, &other| power[one].total_cmp(&power[other]))
            .unwrap_or(0);
        let around = &mut power[peak.saturating_sub(SMEAR)..(peak + SMEAR + 1).min(POINTS / 2)];
        in_peaks += around.iter().sum::<f32>();
        around.fill(0.0);
    }
    in_peaks > TONAL_SHARE * total
}

fn level_db(frame: &[f32]) -> f32 {
    let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32;
    10.0 * power.max(1e-12).log10()
}

fn seconds_to_frames(seconds: f32) -> usize {
    (seconds * FRAMES_PER_SECOND).round() as usize
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn seconds(count: usize, wave: impl Fn(f32) -> f32) -> Vec<f32> {
        (0..count * RATE_HZ as usize)
            .map(|index| wave(index as f32 / RATE_HZ as f32))
            .collect()
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
            (
                "ringing",
                seconds(12, |time| sines(&[440.0, 480.0], time) * on_off(time, 2.0, 6.0)),
            ),
            (
                "busy",
                seconds(8, |time| sines(&[480.0, 620.0], time) * on_off(time, 0.5, 1.0)),
            ),
            (
                "reorder",
                seconds(8, |time| sines(&[480.0, 620.0], time) * on_off(time, 0.25, 0.5)),
            ),
            (
                "fax",
                seconds(8, |time| sines(&[1100.0], time) * on_off(time, 0.5, 3.5)),
            ),
            (
                "keys",
                seconds(6, |time| {
                    sines(&[697.0 + 73.0 * time.floor(), 1336.0], time) * on_off(time, 0.1, 0.2)
                }),
            ),
        ] {
            assert_eq!(speech(&wave), [], "{name}");
        }
    }
}
