//! Loudness by ITU-R BS.1770-5 with the gates of EBU R128, and the gain that brings it to a target.

use super::format::AudioSpec;
use super::k_weighting::KWeighting;
use super::true_peak::{self, TruePeak};
use super::vectors::widest;

/// Measures a signal as it passes; memory does not grow with its length.
pub(crate) struct LoudnessMeter {
    spec: AudioSpec,
    /// One for each channel; none where the rate is too low to measure anything.
    weightings: Vec<KWeighting>,
    /// Energies of tenths of a second that not all channels have yet.
    energies: Vec<Vec<f64>>,
    gates: Gates,
    /// Nothing where peaks are not asked for.
    estimator: Option<TruePeak>,
    estimates: Vec<f32>,
    sample_peak: f32,
    true_peak: f32,
}

impl LoudnessMeter {
    pub(crate) fn new(spec: AudioSpec) -> Self {
        let channels = usize::from(spec.channels);
        Self {
            spec,
            weightings: (0..channels).filter_map(|_| KWeighting::new(spec.rate_hz)).collect(),
            energies: vec![Vec::new(); channels],
            gates: Gates::default(),
            estimator: Some(TruePeak::new(spec.channels)),
            estimates: Vec::new(),
            sample_peak: 0.0,
            true_peak: 0.0,
        }
    }

    /// Measures loudness alone, at less cost.
    pub(crate) fn without_peaks(spec: AudioSpec) -> Self {
        Self { estimator: None, ..Self::new(spec) }
    }

    pub(crate) fn push(&mut self, samples: &[f32]) {
        self.push_peaks(samples);
        for (channel, (weighting, energies)) in self.weightings.iter_mut().zip(&mut self.energies).enumerate() {
            if let Some(samples) = samples.get(channel..) {
                weighting.push(samples, usize::from(self.spec.channels), energies);
            }
        }
        // All channels are as long.
        self.gates.push(&self.energies, self.spec.rate_hz);
        self.energies.iter_mut().for_each(Vec::clear);
    }

    fn push_peaks(&mut self, samples: &[f32]) {
        let Some(estimator) = &mut self.estimator else { return };
        let highest = widest(
            #[inline(always)]
            || true_peak::highest(samples),
        );
        self.sample_peak = self.sample_peak.max(highest);
        // What cannot be a new peak is not looked at.
        let floor = self.true_peak.max(self.sample_peak);
        estimator.estimate(samples, floor, &mut self.estimates);
        let highest = widest(
            #[inline(always)]
            || true_peak::highest(&self.estimates),
        );
        self.true_peak = floor.max(highest);
    }

    /// Integrated loudness in LUFS; nothing for silence and for what is too short to have one (0.4 s).
    pub(crate) fn lufs(&self) -> Option<f64> {
        let mut gates = self.gates.clone();
        let rest = |weighting: &KWeighting| {
            let mut energies = Vec::new();
            weighting.rest(&mut energies);
            energies
        };
        gates.push(&self.weightings.iter().map(rest).collect::<Vec<_>>(), self.spec.rate_hz);
        gates.lufs()
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

/// Blocks quieter than this, in LUFS, are no sound.
const ABSOLUTE_GATE_LUFS: f64 = -70.0;
/// Blocks so much quieter than the mean of all are pauses, in LU.
const RELATIVE_GATE_LU: f64 = -10.0;
/// Bins of a LU, and how many LU above the gate they reach.
const BINS_PER_LU: f64 = 100.0;
const BINNED_LU: f64 = 90.0;

/// Blocks of 0.4 s, one beginning every tenth of a second, counted by loudness.
#[derive(Clone, Default)]
struct Gates {
    /// Energies of the last tenths.
    tenths: [f64; 4],
    tenths_seen: usize,
    /// How many blocks there are in each bin, and their mean squares in sum.
    bins: Vec<(u32, f64)>,
}

impl Gates {
    /// Takes the energies of the next tenths of a second, for each channel.
    fn push(&mut self, channels: &[Vec<f64>], rate_hz: u32) {
        let Some(first) = channels.first() else { return };
        let block_frames = 4 * ((rate_hz + 5) / 10);
        for at in 0..first.len() {
            self.tenths.rotate_left(1);
            self.tenths[3] = channels.iter().filter_map(|energies| energies.get(at)).sum();
            self.tenths_seen += 1;
            let power = self.tenths.iter().sum::<f64>() / f64::from(block_frames);
            let above = lufs(power) - ABSOLUTE_GATE_LUFS;
            if self.tenths_seen >= 4 && above >= 0.0 {
                let bin = (above * BINS_PER_LU).min(BINNED_LU * BINS_PER_LU - 1.0) as usize;
                self.bins.resize(self.bins.len().max(bin + 1), (0, 0.0));
                self.bins[bin].0 += 1;
                self.bins[bin].1 += power;
            }
        }
    }

    fn lufs(&self) -> Option<f64> {
        let mean = |bins: &[(u32, f64)]| {
            let (count, sum) = bins.iter().fold((0, 0.0), |sum, bin| (sum.0 + u64::from(bin.0), sum.1 + bin.1));
            (count > 0).then(|| lufs(sum / count as f64))
        };
        let gate = (mean(&self.bins)? + RELATIVE_GATE_LU - ABSOLUTE_GATE_LUFS) * BINS_PER_LU;
        mean(&self.bins[(gate.round().max(0.0) as usize).min(self.bins.len())..])
    }
}

/// Loudness of a mean square, in LUFS.
fn lufs(power: f64) -> f64 {
    -0.691 + 10.0 * power.log10()
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
    use ebur128::{EbuR128, Mode};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn it_agrees_with_libebur128(
            rate_hz in prop::sample::select(vec![8_000u32, 11_025, 16_000, 44_100, 48_000]),
            channels in 1u16..=2,
            levels in prop::collection::vec((-80.0f64..0.0, 20.0f64..3_500.0), 1..12),
            offset in -0.2f32..0.2,
            piece in 1usize..20_000,
        ) {
            let spec = AudioSpec { rate_hz, channels };
            let mut meter = LoudnessMeter::new(spec);
            let mut reference = EbuR128::new(u32::from(channels), rate_hz, Mode::M).unwrap();
            let (mut state, mut samples) = (1u32, Vec::new());
            // Stretches of 0.37 s, each of another loudness and pitch, with hiss.
            for (level_db, hz) in levels {
                for n in 0..rate_hz * 37 / 100 {
                    let tone = (f64::from(n) * hz * std::f64::consts::TAU / f64::from(rate_hz)).sin() as f32;
                    for channel in 0..channels {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let hiss = (state >> 8) as f32 / 8_388_608.0 - 1.0;
                        let side = if channel == 0 { 0.7 } else { 0.3 };
                        samples.push(offset + from_db(level_db) * (side * tone + 0.3 * hiss));
                    }
                }
            }
            for piece in samples.chunks(piece * usize::from(channels)) {
                meter.push(piece);
            }
            // The reference's blocks, with the gate where it belongs and as far beside it as our bins are wide: a single
            // block may lie on it.
            let mut blocks = Vec::new();
            for (tenth, piece) in samples.chunks_exact((rate_hz as usize + 5) / 10 * usize::from(channels)).enumerate() {
                reference.add_frames_f32(piece).unwrap();
                blocks.extend(reference.loudness_momentary().ok().filter(|lufs| tenth >= 3 && *lufs >= -70.0));
            }
            let mean = |from: f64| {
                let powers: Vec<f64> =
                    blocks.iter().filter(|lufs| **lufs >= from).map(|lufs| 10f64.powf((lufs + 0.691) / 10.0)).collect();
                (!powers.is_empty()).then(|| lufs(powers.iter().sum::<f64>() / powers.len() as f64))
            };
            let Some(all) = mean(-70.0) else {
                prop_assert_eq!(meter.lufs(), None);
                return Ok(());
            };
            let expected = [-0.01, 0.0, 0.01].map(|beside| mean(all - 10.0 + beside).unwrap());
            let ours = meter.lufs().unwrap();
            prop_assert!(expected.iter().any(|expected| (ours - expected).abs() < 0.01), "{ours} instead of {expected:?}");
        }
    }

    #[test]
    fn a_reference_tone_measures_as_the_standard_says() {
        // BS.1770: a 997 Hz sine of full scale in one channel measures −3.01 LKFS.
        for rate_hz in [8_000, 16_000, 48_000] {
            let mut meter = LoudnessMeter::new(AudioSpec::mono(rate_hz));
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
        let mut meter = LoudnessMeter::new(AudioSpec::mono(8_000));
        meter.push(&[0.0; 16_000]);
        assert_eq!(meter.lufs(), None);
        assert_eq!(meter.true_peak_dbtp(), None);
    }

    #[test]
    fn peaks_between_samples_are_seen() {
        // A quarter of the rate, sampled 45° off its crests: the samples reach 0.707 of the true peak.
        let samples: Vec<f32> = (0..8_000).map(|n| [0.5, 0.5, -0.5, -0.5][n % 4]).collect();
        let mut meter = LoudnessMeter::new(AudioSpec::mono(8_000));
        meter.push(&samples);
        assert_eq!(meter.sample_peak(), 0.5);
        assert!(meter.true_peak() > 0.68, "{}", meter.true_peak());
    }
}
