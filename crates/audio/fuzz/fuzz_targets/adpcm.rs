//! Microsoft's and IMA's ADPCM; the first bytes are channels and block size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voicemill_fuzz::{contained, decode, tolerate_symphonia};

fuzz_target!(
    init: tolerate_symphonia(),
    |bytes: &[u8]| {
        if let [channels, low, high, rest @ ..] = bytes {
            contained(|| decode::adpcm(rest, u16::from(*channels % 4), u16::from_le_bytes([*low, *high])));
        }
    }
);
