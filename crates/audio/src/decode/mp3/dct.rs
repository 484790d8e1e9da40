//! A DCT of 32 points over many columns side by side, in the order of steps of minimp3.

/// Columns that are transformed together.
pub(super) const COLUMNS: usize = 20;

/// One point in every column.
pub(super) type Row = [f32; COLUMNS];

/// Halved secants of the first two stages.
const SECANTS: [[f32; 3]; 8] = [
    [10.190_008, 0.500_603, 0.502_419_3],
    [3.407_608_5, 0.505_470_93, 0.522_498_6],
    [2.057_781, 0.515_447_3, 0.566_944_06],
    [1.484_164_6, 0.531_042_6, 0.646_821_8],
    [1.169_439_9, 0.553_103_9, 0.788_154_6],
    [0.972_568_2, 0.582_935, 1.060_677_7],
    [0.839_349_6, 0.622_504_1, 1.722_447_2],
    [0.744_536_3, 0.674_808_3, 5.101_148_6],
];

/// `row n of the result = Σ row k · cos(n (2k + 1) π / 64)` in every column; `write` is told each.
#[inline(always)]
pub(super) fn dct32(input: &[Row; 32], mut write: impl FnMut(usize, &Row)) {
    let mut parts = [[[0.0; COLUMNS]; 8]; 4];
    for (at, [s0, s1, s2]) in SECANTS.into_iter().enumerate() {
        let [first, second, third, fourth] = &mut parts;
        for column in 0..COLUMNS {
            let (x0, x1) = (input[at][column], input[15 - at][column]);
            let (x2, x3) = (input[16 + at][column], input[31 - at][column]);
            let (t0, t1) = (x0 + x3, x1 + x2);
            let (t2, t3) = ((x1 - x2) * s0, (x0 - x3) * s1);
            first[at][column] = t0 + t1;
            second[at][column] = (t0 - t1) * s2;
            third[at][column] = t3 + t2;
            fourth[at][column] = (t3 - t2) * s2;
        }
    }
    parts.iter_mut().for_each(dct8);
    let [first, second, third, fourth] = &parts;
    for at in 0..8 {
        let mut rows = [[0.0; COLUMNS]; 4];
        // Behind the last row there are zeros.
        const NONE: &Row = &[0.0; COLUMNS];
        let next = |part: &[Row; 8]| *part.get(at + 1).unwrap_or(NONE);
        let (second_next, third_next, fourth_next) = (next(second), next(third), next(fourth));
        for column in 0..COLUMNS {
            let shared = fourth[at][column] + fourth_next[column];
            rows[0][column] = first[at][column];
            rows[1][column] = third[at][column] + shared;
            rows[2][column] = second[at][column] + second_next[column];
            rows[3][column] = third_next[column] + shared;
        }
        for (offset, row) in rows.iter().enumerate() {
            write(4 * at + offset, row);
        }
    }
}

#[expect(clippy::needless_range_loop, reason = "a column goes through all rows")]
#[inline(always)]
fn dct8(rows: &mut [Row; 8]) {
    const HALF_ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;
    // Of a rotation by π/8 in three steps.
    const LIFT: f32 = 0.198_912_37;
    const TURN: f32 = 0.382_683_43;
    for column in 0..COLUMNS {
        let x = |row: usize| rows[row][column];
        let (x0, xt) = (x(0) + x(7), x(0) - x(7));
        let (x1, x7) = (x(1) + x(6), x(1) - x(6));
        let (x2, x6) = (x(2) + x(5), x(2) - x(5));
        let (x3, x5) = (x(3) + x(4), x(3) - x(4));
        let (x0, x4) = (x0 + x3, x0 - x3);
        let (x1, x3) = (x1 + x2, x1 - x2);
        let (even, odd) = (x0 + x1, (x0 - x1) * HALF_ROOT);
        let x5 = x5 + x6;
        let x6 = (x6 + x7) * HALF_ROOT;
        let x7 = x7 + xt;
        let x3 = (x3 + x4) * HALF_ROOT;
        let x5 = x5 - x7 * LIFT;
        let x7 = x7 + x5 * TURN;
        let x5 = x5 - x7 * LIFT;
        let (x0, xt) = (xt - x6, xt + x6);
        rows[0][column] = even;
        rows[1][column] = (xt + x7) * 0.509_795_6;
        rows[2][column] = (x4 + x3) * 0.541_196_1;
        rows[3][column] = (x0 - x5) * 0.601_344_9;
        rows[4][column] = odd;
        rows[5][column] = (x0 + x5) * 0.899_976_2;
        rows[6][column] = (x4 - x3) * 1.306_563;
        rows[7][column] = (xt - x7) * 2.562_915_6;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_transform_of_the_formula() {
        for peak in 0..32 {
            let mut input = [[0.0; COLUMNS]; 32];
            input[peak] = std::array::from_fn(|column| 1.0 - column as f32 * 0.1);
            let mut rows = 0;
            dct32(&input, |n, row| {
                let turn = std::f64::consts::PI / 64.0 * (n * (2 * peak + 1)) as f64;
                for (out, factor) in row.iter().zip(input[peak]) {
                    let error = f64::from(*out) - f64::from(factor) * turn.cos();
                    assert!(error.abs() < 3e-6, "{n} of {peak}: {error}");
                }
                rows += 1;
            });
            assert_eq!(rows, 32);
        }
    }
}
