//! The search for sound and the edit list in an MP4 file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| voicemill_fuzz::decode::mp4(bytes));
