//! `voicemill bounce`: a mail server hands in the mails that came back.

use std::{
    io::{IsTerminal, Read},
    process::ExitCode,
};

use anyhow::Context;
use voicemill_types::clock::Clock;

use crate::{app::App, config::Config, error::ServiceError, notices};

/// Most bytes that are read. What a report says stands before the mail that it gives back, which may be cut off.
const LARGEST: u64 = 40_000_000;
/// "Try again later" (EX_TEMPFAIL of sysexits.h), upon which mail servers keep the mail.
const TRY_AGAIN: u8 = 75;

/// Reads one mail from standard input, as a mail server's pipe writes it.
///
/// It ends well for mails that are no reports, or of mails that are not ours: those would only come back in turn.
pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("voicemill: reading the mail from the terminal; usually a mail server pipes it in");
    }
    let mut mail = Vec::new();
    input.lock().take(LARGEST).read_to_end(&mut mail).context("the mail cannot be read")?;
    let app = match App::new(config, Clock::system(), std::env::current_exe()?).await {
        Ok(app) => app,
        Err(error) => {
            eprintln!("voicemill: {error:#}");
            return Ok(ExitCode::from(TRY_AGAIN));
        }
    };
    match notices::bounced(&app, &mail).await {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error @ (ServiceError::Invalid { .. } | ServiceError::NotFound(_))) => {
            eprintln!("voicemill: {error}");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("voicemill: {error}");
            Ok(ExitCode::from(TRY_AGAIN))
        }
    }
}
