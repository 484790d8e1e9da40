//! Shows how written English is said: `cargo run -p voicemill-speech --example normalise -- "Mon-Fri 9a-5p, x204"`.

use std::io::Write;

use voicemill_speech::text::{speakable_for, unspeakable};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let text = arguments.next().ok_or("give a text, and a locale such as en-GB if it is not for the United States")?;
    let locale = arguments.next().unwrap_or_else(|| "en-US".to_owned());
    let mut output = std::io::stdout().lock();
    if let Some(words) = unspeakable(&text) {
        writeln!(output, "no voice here reads {words}")?;
    }
    writeln!(output, "{}", speakable_for(&text, &locale))?;
    Ok(())
}
