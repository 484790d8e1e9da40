//! GSM 06.10, packed as in .gsm files and as in WAV.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| voicemill_fuzz::decode::gsm(bytes));
