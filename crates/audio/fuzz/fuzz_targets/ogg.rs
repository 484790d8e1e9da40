//! Ogg with Vorbis or FLAC, by symphonia. Its pages' checksums are repaired, or hardly any input would get past them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voicemill_fuzz::{contained, decode, tolerate_symphonia};

fuzz_target!(
    init: tolerate_symphonia(),
    |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        voicemill_fuzz::repair_ogg_checksums(&mut bytes);
        contained(|| decode::container(&bytes, "ogg"));
    }
);
