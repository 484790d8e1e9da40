//! Voicemails as they are answered.

use serde::{Deserialize, Serialize};
use voicemill_types::{DomainId, MailboxId, MessageId, Time};

use super::{
    Failure, Notice, Outlook, domain::null_or_value, phone_report::PhoneReport, rendition::Rendition,
    transcript::Transcript, waveform,
};
use crate::{
    media::{MediaState, TranscriptState},
    messages::{self, CopiedBy, Folder, Received},
};

/// One voicemail.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Message {
    id: MessageId,
    domain_id: DomainId,
    mailbox_id: MailboxId,
    core_id: Option<String>,
    folder: Folder,
    state: MediaState,
    failure: Option<Failure>,
    caller_number: String,
    caller_name: String,
    service_number: Option<String>,
    received_at: Time,
    duration_ms: Option<i64>,
    brief_start_ms: Option<i64>,
    brief_end_ms: Option<i64>,
    truncated: bool,
    phone_report: Option<PhoneReport>,
    transcript_state: TranscriptState,
    read_at: Option<Time>,
    urgent: bool,
    label: Option<String>,
    trash_until: Option<Time>,
    forwarded_from: Option<Source>,
    copied_from: Option<Source>,
    note: Option<String>,
    created_at: Time,
}

/// One voicemail with all that belongs to it.
#[derive(Debug, Serialize)]
pub(in crate::http) struct MessageDetails {
    #[serde(flatten)]
    message: Message,
    /// In base64: a byte a bin, the loudest peak in it on a scale of 0 to 255.
    #[serde(skip_serializing_if = "Option::is_none")]
    waveform: Option<String>,
    transcript: Option<Transcript>,
    renditions: Vec<Rendition>,
    notices: Vec<Notice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Outlook>,
}

/// A voicemail that a core dropped, and what else has the id that the core gave it.
#[derive(Debug, Serialize)]
pub(in crate::http) struct DroppedMessage {
    #[serde(flatten)]
    message: Message,
    /// An earlier message with the same id and other bytes; both are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_id_as: Option<MessageId>,
}

/// What a message is a copy of.
#[derive(Debug, Serialize)]
struct Source {
    mailbox: String,
    message: MessageId,
    /// When the caller left it.
    received_at: Time,
}

impl From<&messages::Source> for Source {
    fn from(source: &messages::Source) -> Self {
        Self { mailbox: source.mailbox.clone(), message: source.message, received_at: source.received_at }
    }
}

/// A message that a person sends on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Forwarding {
    to: Vec<String>,
    note: Option<String>,
}

impl From<Forwarding> for messages::Forwarding {
    fn from(forwarding: Forwarding) -> Self {
        Self { to: forwarding.to, note: forwarding.note }
    }
}

/// The copies that forwarding made, in the order of the mailboxes named.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Forwarded {
    items: Vec<Message>,
}

impl From<Vec<messages::Message>> for Forwarded {
    fn from(copies: Vec<messages::Message>) -> Self {
        Self { items: copies.into_iter().map(Message::from).collect() }
    }
}

/// How many messages are gone for good.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Removed {
    pub(in crate::http) removed: u64,
}

/// What is changed of a message; what is left out stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct MessageChanges {
    folder: Option<Folder>,
    read: Option<bool>,
    urgent: Option<bool>,
    #[serde(default, deserialize_with = "null_or_value")]
    label: Option<Option<String>>,
}

impl From<MessageChanges> for messages::Changes {
    fn from(changes: MessageChanges) -> Self {
        Self { folder: changes.folder, read: changes.read, urgent: changes.urgent, label: changes.label }
    }
}

impl From<messages::Message> for Message {
    fn from(message: messages::Message) -> Self {
        let source = |by| message.source.as_ref().filter(|source| source.by == by).map(Source::from);
        Self {
            id: message.id,
            domain_id: message.domain_id,
            mailbox_id: message.mailbox_id,
            core_id: message.core_id,
            folder: message.folder,
            state: message.state,
            failure: message.failure.as_ref().map(Failure::from),
            caller_number: message.caller_number,
            caller_name: message.caller_name,
            service_number: message.service_number,
            received_at: message.received_at,
            duration_ms: message.duration_ms,
            brief_start_ms: message.brief_start_ms,
            brief_end_ms: message.brief_end_ms,
            truncated: message.truncated,
            phone_report: message.phone_report.map(PhoneReport::from),
            transcript_state: message.transcript_state,
            read_at: message.read_at,
            urgent: message.urgent,
            label: message.label,
            trash_until: message.trash_until,
            forwarded_from: source(CopiedBy::Forwarding),
            copied_from: source(CopiedBy::Setting),
            note: message.note,
            created_at: message.created_at,
        }
    }
}

impl From<messages::Details> for MessageDetails {
    fn from(details: messages::Details) -> Self {
        Self {
            waveform: waveform(&details.message.waveform),
            message: details.message.into(),
            transcript: details.transcript.map(Transcript::from),
            renditions: details.renditions.iter().map(Rendition::from).collect(),
            notices: details.notices.into_iter().map(Notice::from).collect(),
            queue: details.queue.map(Outlook::from),
        }
    }
}

impl From<Received> for DroppedMessage {
    fn from(received: Received) -> Self {
        Self { message: received.message.into(), same_id_as: received.same_id_as }
    }
}
