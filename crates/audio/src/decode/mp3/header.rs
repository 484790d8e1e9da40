//! The four bytes in front of every frame.

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 4;

/// The longest frame: 320 kbit/s at 32 kHz, padded.
pub(super) const MAX_FRAME_BYTES: usize = 1_441;

/// Kilobits per second by index, of MPEG-1 and of the lower rates of MPEG-2 and 2.5.
const KILOBITS: [[u32; 15]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// A frame of Layer III; its channels share what is not told per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// MPEG-1, whose frames have two granules; else MPEG-2 or 2.5 with one.
    pub(super) mpeg1: bool,
    /// Two bytes of checksum follow the header.
    pub(super) has_crc: bool,
    /// In Hz.
    pub(super) rate_hz: u32,
    pub(super) mono: bool,
    pub(super) mid_side: bool,
    pub(super) intensity: bool,
    /// All bytes of the frame, the header's included.
    pub(super) bytes: usize,
    /// Which of the tables of bands is the rate's.
    pub(super) bands: usize,
}

impl Header {
    /// Reads a header; nothing if it is none, or of another layer, or of a frame without a bit rate ("free format").
    pub(super) fn parse(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let [0xFF, second, third, fourth] = bytes else { return None };
        let (version, layer) = ((second >> 3) & 3, (second >> 1) & 3);
        let (bit_rate, rate) = (usize::from(third >> 4), usize::from((third >> 2) & 3));
        if second & 0xE0 != 0xE0 || version == 1 || layer != 1 || rate == 3 {
            return None;
        }
        let mpeg1 = version == 3;
        let kilobits = *KILOBITS[usize::from(!mpeg1)].get(bit_rate).filter(|kilobits| **kilobits > 0)?;
        let halvings = [2, 0, 1, 0][usize::from(version)];
        let rate_hz = [44_100, 48_000, 32_000][rate] >> halvings;
        let samples_per_bit = if mpeg1 { 144_000 } else { 72_000 };
        let mode = fourth >> 6;
        Some(Self {
            mpeg1,
            has_crc: second & 1 == 0,
            rate_hz,
            mono: mode == 3,
            mid_side: mode == 1 && fourth & 0x20 != 0,
            intensity: mode == 1 && fourth & 0x10 != 0,
            bytes: (samples_per_bit * kilobits / rate_hz) as usize + usize::from(third & 2 != 0),
            bands: match version {
                0 => [0, 0, 1][rate],
                2 => 2 + rate,
                _ => 5 + rate,
            },
        })
    }

    /// True for a frame of Layer III without a bit rate.
    pub(super) fn is_free_format([first, second, third, fourth]: [u8; HEADER_BYTES]) -> bool {
        third >> 4 == 0 && Self::parse([first, second, third | 0x10, fourth]).is_some()
    }

    /// True if a frame can follow another in the same stream.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        (self.rate_hz, self.mpeg1, self.mono) == (other.rate_hz, other.mpeg1, other.mono)
    }

    pub(super) fn channels(&self) -> usize {
        if self.mono { 1 } else { 2 }
    }

    pub(super) fn granules(&self) -> usize {
        if self.mpeg1 { 2 } else { 1 }
    }

    /// Frames of sound, of each channel.
    pub(super) fn samples(&self) -> u64 {
        576 * self.granules() as u64
    }

    /// Where the side information begins.
    pub(super) fn side_info_start(&self) -> usize {
        HEADER_BYTES + if self.has_crc { 2 } else { 0 }
    }

    pub(super) fn side_info_bytes(&self) -> usize {
        match (self.mpeg1, self.mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_rate_and_bit_rate_says_is_read() {
        let header = Header::parse([0xFF, 0xFB, 0xB2, 0x64]).unwrap();
        assert_eq!((header.rate_hz, header.bytes, header.samples()), (44_100, 627, 1_152));
        assert!(header.mpeg1 && header.mid_side && !header.intensity && !header.has_crc);
        let header = Header::parse([0xFF, 0xE2, 0x48, 0xC4]).unwrap();
        assert_eq!((header.rate_hz, header.bytes, header.samples()), (8_000, 288, 576));
        assert!(!header.mpeg1 && header.mono && header.has_crc);
        let all = (0..=u16::MAX).filter_map(|bits| Header::parse([0xFF, (bits >> 8) as u8, bits as u8, 0]));
        assert_eq!(all.clone().map(|header| header.bytes).max(), Some(MAX_FRAME_BYTES));
        assert!(all.clone().all(|header| header.bytes >= header.side_info_start() + header.side_info_bytes()));
        assert_eq!(all.count(), 3 * 2 * 14 * 3 * 4);
    }

    #[test]
    fn what_is_no_layer_three_is_none() {
        for bytes in [[0xFF, 0xFD, 0xB0, 0], [0xFF, 0xEB, 0xB0, 0], [0xFF, 0xFB, 0xF0, 0], [0xFF, 0xFB, 0x0C, 0]] {
            assert_eq!(Header::parse(bytes), None);
        }
        assert_eq!(Header::parse([0xFF, 0xFB, 0x00, 0]), None, "free format");
        assert!(Header::is_free_format([0xFF, 0xFB, 0x00, 0]) && !Header::is_free_format([0xFF, 0xFB, 0x90, 0]));
        assert_eq!(Header::parse([0xFE, 0xFB, 0x90, 0]), None);
    }
}
