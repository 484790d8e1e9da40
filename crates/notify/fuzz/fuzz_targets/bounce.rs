//! A mail that came back, as anybody can write one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voicemill_notify::email::Bounce;

fuzz_target!(|mail: &[u8]| {
    if let Ok(bounce) = Bounce::read(mail) {
        assert!(!bounce.mails.is_empty() && !bounce.outcomes.is_empty());
        bounce.outcome_for("dana@acme.example");
    }
});
