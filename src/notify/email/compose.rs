//! Turns the facts of one message into the final bytes of one mail.

use std::time::{Duration, SystemTime};

use lettre::message::{
    Attachment as AttachmentPart, Body, Mailbox, Message, MessageBuilder, MultiPart, SinglePart,
    header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
};
use minijinja::{Value, context};

use super::{
    error::ComposeError,
    templates::{self, Words},
    verify::{self, Expected},
};
use crate::model::{CallbackNumber, NoticeId, Run, Time, wording};

/// Everything a voicemail's mail is made of; the same facts give the same bytes.
pub struct VoicemailMail<'a> {
    /// The notice, which gives the mail its Message-ID.
    pub notice_id: NoticeId,
    /// When the notice was queued: the mail's date, however often it is sent.
    pub date: Time,
    /// The domain's sender address.
    pub from: &'a str,
    /// The recipient's address.
    pub to: &'a str,
    /// The name the domain goes by.
    pub brand: &'a str,
    /// The mailbox as its owner knows it, such as `Sales (101)`.
    pub mailbox: &'a str,
    /// The caller's name as the core gave it; may be empty.
    pub caller_name: &'a str,
    /// The caller's number as the core gave it; may be empty.
    pub caller_number: &'a str,
    /// When the caller left the message.
    pub received_at: Time,
    /// IANA time zone for everything the mail says.
    pub time_zone: &'a str,
    /// BCP 47 language tag, which decides how times are written.
    pub locale: &'a str,
    /// Length of the whole message.
    pub duration: Duration,
    /// Whether the mail takes the plain short form.
    pub brief: bool,
    /// What there is of a transcript.
    pub transcript: TranscriptPart<'a>,
    /// Telephone numbers that the caller says.
    pub callback_numbers: &'a [CallbackNumber],
    /// How the audio gets to the recipient.
    pub audio: AudioPart<'a>,
}

/// What there is of a transcript when the mail goes out.
#[derive(Clone, Copy, Debug)]
pub enum TranscriptPart<'a> {
    /// The mailbox does not want one.
    Off,
    /// It is still being made.
    Pending,
    /// There is no speech in the message.
    NoSpeech,
    /// It could not be made.
    Failed,
    /// The words.
    Text(&'a [Run]),
}

/// How the audio gets to the recipient.
#[derive(Clone, Copy, Debug)]
pub enum AudioPart<'a> {
    /// By a link, as the mailbox asks.
    Link(MailLink<'a>),
    /// Inside the mail.
    Attached(Attachment<'a>),
    /// By a link, because the audio does not fit the mail; see [`fits`].
    LinkInstead {
        /// The link.
        link: MailLink<'a>,
        /// Size of the audio that does not fit.
        bytes: u64,
        /// Largest mail that is sent.
        limit: u64,
    },
}

/// A link to the message's page.
#[derive(Clone, Copy, Debug)]
pub struct MailLink<'a> {
    /// Its address.
    pub url: &'a str,
    /// When it stops working.
    pub expires_at: Time,
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

/// The largest mail that is sent unless the configuration says otherwise: 25 MB.
pub const DEFAULT_MAIL_LIMIT: u64 = 25_000_000;

/// True when a mail with an attachment of `bytes` stays within `limit`, whatever else it says.
pub fn fits(bytes: u64, limit: u64) -> bool {
    // Base64 in lines of 76 characters and their ends, and ample room for headers, words and page.
    let encoded = bytes.div_ceil(57).saturating_mul(78);
    encoded.saturating_add(512 * 1024) <= limit
}

/// Most characters of a transcript in a mail; the page shows all of it.
const LONGEST_TRANSCRIPT: usize = 20_000;
/// Most characters of a transcript in a brief mail.
const LONGEST_BRIEF_TRANSCRIPT: usize = 320;
/// Most telephone numbers in a mail.
const MOST_CALLBACKS: usize = 3;

impl VoicemailMail<'_> {
    /// The mail's final bytes, read again and checked.
    pub fn compose(&self) -> Result<Mail, ComposeError> {
        let from = super::address(self.from).ok_or(ComposeError::Sender)?;
        let to = super::address(self.to).ok_or(ComposeError::Recipient)?;
        let name = if self.brief { "voicemail_brief" } else { "voicemail" };
        let words = templates::render(name, self.facts())?;
        let message_id = format!("{}@{}", self.notice_id, from.domain());
        let expected = Expected {
            from: self.from,
            to: self.to,
            message_id: &message_id,
            attachments: usize::from(self.attachment().is_some()),
            html: words.html.is_some(),
        };

        let brand = wording::line(self.brand, wording::LONGEST_NAME);
        let mut builder = Message::builder()
            .from(Mailbox::new(Some(brand).filter(|brand| !brand.is_empty()), from.clone()))
            .to(Mailbox::new(None, to.clone()))
            .subject(wording::line(&words.subject, 200))
            .date(SystemTime::from(self.date.timestamp()))
            .message_id(Some(format!("<{message_id}>")));
        for (name, value) in self.own_headers() {
            let name =
                HeaderName::new_from_ascii(name.to_owned()).map_err(|_| ComposeError::Malformed("a header's name"))?;
            builder = builder.raw_header(HeaderValue::new(name, value));
        }
        let message = self.with_parts(builder, &words)?;
        let bytes = message.formatted();
        verify::check(&bytes, &expected)?;
        Ok(Mail { message_id, bytes })
    }

    fn attachment(&self) -> Option<&Attachment<'_>> {
        match &self.audio {
            AudioPart::Attached(attachment) => Some(attachment),
            AudioPart::Link(_) | AudioPart::LinkInstead { .. } => None,
        }
    }

    /// What keeps out-of-office robots quiet, and lets mail programs show a voicemail as one.
    fn own_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
            ("X-VoiceMessageDuration", self.duration.as_secs().to_string()),
        ];
        let number = wording::line(self.caller_number, wording::LONGEST_NAME);
        if !number.is_empty() {
            headers.push(("X-CallingTelephoneNumber", number));
        }
        if let Some(attachment) = self.attachment() {
            headers.push(("Content-Class", "voice-ca".to_owned()));
            headers.push(("X-AttachmentOrder", wording::file_name(attachment.file_name)));
        }
        headers
    }

    /// `mixed(alternative(text, html), audio)`, without the levels that have only one part.
    fn with_parts(&self, builder: MessageBuilder, words: &Words) -> Result<Message, ComposeError> {
        let text = part(ContentType::TEXT_PLAIN, &words.text);
        let html = words.html.as_deref().map(|html| part(ContentType::TEXT_HTML, html));
        let audio = self.attachment().map(audio_part).transpose()?;
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

    /// What templates can use.
    fn facts(&self) -> Value {
        let caller_name = wording::line(self.caller_name, wording::LONGEST_NAME);
        let caller_number = wording::line(self.caller_number, wording::LONGEST_NAME);
        let caller = wording::caller(self.caller_name, self.caller_number).unwrap_or("an unknown caller".to_owned());
        let longest = if self.brief { LONGEST_BRIEF_TRANSCRIPT } else { LONGEST_TRANSCRIPT };
        let transcript = match self.transcript {
            TranscriptPart::Text(runs) => Some(wording::runs(runs, longest)).filter(|(runs, _)| !runs.is_empty()),
            _ => None,
        };
        let (link, why_no_attachment) = match self.audio {
            AudioPart::Attached(_) => (None, None),
            AudioPart::Link(link) => (Some(link), None),
            AudioPart::LinkInstead { link, bytes, limit } => (Some(link), Some(why_no_attachment(bytes, limit))),
        };
        let (transcript, transcript_is_cut) = transcript.unzip();
        let callbacks = self.callback_numbers.iter().take(MOST_CALLBACKS);
        let callbacks = callbacks.map(|number| {
            context! {
                number => wording::line(&number.display, wording::LONGEST_NAME),
                dial => wording::dialled(number),
                at => wording::place(number.start_seconds),
            }
        });
        context! {
            brand => wording::line(self.brand, wording::LONGEST_NAME),
            mailbox => wording::line(self.mailbox, wording::LONGEST_NAME),
            caller,
            caller_name,
            caller_number,
            received => wording::moment(self.received_at, self.time_zone, self.locale),
            length => wording::length(self.duration),
            transcript => transcript.as_deref().map(wording::marked),
            transcript_runs => transcript.as_ref().map(|runs| runs.iter().map(run_value).collect::<Vec<_>>()),
            has_doubts => transcript.iter().flatten().any(|run| run.doubtful),
            callbacks => callbacks.collect::<Vec<_>>(),
            transcript_is_cut => transcript_is_cut.unwrap_or(false),
            transcript_note => self.transcript_note(link.is_some()),
            link => link.map(|link| context! {
                url => url_value(link.url),
                expires => wording::moment(link.expires_at, self.time_zone, self.locale),
            }),
            attachment => self.attachment().map(|attachment| wording::file_name(attachment.file_name)),
            why_no_attachment,
        }
    }

    fn transcript_note(&self, has_page: bool) -> Option<&'static str> {
        match self.transcript {
            TranscriptPart::Off | TranscriptPart::Text(_) => None,
            TranscriptPart::Pending if has_page => {
                Some("The text of this message is not ready yet. It will be on the message’s page.")
            }
            TranscriptPart::Pending => Some("The text of this message was not ready when this mail was sent."),
            TranscriptPart::NoSpeech => Some("No speech was recognised in this message."),
            TranscriptPart::Failed => Some("No text could be made of this message."),
        }
    }
}

fn run_value(run: &Run) -> Value {
    context! { text => run.text.as_str(), doubtful => run.doubtful }
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

fn why_no_attachment(bytes: u64, limit: u64) -> String {
    format!(
        "The recording ({}) is too large to be attached to a mail of at most {}, so here is a link to it instead.",
        wording::megabytes(bytes),
        wording::megabytes(limit)
    )
}

/// A plain web address needs no escaping in HTML; anything else is left to be escaped.
fn url_value(url: &str) -> Value {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?=%".contains(&byte));
    if is_web && is_plain { Value::from_safe_string(url.to_owned()) } else { Value::from(url) }
}

#[cfg(test)]
mod tests;
