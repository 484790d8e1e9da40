//! Headerless audio as a file; the first byte picks the name on it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voicemill_fuzz::decode;

fuzz_target!(|bytes: &[u8]| {
    if let Some((pick, rest)) = bytes.split_first() {
        decode::raw(rest, decode::RAW_NAMES[usize::from(*pick) % decode::RAW_NAMES.len()]);
    }
});
