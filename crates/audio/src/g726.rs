//! G.726 at 16, 24, 32 and 40 kbit/s: the decoder of ITU-T G.726, exact in every bit, with linear output.

/// Bits in one code word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeBits {
    /// 16 kbit/s.
    Two,
    /// 24 kbit/s.
    Three,
    /// 32 kbit/s, once called G.721.
    Four,
    /// 40 kbit/s.
    Five,
}

impl CodeBits {
    /// The size with so many bits.
    pub(crate) fn new(bits: u32) -> Option<Self> {
        Some(match bits {
            2 => Self::Two,
            3 => Self::Three,
            4 => Self::Four,
            5 => Self::Five,
            _ => return None,
        })
    }

    /// How many bits.
    pub(crate) fn count(self) -> u32 {
        match self {
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
            Self::Five => 5,
        }
    }

    /// What each code with a clear sign bit means; negative codes are the complements.
    fn levels(self) -> &'static [Level] {
        match self {
            Self::Two => &LEVELS_16,
            Self::Three => &LEVELS_24,
            Self::Four => &LEVELS_32,
            Self::Five => &LEVELS_40,
        }
    }
}

/// Which end of a byte holds the earlier code word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// The least significant bits, as RFC 3551 has it and Asterisk writes it.
    LowFirst,
    /// The most significant bits, as AAL2 has it and WAV files hold it.
    HighFirst,
}

/// One step of the quantiser.
struct Level {
    /// Logarithm of the difference, relative to the scale; −2048 stands for none at all.
    log: i32,
    /// How it changes the scale (W), and how it changes the speed of change (F).
    scale: i32,
    speed: i32,
}

const fn level(log: i32, scale: i32, speed: i32) -> Level {
    Level { log, scale, speed }
}

const LEVELS_16: [Level; 2] = [level(116, -704, 0), level(365, 14_048, 0xE00)];
const LEVELS_24: [Level; 4] =
    [level(-2048, -128, 0), level(135, 960, 0x200), level(273, 4_384, 0x400), level(373, 18_624, 0xE00)];
const LEVELS_32: [Level; 8] = [
    level(-2048, -384, 0),
    level(4, 576, 0),
    level(135, 1_312, 0),
    level(213, 2_048, 0x200),
    level(273, 3_584, 0x200),
    level(323, 6_336, 0x200),
    level(373, 11_360, 0x600),
    level(425, 35_904, 0xE00),
];
const LEVELS_40: [Level; 16] = [
    level(-2048, 448, 0),
    level(-66, 448, 0),
    level(28, 768, 0),
    level(104, 1_248, 0),
    level(169, 1_280, 0),
    level(224, 1_312, 0x200),
    level(274, 1_856, 0x200),
    level(318, 3_200, 0x200),
    level(358, 4_512, 0x200),
    level(395, 5_728, 0x200),
    level(429, 7_008, 0x400),
    level(459, 8_960, 0x600),
    level(488, 11_456, 0x800),
    level(514, 14_080, 0xA00),
    level(539, 16_928, 0xC00),
    level(566, 22_272, 0xC00),
];

/// The recommendation's own floating point: a sign, four bits of exponent and six of mantissa.
#[derive(Clone, Copy)]
struct Float {
    negative: bool,
    exponent: i32,
    mantissa: i32,
}

impl Float {
    const ZERO: Self = Self { negative: false, exponent: 0, mantissa: 32 };

    fn new(magnitude: i32, negative: bool) -> Self {
        let exponent = bit_length(magnitude);
        let mantissa = if magnitude == 0 { 32 } else { (magnitude << 6) >> exponent };
        Self { negative, exponent, mantissa }
    }

    /// The product with a predictor coefficient.
    fn times(self, coefficient: i32) -> i32 {
        let magnitude = if coefficient > 0 { coefficient } else { -coefficient & 0x1FFF };
        let exponent = bit_length(magnitude) - 6;
        let mantissa = match magnitude {
            0 => 32,
            _ if exponent >= 0 => magnitude >> exponent,
            _ => magnitude << -exponent,
        };
        let exponent = exponent + self.exponent - 13;
        let mantissa = (mantissa * self.mantissa + 0x30) >> 4;
        let product = if exponent >= 0 { (mantissa << exponent) & 0x7FFF } else { mantissa >> -exponent };
        if (coefficient < 0) != self.negative { -product } else { product }
    }
}

fn bit_length(magnitude: i32) -> i32 {
    32 - magnitude.leading_zeros() as i32
}

/// The decoder's state; names in brackets are the recommendation's.
pub(crate) struct Decoder {
    bits: CodeBits,
    /// Slow and fast scale factors [YL, YU].
    slow_scale: i32,
    fast_scale: i32,
    /// Short and long averages of the speed, and the control that blends the two scales [DMS, DML, AP].
    short_speed: i32,
    long_speed: i32,
    blend: i32,
    /// Coefficients of the two poles and six zeros [A, B].
    poles: [i32; 2],
    zeros: [i32; 6],
    /// Past signs of the partial signal, differences and signals, latest first [PK, DQ, SR].
    falling: [bool; 2],
    differences: [Float; 6],
    signals: [Float; 2],
    /// A tone of a modem was found [TD].
    tone: bool,
}

impl Decoder {
    pub(crate) fn new(bits: CodeBits) -> Self {
        Self {
            bits,
            slow_scale: 34_816,
            fast_scale: 544,
            short_speed: 0,
            long_speed: 0,
            blend: 0,
            poles: [0; 2],
            zeros: [0; 6],
            falling: [false; 2],
            differences: [Float::ZERO; 6],
            signals: [Float::ZERO; 2],
            tone: false,
        }
    }

    /// The 16-bit sample that the next code stands for.
    pub(crate) fn decode(&mut self, code: u8) -> i16 {
        let levels = self.bits.levels();
        let sign = levels.len();
        let code = usize::from(code) & (2 * sign - 1);
        let negative = code & sign != 0;
        let level = &levels[if negative { 2 * sign - 1 - code } else { code }];

        let by_zeros: i32 = self.zeros.iter().zip(self.differences).map(|(b, dq)| dq.times(b >> 2)).sum();
        let by_poles: i32 = self.poles.iter().zip(self.signals).map(|(a, sr)| sr.times(a >> 2)).sum();
        let estimate = (by_zeros + by_poles) >> 1;
        let scale = self.scale();

        let log = level.log + (scale >> 2);
        let magnitude = if log < 0 { 0 } else { ((128 + (log & 127)) << 7) >> (14 - ((log >> 7) & 15)) };
        let signal = if negative { estimate - magnitude } else { estimate + magnitude };
        let partial = signal - estimate + (by_zeros >> 1);
        self.adapt(scale, level, magnitude, negative, signal, partial);
        (signal << 2).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    }

    /// The quantiser's scale, between the slow and the fast one `MIX`.
    fn scale(&self) -> i32 {
        if self.blend >= 256 {
            return self.fast_scale;
        }
        let slow = self.slow_scale >> 6;
        let step = (self.fast_scale - slow) * (self.blend >> 2);
        slow + if step < 0 { (step + 0x3F) >> 6 } else { step >> 6 }
    }

    fn adapt(&mut self, scale: i32, level: &Level, magnitude: i32, negative: bool, signal: i32, partial: i32) {
        let transition = self.tone && magnitude > self.transition_threshold();
        self.fast_scale = (scale + ((level.scale - scale) >> 5)).clamp(544, 5_120);
        self.slow_scale += self.fast_scale + (-self.slow_scale >> 6);

        let falls = partial < 0;
        if transition {
            self.poles = [0; 2];
            self.zeros = [0; 6];
        } else {
            self.adapt_poles(falls, partial != 0);
            let leak = if self.bits == CodeBits::Five { 9 } else { 8 };
            for (b, past) in self.zeros.iter_mut().zip(self.differences) {
                *b -= *b >> leak;
                if magnitude != 0 {
                    *b += if past.negative == negative { 128 } else { -128 };
                }
            }
        }
        self.differences.rotate_right(1);
        self.differences[0] = Float::new(magnitude, negative);
        self.signals = [Float::new(signal.abs().min(0x7FFF), signal < 0), self.signals[0]];
        self.falling = [falls, self.falling[0]];
        self.tone = !transition && self.poles[1] < -11_776;

        self.short_speed += (level.speed - self.short_speed) >> 5;
        self.long_speed += ((level.speed << 2) - self.long_speed) >> 7;
        let unsteady = ((self.short_speed << 2) - self.long_speed).abs() >= self.long_speed >> 3;
        self.blend = if transition {
            256
        } else if scale < 1_536 || self.tone || unsteady {
            self.blend + ((0x200 - self.blend) >> 4)
        } else {
            self.blend + (-self.blend >> 4)
        };
    }

    /// A difference above this, after a tone, is the start of something else `TRANS`.
    fn transition_threshold(&self) -> i32 {
        let (whole, fraction) = (self.slow_scale >> 15, (self.slow_scale >> 10) & 0x1F);
        let threshold = if whole > 9 { 31 << 10 } else { (32 + fraction) << whole };
        (threshold + (threshold >> 1)) >> 1
    }

    fn adapt_poles(&mut self, falls: bool, changes: bool) {
        let [mut first, mut second] = self.poles;
        let turned = falls != self.falling[0];
        second -= second >> 7;
        if changes {
            let lean = if turned { first } else { -first };
            second += match lean {
                ..-8_191 => -0x100,
                8_192.. => 0xFF,
                _ => lean >> 5,
            };
            second += if falls != self.falling[1] { -0x80 } else { 0x80 };
            second = second.clamp(-12_288, 12_288);
        }
        first -= first >> 8;
        if changes {
            first += if turned { -192 } else { 192 };
        }
        let bound = 15_360 - second;
        self.poles = [first.clamp(-bound, bound), second];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_silent_and_noise_stays_in_range() {
        for bits in [CodeBits::Two, CodeBits::Three, CodeBits::Four, CodeBits::Five] {
            let mut decoder = Decoder::new(bits);
            let highest = (1u8 << bits.count()) - 1;
            let quiet = (0..800).map(|n| decoder.decode(if n % 2 == 0 { 0 } else { highest }).unsigned_abs()).max();
            // At 16 kbit/s there is no code for nothing, only for a little up and a little down.
            assert!(bits == CodeBits::Two || quiet < Some(64), "{bits:?}: {quiet:?}");
            // Any codes at all: arithmetic is checked in tests, and must not overflow.
            let mut state = 1u32;
            for _ in 0..200_000 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                decoder.decode((state >> 24) as u8);
            }
            // The loudest code for ever never turns into its opposite.
            let last = (0..20_000).map(|_| decoder.decode(1 << (bits.count() - 1))).last();
            assert!(last.is_some_and(|sample| sample <= 0), "{bits:?}: {last:?}");
        }
    }
}
