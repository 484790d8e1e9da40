//! The command-line edge.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The sandbox runs this binary again for every render; that child knows nothing else of us.
    if std::env::args_os().nth(1).is_some_and(|command| command == voicemill_audio::sandbox::CHILD_ARGUMENT) {
        return voicemill_audio::sandbox::child_main();
    }
    voicemill::cli::main()
}
