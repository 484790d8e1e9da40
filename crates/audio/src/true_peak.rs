//! Estimates the signal between its samples, where a peak may be higher than any sample (ITU-R BS.1770, annex 2).

use super::vectors::widest;

/// Steps from one sample to the next at which the signal is estimated, and the samples that each estimate uses.
const PHASES: usize = 4;
const TAPS: usize = 12;
const PAIRS: usize = TAPS / 2;
/// Frames that are judged together: first by their samples, and point by point only if those come near enough.
const RUN_FRAMES: usize = 32;

/// Estimates peaks of interleaved audio as it passes.
pub(crate) struct TruePeak {
    kernel: Kernel,
    /// No estimate is higher than the highest sample it uses, times this.
    most_overshoot: f32,
    /// The latest samples of each channel, of which the next estimates need the last `TAPS - 1`.
    lines: Vec<Vec<f32>>,
}

impl TruePeak {
    /// Frames by which an estimate lags behind the frame that made it possible.
    pub(crate) const DELAY_FRAMES: usize = TAPS / 2;

    pub(crate) fn new(channels: u16) -> Self {
        let kernels = kernels();
        let sum = |kernel: &[f32; TAPS]| kernel.iter().map(|tap| tap.abs()).sum::<f32>();
        Self {
            // The margin is for rounding.
            most_overshoot: kernels.iter().map(sum).fold(0.0, f32::max) * 1.0001,
            kernel: Kernel::of(&kernels),
            lines: vec![vec![0.0; TAPS - 1]; usize::from(channels)],
        }
    }

    /// Replaces `peaks` with the highest estimate over all channels for each frame, or 0 where all of a run of frames can
    /// only be lower than `floor`: most of any recording costs hardly more than finding its highest sample.
    pub(crate) fn estimate(&mut self, samples: &[f32], floor: f32, peaks: &mut Vec<f32>) {
        let channels = self.lines.len();
        let frames = samples.len() / channels;
        peaks.clear();
        peaks.resize(frames, 0.0);
        for (channel, line) in self.lines.iter_mut().enumerate() {
            match channels {
                1 => line.extend_from_slice(samples),
                _ => line.extend(samples.iter().skip(channel).step_by(channels)),
            }
            let (kernel, most_overshoot) = (&self.kernel, self.most_overshoot);
            widest(
                #[inline(always)]
                || {
                    for (run, peaks) in peaks.chunks_mut(RUN_FRAMES).enumerate() {
                        let used = &line[run * RUN_FRAMES..][..peaks.len() + TAPS - 1];
                        if highest(used) * most_overshoot < floor {
                            continue;
                        }
                        let mut window = [0.0; RUN_FRAMES + TAPS - 1];
                        window[..used.len()].copy_from_slice(used);
                        let estimates = kernel.estimate(&window);
                        peaks.iter_mut().zip(estimates).for_each(|(peak, estimate)| *peak = peak.max(estimate));
                    }
                },
            );
            line.drain(..frames);
        }
    }
}

/// The highest magnitude; compared as integers, which order like the magnitudes and make a loop that vectorises.
#[inline(always)]
pub(crate) fn highest(samples: &[f32]) -> f32 {
    let bits = samples.iter().fold(0, |highest, sample| highest.max(sample.abs().to_bits().cast_signed()));
    f32::from_bits(bits.cast_unsigned())
}

/// What the sums and the differences of the two samples equally far from a point count, the farthest first.
///
/// On a sample itself the estimate is that sample. Half-way to the next the taps are symmetric, and those of a quarter and
/// of three quarters mirror each other: as sum and difference of the same two numbers, both take the work of one.
struct Kernel {
    halfway: [f32; PAIRS],
    quarters: [[f32; 2]; PAIRS],
}

impl Kernel {
    fn of(kernels: &[[f32; TAPS]; PHASES]) -> Self {
        let [_, first, middle, _] = kernels;
        let half =
            |tap: usize| [0.5 * (first[tap] + first[TAPS - 1 - tap]), 0.5 * (first[tap] - first[TAPS - 1 - tap])];
        Self { halfway: std::array::from_fn(|tap| middle[tap]), quarters: std::array::from_fn(half) }
    }

    /// The highest of the points that follow each frame's delayed place.
    #[inline(always)]
    fn estimate(&self, window: &[f32; RUN_FRAMES + TAPS - 1]) -> [f32; RUN_FRAMES] {
        let (mut halfway, mut even, mut odd) = ([0f32; RUN_FRAMES], [0f32; RUN_FRAMES], [0f32; RUN_FRAMES]);
        for tap in 0..PAIRS {
            let (before, after) =
                (&window[tap..tap + RUN_FRAMES], &window[TAPS - 1 - tap..TAPS - 1 - tap + RUN_FRAMES]);
            let (middle, [quarter_even, quarter_odd]) = (self.halfway[tap], self.quarters[tap]);
            for at in 0..RUN_FRAMES {
                let (sum, difference) = (before[at] + after[at], before[at] - after[at]);
                halfway[at] += middle * sum;
                even[at] += quarter_even * sum;
                odd[at] += quarter_odd * difference;
            }
        }
        let samples = &window[PAIRS - 1..PAIRS - 1 + RUN_FRAMES];
        let higher = |a: f32, b: f32| if b > a { b } else { a };
        std::array::from_fn(|at| {
            // The higher magnitude of a sum and a difference.
            let quarters = even[at].abs() + odd[at].abs();
            higher(higher(samples[at].abs(), halfway[at].abs()), quarters)
        })
    }
}

/// A sinc under a Hann window for each quarter of the way from one sample to the next, as libebur128 has it.
fn kernels() -> [[f32; TAPS]; PHASES] {
    std::array::from_fn(|phase| {
        std::array::from_fn(|tap| {
            let point = (TAPS - 1 - tap) * PHASES + phase;
            let x = (point as f64 - (TAPS * PHASES / 2) as f64) / PHASES as f64;
            let window = 0.5 - 0.5 * (std::f64::consts::TAU * point as f64 / (TAPS * PHASES) as f64).cos();
            let sinc = if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
            (sinc * window) as f32
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_agrees_with_libebur128(
            samples in prop::collection::vec(-2.0f32..2.0, 0..3_000), channels in 1u16..=2, piece in 1usize..500,
        ) {
            let mut reference = ebur128::EbuR128::new(u32::from(channels), 8_000, ebur128::Mode::TRUE_PEAK).unwrap();
            let (mut estimator, mut peaks, mut highest) = (TruePeak::new(channels), Vec::new(), 0f32);
            let whole = samples.len() / usize::from(channels) * usize::from(channels);
            for piece in samples[..whole].chunks(piece * usize::from(channels)) {
                reference.add_frames_f32(piece).unwrap();
                estimator.estimate(piece, highest, &mut peaks);
                // The reference counts samples too, also the last, which no estimate has reached yet.
                highest = highest.max(super::highest(&peaks)).max(super::highest(piece));
            }
            let expected = (0..u32::from(channels)).map(|c| reference.true_peak(c).unwrap()).fold(0.0, f64::max);
            prop_assert!((f64::from(highest) - expected).abs() < 1e-4, "{highest} instead of {expected}");
        }
    }

    #[test]
    fn what_cannot_reach_the_floor_is_not_looked_at() {
        let quiet: Vec<f32> = (0..200).map(|n| 0.1 * (n as f32 * 0.5).sin()).collect();
        let mut peaks = Vec::new();
        TruePeak::new(1).estimate(&quiet, 0.8, &mut peaks);
        assert_eq!(peaks, vec![0.0; 200]);
        TruePeak::new(1).estimate(&quiet, 0.0, &mut peaks);
        assert!((highest(&peaks) - 0.1).abs() < 0.002);
    }
}
