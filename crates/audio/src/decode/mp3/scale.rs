//! Scale factors: how loud each band of a granule is.

use super::bits::Bits;
use super::header::Header;
use super::side_info::{Bands, Channel, MAX_BANDS, Shape};

/// Bands of each of the four quarters of scale factors, for long, mixed and short blocks. MPEG-2 has them in six versions, of
/// which the last three are those of a channel that tells intensities.
const QUARTERS_MPEG1: [[usize; 4]; 3] = [[6, 5, 5, 5], [8, 9, 6, 12], [9, 9, 6, 12]];
const QUARTERS_MPEG2: [[[usize; 4]; 3]; 6] = [
    [[6, 5, 5, 5], [6, 9, 9, 9], [9, 9, 9, 9]],
    [[6, 5, 7, 3], [6, 9, 12, 6], [9, 9, 12, 6]],
    [[11, 10, 0, 0], [15, 18, 0, 0], [18, 18, 0, 0]],
    [[7, 7, 7, 0], [6, 15, 12, 0], [12, 12, 12, 0]],
    [[6, 6, 6, 3], [6, 12, 9, 6], [12, 9, 9, 6]],
    [[8, 8, 5, 0], [6, 18, 9, 0], [15, 12, 9, 0]],
];
/// Bits of a factor in the first half and in the second, by the code of MPEG-1.
const LENGTHS_MPEG1: [[u32; 2]; 16] = [
    [0, 0],
    [0, 1],
    [0, 2],
    [0, 3],
    [3, 0],
    [1, 1],
    [1, 2],
    [1, 3],
    [2, 1],
    [2, 2],
    [2, 3],
    [3, 1],
    [3, 2],
    [3, 3],
    [4, 2],
    [4, 3],
];
/// What the four lengths of MPEG-2 count up to, in the six versions.
const BASES_MPEG2: [[u32; 4]; 6] = [[5, 5, 4, 4], [5, 5, 4, 1], [4, 3, 1, 1], [5, 6, 6, 1], [4, 4, 4, 1], [4, 3, 1, 1]];
/// What is added to the upper bands of a long block with pre-emphasis.
const PRE_EMPHASIS: [u8; 10] = [1, 1, 1, 1, 2, 2, 3, 3, 3, 2];

/// Marks a band whose intensity is not told.
pub(super) const NO_POSITION: u8 = u8::MAX;

/// The factors of one channel of one granule.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScaleFactors {
    /// As they are coded.
    pub(super) coded: [u8; MAX_BANDS],
    /// The same as positions between left and right.
    pub(super) positions: [u8; MAX_BANDS],
}

impl Default for ScaleFactors {
    fn default() -> Self {
        Self { coded: [0; MAX_BANDS], positions: [0; MAX_BANDS] }
    }
}

impl ScaleFactors {
    /// Reads them. Those that this granule shares with the one before it stay as they are.
    pub(super) fn read(&mut self, header: &Header, channel: &Channel, tells_intensity: bool, bits: &mut Bits) {
        let shape = match channel.shape {
            Shape::Short { mixed } => {
                if mixed {
                    1
                } else {
                    2
                }
            }
            _ => 0,
        };
        let (quarters, lengths) = if header.mpeg1 {
            let [low, high] = LENGTHS_MPEG1[channel.scale_code as usize & 15];
            (QUARTERS_MPEG1[shape], [low, low, high, high])
        } else {
            let (version, lengths) = lengths_mpeg2(channel.scale_code, tells_intensity);
            (QUARTERS_MPEG2[version][shape], lengths)
        };
        let mut start = 0;
        for ((bands, length), shared) in quarters.into_iter().zip(lengths).zip(channel.shared) {
            if !(shared && shape == 0) {
                for band in start..start + bands {
                    let factor = bits.read(length);
                    self.coded[band] = factor as u8;
                    let untold = !header.mpeg1 && length > 0 && factor + 1 == 1 << length;
                    self.positions[band] = if untold { NO_POSITION } else { factor as u8 };
                }
            }
            start += bands;
        }
        self.coded[start..].fill(0);
        self.positions[start..].fill(0);
    }

    /// What each band's lines are multiplied by.
    pub(super) fn gains(
        &self,
        header: &Header,
        channel: &Channel,
        bands: &Bands,
        tells_intensity: bool,
    ) -> [f32; MAX_BANDS] {
        let pre_emphasis =
            if header.mpeg1 { channel.pre_emphasis } else { !tells_intensity && channel.scale_code >= 500 };
        let shift = if channel.coarse_scale { 2 } else { 1 };
        // The sum and the difference of two channels are left and right times the root of 2.
        let gain = channel.global_gain - 210 - if header.mid_side { 2 } else { 0 };
        let mut gains = [0.0; MAX_BANDS];
        for (band, out) in gains[..bands.count].iter_mut().enumerate() {
            let coded = i32::from(self.coded[band]);
            let quarter_steps = if band < bands.long {
                let added =
                    if pre_emphasis && band >= 11 { PRE_EMPHASIS.get(band - 11).copied().unwrap_or(0) } else { 0 };
                (coded + i32::from(added)) << shift
            } else {
                (coded << shift) + 8 * i32::from(channel.window_gains[(band - bands.long) % 3])
            };
            *out = two_to_the_quarter(gain - quarter_steps);
        }
        gains
    }
}

fn lengths_mpeg2(code: u32, tells_intensity: bool) -> (usize, [u32; 4]) {
    let (mut code, mut version) = if tells_intensity { (code >> 1, 3) } else { (code, 0) };
    loop {
        let bases = BASES_MPEG2[version];
        let codes: u32 = bases.iter().product();
        if code < codes || version % 3 == 2 {
            let [_, b, c, d] = bases;
            return (version, [code / (b * c * d) % bases[0], code / (c * d) % b, code / d % c, code % d]);
        }
        code -= codes;
        version += 1;
    }
}

/// 2 to the power of so many quarters.
pub(super) fn two_to_the_quarter(quarters: i32) -> f32 {
    const FRACTIONS: [f32; 4] = [1.0, 1.189_207_1, std::f32::consts::SQRT_2, 1.681_792_8];
    let whole = (quarters >> 2).clamp(-126, 127);
    f32::from_bits(((whole + 127) as u32) << 23) * FRACTIONS[(quarters & 3) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_of_powers_are_exact() {
        for quarters in -480..180 {
            let exact = 2f64.powf(f64::from(quarters) / 4.0);
            let error = f64::from(two_to_the_quarter(quarters)) / exact - 1.0;
            assert!(error.abs() < 1e-7, "{quarters}: {error}");
        }
    }

    #[test]
    fn every_code_of_mpeg_2_has_its_lengths() {
        // By the formulas of ISO/IEC 13818-3, 2.4.3.2.
        for code in 0..512 {
            let expected = match code {
                0..400 => (0, [(code >> 4) / 5, (code >> 4) % 5, (code % 16) >> 2, code % 4]),
                400..500 => (1, [((code - 400) >> 2) / 5, ((code - 400) >> 2) % 5, (code - 400) % 4, 0]),
                _ => (2, [(code - 500) / 3, (code - 500) % 3, 0, 0]),
            };
            assert_eq!(lengths_mpeg2(code, false), expected, "{code}");
            let half = code >> 1;
            let expected = match half {
                0..180 => (3, [half / 36, half % 36 / 6, half % 6, 0]),
                180..244 => (4, [((half - 180) % 64) >> 4, ((half - 180) % 16) >> 2, (half - 180) % 4, 0]),
                _ => (5, [(half - 244) / 3, (half - 244) % 3, 0, 0]),
            };
            assert_eq!(lengths_mpeg2(code, true), expected, "{code}");
        }
    }
}
