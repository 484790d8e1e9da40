//! The command-line edge.

use std::process::ExitCode;

use voicemill::audio::sandbox;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(sandbox::CHILD_ARGUMENT) {
        return sandbox::child_main();
    }
    ExitCode::FAILURE
}
