//! Composes the mail of a voicemail and writes it, as an `.eml` file, to standard output.

use std::{io::Write, time::Duration};

use voicemill_notify::email::{AudioPart, MailLink, MailOptions, TranscriptPart, VoicemailMail};
use voicemill_types::{NoticeId, Run, Time};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let then = Time::from_microseconds(1_795_366_800_000_000);
    let said = |text: &str, doubtful| Run { text: text.to_owned(), doubtful };
    let transcript = [said("Hi, it's", false), said("Robin Stone.", true), said("Please call me back.", false)];
    let mail = VoicemailMail {
        notice_id: NoticeId::new(),
        date: then,
        from: "voicemail@example.com",
        to: "dana@example.com",
        brand: "Acme",
        mailbox: "Dana (101)",
        caller_name: "Robin Stone",
        caller_number: "+14155550132",
        received_at: then,
        time_zone: "America/New_York",
        locale: "en-US",
        duration: Duration::from_secs(34),
        brief: false,
        transcript: TranscriptPart::Text(&transcript),
        callback_numbers: &[],
        audio: AudioPart::Link(MailLink { url: "https://vm.example.com/l/token", expires_at: then }),
    };
    std::io::stdout().write_all(&mail.compose(&MailOptions::default())?.bytes)?;
    Ok(())
}
