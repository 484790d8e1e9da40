//! Tells HE-AAC from plain AAC, which our decoder would otherwise read at half its bandwidth without a word.

/// True if the decoder configuration of an MP4 or Matroska track announces spectral band replication.
pub(super) fn announces_sbr(config: &[u8]) -> bool {
    const SBR: u8 = 5;
    const PARAMETRIC_STEREO: u8 = 29;
    let Some(first) = config.first() else { return false };
    if matches!(first >> 3, SBR | PARAMETRIC_STEREO) {
        return true;
    }
    // The backward-compatible form follows a plain configuration at any bit: a mark, the kind, and that it is there.
    const MARK_KIND_PRESENT: u32 = (0x2B7 << 6) | (5 << 1) | 1;
    let bits = Bits(config);
    (0..bits.len().saturating_sub(16)).any(|at| bits.read(at, 17) == Some(MARK_KIND_PRESENT))
}

/// Finds in the frames of a stream what its configuration keeps silent about.
#[derive(Debug, Default)]
pub(super) struct SbrWatch {
    frames: u32,
    in_a_row: u32,
}

impl SbrWatch {
    /// Frames that are looked at; encoders put the extension into every one.
    const FRAMES: u32 = 32;
    /// So many frames in a row can't all look extended by chance.
    const ENOUGH: u32 = 4;
    /// The core of HE-AAC runs at half the rate heard.
    const HIGHEST_CORE_RATE_HZ: u32 = 24_000;

    /// Looks at the next frame; true once it is certain that the stream is HE-AAC.
    pub(super) fn sees(&mut self, frame: &[u8], rate_hz: u32) -> bool {
        if rate_hz > Self::HIGHEST_CORE_RATE_HZ || self.frames >= Self::FRAMES {
            return false;
        }
        self.frames += 1;
        self.in_a_row = if ends_with_sbr(frame) { self.in_a_row + 1 } else { 0 };
        self.in_a_row >= Self::ENOUGH
    }
}

/// True if a frame's last element before its end mark is a fill element with spectral band replication.
///
/// Elements in front have no length that could be skipped, so it is looked for from the end: the one place where its own
/// length leads exactly to the end mark.
fn ends_with_sbr(frame: &[u8]) -> bool {
    const FILL: u32 = 6;
    const END: u32 = 7;
    let bits = Bits(frame);
    // The end mark is three set bits, and only clear bits that fill the last byte follow.
    let Some(last) = frame.last().filter(|last| **last != 0) else { return false };
    let Some(end) = (bits.len() - last.trailing_zeros() as usize).checked_sub(3) else { return false };
    if bits.read(end, 3) != Some(END) {
        return false;
    }
    // 4 bits count up to 14 bytes; 15 stands for 14 more than the 8 bits that follow.
    let short = (1..15).map(|bytes| (bytes, 7));
    let long = (15..15 + 255).map(|bytes| (bytes, 15));
    short.chain(long).any(|(bytes, header_bits): (usize, usize)| {
        let Some(start) = end.checked_sub(8 * bytes + header_bits) else { return false };
        let header = match bytes {
            ..15 => (FILL << 4) | bytes as u32,
            _ => (((FILL << 4) | 15) << 8) | (bytes as u32 - 14),
        };
        bits.read(start, header_bits) == Some(header)
            && matches!(bits.read(start + header_bits, 4), Some(0b1101 | 0b1110))
    })
}

/// Bytes as bits, the most significant first.
#[derive(Clone, Copy)]
struct Bits<'a>(&'a [u8]);

impl Bits<'_> {
    fn len(self) -> usize {
        8 * self.0.len()
    }

    /// Up to 24 bits at `at`.
    fn read(self, at: usize, count: usize) -> Option<u32> {
        if at + count > self.len() {
            return None;
        }
        let word = (0..4).fold(0, |word, n| (word << 8) | u32::from(self.0.get(at / 8 + n).copied().unwrap_or(0)));
        Some((word << (at % 8)) >> (32 - count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_announcement_is_understood() {
        // AAC-LC at 44.1 kHz stereo; the same with an empty extension that says there is none.
        assert!(!announces_sbr(&[0x12, 0x10]));
        assert!(!announces_sbr(&[0x12, 0x10, 0x56, 0xE5, 0x00]));
        // Backward-compatible, hierarchical, and with parametric stereo.
        assert!(announces_sbr(&[0x13, 0x90, 0x56, 0xE5, 0xA0]));
        assert!(announces_sbr(&[0x2B, 0x92, 0x08, 0x00]));
        assert!(announces_sbr(&[0xEB, 0x8A, 0x08, 0x00]));
        assert!(!announces_sbr(&[]));
    }

    #[test]
    fn an_extension_is_found_by_its_own_length() {
        // A bit of something, a fill element of two bytes (SBR), the end mark.
        let frame = |kind: u32| {
            let word: u64 = (0b1 << 26) | (0b110 << 23) | (2 << 19) | (u64::from(kind) << 15) | (0x5A5 << 3) | 0b111;
            (word << 5).to_be_bytes()[4..].to_vec()
        };
        assert!(ends_with_sbr(&frame(0b1101)) && ends_with_sbr(&frame(0b1110)));
        assert!(!ends_with_sbr(&frame(0b0001)), "filling is no extension");
        let mut watch = SbrWatch::default();
        assert_eq!([0; 4].map(|_| watch.sees(&frame(0b1101), 24_000)), [false, false, false, true]);
        let mut watch = SbrWatch::default();
        assert!((0..100).all(|_| !watch.sees(&frame(0b1101), 44_100)), "the core never runs that fast");
        assert!(!ends_with_sbr(&[]) && !ends_with_sbr(&[0]) && !ends_with_sbr(&[0xFF]));
    }
}
