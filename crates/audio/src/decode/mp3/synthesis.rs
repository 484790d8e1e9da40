//! The filter bank: samples of 32 subbands become sound, all of it or only every second or fourth sample.

use std::sync::LazyLock;

use super::dct::{COLUMNS, Row, dct32};
use super::hybrid::{SLOTS, SUBBANDS, Subbands};
use super::tables::WINDOW;
use crate::vectors::widest;

/// Slots before a granule's own that its sound depends on, rounded up.
const MEMORY: usize = 16;

/// For each of the 32 samples of a slot: the two rows of the transform that it is made from, and what those of 8 slots each
/// count, the latest first. The first row counts in the slot itself and every second one before it, the other row in the
/// slots between.
struct Taps {
    rows: [usize; 2],
    factors: [[f32; 2]; 8],
}

static TAPS: LazyLock<[Taps; SUBBANDS]> = LazyLock::new(|| {
    let window = |at: usize| {
        let mirrored =
            if at <= 256 { WINDOW[at] } else { WINDOW[512 - at] * if at.is_multiple_of(64) { 1 } else { -1 } };
        (f64::from(mirrored) / 65_536.0) as f32
    };
    // The standard's vector V out of the rows of a DCT, of which it is a part and mirrored parts.
    let row = |v: usize| match v {
        0..16 => (v + 16, 1.0),
        16 => (0, 0.0),
        17..49 => (48 - v, -1.0),
        _ => (v - 48, -1.0),
    };
    std::array::from_fn(|sample| {
        let ((first, first_sign), (second, second_sign)) = (row(sample), row(32 + sample));
        Taps {
            rows: [first, second],
            factors: std::array::from_fn(|pair| {
                [first_sign * window(64 * pair + sample), second_sign * window(64 * pair + 32 + sample)]
            }),
        }
    })
});

/// The filter bank of one channel.
pub(super) struct Synthesis {
    /// Each row of the transform over time: what is remembered, then the granule.
    rows: Box<[[f32; MEMORY + COLUMNS]; SUBBANDS]>,
}

impl Default for Synthesis {
    fn default() -> Self {
        Self { rows: Box::new([[0.0; MEMORY + COLUMNS]; SUBBANDS]) }
    }
}

impl Synthesis {
    /// Writes every `step`th sample from `first` on into every `channels`th place of `out`, of which there are exactly
    /// enough. The subbands must be silent beyond what `step` leaves room for.
    pub(super) fn sound(&mut self, subbands: &Subbands, first: usize, step: usize, out: &mut [f32], channels: usize) {
        widest(
            #[inline(always)]
            || {
                dct32(
                    subbands,
                    #[inline(always)]
                    |at, row| self.rows[at][MEMORY..].copy_from_slice(row),
                );
                let samples = SUBBANDS / step;
                for (place, taps) in TAPS.iter().skip(first).step_by(step).enumerate() {
                    let sound = self.sample(taps);
                    let places = out[place * channels..].iter_mut().step_by(samples * channels);
                    places.zip(&sound).for_each(|(out, sample)| *out = *sample);
                }
            },
        );
        for row in self.rows.iter_mut() {
            let (memory, latest) = row.split_at_mut(SLOTS);
            memory[..MEMORY].copy_from_slice(&latest[..MEMORY]);
        }
    }

    /// One sample of each slot; the last ones stand for none.
    #[inline(always)]
    fn sample(&self, taps: &Taps) -> Row {
        let [first, second] = taps.rows.map(|row| &self.rows[row]);
        let mut sums = [0.0; COLUMNS];
        for (pair, [here, between]) in taps.factors.iter().enumerate() {
            let at = MEMORY - 2 * pair;
            let (first, second) = (&first[at..at + COLUMNS], &second[at - 1..at - 1 + COLUMNS]);
            for ((sum, first), second) in sums.iter_mut().zip(first).zip(second) {
                *sum += first * here + second * between;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The synthesis as the standard's flow chart has it, for one channel.
    fn by_the_flow_chart(granules: &[Subbands]) -> Vec<f64> {
        let window = |at: usize| {
            let half = |at: usize| f64::from(WINDOW[at]) / 65_536.0;
            if at <= 256 { half(at) } else { half(512 - at) * if at.is_multiple_of(64) { 1.0 } else { -1.0 } }
        };
        let (mut v, mut sound) = (vec![0.0; 1_024], Vec::new());
        for (granule, slot) in granules.iter().flat_map(|granule| (0..SLOTS).map(move |slot| (granule, slot))) {
            v.rotate_right(64);
            for (i, v) in v[..64].iter_mut().enumerate() {
                let turn = |k: usize| std::f64::consts::PI / 64.0 * ((16 + i) * (2 * k + 1)) as f64;
                *v = (0..SUBBANDS).map(|k| turn(k).cos() * f64::from(granule[k][slot])).sum();
            }
            for j in 0..32 {
                let pairs =
                    (0..8).map(|i| v[i * 128 + j] * window(64 * i + j) + v[i * 128 + 96 + j] * window(64 * i + 32 + j));
                sound.push(pairs.sum());
            }
        }
        sound
    }

    #[test]
    fn sound_is_that_of_the_standard_at_every_step() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let granules: Vec<Subbands> =
            (0..4).map(|_| [[0.0; COLUMNS]; SUBBANDS].map(|band| band.map(|_| noise()))).collect();
        let exact = by_the_flow_chart(&granules);
        for (first, step) in [(0, 1), (0, 2), (1, 2), (0, 4), (1, 4), (2, 4), (3, 4)] {
            let mut synthesis = Synthesis::default();
            let samples = 576 / step;
            let mut sound = vec![0.0; granules.len() * samples * 2];
            for (granule, out) in granules.iter().zip(sound.chunks_exact_mut(samples * 2)) {
                synthesis.sound(granule, first, step, &mut out[1..], 2);
            }
            let expected = exact.iter().skip(first).step_by(step);
            for (at, (frame, exact)) in sound.chunks_exact(2).zip(expected).enumerate() {
                assert_eq!(frame[0], 0.0, "the other channel is left alone");
                assert!((f64::from(frame[1]) - exact).abs() < 2e-5, "{at}: {frame:?} instead of {exact}");
            }
        }
    }
}
