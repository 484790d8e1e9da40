//! Says which alphabet a text needs as an SMS, and how many parts it is sent in.

use std::io::Write;

use voicemill_notify::sms::{measure, plain};

fn main() -> std::io::Result<()> {
    let text = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let (coding, parts) = measure(&text);
    let mut output = std::io::stdout();
    writeln!(output, "{coding:?}, {parts} parts as it stands")?;
    let plainer = plain(&text);
    let (coding, parts) = measure(&plainer);
    writeln!(output, "{coding:?}, {parts} parts as it is sent: {plainer}")
}
