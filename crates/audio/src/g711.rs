//! G.711: µ-law and A-law, bit-exact with ITU-T G.191.

/// Which of the two companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// North America and Japan.
    Mu,
    /// Everywhere else.
    A,
}

impl Law {
    /// The 16-bit sample that a code stands for.
    pub(crate) fn expand(self, code: u8) -> i16 {
        match self {
            Self::Mu => {
                let code = !code;
                let magnitude = ((i32::from(code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4);
                let sample = magnitude - 0x84;
                (if code & 0x80 == 0 { sample } else { -sample }) as i16
            }
            Self::A => {
                let code = code ^ 0x55;
                let mantissa = i32::from(code & 0x0F) << 4;
                let sample = match (code & 0x70) >> 4 {
                    0 => mantissa + 8,
                    exponent => (mantissa + 0x108) << (exponent - 1),
                };
                (if code & 0x80 == 0 { -sample } else { sample }) as i16
            }
        }
    }

    /// The code of a 16-bit sample.
    #[inline(always)]
    pub(crate) fn compress(self, sample: i16) -> u8 {
        match self {
            Self::Mu => {
                let sign = if sample < 0 { 0x80 } else { 0 };
                !(sign | segment_and_step(magnitude(sample).min(32_635) + 0x84))
            }
            Self::A => {
                let sign = if sample < 0 { 0 } else { 0x80 };
                let magnitude = magnitude(sample);
                let code = if magnitude < 0x100 { (magnitude >> 4) as u8 } else { segment_and_step(magnitude) };
                (sign | code) ^ 0x55
            }
        }
    }

    /// Appends the codes of samples.
    pub(crate) fn compress_all(self, samples: &[i16], codes: &mut Vec<u8>) {
        // Each law in a loop of its own, which vectorises.
        match self {
            Self::Mu => codes.extend(samples.iter().map(|sample| Self::Mu.compress(*sample))),
            Self::A => codes.extend(samples.iter().map(|sample| Self::A.compress(*sample))),
        }
    }
}

/// The segment of a magnitude from 128 up, 0 for the first, in three bits and the step in it in four: as a floating-point
/// number has them.
#[inline(always)]
fn segment_and_step(magnitude: i32) -> u8 {
    const EXPONENT_OF_128: u32 = 127 + 7;
    (((magnitude as f32).to_bits() >> 19) - (EXPONENT_OF_128 << 4)) as u8
}

/// Negatives by one's complement, as in G.191: each step of the scale is then as wide below zero as above.
#[inline(always)]
fn magnitude(sample: i16) -> i32 {
    i32::from(if sample < 0 { !sample } else { sample })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ulaw_compress` and `alaw_compress` of ITU-T G.191, for one sample.
    fn recommended(law: Law, sample: i16) -> u8 {
        let sample = i32::from(sample);
        let complement = |bits: i32| if sample < 0 { !sample >> bits } else { sample >> bits };
        match law {
            Law::Mu => {
                let absolute = (complement(2) + 33).min(0x1FFF);
                let segment = (0..).find(|shift| absolute >> (6 + shift) == 0).unwrap() + 1;
                let code = ((8 - segment) << 4) | (0xF - ((absolute >> segment) & 0xF));
                (if sample >= 0 { code | 0x80 } else { code }) as u8
            }
            Law::A => {
                let (mut code, mut exponent) = (complement(4), 1);
                if code > 15 {
                    while code > 16 + 15 {
                        code >>= 1;
                        exponent += 1;
                    }
                    code = code - 16 + (exponent << 4);
                }
                (if sample >= 0 { code | 0x80 } else { code }) as u8 ^ 0x55
            }
        }
    }

    #[test]
    fn every_sample_has_the_code_of_the_recommendation() {
        for law in [Law::Mu, Law::A] {
            for sample in i16::MIN..=i16::MAX {
                assert_eq!(law.compress(sample), recommended(law, sample), "{law:?} {sample}");
            }
        }
    }

    #[test]
    fn every_code_survives_the_round_trip() {
        for law in [Law::Mu, Law::A] {
            for code in 0..=255u8 {
                let sample = law.expand(code);
                assert_eq!(law.expand(law.compress(sample)), sample, "{law:?} {code:#04x}");
            }
        }
    }

    #[test]
    fn the_recommendation_s_landmarks_hold() {
        assert_eq!(Law::Mu.expand(0xFF), 0);
        assert_eq!(Law::Mu.expand(0x00), -32_124);
        assert_eq!(Law::Mu.expand(0x80), 32_124);
        assert_eq!(Law::A.expand(0xD5), 8);
        assert_eq!(Law::A.expand(0x55), -8);
        assert_eq!(Law::A.expand(0xAA), 32_256);
        assert_eq!(Law::Mu.compress(i16::MIN), 0x00);
        assert_eq!(Law::A.compress(i16::MAX), 0xAA);
    }

    #[test]
    fn compression_is_monotonic_and_close() {
        for law in [Law::Mu, Law::A] {
            let mut last = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let back = law.expand(law.compress(sample));
                assert!(back >= last, "{law:?} fell at {sample}");
                last = back;
                let error = (i32::from(back) - i32::from(sample)).abs();
                assert!(error <= (i32::from(sample).abs() >> 5) + 16, "{law:?} {sample} became {back}");
            }
        }
    }
}
