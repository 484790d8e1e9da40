//! Keeps peaks, also those between samples, under a ceiling without audible distortion.

use std::collections::VecDeque;

use super::true_peak::TruePeak;

/// How far the limiter looks ahead, in ms; gain moves no faster than over this time.
const LOOK_AHEAD_MS: u32 = 5;
/// Time constant of the recovery after a peak, in seconds.
const RELEASE_SECONDS: f32 = 0.1;
/// Less attenuation than this (0.001 dB) is none: where a recovery ends.
const UNITY: f32 = 0.9999;

/// A look-ahead limiter for one or more channels, which share one gain so that the stereo image stays.
pub(crate) struct Limiter {
    ceiling: f32,
    channels: usize,
    look_ahead: usize,
    release: f32,
    estimator: TruePeak,
    peaks: Vec<f32>,
    /// Input waiting for its gain, interleaved.
    delayed: Vec<f32>,
    /// Frames to take in before the first comes out.
    filling_frames: usize,
    /// The gains below 1 needed within the look-ahead, rising, with the frame each is for.
    needed: VecDeque<(u64, f32)>,
    frame: u64,
    gain: f32,
    /// Recent gains, whose mean is what is applied: a ramp instead of a step.
    recent: VecDeque<f32>,
    recent_sum: f64,
    /// Frames since the gain was last below 1.
    calm_frames: usize,
}

impl Limiter {
    /// `ceiling` is linear.
    pub(crate) fn new(rate_hz: u32, channels: u16, ceiling: f32) -> Self {
        let look_ahead = (rate_hz * LOOK_AHEAD_MS / 1_000).max(1) as usize;
        Self {
            ceiling,
            channels: usize::from(channels),
            look_ahead,
            release: 1.0 - (-1.0 / (RELEASE_SECONDS * rate_hz as f32)).exp(),
            estimator: TruePeak::new(channels),
            peaks: Vec::new(),
            delayed: Vec::new(),
            filling_frames: look_ahead + TruePeak::DELAY_FRAMES,
            needed: VecDeque::new(),
            frame: 0,
            gain: 1.0,
            recent: vec![1.0; look_ahead].into(),
            recent_sum: look_ahead as f64,
            calm_frames: look_ahead,
        }
    }

    /// Appends to `out` the limited signal, later than it came by the look-ahead.
    pub(crate) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let mut peaks = std::mem::take(&mut self.peaks);
        self.estimator.estimate(samples, self.ceiling, &mut peaks);
        self.delayed.extend_from_slice(samples);
        let (mut frame, mut taken) = (0, 0);
        while frame < peaks.len() {
            // Far from any peak there is nothing to work out: the samples pass as they are.
            let passing = if self.calm_frames >= self.look_ahead {
                peaks[frame..].iter().take_while(|peak| **peak <= self.ceiling).count()
            } else {
                0
            };
            let frames = passing.max(1);
            let gain = if passing > 0 { 1.0 } else { self.next_gain(peaks[frame]) };
            let filling = frames.min(self.filling_frames);
            self.filling_frames -= filling;
            let leaving = &self.delayed[taken..taken + (frames - filling) * self.channels];
            if passing > 0 {
                out.extend_from_slice(leaving);
            } else {
                let ceiling = self.ceiling;
                out.extend(leaving.iter().map(|sample| (sample * gain).clamp(-ceiling, ceiling)));
            }
            taken += leaving.len();
            frame += frames;
            self.frame += frames as u64;
        }
        self.delayed.drain(..taken);
        self.peaks = peaks;
    }

    /// Appends what is still held, so that as much came out as went in.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) {
        let held = self.delayed.len();
        let end = out.len() + held;
        let delay_frames = self.look_ahead + TruePeak::DELAY_FRAMES;
        self.push(&vec![0.0; delay_frames * self.channels], out);
        out.truncate(end);
    }

    fn next_gain(&mut self, peak: f32) -> f32 {
        if peak > self.ceiling {
            let need = self.ceiling / peak;
            while self.needed.back().is_some_and(|(_, gain)| *gain >= need) {
                self.needed.pop_back();
            }
            self.needed.push_back((self.frame, need));
        }
        while self.needed.front().is_some_and(|(frame, _)| frame + (self.look_ahead as u64) < self.frame) {
            self.needed.pop_front();
        }
        let lowest = self.needed.front().map_or(1.0, |(_, gain)| *gain);
        // Down at once, up slowly; the mean below turns the step down into a ramp that is complete when the peak is due.
        self.gain = if lowest < self.gain { lowest } else { self.gain + (lowest - self.gain) * self.release };
        if self.needed.is_empty() && self.gain > UNITY {
            self.gain = 1.0;
            self.calm_frames += 1;
        } else {
            self.calm_frames = 0;
        }
        let oldest = self.recent.pop_front().unwrap_or(1.0);
        self.recent.push_back(self.gain);
        self.recent_sum += f64::from(self.gain) - f64::from(oldest);
        (self.recent_sum / self.look_ahead as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::AudioSpec;
    use crate::loudness::{LoudnessMeter, from_db};

    fn limited(samples: &[f32], channels: u16, ceiling: f32, piece: usize) -> Vec<f32> {
        let mut limiter = Limiter::new(8_000, channels, ceiling);
        let mut out = Vec::new();
        for piece in samples.chunks(piece * usize::from(channels)) {
            limiter.push(piece, &mut out);
        }
        limiter.finish(&mut out);
        out
    }

    proptest! {
        #[test]
        fn nothing_passes_the_ceiling_and_the_length_stays(
            samples in prop::collection::vec(-4.0f32..4.0, 0..2_000), channels in 1u16..=2, piece in 1usize..300,
        ) {
            let whole = samples.len() / usize::from(channels) * usize::from(channels);
            let ceiling = from_db(-1.5);
            let out = limited(&samples[..whole], channels, ceiling, piece);
            prop_assert_eq!(out.len(), whole);
            prop_assert!(out.iter().all(|sample| sample.abs() <= ceiling));
        }
    }

    #[test]
    fn what_stays_under_the_ceiling_passes_untouched() {
        let quiet: Vec<f32> = (0..4_000).map(|n| 0.5 * (n as f32 * 0.3).sin()).collect();
        let out = limited(&quiet, 1, from_db(-1.5), 256);
        assert!(out.iter().zip(&quiet).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn true_peaks_stay_under_the_ceiling() {
        let loud: Vec<f32> = (0..16_000)
            .map(|n| 2.0 * (n as f32 * 0.61).sin() * (1.0 + (n as f32 * 0.003).sin()) + 0.7 * (n as f32 * 1.9).sin())
            .collect();
        let mut meter = LoudnessMeter::new(AudioSpec::mono(8_000));
        meter.push(&limited(&loud, 1, from_db(-1.5), 512));
        let peak = meter.true_peak_dbtp().unwrap();
        assert!(peak <= -1.2, "{peak:.2} dBTP");
    }

    #[test]
    fn gain_recovers_after_a_peak() {
        let mut signal = vec![0.4f32; 16_000];
        signal[1_000] = 3.0;
        let out = limited(&signal, 1, 0.8, 512);
        assert!(out[995] < 0.3, "ducked before the peak: {}", out[995]);
        assert!((out[12_000] - 0.4).abs() < 0.01, "recovered: {}", out[12_000]);
    }
}
