//! Sends mails as the service does, composed, checked and over its own pool, and says what it took.
//!
//! `benches/delivery/mail` runs it beside others that send to the same sink.

#![expect(clippy::print_stdout, reason = "what it measured is its output")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use voicemill_notify::{
    Channel, Recipient, Rendered,
    email::{Attachment, AudioPart, MailLink, MailOptions, Security, Smtp, SmtpConfig, TranscriptPart, VoicemailMail},
};
use voicemill_types::{NoticeId, Run, Time};

/// A mail to the given number of recipients, one each, with an attachment of so many bytes or else a link.
fn compose(number: usize, attachment: &[u8]) -> Rendered {
    let notice_id = NoticeId::new();
    let queued_at = Time::from_microseconds(1_795_000_000_000_000);
    let audio = match attachment {
        [] => AudioPart::Link(MailLink { url: "https://vm.example.com/l/token", expires_at: queued_at }),
        bytes => AudioPart::Attached(Attachment { bytes, file_name: "voicemail.wav", content_type: "audio/wav" }),
    };
    let said = "Hello, this is Robin. Please call me back when you have a minute.".to_owned();
    let said = [Run { text: said, doubtful: false }];
    let mail = VoicemailMail {
        notice_id,
        date: queued_at,
        from: "voicemail@acme.example.com",
        to: &format!("r{number}@acme.example.com"),
        brand: "Acme",
        mailbox: "Sales (101)",
        caller_name: "Robin Stone",
        caller_number: "+15550100199",
        received_at: queued_at,
        time_zone: "Europe/Berlin",
        locale: "en-GB",
        duration: Duration::from_secs(34),
        brief: false,
        transcript: TranscriptPart::Text(&said),
        callback_numbers: &[],
        audio,
    };
    let bytes = mail.compose(&MailOptions::default()).expect("the mail is sound").bytes.into();
    Rendered { notice_id, sender: "voicemail@acme.example.com".to_owned(), queued_at, bytes }
}

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [port, mails, connections, attachment] = arguments[..] else {
        eprintln!("usage: mail PORT MAILS CONNECTIONS ATTACHMENT_BYTES");
        std::process::exit(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    let config = SmtpConfig { port: Some(port as u16), ..SmtpConfig::new("127.0.0.1", Security::None) };
    let smtp = Arc::new(Smtp::new(&config).expect("the configuration is sound"));
    let audio: Arc<[u8]> = (0..attachment).map(|byte| (byte * 31 % 251) as u8).collect::<Vec<_>>().into();
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let bytes = runtime.block_on(async {
        let senders = (0..connections).map(|_| {
            let (smtp, audio, next) = (smtp.clone(), audio.clone(), next.clone());
            tokio::spawn(async move {
                let mut bytes = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= mails {
                        return bytes;
                    }
                    let mail = compose(number, &audio);
                    bytes += mail.bytes.len();
                    let to = Recipient::new(format!("r{number}@acme.example.com"));
                    smtp.deliver(&to, &mail).await.expect("the sink takes everything");
                }
            })
        });
        let mut whole = 0;
        for sender in senders.collect::<Vec<_>>() {
            whole += sender.await.expect("a sender ends well");
        }
        whole
    });
    println!("{} {}", began.elapsed().as_secs_f64(), bytes / mails.max(1));
}
