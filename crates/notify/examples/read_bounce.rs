//! Reads a report of delivery from standard input, and says which mail it is about and what became of it.

use std::io::{Read, Write};

use voicemill_notify::email::Bounce;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut report = Vec::new();
    std::io::stdin().take(36_000_000).read_to_end(&mut report)?;
    let bounce = Bounce::read(&report)?;
    let mut output = std::io::stdout();
    writeln!(output, "the mail may be called: {}", bounce.mails.join(", "))?;
    for outcome in &bounce.outcomes {
        writeln!(output, "{:?} for {}: {}", outcome.fate, outcome.recipients.join(", "), outcome.answer)?;
    }
    Ok(())
}
