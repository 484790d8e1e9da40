//! Logs: one line an event, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Libraries that say too much: whisper.cpp its every step, and those of SMPP all that people are sent.
const QUIET: &str = "whisper_rs=warn,rusmpp=off";

/// Starts logging at `level` unless `RUST_LOG` says otherwise; JSON where no person is watching.
pub fn start(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{level},{QUIET}")));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first.
    let started =
        if std::io::stderr().is_terminal() { builder.with_target(false).try_init() } else { builder.json().try_init() };
    drop(started);
}
