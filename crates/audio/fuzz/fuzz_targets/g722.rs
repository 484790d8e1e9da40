//! G.722.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| voicemill_fuzz::decode::g722(bytes));
