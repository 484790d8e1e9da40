//! Layer III in full and as far up as a phone hears; the first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voicemill_fuzz::{contained, decode, tolerate_symphonia};

fuzz_target!(
    init: tolerate_symphonia(),
    |bytes: &[u8]| {
        if let Some((how, bytes)) = bytes.split_first() {
            contained(|| decode::mp3(bytes, [u32::MAX, 16_000, 8_000][usize::from(how % 3)], how & 4 != 0));
        }
    }
);
