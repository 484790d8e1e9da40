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
    lines_are_sound(bytes)?;
    let mail = MessageParser::default()
        .parse(bytes)
        .ok_or(ComposeError::Malformed("it does not parse"))?;
    let count = |name: HeaderName<'_>| mail.headers().iter().filter(|header| header.name == name).count();
    for name in [
        HeaderName::From,
        HeaderName::To,
        HeaderName::Subject,
        HeaderName::Date,
        HeaderName::MessageId,
    ] {
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

/// Every line ends in CRLF, is short enough, and is ASCII: parts that are not are encoded.
fn lines_are_sound(bytes: &[u8]) -> Result<(), ComposeError> {
    let Some(bytes) = bytes.strip_suffix(b"\r\n") else {
        return Err(ComposeError::Malformed("its last line has no end"));
    };
    for line in bytes.split(|byte| *byte == b'\n') {
        let (last, rest) = line
            .split_last()
            .map_or((None, line), |(last, rest)| (Some(*last), rest));
        let is_final = std::ptr::eq(line.as_ptr_range().end, bytes.as_ptr_range().end);
        let text = match last {
            Some(b'\r') => rest,
            _ if is_final => line,
            _ => return Err(ComposeError::Malformed("a line does not end in CRLF")),
        };
        if text.len() > LONGEST_LINE || text.contains(&b'\r') || !text.is_ascii() {
            return Err(ComposeError::Malformed("a line is too long or not plain"));
        }
    }
    Ok(())
}

fn is_only(found: Option<&mail_parser::Address<'_>>, expected: &str) -> bool {
    let mut addresses = found.into_iter().flat_map(mail_parser::Address::iter);
    addresses.next().and_then(|first| first.address()) == Some(expected) && addresses.next().is_none()
}
