//! The energy of a signal as ITU-R BS.1770-5 weighs frequencies, for each tenth of a second.
//!
//! The filter feeds back, so a sample has to wait for the one before it. To have a processor do eight things at once, eight
//! stretches of the signal are filtered side by side. Each begins a little early, until the filter has forgotten that it had
//! started from nothing.

use std::f64::consts::PI;

use super::vectors::widest;

/// Stretches that are filtered together.
const LANES: usize = 8;
/// Tenths of a second in a stretch.
const TENTHS: usize = 4;
/// How early a stretch begins, in parts of a second: the slowest part of the filter, a high-pass at 38 Hz, has then faded by
/// more than 120 dB.
const WARM_UP_PART: usize = 16;

/// Weighs one channel.
pub(super) struct KWeighting {
    shelf: Biquad,
    high_pass: Biquad,
    /// Frames of a tenth of a second.
    tenth: usize,
    warm_up: usize,
    /// What is not weighed yet, after what the filter starts from.
    pending: Vec<f32>,
}

impl KWeighting {
    /// Below 4 kHz the filter cannot be made; then nothing is measured.
    pub(super) fn new(rate_hz: u32) -> Option<Self> {
        if rate_hz < 4_000 {
            return None;
        }
        let warm_up = rate_hz as usize / WARM_UP_PART;
        Some(Self {
            shelf: Biquad::shelf(rate_hz),
            high_pass: Biquad::high_pass(rate_hz),
            tenth: (rate_hz as usize + 5) / 10,
            warm_up,
            pending: vec![0.0; warm_up],
        })
    }

    /// Takes samples, of which the first counts and then every `step`th; appends the energy of each tenth of a second, mean of
    /// squares times frames, that is known.
    pub(super) fn push(&mut self, samples: &[f32], step: usize, energies: &mut Vec<f64>) {
        match step {
            1 => self.pending.extend_from_slice(samples),
            _ => self.pending.extend(samples.iter().step_by(step)),
        }
        let stretch = self.tenth * TENTHS;
        let mut at = 0;
        while self.pending.len() - at >= self.warm_up + LANES * stretch {
            let starts = std::array::from_fn(|lane| at + lane * stretch);
            let lanes = self.weigh(starts, TENTHS);
            // By lane, as that is the order in time.
            energies.extend((0..LANES).flat_map(|lane| lanes.map(|tenth| tenth[lane])));
            at += LANES * stretch;
        }
        self.pending.drain(..at);
    }

    /// Appends the energies of the whole tenths that are still pending.
    pub(super) fn rest(&self, energies: &mut Vec<f64>) {
        let tenths = (self.pending.len() - self.warm_up) / self.tenth;
        for first in (0..tenths).step_by(LANES) {
            let lanes = LANES.min(tenths - first);
            let starts = std::array::from_fn(|lane| (first + lane.min(lanes - 1)) * self.tenth);
            let [energy, ..] = self.weigh(starts, 1);
            energies.extend(&energy[..lanes]);
        }
    }

    /// The energies of some tenths in each of the stretches that begin, with their warm-up, at `starts`.
    fn weigh(&self, starts: [usize; LANES], tenths: usize) -> [[f64; LANES]; TENTHS] {
        let length = self.warm_up + tenths * self.tenth;
        let lanes = starts.map(|start| &self.pending[start..start + length]);
        let (mut states, mut energies) = ([[[0.0; LANES]; 2]; 2], [[0.0; LANES]; TENTHS]);
        widest(
            #[inline(always)]
            || {
                self.run(lanes.map(|lane| &lane[..self.warm_up]), &mut states);
                for (tenth, energy) in energies.iter_mut().enumerate().take(tenths) {
                    let start = self.warm_up + tenth * self.tenth;
                    *energy = self.run(lanes.map(|lane| &lane[start..start + self.tenth]), &mut states);
                }
            },
        );
        energies
    }

    /// The energies of equally long pieces, one in each lane.
    #[inline(always)]
    fn run(&self, lanes: [&[f32]; LANES], [shelf, high_pass]: &mut [[[f64; LANES]; 2]; 2]) -> [f64; LANES] {
        let (mut shelved, mut passed, mut energy) = (*shelf, *high_pass, [0.0; LANES]);
        let length = lanes[0].len();
        // Said once, so that it is not checked for every sample.
        let lanes = lanes.map(|lane| &lane[..length]);
        for at in 0..length {
            let x = lanes.map(|lane| f64::from(lane[at]));
            let y = self.high_pass.step(self.shelf.step(x, &mut shelved), &mut passed);
            for lane in 0..LANES {
                energy[lane] += y[lane] * y[lane];
            }
        }
        (*shelf, *high_pass) = (shelved, passed);
        energy
    }
}

/// A filter of second order in all lanes.
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    /// What a head does to sound: 4 dB more above 1.7 kHz.
    fn shelf(rate_hz: u32) -> Self {
        let (hz, gain_db, q) = (1_681.974_450_955_533, 3.999_843_853_973_347, 0.707_175_236_955_419_6);
        let k = (PI * hz / f64::from(rate_hz)).tan();
        let high = 10f64.powf(gain_db / 20.0);
        let middle = high.powf(0.499_666_774_154_541_6);
        let a0 = 1.0 + k / q + k * k;
        Self {
            b: [(high + middle * k / q + k * k) / a0, 2.0 * (k * k - high) / a0, (high - middle * k / q + k * k) / a0],
            a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0],
        }
    }

    /// What ears do to it: less below 38 Hz.
    fn high_pass(rate_hz: u32) -> Self {
        let (hz, q) = (38.135_470_876_024_44, 0.500_327_037_323_877_3);
        let k = (PI * hz / f64::from(rate_hz)).tan();
        let a0 = 1.0 + k / q + k * k;
        Self { b: [1.0, -2.0, 1.0], a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0] }
    }

    #[inline(always)]
    fn step(&self, x: [f64; LANES], state: &mut [[f64; LANES]; 2]) -> [f64; LANES] {
        let mut y = [0.0; LANES];
        for lane in 0..LANES {
            y[lane] = self.b[0] * x[lane] + state[0][lane];
            state[0][lane] = self.b[1] * x[lane] - self.a[0] * y[lane] + state[1][lane];
            state[1][lane] = self.b[2] * x[lane] - self.a[1] * y[lane];
        }
        y
    }
}
