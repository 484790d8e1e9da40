//! What all fuzz targets share.

pub use voicemill_audio as audio;
pub use voicemill_audio::decode::fuzzing as decode;
pub use voicemill_testing::ogg::repair_ogg_checksums;

use std::backtrace::Backtrace;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Panics of libraries, each reported once.
static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Replaces the panic hook that ends the fuzzer: a panic in our own code still does.
///
/// A panic in symphonia is what the sandbox is for: it ends one job with a reason. It is reported once a run, by place, and
/// fuzzing goes on to what lies behind it.
pub fn tolerate_symphonia() {
    std::panic::set_hook(Box::new(|panic| {
        let mut place = panic.location().map(ToString::to_string).unwrap_or_default();
        if place.starts_with("/rustc/") {
            // The standard library panicked on behalf of someone whom only the stack knows.
            place = caller_of_the_standard_library(&Backtrace::force_capture().to_string());
        }
        let Some(at) = place.find("/symphonia-") else {
            eprintln!("{panic}\n{}", Backtrace::force_capture());
            std::process::abort();
        };
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if known.insert(place[at + 1..].to_owned()) {
            let message = panic.payload_as_str().unwrap_or("");
            eprintln!("in symphonia, contained by the sandbox: {} ({message})", &place[at + 1..]);
        }
    }));
}

/// The innermost place in a stack that is neither of the standard library nor of the hook above.
fn caller_of_the_standard_library(stack: &str) -> String {
    let mut places = stack.lines().filter_map(|line| line.trim_start().strip_prefix("at "));
    places
        .find(|place| !place.contains("/fuzz/src/lib.rs") && !place.starts_with("/rustc/"))
        .unwrap_or_default()
        .to_owned()
}

/// Runs `decode`, in which symphonia may panic.
pub fn contained(decode: impl FnOnce()) {
    // What panicked is dropped with its decoder, as the process of a job is.
    let _ = catch_unwind(AssertUnwindSafe(decode));
}
