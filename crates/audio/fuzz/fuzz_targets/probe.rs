//! Probe to PCM: any bytes, recognised and decoded to the end; the first byte may put the name of a headerless format on them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voicemill_fuzz::{contained, decode, tolerate_symphonia};

fuzz_target!(
    init: tolerate_symphonia(),
    |bytes: &[u8]| {
        if let Some((pick, rest)) = bytes.split_first() {
            let mut rest = rest.to_vec();
            voicemill_fuzz::repair_ogg_checksums(&mut rest);
            contained(|| decode::probe(&rest, decode::RAW_NAMES.get(usize::from(*pick)).copied()));
        }
    }
);
