//! From the lines of a granule to 18 samples of each subband: order, aliases, and the inverse MDCT.

use std::f64::consts::PI;
use std::sync::LazyLock;

use super::dct::{COLUMNS, Row};
use super::side_info::{Bands, LINES, Shape};

/// Subbands of the filter bank, and lines or samples of each in a granule.
pub(super) const SUBBANDS: usize = 32;
pub(super) const SLOTS: usize = 18;

/// Samples of all subbands over a granule; what rounds up [`SLOTS`] stays zero.
pub(super) type Subbands = [Row; SUBBANDS];

struct Tables {
    /// Cosines and sines of the butterflies between subbands.
    butterflies: [(f32, f32); 8],
    /// Of long blocks, by shape: long, start, stop.
    windows: [[f32; 36]; 3],
    short_window: [f32; 12],
    turns36: [(f32, f32); 9],
    turns12: [(f32, f32); 3],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let arc = |at: usize, length: f64| ((at as f64 + 0.5) * PI / length).sin() as f32;
    let turn = |steps: usize, of: f64| {
        let angle = steps as f64 * PI / of;
        (angle.cos() as f32, angle.sin() as f32)
    };
    let after_short = |at: usize| match at {
        0..6 => 0.0,
        6..12 => arc(at - 6, 12.0),
        _ => 1.0,
    };
    Tables {
        butterflies: [-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.014_2, -0.003_7].map(|coefficient: f64| {
            let length = (1.0 + coefficient * coefficient).sqrt();
            ((1.0 / length) as f32, (coefficient / length) as f32)
        }),
        windows: [
            std::array::from_fn(|at| arc(at, 36.0)),
            std::array::from_fn(|at| if at < 18 { arc(at, 36.0) } else { after_short(35 - at) }),
            std::array::from_fn(|at| if at < 18 { after_short(at) } else { arc(at, 36.0) }),
        ],
        short_window: std::array::from_fn(|at| arc(at, 12.0)),
        turns36: std::array::from_fn(|at| turn(17 - 2 * at, 72.0)),
        turns12: std::array::from_fn(|at| turn(5 - 2 * at, 24.0)),
    }
});

/// The second half of one granule, on which the next one is laid.
pub(super) struct Hybrid {
    overlap: [[f32; SLOTS]; SUBBANDS],
    /// Subbands whose overlap may not be zero.
    sounding: usize,
}

impl Default for Hybrid {
    fn default() -> Self {
        Self { overlap: [[0.0; SLOTS]; SUBBANDS], sounding: 0 }
    }
}

impl Hybrid {
    /// Adds a granule to `out`, of whose subbands the lowest `subbands` may not be zero.
    ///
    /// Two channels of different shapes may be added up by two calls, the second with `adding`.
    pub(super) fn transform(
        &mut self,
        lines: &mut [f32; LINES],
        shape: Shape,
        bands: &Bands,
        subbands: usize,
        adding: bool,
        out: &mut Subbands,
    ) {
        let long = match shape {
            Shape::Short { .. } => bands.long_lines() / SLOTS,
            _ => SUBBANDS,
        };
        let tables = &*TABLES;
        if let Shape::Short { .. } = shape {
            reorder(lines, bands, subbands * SLOTS);
        }
        for border in 1..long.min(subbands) {
            cancel_aliases(lines, border * SLOTS, &tables.butterflies);
        }
        let window = match shape {
            Shape::Start => &tables.windows[1],
            Shape::Stop => &tables.windows[2],
            _ => &tables.windows[0],
        };
        let sounding = if adding { subbands } else { subbands.max(self.sounding) };
        self.sounding = if adding { self.sounding.max(subbands) } else { subbands };
        let (lines, _) = lines.as_chunks::<SLOTS>();
        for (subband, (out, lines)) in out.iter_mut().zip(lines).take(sounding).enumerate() {
            let mut block = [0.0; 36];
            if subband >= subbands {
                // Nothing but what is left of the granule before.
            } else if subband < long {
                long_block(lines, window, &tables.turns36, &mut block);
            } else {
                short_blocks(lines, &tables.short_window, &tables.turns12, &mut block);
            }
            let overlap = &mut self.overlap[subband];
            // Every other subband runs backwards, which turns every other sample of it around.
            let flip = if subband % 2 == 1 { -1.0 } else { 1.0 };
            for slot in 0..SLOTS {
                let sample = if adding { block[slot] } else { overlap[slot] + block[slot] };
                let sample = if slot % 2 == 1 { flip * sample } else { sample };
                out[slot] = if adding { out[slot] + sample } else { sample };
                overlap[slot] = if adding { overlap[slot] + block[SLOTS + slot] } else { block[SLOTS + slot] };
            }
        }
        if !adding {
            out[sounding..].fill([0.0; COLUMNS]);
        }
    }
}

/// Short blocks are coded band by band and window by window; the lines of all three windows belong side by side.
fn reorder(lines: &mut [f32; LINES], bands: &Bands, end: usize) {
    let mut start = bands.long_lines();
    let mut ordered = [0.0; LINES];
    let mut widths = bands.widths()[bands.long..].iter().step_by(3);
    while let Some(width) = widths.next().map(|width| usize::from(*width)).filter(|_| start < end) {
        let coded = &lines[start..start + 3 * width];
        let (first, rest) = coded.split_at(width);
        let (second, third) = rest.split_at(width);
        let windows = first.iter().zip(second).zip(third);
        for (out, ((first, second), third)) in ordered[start..].chunks_exact_mut(3).zip(windows) {
            out.copy_from_slice(&[*first, *second, *third]);
        }
        start += 3 * width;
    }
    let long = bands.long_lines();
    lines[long..start].copy_from_slice(&ordered[long..start]);
}

fn cancel_aliases(lines: &mut [f32; LINES], border: usize, butterflies: &[(f32, f32); 8]) {
    for (distance, (cosine, sine)) in butterflies.iter().enumerate() {
        let (below, above) = (lines[border - 1 - distance], lines[border + distance]);
        lines[border - 1 - distance] = below * cosine - above * sine;
        lines[border + distance] = above * cosine + below * sine;
    }
}

/// The inverse MDCT of 18 lines by two transforms of 9.
fn long_block(lines: &[f32; SLOTS], window: &[f32; 36], turns: &[(f32, f32); 9], block: &mut [f32; 36]) {
    let (mut even, mut odd) = ([0.0; 9], [0.0; 9]);
    even[0] = -lines[0];
    odd[0] = lines[17];
    for at in 0..4 {
        odd[8 - 2 * at] = lines[4 * at + 1] - lines[4 * at + 2];
        even[1 + 2 * at] = lines[4 * at + 1] + lines[4 * at + 2];
        odd[7 - 2 * at] = lines[4 * at + 4] - lines[4 * at + 3];
        even[2 + 2 * at] = -(lines[4 * at + 3] + lines[4 * at + 4]);
    }
    let (even, mut odd) = (dct9(even), dct9(odd));
    for at in [1, 3, 5, 7] {
        odd[at] = -odd[at];
    }
    for at in 0..9 {
        let (cosine, sine) = turns[at];
        let first = even[at] * sine + odd[at] * cosine;
        let second = even[at] * cosine - odd[at] * sine;
        block[at] = -first * window[at];
        block[17 - at] = first * window[17 - at];
        block[18 + at] = second * window[18 + at];
        block[35 - at] = second * window[35 - at];
    }
}

/// A DCT-III of 9 points, as minimp3 has it.
fn dct9(y: [f32; 9]) -> [f32; 9] {
    let [s0, s1, s2, s3, s4, s5, s6, s7, s8] = y;
    let (sum, apart) = (s0 + s6 * 0.5, s0 - s6);
    let a = (s4 + s2) * 0.939_692_6;
    let b = (s8 + s2) * 0.766_044_44;
    let c = (s4 - s8) * 0.173_648_18;
    let d = s4 + s8 - s2;
    let (e0, e4, e2) = (sum - a + b, sum + a - c, apart - d * 0.5);
    let (e6, e8) = (apart + d, sum - b + c);

    let third = s3 * 0.866_025_4;
    let f = (s5 + s1) * 0.984_807_8;
    let g = (s5 - s7) * 0.342_020_15;
    let h = (s1 + s7) * 0.642_787_6;
    let o1 = (s1 - s5 - s7) * 0.866_025_4;
    let (o5, o7, o3) = (f - third - h, g - third - f, g + third - h);
    [e4 - o7, e2 + o1, e0 - o3, e8 + o5, e6, e8 - o5, e0 + o3, e2 - o1, e4 + o7]
}

/// Three inverse MDCTs of 6 lines each, a third of a block apart.
fn short_blocks(lines: &[f32; SLOTS], window: &[f32; 12], turns: &[(f32, f32); 3], block: &mut [f32; 36]) {
    for start in 0..3 {
        let line = |at: usize| lines[start + 3 * at];
        let even = dct3(-line(0), line(2) + line(1), line(4) + line(3));
        let [o0, o1, o2] = dct3(line(5), line(4) - line(3), line(2) - line(1));
        let odd = [o0, -o1, o2];
        let part = &mut block[6 + 6 * start..];
        for at in 0..3 {
            let (cosine, sine) = turns[at];
            let first = even[at] * sine + odd[at] * cosine;
            let second = even[at] * cosine - odd[at] * sine;
            part[at] += -first * window[at];
            part[5 - at] += first * window[5 - at];
            part[6 + at] += second * window[6 + at];
            part[11 - at] += second * window[11 - at];
        }
    }
}

fn dct3(x0: f32, x1: f32, x2: f32) -> [f32; 3] {
    let (m, a) = (x1 * 0.866_025_4, x0 - x2 * 0.5);
    [a + m, x0 + x2, a - m]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The inverse MDCT as the standard writes it, of `lines.len()` lines.
    fn by_the_formula(lines: &[f32]) -> Vec<f64> {
        let n = 2 * lines.len();
        let turn = |i: usize, k: usize| PI / (2 * n) as f64 * ((2 * i + 1 + n / 2) * (2 * k + 1)) as f64;
        let sample = |i| lines.iter().enumerate().map(|(k, line)| f64::from(*line) * turn(i, k).cos()).sum();
        (0..n).map(sample).collect()
    }

    proptest! {
        #[test]
        fn blocks_are_those_of_the_standard(values in prop::collection::vec(-1.0f32..1.0, SLOTS), shape in 0..3usize) {
            let lines: [f32; SLOTS] = values.clone().try_into().unwrap();
            let mut block = [0.0; 36];
            long_block(&lines, &TABLES.windows[shape], &TABLES.turns36, &mut block);
            for ((ours, exact), window) in block.iter().zip(by_the_formula(&values)).zip(TABLES.windows[shape]) {
                prop_assert!((f64::from(*ours) - exact * f64::from(window)).abs() < 1e-5);
            }
            let (mut block, mut expected) = ([0.0; 36], [0.0; 36]);
            short_blocks(&lines, &TABLES.short_window, &TABLES.turns12, &mut block);
            for start in 0..3 {
                let part: Vec<f32> = values.iter().skip(start).step_by(3).copied().collect();
                for (at, exact) in by_the_formula(&part).into_iter().enumerate() {
                    expected[6 + 6 * start + at] += exact * f64::from(TABLES.short_window[at]);
                }
            }
            for (ours, exact) in block.iter().zip(expected) {
                prop_assert!((f64::from(*ours) - exact).abs() < 1e-5);
            }
        }
    }
}
