//! Puts words and audio together into the final bytes of one mail.

use std::time::SystemTime;

use lettre::message::{
    Attachment as AttachmentPart, Body, Mailbox, Message, MessageBuilder, MultiPart, SinglePart,
    header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
};

use super::{
    address::Address,
    dkim::Dkim,
    error::ComposeError,
    verify::{self, Expected},
};
use crate::wording;
use voicemill_types::{NoticeId, Time};

/// What stands in the head of every mail of ours.
pub(super) struct Head<'a> {
    /// The notice, which gives the mail its Message-ID.
    pub(super) notice_id: NoticeId,
    /// The mail's date.
    pub(super) date: Time,
    /// The sender's address.
    pub(super) from: &'a str,
    /// The recipient's address.
    pub(super) to: &'a str,
    /// The name beside the sender's address.
    pub(super) brand: &'a str,
}

/// The parts of one mail in words.
pub(super) struct Words {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
}

/// Audio inside a mail.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    /// The file.
    pub bytes: &'a [u8],
    /// Its name.
    pub file_name: &'a str,
    /// Its media type.
    pub content_type: &'a str,
}

/// A mail as it is stored and sent.
pub struct Mail {
    /// Its Message-ID without the angle brackets.
    pub message_id: String,
    /// All of it, with CRLF line ends.
    pub bytes: Vec<u8>,
}

impl Head<'_> {
    /// The whole mail, read again and checked.
    pub(super) fn assemble(
        &self,
        words: &Words,
        headers: Vec<(&'static str, String)>,
        attachment: Option<&Attachment<'_>>,
        dkim: Option<&Dkim>,
    ) -> Result<Mail, ComposeError> {
        let from = Address::parse(self.from).map_err(ComposeError::Sender)?;
        let to = Address::parse(self.to).map_err(ComposeError::Recipient)?;
        let message_id = format!("{}@{}", self.notice_id, from.domain());
        let expected = Expected {
            from: from.as_str(),
            to: to.as_str(),
            message_id: &message_id,
            attachments: usize::from(attachment.is_some()),
            html: words.html.is_some(),
        };
        let brand = wording::line(self.brand, wording::LONGEST_NAME);
        let mut builder = Message::builder()
            .from(Mailbox::new(Some(brand).filter(|brand| !brand.is_empty()), from.checked()))
            .to(Mailbox::new(None, to.checked()))
            .subject(wording::line(&words.subject, 200))
            .date(SystemTime::from(self.date.timestamp()))
            .message_id(Some(format!("<{message_id}>")));
        // What keeps out-of-office robots quiet.
        let quiet = [("Auto-Submitted", "auto-generated".to_owned()), ("X-Auto-Response-Suppress", "All".to_owned())];
        for (name, value) in quiet.into_iter().chain(headers) {
            let name =
                HeaderName::new_from_ascii(name.to_owned()).map_err(|_| ComposeError::Malformed("a header's name"))?;
            builder = builder.raw_header(HeaderValue::new(name, value));
        }
        let bytes = self.with_parts(builder, words, attachment)?.formatted();
        let bytes = match dkim {
            Some(dkim) => dkim.sign(bytes, from.domain(), self.date)?,
            None => bytes,
        };
        verify::check(&bytes, &expected)?;
        Ok(Mail { message_id, bytes })
    }

    /// `mixed(alternative(text, html), audio)`, without the levels that have only one part.
    fn with_parts(
        &self,
        builder: MessageBuilder,
        words: &Words,
        attachment: Option<&Attachment<'_>>,
    ) -> Result<Message, ComposeError> {
        let text = part(ContentType::TEXT_PLAIN, &words.text);
        let html = words.html.as_deref().map(|html| part(ContentType::TEXT_HTML, html));
        let audio = attachment.map(audio_part).transpose()?;
        let alternative = |text, html| {
            MultiPart::alternative().boundary(self.boundary("alternative")).singlepart(text).singlepart(html)
        };
        let mixed = || MultiPart::mixed().boundary(self.boundary("mixed"));
        let built = match (html, audio) {
            (None, None) => builder.singlepart(text),
            (Some(html), None) => builder.multipart(alternative(text, html)),
            (None, Some(audio)) => builder.multipart(mixed().singlepart(text).singlepart(audio)),
            (Some(html), Some(audio)) => {
                builder.multipart(mixed().multipart(alternative(text, html)).singlepart(audio))
            }
        };
        built.map_err(|_| ComposeError::Malformed("it lacks a header"))
    }

    /// Fixed by the notice, so that a mail made again has the same bytes.
    fn boundary(&self, level: &str) -> String {
        format!("={level}={}=", self.notice_id.0.simple())
    }
}

/// Words of a mail; those that are not plain short ASCII lines are encoded as quoted-printable.
fn part(content_type: ContentType, words: &str) -> SinglePart {
    SinglePart::builder().header(content_type).body(words.trim_end().to_owned())
}

fn audio_part(attachment: &Attachment<'_>) -> Result<SinglePart, ComposeError> {
    let content_type = ContentType::parse(attachment.content_type).map_err(|_| ComposeError::ContentType)?;
    let body = Body::new_with_encoding(attachment.bytes.to_vec(), ContentTransferEncoding::Base64)
        .map_err(|_| ComposeError::Malformed("the attachment cannot be encoded"))?;
    Ok(AttachmentPart::new(wording::file_name(attachment.file_name)).body(body, content_type))
}
