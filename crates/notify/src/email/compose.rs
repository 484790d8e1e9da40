//! Turns the facts of one message into the final bytes of one mail.

use std::time::Duration;

use minijinja::{Value, context};

use super::{
    assemble::{Attachment, Head, Mail},
    error::ComposeError,
    templates::{self, MailOptions},
};
use crate::{email::MailKind, wording};
use voicemill_types::{CallbackNumber, NoticeId, Run, Time};

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
    /// Somebody speaks, and no word was understood.
    NotUnderstood,
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
        /// Largest mail that is sent; nothing where it is the next server that takes no larger one.
        limit: Option<u64>,
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
/// Most characters of what was said that lists of mails show beside the subject.
const LONGEST_PREVIEW: usize = 140;
/// Most telephone numbers in a mail.
const MOST_CALLBACKS: usize = 3;

impl VoicemailMail<'_> {
    /// The mail's final bytes, read again and checked.
    pub fn compose(&self, options: &MailOptions<'_>) -> Result<Mail, ComposeError> {
        let kind = if self.brief { MailKind::VoicemailBrief } else { MailKind::Voicemail };
        let words = templates::word(kind, options, self.facts())?;
        let head = Head { notice_id: self.notice_id, date: self.date, from: self.from, to: self.to, brand: self.brand };
        head.assemble(&words, self.own_headers(), self.attachment(), options.dkim)
    }

    fn attachment(&self) -> Option<&Attachment<'_>> {
        match &self.audio {
            AudioPart::Attached(attachment) => Some(attachment),
            AudioPart::Link(_) | AudioPart::LinkInstead { .. } => None,
        }
    }

    /// What lets mail programs show a voicemail as one.
    fn own_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("X-VoiceMessageDuration", self.duration.as_secs().to_string())];
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

    /// What templates can use.
    pub(super) fn facts(&self) -> Value {
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
                number => wording::line(&number.label(), wording::LONGEST_NAME),
                dial => wording::dialled(number),
                at => wording::place(number.start_seconds),
            }
        });
        context! {
            brand => wording::line(self.brand, wording::LONGEST_NAME),
            mailbox => wording::name(self.mailbox, wording::LONGEST_NAME),
            preview => transcript.as_deref().map(|runs| wording::line(&wording::marked(runs), LONGEST_PREVIEW)),
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
            ..caller_facts(self.caller_name, self.caller_number)
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
            TranscriptPart::NotUnderstood => {
                Some("Somebody speaks in this message, but no words were understood. Please listen.")
            }
            TranscriptPart::Failed => Some("No text could be made of this message."),
        }
    }
}

/// What templates can say of a caller: a number to read, and one to dial.
pub(super) fn caller_facts(caller_name: &str, caller_number: &str) -> Value {
    context! {
        caller => wording::caller(caller_name, caller_number).unwrap_or("an unknown caller".to_owned()),
        caller_name => wording::name(caller_name, wording::LONGEST_NAME),
        caller_number => wording::number(caller_number),
        caller_dial => wording::dial(caller_number),
    }
}

fn run_value(run: &Run) -> Value {
    context! { text => run.text.as_str(), doubtful => run.doubtful }
}

fn why_no_attachment(bytes: u64, limit: Option<u64>) -> String {
    let bytes = wording::megabytes(bytes);
    let limit = match limit {
        Some(limit) => format!("a mail of at most {}", wording::megabytes(limit)),
        None => "a mail that the mail server takes".to_owned(),
    };
    format!("The recording ({bytes}) is too large to be attached to {limit}, so here is a link to it instead.")
}

/// A plain web address needs no escaping in HTML; anything else is left to be escaped.
fn url_value(url: &str) -> Value {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?=%".contains(&byte));
    if is_web && is_plain { Value::from_safe_string(url.to_owned()) } else { Value::from(url) }
}

#[cfg(test)]
mod tests;
