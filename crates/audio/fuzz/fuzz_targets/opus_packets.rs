//! Opus packets as WebM holds them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| voicemill_fuzz::decode::opus_packets(bytes));
