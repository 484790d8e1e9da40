//! How much of a file's band has to be decoded for what will be heard of it.

use super::hybrid::SUBBANDS;

/// The part of the filter bank that is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    /// Subbands from the lowest up; the rest is taken for silent.
    pub(super) subbands: usize,
    /// Only every so manieth sample is made: 1, 2 or 4.
    pub(super) step: usize,
}

impl Band {
    /// What a file at `rate_hz` is decoded to for consumers that read no higher rate than `wanted_hz`.
    ///
    /// Beyond the last subband with a wanted frequency, one more is kept: what lies near a border shows in both subbands,
    /// and only together they cancel what is not there. Samples are left out as long as nothing can fold into the wanted
    /// frequencies: the filter of a subband has ended half a subband beyond its border.
    pub(super) fn of(rate_hz: u32, wanted_hz: u32) -> Self {
        if wanted_hz >= rate_hz {
            return Self { subbands: SUBBANDS, step: 1 };
        }
        let width_hz = f64::from(rate_hz) / (2 * SUBBANDS) as f64;
        let wanted_hz = f64::from(wanted_hz) / 2.0;
        let subbands = ((wanted_hz / width_hz) as usize + 2).min(SUBBANDS);
        let ends_hz = (subbands as f64 + 0.5) * width_hz;
        let is_clean = |step: &usize| f64::from(rate_hz) / *step as f64 - ends_hz >= wanted_hz;
        Self { subbands, step: [4, 2].into_iter().find(is_clean).unwrap_or(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_decoded_than_is_wanted() {
        let band = |rate_hz, wanted_hz| {
            let band = Band::of(rate_hz, wanted_hz);
            (band.subbands, band.step)
        };
        assert_eq!(band(44_100, 8_000), (7, 4));
        assert_eq!(band(48_000, 8_000), (7, 4));
        assert_eq!(band(32_000, 8_000), (10, 2));
        assert_eq!(band(44_100, 16_000), (13, 2));
        assert_eq!(band(22_050, 8_000), (13, 2));
        assert_eq!(band(16_000, 8_000), (18, 1));
        assert_eq!(band(44_100, 44_100), (32, 1));
        assert_eq!(band(8_000, 16_000), (32, 1));
        assert_eq!(band(44_100, 40_000), (31, 1));
    }
}
