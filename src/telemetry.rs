//! Logs: one line an event, to standard error.

use std::{io::IsTerminal, sync::OnceLock};

use tracing_subscriber::EnvFilter;

/// Libraries that say too much: whisper.cpp its every step, and those of SMPP all that people are sent.
const QUIET: &str = "whisper_rs=warn,rusmpp=off";

/// Puts another filter in place of the one that logging was started with.
type Change = Box<dyn Fn(EnvFilter) + Send + Sync>;

static CHANGE: OnceLock<Change> = OnceLock::new();

/// Starts logging at `level` unless `RUST_LOG` says otherwise; JSON where no person is watching.
pub fn start(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(with_quiet(level)));
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first.
    let (started, change): (_, Change) = if std::io::stderr().is_terminal() {
        let builder = builder.with_target(false).with_env_filter(filter).with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Box::new(move |filter| drop(handle.reload(filter))))
    } else {
        let builder = builder.json().with_env_filter(filter).with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Box::new(move |filter| drop(handle.reload(filter))))
    };
    if started.is_ok() {
        drop(CHANGE.set(change));
    }
}

/// Logs at another level from now on, unless `RUST_LOG` says otherwise.
///
/// # Errors
/// When `level` is neither a level nor directives.
pub fn set_level(level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(with_quiet(level)).map_err(|error| anyhow::anyhow!("log.level: {error}"))?;
    if EnvFilter::try_from_default_env().is_err()
        && let Some(change) = CHANGE.get()
    {
        change(filter);
    }
    Ok(())
}

fn with_quiet(level: &str) -> String {
    format!("{level},{QUIET}")
}
