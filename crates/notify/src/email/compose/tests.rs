use std::{fmt::Write, sync::LazyLock};

use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use super::*;

/// A hundredth of a second of silence, as 8 kHz PCM16 in a WAV.
const WAV: &[u8] = include_bytes!("tests/silence.wav");

fn at(text: &str) -> Time {
    Time::from(text.parse::<jiff::Timestamp>().unwrap())
}

fn link() -> MailLink<'static> {
    MailLink {
        url: "https://vm.example.com/l/AQcHBwcHBwcHBwcHBwcHBwe-4ab8vLdX0mD_ZfGtQ0mT",
        expires_at: at("2026-11-29T17:05:09Z"),
    }
}

fn attachment() -> Attachment<'static> {
    Attachment { bytes: WAV, file_name: "voicemail-2026-11-22-1205.wav", content_type: "audio/wav" }
}

fn words() -> &'static [Run] {
    static WORDS: LazyLock<[Run; 3]> = LazyLock::new(|| {
        [
            Run { text: "Hi, it's Alice. The café order is".to_owned(), doubtful: false },
            Run { text: "reddy & waiting.".to_owned(), doubtful: true },
            Run { text: "Call me back at (415) 555-0132.".to_owned(), doubtful: false },
        ]
    });
    &*WORDS
}

fn numbers() -> &'static [CallbackNumber] {
    static NUMBERS: LazyLock<[CallbackNumber; 1]> = LazyLock::new(|| {
        [CallbackNumber {
            number: "+14155550132".to_owned(),
            display: "(415) 555-0132 ext. 42".to_owned(),
            extension: Some("42".to_owned()),
            unsure: false,
            start_seconds: 12.6,
            end_seconds: 16.0,
        }]
    });
    &*NUMBERS
}

/// Words that all are sure.
fn sure(text: &str) -> [Run; 1] {
    [Run { text: text.to_owned(), doubtful: false }]
}

fn mail() -> VoicemailMail<'static> {
    VoicemailMail {
        notice_id: "0192f0c1-2345-7abc-8def-0123456789ab".parse().unwrap(),
        date: at("2026-11-22T17:05:09Z"),
        from: "voicemail@acme.example.com",
        to: "sales@acme.example.com",
        brand: "Acme Telephone",
        mailbox: "Sales (101)",
        caller_name: "Alice Example",
        caller_number: "+1 555 010 0199",
        received_at: at("2026-11-22T17:05:00Z"),
        time_zone: "America/New_York",
        locale: "en-US",
        duration: Duration::from_millis(34_200),
        brief: false,
        transcript: TranscriptPart::Text(words()),
        callback_numbers: numbers(),
        audio: AudioPart::Link(link()),
    }
}

/// The mail as a reader's program takes it apart: headers, then the tree of parts with their texts.
fn taken_apart(mail: &Mail) -> String {
    let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
    let head = String::from_utf8(mail.bytes.clone()).unwrap();
    let mut shown = head.split("\r\n\r\n").next().unwrap().replace("\r\n", "\n");
    fn show(message: &mail_parser::Message<'_>, part: usize, depth: usize, shown: &mut String) {
        let indent = "  ".repeat(depth);
        let part = &message.parts[part];
        let kind = part.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("?")));
        writeln!(shown, "{indent}{} {}", kind.unwrap(), part.attachment_name().unwrap_or_default()).unwrap();
        match &part.body {
            PartType::Multipart(parts) => {
                for part in parts {
                    show(message, *part as usize, depth + 1, shown);
                }
            }
            PartType::Text(text) => writeln!(shown, "-----\n{}-----", text.replace("\r\n", "\n")).unwrap(),
            PartType::Html(html) => {
                let body = html.split("<body").nth(1).unwrap().replace("\r\n", "\n");
                writeln!(shown, "-----\n<body{body}-----").unwrap();
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                writeln!(shown, "{indent}({} bytes)", bytes.len()).unwrap();
            }
            PartType::Message(_) => panic!("a mail inside the mail"),
        }
    }
    shown.push_str("\n=====\n");
    show(&parsed, 0, 0, &mut shown);
    shown
}

#[test]
fn a_mail_with_a_link() {
    insta::assert_snapshot!(taken_apart(&mail().compose(&MailOptions::default()).unwrap()));
}

#[test]
fn a_mail_with_an_attachment() {
    let mail =
        VoicemailMail { audio: AudioPart::Attached(attachment()), transcript: TranscriptPart::Pending, ..mail() };
    insta::assert_snapshot!(taken_apart(&mail.compose(&MailOptions::default()).unwrap()));
}

#[test]
fn a_brief_mail_with_a_link() {
    let mail = VoicemailMail { brief: true, ..mail() };
    insta::assert_snapshot!(taken_apart(&mail.compose(&MailOptions::default()).unwrap()));
}

#[test]
fn a_brief_mail_with_an_attachment() {
    let mail = VoicemailMail { brief: true, audio: AudioPart::Attached(attachment()), ..mail() };
    insta::assert_snapshot!(taken_apart(&mail.compose(&MailOptions::default()).unwrap()));
}

#[test]
fn a_mail_whose_attachment_is_too_large_says_so() {
    let mail = VoicemailMail {
        audio: AudioPart::LinkInstead { link: link(), bytes: 57_600_044, limit: Some(25_000_000) },
        ..mail()
    };
    let composed = mail.compose(&MailOptions::default()).unwrap();
    let parsed = MessageParser::default().parse(&composed.bytes).unwrap();
    let why =
        "The recording (57.6 MB) is too large to be attached to a mail of at most 25.0 MB, so here is a link to it";
    assert!(parsed.body_text(0).unwrap().contains(why));
    assert!(parsed.body_text(0).unwrap().contains(link().url));
    assert!(parsed.body_html(0).unwrap().contains(why));
    let brief = VoicemailMail { brief: true, ..mail }.compose(&MailOptions::default()).unwrap();
    assert!(MessageParser::default().parse(&brief.bytes).unwrap().body_text(0).unwrap().contains(why));
}

#[test]
fn what_fits_stays_within_the_limit() {
    let limit = 2_000_000;
    let largest = (0..limit).rev().step_by(1000).find(|bytes| fits(*bytes, limit)).unwrap();
    assert!(largest > 1_000_000);
    let (bytes, transcript) = (vec![0xff; largest as usize], sure(&"üé".repeat(40_000)));
    let mail = VoicemailMail {
        audio: AudioPart::Attached(Attachment { bytes: &bytes, ..attachment() }),
        transcript: TranscriptPart::Text(&transcript),
        ..mail()
    };
    assert!(mail.compose(&MailOptions::default()).unwrap().bytes.len() as u64 <= limit);
    assert!(!fits(u64::MAX, limit));
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let mail = VoicemailMail { audio: AudioPart::Attached(attachment()), ..mail() };
    assert_eq!(
        mail.compose(&MailOptions::default()).unwrap().bytes,
        mail.compose(&MailOptions::default()).unwrap().bytes
    );
    assert_eq!(
        mail.compose(&MailOptions::default()).unwrap().message_id,
        "0192f0c1-2345-7abc-8def-0123456789ab@acme.example.com"
    );
}

#[test]
fn a_hostile_caller_writes_no_header_and_no_tag() {
    let mail = VoicemailMail {
        caller_name: "Eve\r\nBcc: x@y.example",
        caller_number: "\"><script>alert(1)</script>",
        brand: "Acme\r\nCc: x@y.example",
        ..mail()
    };
    let composed = mail.compose(&MailOptions::default()).unwrap();
    let parsed = MessageParser::default().parse(&composed.bytes).unwrap();
    assert!(parsed.bcc().is_none() && parsed.cc().is_none());
    assert!(parsed.subject().unwrap().starts_with("Voicemail from Eve Bcc: x at y. example, "));
    let html = parsed.body_html(0).unwrap();
    assert!(!html.contains("<script") && !html.contains("</script>"), "{html}");
}

#[test]
fn addresses_that_cannot_be_written_to_are_refused() {
    for to in ["", "nobody", "a@b\r\nBcc: c@d", "a@b.example, c@d.example", "<a@b.example>"] {
        let refused = VoicemailMail { to, ..mail() }.compose(&MailOptions::default());
        assert!(matches!(refused, Err(ComposeError::Recipient(_))), "{to:?}");
    }
    let refused = VoicemailMail { from: "nobody", ..mail() }.compose(&MailOptions::default());
    assert!(matches!(refused, Err(ComposeError::Sender(_))));
}

#[test]
fn k17_addresses_outside_ascii_stand_in_the_mail_as_servers_take_them() {
    for (to, written) in [
        ("dana@bücher.example", "To: dana@xn--bcher-kva.example\r\n"),
        ("用户@例子.example", "To: 用户@xn--fsqu00a.example\r\n"),
    ] {
        let composed = VoicemailMail { to, ..mail() }.compose(&MailOptions::default()).unwrap();
        let text = String::from_utf8(composed.bytes).unwrap();
        assert!(text.contains(written), "{text}");
    }
}

#[test]
fn a1_a9_the_caller_can_be_called_and_the_inbox_shows_the_first_words() {
    let mail = VoicemailMail { caller_number: "+14155550177", ..mail() };
    let composed = mail.compose(&MailOptions::default()).unwrap();
    let parsed = MessageParser::default().parse(&composed.bytes).unwrap();
    let html = parsed.body_html(0).unwrap();
    assert!(html.contains(r#"href="tel:+14155550177""#) && html.contains("Call (415) 555-0177"), "{html}");
    let preview = html.find("Hi, it&#x27;s Alice. The café order is").unwrap();
    assert!(preview < html.find("New voicemail for").unwrap(), "{html}");
    assert_eq!(parsed.subject(), Some("Voicemail from Alice Example, (415) 555-0177, 0:34"));
    let unknown = VoicemailMail { caller_number: "anonymous", ..mail }.compose(&MailOptions::default()).unwrap();
    let parsed = MessageParser::default().parse(&unknown.bytes).unwrap();
    assert!(!parsed.body_html(0).unwrap().contains("class=\"call\" href"), "nobody to call");
}

#[test]
fn a8_every_length_of_one_message_is_the_same() {
    let mail = VoicemailMail { duration: Duration::from_millis(10_900), ..mail() };
    let composed = mail.compose(&MailOptions::default()).unwrap();
    let text = String::from_utf8(composed.bytes).unwrap();
    assert!(text.contains("X-VoiceMessageDuration: 10\r\n") && text.contains(", 0:10\r\n"), "{text}");
}

#[test]
fn a12_a_brief_mail_ends_no_text_in_half_a_doubtful_word() {
    let said =
        [Run { text: "word ".repeat(63), doubtful: false }, Run { text: "212-555-0147".to_owned(), doubtful: true }];
    let mail = VoicemailMail { brief: true, transcript: TranscriptPart::Text(&said), ..mail() };
    let composed = mail.compose(&MailOptions::default()).unwrap();
    let parsed = MessageParser::default().parse(&composed.bytes).unwrap();
    let text = parsed.body_text(0).unwrap();
    assert!(text.contains("word…") && !text.contains("[212"), "{text}");
    assert!(text.contains("The link works until Sunday, November 29, 2026"), "{text}");
    let brief = VoicemailMail { transcript: TranscriptPart::Text(words()), ..mail }.compose(&MailOptions::default());
    let brief = brief.unwrap();
    let parsed = MessageParser::default().parse(&brief.bytes).unwrap();
    assert!(parsed.body_text(0).unwrap().contains("Words in [brackets?] were hard to hear."));
}

#[test]
fn every_state_of_the_transcript_has_its_sentence() {
    let text = |transcript, audio| {
        let composed = VoicemailMail { transcript, audio, ..mail() }.compose(&MailOptions::default()).unwrap();
        let parsed = MessageParser::default().parse(&composed.bytes).unwrap();
        parsed.body_text(0).unwrap().into_owned()
    };
    let (by_link, attached) = (AudioPart::Link(link()), AudioPart::Attached(attachment()));
    assert!(text(TranscriptPart::Pending, by_link).contains("It will be on the message’s page."));
    assert!(!text(TranscriptPart::Pending, attached).contains("page"));
    assert!(text(TranscriptPart::NotUnderstood, by_link).contains("no words were understood"));
    assert!(text(TranscriptPart::NoSpeech, by_link).contains("No speech was recognised"));
    assert!(text(TranscriptPart::Failed, by_link).contains("No text could be made"));
    assert!(!text(TranscriptPart::Off, by_link).contains("text"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_from_outside_the_mail_is_sound(
        name in any::<String>(),
        number in any::<String>(),
        brand in any::<String>(),
        transcript in any::<String>(),
        brief: bool,
        doubtful: bool,
    ) {
        let transcript = [Run { text: transcript, doubtful }];
        let mail = VoicemailMail {
            caller_name: &name,
            caller_number: &number,
            brand: &brand,
            transcript: TranscriptPart::Text(&transcript),
            brief,
            ..mail()
        };
        prop_assert!(mail.compose(&MailOptions::default()).is_ok());
    }

    #[test]
    fn long_text_from_outside_is_folded(letter in any::<char>(), length in 0..3000usize) {
        let long = letter.to_string().repeat(length);
        let mail = VoicemailMail {
            caller_name: &long,
            caller_number: &long,
            transcript: TranscriptPart::Text(&sure(&long)),
            ..mail()
        };
        prop_assert!(mail.compose(&MailOptions::default()).is_ok());
    }
}
