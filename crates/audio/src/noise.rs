//! Estimates how far speech stands above a steady noise, and tells such a noise from music.

use std::sync::Arc;

use rustfft::{Fft, FftPlanner, num_complex::Complex};

/// Samples that are looked at together: 32 ms at [`SPEECH_RATE_HZ`](super::speech_activity::SPEECH_RATE_HZ).
const FRAME_SAMPLES: usize = 512;
/// The bins looked at, about 250 Hz to 3.6 kHz: where every phone carries sound and hum does not reach.
const FIRST_BIN: usize = 8;
const SUB_BANDS: usize = 9;
const SUB_BAND_BINS: usize = 12;
/// Levels are counted in steps of half a decibel from this one up, in dB.
const LOWEST_DB: f64 = -100.0;
const STEPS_PER_DB: f64 = 2.0;
const STEPS: usize = 220;
/// The quietest tenth of a recording is what is heard between words.
const QUIET_SHARE: f64 = 0.1;
/// Frames this far above the quiet ones have speech in them, in dB.
const SPEAKING_ABOVE_DB: f64 = 3.0;
/// Less speech than this, in seconds, tells nothing.
const LEAST_SPEECH_SECONDS: f64 = 0.3;
/// Noise spreads its energy within a narrow band, tones do not: the mean ratio of geometric to arithmetic mean of the power.
/// White, pink and brown noise measure 0.56 to 0.67, music and chords 0.2 to 0.29.
const LEAST_FLATNESS: f64 = 0.4;
/// Cleaner than this is only ever said as this, in dB.
const MOST_DB: f64 = 60.0;

/// Collects levels and spectral flatness of a mono signal; memory does not grow with its length.
pub(crate) struct NoiseMeter {
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
    pending: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    steps: Vec<Step>,
}

/// The frames of one level.
#[derive(Clone, Copy, Default)]
struct Step {
    frames: f64,
    power: f64,
    flatness: f64,
}

impl Default for NoiseMeter {
    fn default() -> Self {
        let fft = FftPlanner::new().plan_fft_forward(FRAME_SAMPLES);
        let turn = std::f32::consts::TAU / FRAME_SAMPLES as f32;
        Self {
            window: (0..FRAME_SAMPLES).map(|n| 0.5 - 0.5 * (n as f32 * turn).cos()).collect(),
            pending: Vec::with_capacity(FRAME_SAMPLES),
            spectrum: vec![Complex::default(); FRAME_SAMPLES],
            scratch: vec![Complex::default(); fft.get_inplace_scratch_len()],
            fft,
            steps: vec![Step::default(); STEPS],
        }
    }
}

impl NoiseMeter {
    pub(crate) fn push(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let take = (FRAME_SAMPLES - self.pending.len()).min(samples.len());
            self.pending.extend_from_slice(&samples[..take]);
            samples = &samples[take..];
            if self.pending.len() == FRAME_SAMPLES {
                self.measure();
                self.pending.clear();
            }
        }
    }

    fn measure(&mut self) {
        for ((bin, sample), window) in self.spectrum.iter_mut().zip(&self.pending).zip(&self.window) {
            *bin = Complex::new(sample * window, 0.0);
        }
        self.fft.process_with_scratch(&mut self.spectrum, &mut self.scratch);
        let (mut power, mut flatness) = (0.0, 0.0);
        let bins = &self.spectrum[FIRST_BIN..FIRST_BIN + SUB_BANDS * SUB_BAND_BINS];
        for band in bins.chunks_exact(SUB_BAND_BINS) {
            let powers = band.iter().map(|bin| f64::from(bin.norm_sqr()) + 1e-12);
            let (sum, logarithms) =
                powers.fold((0.0, 0.0), |(sum, logarithms), power| (sum + power, logarithms + power.ln()));
            power += sum;
            // Weighted by its power: a band that is empty but for rounding is flat whatever is in the others.
            flatness += sum * (logarithms / SUB_BAND_BINS as f64).exp() / (sum / SUB_BAND_BINS as f64);
        }
        let flatness = flatness / power;
        // Relative to a sine of full scale under this window.
        let power = power / (FRAME_SAMPLES as f64 * FRAME_SAMPLES as f64 / 16.0 * 1.5);
        let step = ((10.0 * power.log10() - LOWEST_DB) * STEPS_PER_DB).clamp(0.0, STEPS as f64 - 1.0) as usize;
        self.steps[step].frames += 1.0;
        self.steps[step].power += power;
        self.steps[step].flatness += flatness;
    }

    /// How far speech stands above the noise, in dB, given the seconds of speech that were found; nothing where there is no
    /// speech, or where what is heard between words is no noise but music, say.
    pub(crate) fn snr_db(&self, speech_seconds: f64) -> Option<f64> {
        if speech_seconds < LEAST_SPEECH_SECONDS {
            return None;
        }
        let wanted = (self.steps.iter().map(|step| step.frames).sum::<f64>() * QUIET_SHARE).max(1.0);
        let (mut quiet, mut highest) = (Step::default(), 0);
        for (index, step) in self.steps.iter().enumerate().filter(|(_, step)| step.frames > 0.0) {
            let part = ((wanted - quiet.frames) / step.frames).min(1.0);
            quiet.frames += step.frames * part;
            quiet.power += step.power * part;
            quiet.flatness += step.flatness * part;
            highest = index;
            if quiet.frames >= wanted {
                break;
            }
        }
        if quiet.frames == 0.0 || quiet.flatness / quiet.frames < LEAST_FLATNESS {
            return None;
        }
        let noise = quiet.power / quiet.frames;
        let above = highest + (SPEAKING_ABOVE_DB * STEPS_PER_DB) as usize;
        let speaking = self.steps.iter().skip(above).fold(Step::default(), |sum, step| Step {
            frames: sum.frames + step.frames,
            power: sum.power + step.power,
            flatness: 0.0,
        });
        let speech = (speaking.power / speaking.frames.max(1.0) - noise).max(0.0);
        (speech > 0.0).then(|| (10.0 * (speech / noise).log10()).min(MOST_DB))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech_activity::tests::{noise, voice};

    fn snr_db(samples: &[f32], speech_seconds: f64) -> Option<f64> {
        let mut meter = NoiseMeter::default();
        for piece in samples.chunks(1_001) {
            meter.push(piece);
        }
        meter.snr_db(speech_seconds)
    }

    /// Two sentences with a pause, and noise under all of it: the ratio is over the sentences.
    fn noisy(wanted_db: f64) -> Vec<f32> {
        let mut talk = voice(16_000, 3.0);
        talk.extend(vec![0.0; 16_000]);
        talk.extend(voice(16_000, 3.0));
        // In the band that is looked at: the noise is white, so 3.375 of its 8 kHz.
        let power = |samples: &[f32]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
        let speech = power(&talk[..48_000]);
        let raw = noise(talk.len(), 1.0);
        let gain = (speech / (power(&raw) * 3.375 / 8.0) / 10f64.powf(wanted_db / 10.0)).sqrt() as f32;
        talk.iter().zip(&raw).map(|(talk, noise)| talk + gain * noise).collect()
    }

    #[test]
    fn the_estimate_follows_the_noise() {
        for wanted_db in [5.0, 10.0, 15.0, 20.0, 30.0] {
            let estimate = snr_db(&noisy(wanted_db), 6.0).unwrap();
            assert!((estimate - wanted_db).abs() < 3.5, "{estimate:.1} dB instead of {wanted_db}");
        }
    }

    #[test]
    fn what_is_no_noise_has_no_estimate() {
        assert_eq!(snr_db(&noisy(10.0), 0.0), None, "nobody speaks");
        let chord: Vec<f32> = (0..80_000)
            .map(|n| {
                let t = n as f32 / 16_000.0;
                let swell = 0.6 + 0.4 * (t * 3.0).sin();
                [262.0f32, 330.0, 392.0, 524.0, 1_048.0]
                    .iter()
                    .map(|hz| 0.1 * swell * (t * hz * std::f32::consts::TAU).sin())
                    .sum()
            })
            .collect();
        assert_eq!(snr_db(&chord, 2.0), None, "what is heard between words is music");
        assert_eq!(snr_db(&[], 1.0), None);
    }

    #[test]
    fn silence_between_words_is_as_clean_as_it_gets() {
        let mut talk = voice(16_000, 2.0);
        talk.extend(vec![0.0; 16_000]);
        assert_eq!(snr_db(&talk, 2.0), Some(MOST_DB));
    }
}
