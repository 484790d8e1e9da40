//! Turns the network's frames into a waveform: a train of pulses at the voice's pitch, filtered by the harmonic part of
//! each frame, plus shaped noise, plus a part of free phase, through one inverse short-time Fourier transform.

use std::{
    f32::consts::{PI, TAU},
    sync::Arc,
};

use rustfft::{Fft, FftPlanner, num_complex::Complex32};

/// Sampling rate of the waveform, in Hz.
const RATE_HZ: u32 = 24_000;
/// Bins of a frame's spectrum.
pub(super) const BINS: usize = POINTS / 2 + 1;

const POINTS: usize = 1_200;
/// Samples from frame to frame: 12.5 ms.
const HOP: usize = 300;

/// Pitch below which a frame is unvoiced, in Hz.
const VOICED_HZ: f32 = 40.0;
/// Harmonics reach up to here, in Hz.
const MAX_HARMONIC_HZ: f32 = 11_000.0;
/// Largest logarithm of a magnitude, against overflow.
const MAX_LOG_MAGNITUDE: f32 = 7.0;
/// Where the pulse formula divides by almost zero, its limit is used.
const PULSE_LIMIT: f32 = 2e-3;

/// The network's output: matrices of [`BINS`] rows with a column a frame, row by row, and the pitch of each frame.
pub(super) struct Frames {
    pub(super) harmonic_log_magnitude: Vec<f32>,
    pub(super) harmonic_phase: Vec<f32>,
    pub(super) noise_log_magnitude: Vec<f32>,
    pub(super) free_log_magnitude: Vec<f32>,
    pub(super) free_phase: Vec<f32>,
    pub(super) pitch_hz: Vec<f32>,
}

impl Frames {
    /// True when every matrix has as many columns as there are pitches.
    pub(super) fn is_consistent(&self) -> bool {
        let length = self.pitch_hz.len() * BINS;
        [
            &self.harmonic_log_magnitude,
            &self.harmonic_phase,
            &self.noise_log_magnitude,
            &self.free_log_magnitude,
            &self.free_phase,
        ]
        .iter()
        .all(|matrix| matrix.len() == length)
    }

    /// The spectrum of one bin of one frame, given that of the pulses.
    fn shape(&self, bin: usize, frame: usize, pulses: Complex32, noise: &mut Noise) -> Complex32 {
        let index = bin * self.pitch_hz.len() + frame;
        let magnitude = |log: f32| log.min(MAX_LOG_MAGNITUDE).exp();
        let harmonic = Complex32::from_polar(
            magnitude(self.harmonic_log_magnitude[index]),
            PI * self.harmonic_phase[index].tanh(),
        );
        let free = Complex32::from_polar(magnitude(self.free_log_magnitude[index]), self.free_phase[index]);
        pulses * harmonic + noise.next() * magnitude(self.noise_log_magnitude[index]) + free
    }
}

/// The transforms and the window, made once.
pub(super) struct Vocoder {
    window: Vec<f32>,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
}

impl Vocoder {
    pub(super) fn new() -> Self {
        let mut planner = FftPlanner::new();
        Self {
            window: (0..POINTS).map(|index| 0.5 - 0.5 * (TAU * index as f32 / POINTS as f32).cos()).collect(),
            forward: planner.plan_fft_forward(POINTS),
            inverse: planner.plan_fft_inverse(POINTS),
        }
    }

    /// The waveform of consistent frames: [`HOP`] samples each.
    pub(super) fn render(&self, frames: &Frames) -> Vec<f32> {
        let count = frames.pitch_hz.len();
        let pulses = pulse_train(&frames.pitch_hz);
        let mut noise = Noise::new();
        let mut spectrum = vec![Complex32::default(); POINTS];
        let scratch_length = self.forward.get_inplace_scratch_len().max(self.inverse.get_inplace_scratch_len());
        let mut scratch = vec![Complex32::default(); scratch_length];
        let mut output = vec![0.0; (count + POINTS / HOP) * HOP];
        let mut weights = vec![0.0; output.len()];

        for frame in 0..count {
            for (offset, (value, window)) in spectrum.iter_mut().zip(&self.window).enumerate() {
                let sample = mirrored(&pulses, frame * HOP + offset);
                *value = Complex32::new(sample * window / HOP as f32, 0.0);
            }
            self.forward.process_with_scratch(&mut spectrum, &mut scratch);
            for (bin, value) in spectrum[..BINS].iter_mut().enumerate() {
                *value = frames.shape(bin, frame, *value, &mut noise);
            }
            // A real signal: the ends are real, the upper half mirrors the lower.
            spectrum[0].im = 0.0;
            spectrum[BINS - 1].im = 0.0;
            for bin in 1..BINS - 1 {
                spectrum[POINTS - bin] = spectrum[bin].conj();
            }
            self.inverse.process_with_scratch(&mut spectrum, &mut scratch);
            let place = frame * HOP..frame * HOP + POINTS;
            let places = output[place.clone()].iter_mut().zip(&mut weights[place]);
            for ((value, window), (sample, weight)) in spectrum.iter().zip(&self.window).zip(places) {
                *sample += value.re / POINTS as f32 * window;
                *weight += window * window;
            }
        }

        let middle = POINTS / 2..POINTS / 2 + count * HOP;
        let weighed = output[middle.clone()].iter().zip(&weights[middle]);
        weighed.map(|(sample, weight)| sample / weight.max(1e-11)).collect()
    }
}

/// The sample at `index` of a signal with half a window of its mirror image on either side.
fn mirrored(signal: &[f32], index: usize) -> f32 {
    let last = signal.len() as isize - 1;
    let mut position = index as isize - (POINTS / 2) as isize;
    if position < 0 {
        position = -position;
    }
    if position > last {
        position = 2 * last - position;
    }
    signal[position.clamp(0, last) as usize]
}

/// A band-limited pulse a period, every harmonic at unit amplitude; zero where the voice is silent.
fn pulse_train(pitch_hz: &[f32]) -> Vec<f32> {
    let at = |frame: isize| pitch_hz[frame.clamp(0, pitch_hz.len() as isize - 1) as usize];
    let mut phase = 0.0f64;
    (0..pitch_hz.len() * HOP)
        .map(|index| {
            // Pitches stand in the middle of their frames, with straight lines between.
            let position = (index as f32 + 0.5) / HOP as f32 - 0.5;
            let (frame, between) = (position.floor() as isize, position - position.floor());
            let pitch = at(frame) * (1.0 - between) + at(frame + 1) * between;
            let voiced = pitch > VOICED_HZ;
            let pitch = pitch.max(VOICED_HZ);
            phase = (phase + f64::from(pitch) / f64::from(RATE_HZ)).fract();
            if voiced { pulse((phase as f32) * TAU, pitch) } else { 0.0 }
        })
        .collect()
}

/// The sum of the cosines of every harmonic of `pitch_hz` below the limit, in closed form.
fn pulse(phase: f32, pitch_hz: f32) -> f32 {
    let harmonics = (MAX_HARMONIC_HZ / pitch_hz).floor() + 0.5;
    let divisor = 2.0 * (phase * 0.5).sin();
    let sum = if divisor.abs() <= PULSE_LIMIT { harmonics } else { (harmonics * phase).sin() / divisor };
    sum - 0.5
}

/// Gaussian noise from a fixed seed, so that the same text sounds the same every time.
struct Noise {
    state: u64,
}

impl Noise {
    fn new() -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// A number above 0 and below 1.
    fn uniform(&mut self) -> f32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        ((self.state >> 40) as f32 + 0.5) / 16_777_216.0
    }

    /// A complex number whose parts are normally distributed.
    fn next(&mut self) -> Complex32 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        Complex32::from_polar(radius, TAU * self.uniform())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(count: usize, log_magnitude: f32, pitch_hz: f32) -> Frames {
        let matrix = |value: f32| vec![value; count * BINS];
        Frames {
            harmonic_log_magnitude: matrix(log_magnitude),
            harmonic_phase: matrix(0.0),
            noise_log_magnitude: matrix(-30.0),
            free_log_magnitude: matrix(-30.0),
            free_phase: matrix(0.0),
            pitch_hz: vec![pitch_hz; count],
        }
    }

    #[test]
    fn a_flat_filter_passes_the_pulses_at_their_pitch() {
        let wave = Vocoder::new().render(&frames(40, -3.0, 200.0));
        assert_eq!(wave.len(), 40 * HOP);
        let middle = &wave[10 * HOP..30 * HOP];
        let threshold = 0.5 * middle.iter().copied().fold(0.0, f32::max);
        let peaks = (1..middle.len() - 1).filter(|&index| {
            middle[index] > threshold && middle[index] >= middle[index - 1] && middle[index] > middle[index + 1]
        });
        // 200 Hz for a quarter of a second.
        assert!((49..=51).contains(&peaks.count()));
    }

    #[test]
    fn no_pitch_and_no_noise_is_silence() {
        let wave = Vocoder::new().render(&frames(10, 0.0, 0.0));
        assert!(wave.iter().all(|sample| sample.abs() < 1e-6));
    }

    #[test]
    fn no_frames_make_no_samples() {
        assert!(Vocoder::new().render(&frames(0, 0.0, 100.0)).is_empty());
    }
}
