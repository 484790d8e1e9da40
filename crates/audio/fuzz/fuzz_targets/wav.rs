//! The WAV walker and the decoders that its format tags lead to; the first byte says how much lies in front of the header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voicemill_fuzz::{contained, decode, tolerate_symphonia};

fuzz_target!(
    init: tolerate_symphonia(),
    |bytes: &[u8]| {
        if let Some((start, _)) = bytes.split_first() {
            // Mostly none: what is in front only moves the rest.
            contained(|| decode::wav(&bytes[1..], u64::from(start.saturating_sub(0xF0))));
        }
    }
);
