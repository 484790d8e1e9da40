//! Ogg Opus by our own reader. The Ogg crate checks no checksums when it is fuzzed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| voicemill_fuzz::decode::ogg_opus(bytes));
