//! µ-law, A-law and PCM; the first byte is the number of channels.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((channels, rest)) = bytes.split_first() {
        voicemill_fuzz::decode::g711_and_pcm(rest, u16::from(*channels));
    }
});
