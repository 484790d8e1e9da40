//! The headers of Xing, LAME and Fraunhofer, which lie in a frame of their own in front of the sound.

use super::header::{HEADER_BYTES, Header};

/// Samples by which every decoder of Layer III lags behind what was encoded.
const DECODER_DELAY: u32 = 529;
/// Encoders whose delay and padding are known to be what they say.
const ENCODERS: [&[u8]; 3] = [b"LAME", b"Lavf", b"Lavc"];

/// What such a frame tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Frames of Layer III in the file, without this one; nothing where only delay and padding could tell what is heard of
    /// them, and don't.
    pub(super) frames: Option<u32>,
    /// Samples in front of the sound and behind it.
    pub(super) delay: u32,
    pub(super) padding: u32,
}

impl Info {
    /// What the frame tells; nothing if it is sound.
    pub(super) fn read(header: &Header, frame: &[u8]) -> Option<Self> {
        let start = HEADER_BYTES + header.side_info_bytes();
        let silent = |end: usize| frame.get(header.side_info_start()..end).is_some_and(|b| b.iter().all(|b| *b == 0));
        let is = |at: usize, name: &[u8]| frame.get(at..).is_some_and(|rest| rest.starts_with(name));
        if is(36, b"VBRI\0\x01") && frame.len() >= 62 && silent(36) {
            // It counts frames, but does not tell what of them is heard.
            return Some(Self::default());
        }
        if !(is(start, b"Xing") || is(start, b"Info")) || !silent(start) {
            return None;
        }
        Some(Self::read_xing(header, frame, start).unwrap_or_default())
    }

    fn read_xing(header: &Header, frame: &[u8], start: usize) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?));
        let flags = word(start + 4)?;
        let mut at = start + 8;
        let frames = if flags & 1 != 0 { word(at) } else { None };
        for (flag, bytes) in [(1, 4), (2, 4), (4, 100), (8, 4)] {
            at += if flags & flag != 0 { bytes } else { 0 };
        }
        let lame = frame.get(at..).filter(|lame| lame.len() >= 24)?;
        let is_known = ENCODERS.iter().any(|name| lame.starts_with(name));
        let checksum = lame.get(34..36).filter(|_| header.has_crc || lame.starts_with(b"LAME"));
        if checksum.is_some_and(|sum| sum != [0, 0] && sum != crc16(&frame[..at + 34]).to_be_bytes()) {
            return None;
        }
        let gaps = u32::from_be_bytes([0, lame[21], lame[22], lame[23]]);
        let (delay, padding) = if is_known {
            (DECODER_DELAY + (gaps >> 12), (gaps & 0xFFF).saturating_sub(DECODER_DELAY))
        } else {
            (0, 0)
        };
        Some(Self { frames, delay, padding })
    }
}

/// CRC-16 of ANSI, least significant bits first.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}
