//! Loudness by ITU-R BS.1770, and the gain that brings it to a target.

use ebur128::{EbuR128, Mode};

use super::format::{AudioError, AudioSpec};
use super::true_peak::{self, TruePeak};

/// Measures a signal as it passes; memory does not grow with its length.
pub(crate) struct LoudnessMeter {
    meter: EbuR128,
    estimator: TruePeak,
    estimates: Vec<f32>,
    sample_peak: f32,
    true_peak: f32,
}

impl LoudnessMeter {
    /// `Mode::HISTOGRAM` bounds the memory, at a resolution of 0.1 LU.
    pub(crate) fn new(spec: AudioSpec) -> Result<Self, AudioError> {
        let meter =
            EbuR128::new(u32::from(spec.channels), spec.rate_hz, Mode::I | Mode::HISTOGRAM).map_err(|error| {
                AudioError::Limit(format!("Loudness can't be measured at {} Hz ({error}).", spec.rate_hz))
            })?;
        let estimator = TruePeak::new(spec.channels);
        Ok(Self { meter, estimator, estimates: Vec::new(), sample_peak: 0.0, true_peak: 0.0 })
    }

    pub(crate) fn push(&mut self, samples: &[f32]) {
        self.sample_peak = self.sample_peak.max(true_peak::highest(samples));
        // What cannot be a new peak is not looked at.
        let floor = self.true_peak.max(self.sample_peak);
        self.estimator.estimate(samples, floor, &mut self.estimates);
        self.true_peak = floor.max(true_peak::highest(&self.estimates));
        // Fails only for whole frames missing, which our blocks never do.
        let _ = self.meter.add_frames_f32(samples);
    }

    /// Integrated loudness in LUFS; nothing for silence and for what is too short to have one (0.4 s).
    pub(crate) fn lufs(&self) -> Option<f64> {
        self.meter.loudness_global().ok().filter(|lufs| lufs.is_finite())
    }

    /// The highest sample, linear.
    pub(crate) fn sample_peak(&self) -> f32 {
        self.sample_peak
    }

    /// The estimated peak between samples, linear.
    pub(crate) fn true_peak(&self) -> f32 {
        self.true_peak
    }

    /// The estimated peak in dB relative to full scale; nothing for digital silence.
    pub(crate) fn true_peak_dbtp(&self) -> Option<f64> {
        (self.true_peak() > 0.0).then(|| to_db(self.true_peak()))
    }
}

/// Decibels of a linear factor.
pub(crate) fn to_db(linear: f32) -> f64 {
    20.0 * f64::from(linear).log10()
}

/// The linear factor of decibels.
pub(crate) fn from_db(db: f64) -> f32 {
    10f64.powf(db / 20.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_tone_measures_as_the_standard_says() {
        // BS.1770: a 997 Hz sine of full scale in one channel measures −3.01 LKFS.
        for rate_hz in [8_000, 16_000, 48_000] {
            let mut meter = LoudnessMeter::new(AudioSpec::mono(rate_hz)).unwrap();
            let tone: Vec<f32> = (0..rate_hz * 5)
                .map(|n| (f64::from(n) * 997.0 * std::f64::consts::TAU / f64::from(rate_hz)).sin() as f32)
                .collect();
            meter.push(&tone);
            let lufs = meter.lufs().unwrap();
            assert!((lufs + 3.01).abs() < 0.15, "{lufs} at {rate_hz} Hz");
        }
    }

    #[test]
    fn silence_has_no_loudness() {
        let mut meter = LoudnessMeter::new(AudioSpec::mono(8_000)).unwrap();
        meter.push(&[0.0; 16_000]);
        assert_eq!(meter.lufs(), None);
        assert_eq!(meter.true_peak_dbtp(), None);
    }

    #[test]
    fn peaks_between_samples_are_seen() {
        // A quarter of the rate, sampled 45° off its crests: the samples reach 0.707 of the true peak.
        let samples: Vec<f32> = (0..8_000).map(|n| [0.5, 0.5, -0.5, -0.5][n % 4]).collect();
        let mut meter = LoudnessMeter::new(AudioSpec::mono(8_000)).unwrap();
        meter.push(&samples);
        assert_eq!(meter.sample_peak(), 0.5);
        assert!(meter.true_peak() > 0.68, "{}", meter.true_peak());
    }
}
