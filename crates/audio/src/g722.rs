//! G.722 at 64 kbit/s: two ADPCM sub-bands behind a quadrature mirror filter, bit-exact with the ITU reference.

const LOW_THRESHOLDS: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
const LOW_LEVELS_6_BIT: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const LOW_LEVELS_4_BIT: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
const HIGH_LEVELS: [i32; 4] = [-7408, -1616, 7408, 1616];
const LOW_ADAPTATION: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const LOW_ADAPTATION_OF_CODE: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const HIGH_ADAPTATION_OF_CODE: [i32; 4] = [798, -214, 798, -214];
const INVERSE_LOG: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const MIRROR_FILTER: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// One sub-band's adaptive predictor and quantiser step, the same in encoder and decoder.
struct Band {
    /// Predicted signal.
    s: i32,
    /// Its part from the zeros.
    sz: i32,
    /// Logarithm of the step, and the step.
    nb: i32,
    det: i32,
    /// Reconstructed signal and partial reconstruction, latest first.
    r: [i32; 2],
    p: [i32; 2],
    /// Pole and zero coefficients, and the quantised differences they work on.
    a: [i32; 2],
    b: [i32; 6],
    d: [i32; 6],
}

impl Band {
    fn new(det: i32) -> Self {
        Self { s: 0, sz: 0, nb: 0, det, r: [0; 2], p: [0; 2], a: [0; 2], b: [0; 6], d: [0; 6] }
    }

    /// Adapts the step to the code just seen.
    fn scale(&mut self, adaptation: i32, max: i32, shift: i32) {
        self.nb = (((self.nb * 127) >> 7) + adaptation).clamp(0, max);
        let mantissa = INVERSE_LOG[((self.nb >> 6) & 31) as usize];
        let down = shift - (self.nb >> 11);
        self.det = (if down < 0 { mantissa << -down } else { mantissa >> down }) << 2;
    }

    /// Adapts the predictor to the quantised difference `d` and predicts the next sample.
    fn predict(&mut self, d: i32) {
        let r = saturate(self.s + d);
        let p = saturate(self.sz + d);
        let same_sign = |x: i32, y: i32| (x < 0) == (y < 0);

        let lead = saturate(self.a[0] << 2);
        let turn = if same_sign(p, self.p[0]) { -lead } else { lead }.min(32_767);
        let push = if same_sign(p, self.p[1]) { 128 } else { -128 };
        let a2 = (push + (turn >> 7) + ((self.a[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let push = if same_sign(p, self.p[0]) { 192 } else { -192 };
        let bound = saturate(15_360 - a2);
        let a1 = saturate(push + ((self.a[0] * 32_640) >> 15)).clamp(-bound, bound);
        self.a = [a1, a2];

        let push = if d == 0 { 0 } else { 128 };
        for (b, past) in self.b.iter_mut().zip(self.d) {
            let step = if same_sign(d, past) { push } else { -push };
            *b = saturate(step + ((*b * 32_640) >> 15));
        }
        self.d.rotate_right(1);
        self.d[0] = d;
        self.r = [r, self.r[0]];
        self.p = [p, self.p[0]];

        let twice = |x: i32| saturate(x + x);
        let poles = ((self.a[0] * twice(self.r[0])) >> 15) + ((self.a[1] * twice(self.r[1])) >> 15);
        let zeros = self.b.iter().zip(self.d).map(|(b, d)| (b * twice(d)) >> 15).sum();
        self.sz = saturate(zeros);
        self.s = saturate(saturate(poles) + self.sz);
    }

    fn low_code(&mut self, code: usize) {
        let difference = (self.det * LOW_LEVELS_4_BIT[code >> 2]) >> 15;
        self.scale(LOW_ADAPTATION[LOW_ADAPTATION_OF_CODE[code >> 2]], 18_432, 8);
        self.predict(difference);
    }

    fn high_code(&mut self, code: usize) -> i32 {
        let difference = (self.det * HIGH_LEVELS[code]) >> 15;
        self.scale(HIGH_ADAPTATION_OF_CODE[code], 22_528, 10);
        difference
    }
}

/// The decoder's state.
pub(crate) struct Decoder {
    low: Band,
    high: Band,
    history: [i32; 24],
}

impl Default for Decoder {
    fn default() -> Self {
        Self { low: Band::new(32), high: Band::new(8), history: [0; 24] }
    }
}

impl Decoder {
    /// The two samples, at 16 kHz, that one code stands for.
    pub(crate) fn decode(&mut self, code: u8) -> [i16; 2] {
        let (low_code, high_code) = (usize::from(code & 0x3F), usize::from(code >> 6));
        let reconstructed = self.low.s + ((self.low.det * LOW_LEVELS_6_BIT[low_code]) >> 15);
        let low = reconstructed.clamp(-16_384, 16_383);
        self.low.low_code(low_code);

        let difference = self.high.high_code(high_code);
        let high = (difference + self.high.s).clamp(-16_384, 16_383);
        self.high.predict(difference);

        self.history.rotate_left(2);
        self.history[22..].copy_from_slice(&[low + high, low - high]);
        let (mut first, mut second) = (0, 0);
        for (index, pair) in self.history.chunks_exact(2).enumerate() {
            second += pair[0] * MIRROR_FILTER[index];
            first += pair[1] * MIRROR_FILTER[11 - index];
        }
        [saturate(first >> 11) as i16, saturate(second >> 11) as i16]
    }
}

/// The encoder's state.
pub(crate) struct Encoder {
    low: Band,
    high: Band,
    history: [i32; 24],
}

impl Default for Encoder {
    fn default() -> Self {
        Self { low: Band::new(32), high: Band::new(8), history: [0; 24] }
    }
}

impl Encoder {
    /// The code for two samples at 16 kHz.
    pub(crate) fn encode(&mut self, samples: [i16; 2]) -> u8 {
        self.history.rotate_left(2);
        self.history[22..].copy_from_slice(&samples.map(i32::from));
        let (mut even, mut odd) = (0, 0);
        for (index, pair) in self.history.chunks_exact(2).enumerate() {
            even += pair[0] * MIRROR_FILTER[index];
            odd += pair[1] * MIRROR_FILTER[11 - index];
        }
        let (low, high) = ((odd + even) >> 14, (odd - even) >> 14);

        let error = saturate(low - self.low.s);
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let level = (1..30).find(|i| magnitude < (LOW_THRESHOLDS[*i] * self.low.det) >> 12).unwrap_or(30);
        // Codes count down from the smallest level; negative ones lie below 32, except for the two smallest.
        let low_code = match (error < 0, level) {
            (true, 1..=2) => 64 - level,
            (true, _) => 34 - level,
            (false, _) => 62 - level,
        };
        self.low.low_code(low_code);

        let error = saturate(high - self.high.s);
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let large = magnitude >= (564 * self.high.det) >> 12;
        let high_code = match (error < 0, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        let difference = self.high.high_code(high_code);
        self.high.predict(difference);
        ((high_code << 6) | low_code) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_in_both_bands_survive() {
        let snr = [1_000.0, 5_500.0].map(tone_snr_db);
        assert!(snr[0] > 25.0 && snr[1] > 10.0, "only {snr:.1?} dB");
    }

    fn tone_snr_db(hz: f64) -> f64 {
        let tone = |n: usize| (8_000.0 * (n as f64 * hz * std::f64::consts::TAU / 16_000.0).sin()) as i16;
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        // The two mirror filters together delay the signal by 22 samples.
        let (mut signal, mut noise) = (0f64, 0f64);
        for n in (0..16_000).step_by(2) {
            let decoded = decoder.decode(encoder.encode([tone(n), tone(n + 1)]));
            for (offset, sample) in decoded.into_iter().enumerate().filter(|_| n > 1_000) {
                let expected = f64::from(tone(n + offset - 22));
                signal += expected * expected;
                noise += (expected - f64::from(sample)).powi(2);
            }
        }
        10.0 * f64::log10(signal / noise)
    }
}
