//! Reads reports of delivery that mail servers send back (RFC 3464).

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

/// What a report says of one mail of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// The Message-ID of the mail it reports, without the angle brackets.
    pub message_id: String,
    /// What became of it.
    pub fate: Fate,
    /// What the server says: status and diagnosis.
    pub answer: String,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It could not be delivered, and never will be.
    Failed,
    /// It is still tried.
    Delayed,
    /// It arrived.
    Delivered,
}

/// Why a mail is no report that we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBounce {
    /// It is some other mail, such as an answer of an out-of-office robot.
    #[error("this mail is no report of delivery (RFC 3464): it has no part of the type message/delivery-status")]
    OtherMail,
    /// It does not say which mail it is about.
    #[error("this report does not say which mail it is about: it holds neither that mail nor its headers")]
    Unnamed,
}

impl NoBounce {
    /// Never: a mail stays what it is.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// Longest answer that is kept, in characters.
const LONGEST_ANSWER: usize = 500;

impl Bounce {
    /// Reads a report.
    pub fn read(mail: &[u8]) -> Result<Self, NoBounce> {
        let report = MessageParser::default().parse(mail).ok_or(NoBounce::OtherMail)?;
        let status = report.parts.iter().find(|part| is(part, "message", "delivery-status"));
        let status = String::from_utf8_lossy(status.ok_or(NoBounce::OtherMail)?.contents()).into_owned();
        let (mut fate, mut code, mut diagnosis) = (None, String::new(), String::new());
        // Each of our mails has one recipient: the first that has a fate is it.
        for block in unfolded(&status).split("\n\n") {
            let field = |name: &str| {
                block.lines().find_map(|line| {
                    let (found, value) = line.split_once(':')?;
                    found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
                })
            };
            fate = field("Action").and_then(|action| match action.to_ascii_lowercase().as_str() {
                "failed" => Some(Fate::Failed),
                "delayed" => Some(Fate::Delayed),
                "delivered" | "relayed" | "expanded" => Some(Fate::Delivered),
                _ => None,
            });
            if fate.is_some() {
                code = field("Status").unwrap_or_default();
                diagnosis = field("Diagnostic-Code").unwrap_or_default();
                break;
            }
        }
        let fate = fate.ok_or(NoBounce::OtherMail)?;
        let message_id = reported(&report).ok_or(NoBounce::Unnamed)?;
        let diagnosis = diagnosis.strip_prefix("smtp;").unwrap_or(&diagnosis).trim();
        let answer = format!("{code} {diagnosis}");
        Ok(Self { message_id, fate, answer: answer.trim().chars().take(LONGEST_ANSWER).collect() })
    }
}

fn is(part: &mail_parser::MessagePart<'_>, kind: &str, subtype: &str) -> bool {
    part.content_type().is_some_and(|found| {
        found.ctype().eq_ignore_ascii_case(kind)
            && found.subtype().is_some_and(|found| found.eq_ignore_ascii_case(subtype))
    })
}

/// The text with LF line ends, and its folded lines in one.
fn unfolded(text: &str) -> String {
    text.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ")
}

/// The Message-ID of the mail that the report gives back, whole or only its headers.
fn reported(report: &Message<'_>) -> Option<String> {
    for part in &report.parts {
        let id = match &part.body {
            PartType::Message(mail) => mail.message_id().map(str::to_owned),
            _ if is(part, "text", "rfc822-headers") || is(part, "message", "rfc822") => {
                let headers = MessageParser::default().parse_headers(part.contents())?;
                headers.message_id().map(str::to_owned)
            }
            _ => None,
        };
        if id.is_some() {
            return id;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(action: &str, given_back: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example.net\r\nTo: voicemail@acme.example.com\r\nSubject: Undelivered Mail\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you…\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mx.example.net\r\nArrival-Date: Sun, 22 Nov 2026 17:05:09 +0000\r\n\r\n\
             Final-Recipient: rfc822; sales@acme.example.com\r\nAction: {action}\r\nStatus: 5.1.1\r\n\
             Diagnostic-Code: smtp; 550 5.1.1\r\n    <sales@acme.example.com>: no such user\r\n\r\n\
             --b\r\nContent-Type: {given_back}\r\n\r\n\
             From: voicemail@acme.example.com\r\nMessage-ID: <0192f0c1@acme.example.com>\r\nSubject: Voicemail\r\n\r\n\
             --b--\r\n"
        )
    }

    #[test]
    fn a_report_says_which_mail_and_what_became_of_it() {
        for given_back in ["message/rfc822", "text/rfc822-headers"] {
            for (action, fate) in [("failed", Fate::Failed), ("delayed", Fate::Delayed), ("Delivered", Fate::Delivered)]
            {
                let bounce = Bounce::read(report(action, given_back).as_bytes()).unwrap();
                assert_eq!((bounce.message_id.as_str(), bounce.fate), ("0192f0c1@acme.example.com", fate));
                assert_eq!(bounce.answer, "5.1.1 550 5.1.1    <sales@acme.example.com>: no such user");
            }
        }
    }

    #[test]
    fn other_mails_are_no_reports() {
        let robot =
            "From: a@b.example\r\nSubject: Out of office\r\nIn-Reply-To: <1@acme.example.com>\r\n\r\nI am away.\r\n";
        assert_eq!(Bounce::read(robot.as_bytes()), Err(NoBounce::OtherMail));
        assert_eq!(Bounce::read(b""), Err(NoBounce::OtherMail));
        let nothing_given_back = report("failed", "text/plain");
        assert_eq!(Bounce::read(nothing_given_back.as_bytes()), Err(NoBounce::Unnamed));
        assert_eq!(Bounce::read(report("sung", "message/rfc822").as_bytes()), Err(NoBounce::OtherMail));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(mail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600), cut in 0usize..1200) {
            let _ = Bounce::read(&mail);
            let whole = report("failed", "message/rfc822");
            let _ = Bounce::read(&whole.as_bytes()[..cut.min(whole.len())]);
        }
    }
}
