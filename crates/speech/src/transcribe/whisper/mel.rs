//! The log-mel spectrogram that whisper hears: 400 points every 10 ms, as in OpenAI's `log_mel_spectrogram`.

use std::{f32::consts::TAU, sync::Arc};

use rustfft::{Fft, FftPlanner, num_complex::Complex32};

const POINTS: usize = 400;
const HOP_SAMPLES: usize = 160;
const BINS: usize = POINTS / 2 + 1;

/// Everything fainter than this much below the loudest is made equal, in tens of decibels.
const RANGE: f32 = 8.0;
const FAINTEST_POWER: f32 = 1e-10;

/// Makes spectrograms.
pub(super) struct Spectrogram {
    transform: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
    /// For each band its first bin, and the weights from there on.
    bands: Vec<(usize, Vec<f32>)>,
}

impl Spectrogram {
    /// `filters` has a weight for every bin of every band.
    pub(super) fn new(filters: &[f32]) -> Self {
        let window = (0..POINTS).map(|n| 0.5 - 0.5 * (TAU * n as f32 / POINTS as f32).cos()).collect();
        let band = |filter: &[f32]| {
            let first = filter.iter().position(|weight| *weight != 0.0).unwrap_or(0);
            let end = filter.iter().rposition(|weight| *weight != 0.0).map_or(first, |last| last + 1);
            (first, filter[first..end].to_vec())
        };
        let bands = filters.chunks_exact(BINS).map(band).collect();
        Self { transform: FftPlanner::new().plan_fft_forward(POINTS), window, bands }
    }

    /// So many frames of `samples` (16 kHz), silence after their end; a row of all bands each, and a row of zeros
    /// before the first and after the last.
    pub(super) fn of(&self, samples: &[f32], frames: usize) -> Vec<f32> {
        let bands = self.bands.len();
        let mut rows = vec![0.0; (frames + 2) * bands];
        // In front the audio is mirrored, behind it there is silence.
        let sample = |at: isize| samples.get(at.unsigned_abs()).copied().unwrap_or(0.0);
        let mut points = vec![Complex32::default(); POINTS];
        let mut scratch = vec![Complex32::default(); self.transform.get_inplace_scratch_len()];
        let mut loudest = FAINTEST_POWER.log10();
        // Two frames of real samples make one complex transform.
        for first in (0..frames).step_by(2) {
            let start = (first * HOP_SAMPLES) as isize - (POINTS / 2) as isize;
            for (n, (point, weight)) in points.iter_mut().zip(&self.window).enumerate() {
                let at = start + n as isize;
                *point = Complex32::new(weight * sample(at), weight * sample(at + HOP_SAMPLES as isize));
            }
            self.transform.process_with_scratch(&mut points, &mut scratch);
            let mut powers = [[0f32; BINS]; 2];
            for bin in 0..BINS {
                let (there, mirrored) = (points[bin], points[(POINTS - bin) % POINTS].conj());
                powers[0][bin] = ((there + mirrored) * 0.5).norm_sqr();
                powers[1][bin] = ((there - mirrored) * 0.5).norm_sqr();
            }
            for (frame, power) in (first..frames).zip(&powers) {
                for (value, (first_bin, weights)) in rows[(frame + 1) * bands..][..bands].iter_mut().zip(&self.bands) {
                    let sum: f32 = weights.iter().zip(&power[*first_bin..]).map(|(weight, power)| weight * power).sum();
                    *value = sum.max(FAINTEST_POWER).log10();
                    loudest = loudest.max(*value);
                }
            }
        }
        for value in &mut rows[bands..(frames + 1) * bands] {
            *value = (value.max(loudest - RANGE) + 4.0) / 4.0;
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_lights_up_its_band_and_nothing_else() {
        // Three bands of one bin each, 1,000 Hz, 2,000 Hz and 3,000 Hz; bins are 40 Hz apart.
        let mut filters = vec![0.0; 3 * BINS];
        for (band, bin) in [25, 50, 75].into_iter().enumerate() {
            filters[band * BINS + bin] = 1.0;
        }
        let tone: Vec<f32> = (0..3_200).map(|n| 0.5 * (TAU * 2_000.0 * n as f32 / 16_000.0).sin()).collect();
        let rows = Spectrogram::new(&filters).of(&tone, 25);
        assert_eq!(rows.len(), 27 * 3);
        assert_eq!(&rows[..3], &[0.0; 3], "the row before the first");
        let row = |frame: usize| &rows[(frame + 1) * 3..][..3];
        // A Hann window of 400 points gives a sine of 0.5 a height of 50: log10(2,500) = 3.4.
        assert!((row(10)[1] - (3.398 + 4.0) / 4.0).abs() < 0.001, "{:?}", row(10));
        let floor = (3.398 - RANGE + 4.0) / 4.0;
        assert!((row(10)[0] - floor).abs() < 0.001 && (row(10)[2] - floor).abs() < 0.001, "{:?}", row(10));
        assert!((row(24)[1] - floor).abs() < 0.001, "silence after the end: {:?}", row(24));
    }
}
