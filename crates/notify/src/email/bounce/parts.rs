//! The parts of a report, as deep as reports go.

use std::borrow::Cow;

use mail_parser::{
    Message, MessageParser, MimeHeaders,
    decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode},
};

/// How deep parts are looked for: a report may stand within a mail of a list, or with a signature around it.
const DEEPEST: usize = 4;
/// Most parts that are looked at.
const MOST_PARTS: usize = 200;
/// Most bytes of a head that are read.
const LONGEST_HEAD: usize = 256 * 1024;
/// Most bytes of a part's body that are read as text.
const LONGEST_TEXT: usize = 1024 * 1024;

/// A mail, or a part of one.
pub(super) struct Part<'x> {
    head: Cow<'x, str>,
    fields: Option<Message<'x>>,
    body: &'x [u8],
}

impl<'x> Part<'x> {
    pub(super) fn read(bytes: &'x [u8]) -> Self {
        let (head, body) = split(bytes);
        let head = &head[..head.len().min(LONGEST_HEAD)];
        Self { head: String::from_utf8_lossy(head), fields: MessageParser::default().parse_headers(head), body }
    }

    /// All of its fields.
    pub(super) fn head(&self) -> &str {
        &self.head
    }

    /// True for a part of that type; one that does not say what it is, is plain text.
    pub(super) fn is(&self, kind: &str, subtypes: &[&str]) -> bool {
        let (found, subtype) = match self.fields.as_ref().and_then(|fields| fields.content_type()) {
            Some(found) => (found.ctype(), found.subtype().unwrap_or_default()),
            None => ("text", "plain"),
        };
        found.eq_ignore_ascii_case(kind) && subtypes.iter().any(|wanted| wanted.eq_ignore_ascii_case(subtype))
    }

    /// Its body in words, decoded; what is not UTF-8 is replaced.
    pub(super) fn text(&self) -> String {
        let encoding = self.fields.as_ref().and_then(|fields| fields.content_transfer_encoding()).unwrap_or_default();
        let body = &self.body[..self.body.len().min(LONGEST_TEXT)];
        let decoded = match encoding.trim().to_ascii_lowercase().as_str() {
            "base64" => base64_decode(body),
            "quoted-printable" => quoted_printable_decode(body),
            _ => None,
        };
        String::from_utf8_lossy(decoded.as_deref().unwrap_or(body)).into_owned()
    }

    /// Every part inside that holds no parts itself. A mail inside counts as one, whatever it holds.
    pub(super) fn leaves(&self, leaves: &mut Vec<Part<'x>>) {
        self.gather(leaves, DEEPEST);
    }

    fn gather(&self, leaves: &mut Vec<Part<'x>>, depth: usize) {
        for child in self.children() {
            let part = Part::read(child);
            if leaves.len() >= MOST_PARTS {
                return;
            }
            if depth > 0 && part.boundary().is_some() {
                part.gather(leaves, depth - 1);
            } else {
                leaves.push(part);
            }
        }
    }

    fn boundary(&self) -> Option<String> {
        let content_type = self.fields.as_ref()?.content_type()?;
        let is_multipart = content_type.ctype().eq_ignore_ascii_case("multipart");
        content_type.attribute("boundary").filter(|boundary| is_multipart && !boundary.is_empty()).map(str::to_owned)
    }

    /// What stands between its boundaries.
    fn children(&self) -> Vec<&'x [u8]> {
        let Some(boundary) = self.boundary() else { return Vec::new() };
        let (mut children, mut begin, mut at) = (Vec::new(), None, 0);
        for line in self.body.split_inclusive(|byte| *byte == b'\n') {
            let rest = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_bytes()));
            if let Some(rest) = rest.map(<[u8]>::trim_ascii).filter(|rest| rest.is_empty() || *rest == b"--") {
                if let Some(begin) = begin {
                    children.push(&self.body[begin..at]);
                }
                begin = (rest.is_empty() && children.len() < MOST_PARTS).then_some(at + line.len());
                if begin.is_none() {
                    return children;
                }
            }
            at += line.len();
        }
        // Cut off, or without its end.
        children.extend(begin.map(|begin| &self.body[begin..]));
        children
    }
}

/// The head and what follows its empty line.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let end = at + line.len();
        if line.trim_ascii().is_empty() {
            return (&bytes[..at], &bytes[end..]);
        }
        at = end;
    }
    (bytes, &[])
}
