//! Reads a finished mail as a stranger would, before anybody else does.

use mail_parser::{HeaderName, MessageParser};

use super::error::ComposeError;

/// The longest line that SMTP allows, without its end (RFC 5321).
const LONGEST_LINE: usize = 998;

/// What a finished mail has to hold.
pub(super) struct Expected<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) message_id: &'a str,
    pub(super) attachments: usize,
    pub(super) html: bool,
}

/// Checks that the bytes say what was meant and nothing else.
pub(super) fn check(bytes: &[u8], expected: &Expected<'_>) -> Result<(), ComposeError> {
    lines_are_sound(bytes, expected.to.is_ascii())?;
    let mail = MessageParser::default().parse(bytes).ok_or(ComposeError::Malformed("it does not parse"))?;
    let count = |name: HeaderName<'_>| mail.headers().iter().filter(|header| header.name == name).count();
    for name in [HeaderName::From, HeaderName::To, HeaderName::Subject, HeaderName::Date, HeaderName::MessageId] {
        if count(name) != 1 {
            return Err(ComposeError::Malformed("a header that has to stand once does not"));
        }
    }
    if count(HeaderName::Cc) + count(HeaderName::Bcc) + count(HeaderName::ReplyTo) > 0 {
        return Err(ComposeError::Malformed("it has an address that nobody gave it"));
    }
    if !is_only(mail.from(), expected.from) || !is_only(mail.to(), expected.to) {
        return Err(ComposeError::Malformed("its addresses are not the ones it was given"));
    }
    if mail.message_id() != Some(expected.message_id) {
        return Err(ComposeError::Malformed("its Message-ID is not its own"));
    }
    let has_html = mail.html_bodies().any(mail_parser::MessagePart::is_text_html);
    if mail.text_body_count() != 1 || has_html != expected.html || mail.attachment_count() != expected.attachments {
        return Err(ComposeError::Malformed("its parts are not the expected ones"));
    }
    Ok(())
}

/// Every line ends in CRLF, is short enough, and is ASCII: parts that are not are encoded. Only a recipient's address that
/// is not ASCII itself stands as it is (RFC 6532).
fn lines_are_sound(bytes: &[u8], is_ascii: bool) -> Result<(), ComposeError> {
    let text = str::from_utf8(bytes).ok().filter(|text| text.is_ascii() || !is_ascii);
    let text = text.ok_or(ComposeError::Malformed("it is not plain ASCII"))?;
    let text = text.strip_suffix("\r\n").ok_or(ComposeError::Malformed("its last line has no end"))?;
    let is_sound = |line: &str| line.len() <= LONGEST_LINE && !line.contains(['\r', '\n', '\0']);
    if text.split("\r\n").all(is_sound) {
        Ok(())
    } else {
        Err(ComposeError::Malformed("a line is too long, or does not end in CRLF"))
    }
}

fn is_only(found: Option<&mail_parser::Address<'_>>, expected: &str) -> bool {
    let mut addresses = found.into_iter().flat_map(mail_parser::Address::iter);
    addresses.next().and_then(|first| first.address()) == Some(expected) && addresses.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "From: a@example.com\r\nTo: b@example.com\r\nSubject: s\r\nDate: Sun, 22 Nov 2026 17:05:09 +0000\r\n\
        Message-ID: <1@example.com>\r\nContent-Type: text/plain\r\n\r\nhello\r\n";

    fn checked(mail: &str) -> Result<(), ComposeError> {
        let expected = Expected {
            from: "a@example.com",
            to: "b@example.com",
            message_id: "1@example.com",
            attachments: 0,
            html: false,
        };
        check(mail.as_bytes(), &expected)
    }

    #[test]
    fn a_sound_mail_passes() {
        checked(SOUND).unwrap();
    }

    #[test]
    fn whatever_was_not_meant_is_found() {
        for (what, from, to) in [
            ("another header", "Subject: s", "Bcc: c@example.com\r\nSubject: s"),
            ("a second recipient", "b@example.com", "b@example.com, c@example.com"),
            ("another sender", "a@example.com", "c@example.com"),
            ("a header twice", "Subject: s", "Subject: s\r\nSubject: t"),
            ("a header missing", "Subject: s\r\n", ""),
            ("another id", "1@example.com", "2@example.com"),
            ("another kind of part", "text/plain", "text/html"),
            ("a bare line feed", "hello", "hel\nlo"),
            ("a bare carriage return", "hello", "hel\rlo"),
            ("letters outside ASCII", "hello", "hällo"),
            ("no end", "hello\r\n", "hello"),
            ("a long line", "hello", &"x".repeat(999)),
        ] {
            let changed = SOUND.replacen(from, to, 1);
            assert_ne!(changed, SOUND);
            assert!(checked(&changed).is_err(), "{what}");
        }
    }
}
