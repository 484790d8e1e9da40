//! How much of a sound lies beyond what a narrowband phone carries.

use std::sync::Arc;

use rustfft::{Fft, FftPlanner, num_complex::Complex};

use super::channels;
use super::format::AudioSpec;

/// The upper edge of a narrowband phone's band.
const PHONE_EDGE_HZ: f64 = 3_400.0;
/// Above this rate one block in [`SPARSE`] is enough to know the spectrum of a recording, and costs next to nothing.
const DENSE_MAX_RATE_HZ: u32 = 16_000;
const SPARSE: u64 = 4;

/// Adds up the energy of a signal below and above the edge, as it passes.
pub(crate) struct BandMeter {
    channels: u16,
    /// First bin of the transform that lies above the edge.
    edge_bin: usize,
    every: u64,
    blocks: u64,
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
    pending: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    below: f64,
    above: f64,
}

impl BandMeter {
    pub(crate) fn new(spec: AudioSpec) -> Self {
        // Bins of 16 to 32 Hz, whatever the rate.
        let size = (spec.rate_hz as usize / 32).next_power_of_two().max(64);
        let fft = FftPlanner::new().plan_fft_forward(size);
        let turn = std::f32::consts::TAU / size as f32;
        Self {
            channels: spec.channels,
            edge_bin: (PHONE_EDGE_HZ * size as f64 / f64::from(spec.rate_hz)).ceil() as usize,
            every: if spec.rate_hz > DENSE_MAX_RATE_HZ { SPARSE } else { 1 },
            blocks: 0,
            window: (0..size).map(|n| 0.5 - 0.5 * (n as f32 * turn).cos()).collect(),
            pending: Vec::with_capacity(size),
            spectrum: vec![Complex::default(); size],
            scratch: vec![Complex::default(); fft.get_inplace_scratch_len()],
            fft,
            below: 0.0,
            above: 0.0,
        }
    }

    pub(crate) fn push(&mut self, samples: &[f32]) {
        let (size, channels) = (self.window.len(), usize::from(self.channels));
        let mut rest = samples;
        while !rest.is_empty() {
            let take = (size - self.pending.len()).min(rest.len() / channels);
            if take == 0 {
                return;
            }
            let (block, later) = rest.split_at(take * channels);
            channels::map(block, self.channels, 1, &mut self.pending);
            rest = later;
            if self.pending.len() == size {
                self.measure();
            }
        }
    }

    /// The energy below and above the edge so far, in units of their own.
    pub(crate) fn finish(mut self) -> (f64, f64) {
        if self.blocks == 0 && !self.pending.is_empty() {
            self.pending.resize(self.window.len(), 0.0);
            self.measure();
        }
        (self.below, self.above)
    }

    fn measure(&mut self) {
        if self.blocks.is_multiple_of(self.every) {
            for ((bin, sample), window) in self.spectrum.iter_mut().zip(&self.pending).zip(&self.window) {
                *bin = Complex::new(sample * window, 0.0);
            }
            self.fft.process_with_scratch(&mut self.spectrum, &mut self.scratch);
            let half = &self.spectrum[..=self.window.len() / 2];
            let edge = self.edge_bin.min(half.len());
            let energy = |bins: &[Complex<f32>]| bins.iter().map(|bin| f64::from(bin.norm_sqr())).sum::<f64>();
            // The two lowest bins hold the offset and what leaks from it.
            self.below += energy(&half[2.min(edge)..edge]);
            self.above += energy(&half[edge..]);
        }
        self.blocks += 1;
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(spec: AudioSpec, samples: &[f32]) -> f64 {
        let mut meter = BandMeter::new(spec);
        for piece in samples.chunks(1_152 * usize::from(spec.channels)) {
            meter.push(piece);
        }
        let (below, above) = meter.finish();
        above / (below + above)
    }

    fn tones(spec: AudioSpec, parts: &[(f32, f32)], frames: usize) -> Vec<f32> {
        let sample = |n: usize| {
            parts
                .iter()
                .map(|(hz, level)| level * (n as f32 * hz * std::f32::consts::TAU / spec.rate_hz as f32).sin())
                .sum()
        };
        (0..frames).flat_map(|n| vec![sample(n); usize::from(spec.channels)]).collect()
    }

    #[test]
    fn the_share_is_that_of_the_energy_above_the_edge() {
        for (rate_hz, channels) in [(8_000, 1), (16_000, 1), (44_100, 2), (48_000, 1)] {
            let spec = AudioSpec { rate_hz, channels };
            let frames = rate_hz as usize * 2;
            let half = share(spec, &tones(spec, &[(1_000.0, 0.3), (3_700.0, 0.3)], frames));
            assert!((half - 0.5).abs() < 0.02, "{spec:?}: {half}");
            let tenth = share(spec, &tones(spec, &[(500.0, 0.3), (3_600.0, 0.1)], frames));
            assert!((tenth - 0.1).abs() < 0.01, "{spec:?}: {tenth}");
            assert!(share(spec, &tones(spec, &[(3_200.0, 0.5)], frames)) < 0.001, "{spec:?}");
        }
    }

    #[test]
    fn short_silent_and_offset_sounds_have_an_answer() {
        let spec = AudioSpec::mono(48_000);
        assert!(share(spec, &tones(spec, &[(10_000.0, 0.5)], 300)) > 0.9);
        let mut meter = BandMeter::new(spec);
        meter.push(&[0.0; 10_000]);
        assert_eq!(meter.finish(), (0.0, 0.0));
        let mut offset = tones(spec, &[(8_000.0, 0.1)], 48_000);
        offset.iter_mut().for_each(|sample| *sample += 0.5);
        assert!(share(spec, &offset) > 0.99, "an offset is no sound");
    }
}
