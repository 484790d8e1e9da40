//! What can happen, one variant a fact.

use crate::refusal::Failure;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_types::{
    ApiKeyId, MailboxId, MessageId, NoticeId, PlaylistId, PromptId, RecordingId, ServiceNumberId, WebhookId,
};

use crate::{
    keys::KeyScope,
    mailboxes::Counts,
    media::TranscriptState,
    messages::Folder,
    notices::{MissedCall, NoticeState},
    retention::{Cause, holds::Covered},
};

/// Something that happened. It is written in the transaction that made it happen, so that it is there exactly when that is.
///
/// Its JSON is kept, and sent to others: a field may be added, none may change its meaning. It holds no numbers, names or words of
/// people, which stand in the subject's own row and go with it; but for a missed call, which has no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A core left a message.
    MessageReceived {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
    },
    /// A message can be heard.
    MessageAvailable {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
    },
    /// Nothing can be made of a message's sound.
    MessageFailed {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
        /// Why.
        reason: Failure,
    },
    /// The work on a message's words is over.
    MessageTranscribed {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
        /// How it ended.
        state: TranscriptState,
    },
    /// A message moved to another folder.
    MessageMoved {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
        /// The folder before.
        from: Folder,
        /// The folder now.
        to: Folder,
    },
    /// Somebody played a message, or marked it as read.
    MessageRead {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
    },
    /// Somebody marked a message as not read.
    MessageUnread {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
    },
    /// A message is urgent or not, or has another label.
    MessageChanged {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
    },
    /// Somebody sent a message on.
    MessageForwarded {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
        /// The copies.
        to: Vec<MessageId>,
    },
    /// A message is gone for good.
    MessagePurged {
        /// The message.
        message: MessageId,
        /// The mailbox that it lay in.
        mailbox: MailboxId,
        /// Why it went.
        cause: Cause,
    },
    /// A prompt got new sound, which is being made.
    PromptReplaced {
        /// The prompt.
        prompt: PromptId,
        /// The version that has begun.
        version: i64,
    },
    /// A version of a prompt can be heard.
    PromptAvailable {
        /// The prompt.
        prompt: PromptId,
        /// The version.
        version: i64,
    },
    /// Nothing can be made of a version of a prompt.
    PromptFailed {
        /// The prompt.
        prompt: PromptId,
        /// The version.
        version: i64,
        /// Why.
        reason: Failure,
    },
    /// A greeting is the one that callers of its mailbox hear from now on.
    PromptActivated {
        /// The prompt.
        prompt: PromptId,
        /// The mailbox.
        mailbox: MailboxId,
    },
    /// Callers of a mailbox hear no greeting of its own any more.
    PromptDeactivated {
        /// The prompt that they heard.
        prompt: PromptId,
        /// The mailbox.
        mailbox: MailboxId,
    },
    /// A prompt is gone.
    PromptDeleted {
        /// The prompt.
        prompt: PromptId,
        /// The mailbox that it belonged to, if it belonged to one.
        mailbox: Option<MailboxId>,
    },
    /// A play list was made, has another content, or is gone.
    PlaylistChanged {
        /// The list.
        playlist: PlaylistId,
        /// What it is called.
        name: String,
        /// Whether it is gone.
        deleted: bool,
    },
    /// A service number was made, has other settings or messages, or is gone.
    ServiceNumberChanged {
        /// The number's id.
        service_number: ServiceNumberId,
        /// The number itself.
        number: String,
        /// Whether it is gone.
        deleted: bool,
    },
    /// A call is being recorded.
    RecordingAnnounced {
        /// The recording.
        recording: RecordingId,
    },
    /// A recording can be heard.
    RecordingAvailable {
        /// The recording.
        recording: RecordingId,
    },
    /// Nothing can be made of a recording.
    RecordingFailed {
        /// The recording.
        recording: RecordingId,
        /// Why.
        reason: Failure,
    },
    /// There is no recording of the call and never will be.
    RecordingNone {
        /// The recording.
        recording: RecordingId,
        /// Why.
        reason: Failure,
    },
    /// The work on a recording's words is over.
    RecordingTranscribed {
        /// The recording.
        recording: RecordingId,
        /// How it ended.
        state: TranscriptState,
    },
    /// A recording is gone for good.
    RecordingPurged {
        /// The recording.
        recording: RecordingId,
        /// Why it went.
        cause: Cause,
    },
    /// Something must be kept.
    HoldSet {
        /// The hold.
        hold: Uuid,
        /// What it covers.
        covers: Covered,
        /// Which one.
        covered: Uuid,
    },
    /// Something need not be kept any more.
    HoldReleased {
        /// The hold.
        hold: Uuid,
        /// What it covered.
        covers: Covered,
        /// Which one.
        covered: Uuid,
    },
    /// A mailbox was made.
    MailboxCreated {
        /// The mailbox.
        mailbox: MailboxId,
    },
    /// A mailbox has other settings.
    MailboxChanged {
        /// The mailbox.
        mailbox: MailboxId,
    },
    /// A mailbox holds other messages than before, or others are unread.
    MailboxCounts {
        /// The mailbox.
        mailbox: MailboxId,
        /// What it holds.
        #[serde(flatten)]
        counts: Counts,
        /// The extensions of its members, if it is a group's: their lamps show it, too.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        members: Vec<String>,
    },
    /// A mailbox refused a message because it is full; once, until it has room for what it refused last.
    MailboxFull {
        /// The mailbox.
        mailbox: MailboxId,
    },
    /// A mailbox that was full has room for what it refused last.
    MailboxHasRoom {
        /// The mailbox.
        mailbox: MailboxId,
    },
    /// Somebody played a message by a link in a mail or SMS; once a link.
    LinkOpened {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
    },
    /// Nobody took a call, and it left no message.
    MissedCallReported {
        /// Which call: the same whenever it is reported again.
        call: Uuid,
        /// The mailbox that was called.
        mailbox: MailboxId,
        /// The core's id of it.
        core_id: String,
        /// Who called, and when.
        #[serde(flatten)]
        caller: MissedCall,
    },
    /// An endpoint gets nothing any more.
    WebhookDisabled {
        /// The endpoint.
        webhook: WebhookId,
        /// Why, in words a person can act on.
        reason: String,
    },
    /// Somebody tries an endpoint; it alone is told.
    WebhookTest {
        /// The endpoint.
        webhook: WebhookId,
    },
    /// Somebody got a key to the domain.
    KeyCreated {
        /// The key, not its secret.
        key: ApiKeyId,
        /// What it may do.
        scope: KeyScope,
    },
    /// A key got another secret; the one before ends.
    KeyRotated {
        /// The key.
        key: ApiKeyId,
        /// What it may do.
        scope: KeyScope,
    },
    /// A key opens nothing any more.
    KeyRevoked {
        /// The key.
        key: ApiKeyId,
        /// What it might do.
        scope: KeyScope,
    },
    /// It is known what became of a mail or SMS; more than once where a report of its delivery follows.
    NoticeSettled {
        /// The notice.
        notice: NoticeId,
        /// The message that it tells of, if it tells of one.
        message: Option<MessageId>,
        /// How it ended.
        state: NoticeState,
    },
}

/// The type of every event, as it is told to others.
pub const TYPES: &[&str] = &[
    "hold.released",
    "hold.set",
    "key.created",
    "key.revoked",
    "key.rotated",
    "link.opened",
    "mailbox.changed",
    "mailbox.counts",
    "mailbox.created",
    "mailbox.full",
    "mailbox.has_room",
    "message.available",
    "message.changed",
    "message.failed",
    "message.forwarded",
    "message.moved",
    "message.purged",
    "message.read",
    "message.received",
    "message.unread",
    "missed_call.reported",
    "notice.delivered",
    "notice.failed",
    "notice.sent",
    "playlist.changed",
    "prompt.activated",
    "prompt.deactivated",
    "prompt.deleted",
    "prompt.failed",
    "prompt.ready",
    "prompt.replaced",
    "recording.announced",
    "recording.available",
    "recording.failed",
    "recording.none",
    "recording.purged",
    "service_number.changed",
    "transcript.failed",
    "transcript.ready",
    "webhook.disabled",
    "webhook.test",
];

impl Event {
    /// What it happened to: the kind of subject, and which. Events of one subject are in order.
    pub fn subject(&self) -> (&'static str, Uuid) {
        match self {
            Self::MessageReceived { message, .. }
            | Self::MessageAvailable { message, .. }
            | Self::MessageFailed { message, .. }
            | Self::MessageTranscribed { message, .. }
            | Self::MessageMoved { message, .. }
            | Self::MessageRead { message, .. }
            | Self::MessageUnread { message, .. }
            | Self::MessageForwarded { message, .. }
            | Self::MessageChanged { message, .. }
            | Self::MessagePurged { message, .. }
            | Self::LinkOpened { message, .. } => ("message", message.0),
            Self::PromptReplaced { prompt, .. }
            | Self::PromptAvailable { prompt, .. }
            | Self::PromptFailed { prompt, .. }
            | Self::PromptActivated { prompt, .. }
            | Self::PromptDeactivated { prompt, .. }
            | Self::PromptDeleted { prompt, .. } => ("prompt", prompt.0),
            Self::PlaylistChanged { playlist, .. } => ("playlist", playlist.0),
            Self::ServiceNumberChanged { service_number, .. } => ("service_number", service_number.0),
            Self::RecordingAnnounced { recording }
            | Self::RecordingAvailable { recording }
            | Self::RecordingFailed { recording, .. }
            | Self::RecordingNone { recording, .. }
            | Self::RecordingPurged { recording, .. }
            | Self::RecordingTranscribed { recording, .. } => ("recording", recording.0),
            Self::MailboxCreated { mailbox }
            | Self::MailboxChanged { mailbox }
            | Self::MailboxCounts { mailbox, .. }
            | Self::MailboxFull { mailbox }
            | Self::MailboxHasRoom { mailbox } => ("mailbox", mailbox.0),
            Self::MissedCallReported { call, .. } => ("missed_call", *call),
            Self::WebhookDisabled { webhook, .. } | Self::WebhookTest { webhook } => ("webhook", webhook.0),
            Self::HoldSet { hold, .. } | Self::HoldReleased { hold, .. } => ("hold", *hold),
            Self::KeyCreated { key, .. } | Self::KeyRotated { key, .. } | Self::KeyRevoked { key, .. } => {
                ("key", key.0)
            }
            Self::NoticeSettled { notice, .. } => ("notice", notice.0),
        }
    }

    /// The mailbox that it is about, if it is about one.
    pub fn mailbox(&self) -> Option<MailboxId> {
        match self {
            Self::MessageReceived { mailbox, .. }
            | Self::MessageAvailable { mailbox, .. }
            | Self::MessageFailed { mailbox, .. }
            | Self::MessageTranscribed { mailbox, .. }
            | Self::MessageMoved { mailbox, .. }
            | Self::MessageRead { mailbox, .. }
            | Self::MessageUnread { mailbox, .. }
            | Self::MessageForwarded { mailbox, .. }
            | Self::MessageChanged { mailbox, .. }
            | Self::MessagePurged { mailbox, .. }
            | Self::LinkOpened { mailbox, .. }
            | Self::MailboxCreated { mailbox }
            | Self::MailboxChanged { mailbox }
            | Self::MailboxCounts { mailbox, .. }
            | Self::MailboxFull { mailbox }
            | Self::MailboxHasRoom { mailbox }
            | Self::PromptActivated { mailbox, .. }
            | Self::PromptDeactivated { mailbox, .. }
            | Self::MissedCallReported { mailbox, .. } => Some(*mailbox),
            Self::PromptDeleted { mailbox, .. } => *mailbox,
            _ => None,
        }
    }

    /// The mailbox that may hold other messages than before, or other unread ones.
    pub fn changes_counts(&self) -> Option<MailboxId> {
        match self {
            Self::MessageReceived { mailbox, .. }
            | Self::MessageAvailable { mailbox, .. }
            | Self::MessageFailed { mailbox, .. }
            | Self::MessageMoved { mailbox, .. }
            | Self::MessageRead { mailbox, .. }
            | Self::MessageUnread { mailbox, .. }
            | Self::MessageChanged { mailbox, .. }
            | Self::MessagePurged { mailbox, .. } => Some(*mailbox),
            _ => None,
        }
    }

    /// Its type, one of [`TYPES`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MessageReceived { .. } => "message.received",
            Self::MessageAvailable { .. } => "message.available",
            Self::MessageFailed { .. } => "message.failed",
            Self::MessageMoved { .. } => "message.moved",
            Self::MessageRead { .. } => "message.read",
            Self::MessageUnread { .. } => "message.unread",
            Self::MessageForwarded { .. } => "message.forwarded",
            Self::MessageChanged { .. } => "message.changed",
            Self::MessagePurged { .. } => "message.purged",
            Self::MessageTranscribed { state, .. } | Self::RecordingTranscribed { state, .. } => match state {
                TranscriptState::Failed => "transcript.failed",
                _ => "transcript.ready",
            },
            Self::PromptReplaced { .. } => "prompt.replaced",
            Self::PromptAvailable { .. } => "prompt.ready",
            Self::PromptFailed { .. } => "prompt.failed",
            Self::PromptActivated { .. } => "prompt.activated",
            Self::PromptDeactivated { .. } => "prompt.deactivated",
            Self::PromptDeleted { .. } => "prompt.deleted",
            Self::PlaylistChanged { .. } => "playlist.changed",
            Self::ServiceNumberChanged { .. } => "service_number.changed",
            Self::RecordingAnnounced { .. } => "recording.announced",
            Self::RecordingAvailable { .. } => "recording.available",
            Self::RecordingFailed { .. } => "recording.failed",
            Self::RecordingNone { .. } => "recording.none",
            Self::RecordingPurged { .. } => "recording.purged",
            Self::HoldSet { .. } => "hold.set",
            Self::HoldReleased { .. } => "hold.released",
            Self::MailboxCreated { .. } => "mailbox.created",
            Self::MailboxChanged { .. } => "mailbox.changed",
            Self::MailboxCounts { .. } => "mailbox.counts",
            Self::MailboxFull { .. } => "mailbox.full",
            Self::MailboxHasRoom { .. } => "mailbox.has_room",
            Self::LinkOpened { .. } => "link.opened",
            Self::MissedCallReported { .. } => "missed_call.reported",
            Self::WebhookDisabled { .. } => "webhook.disabled",
            Self::WebhookTest { .. } => "webhook.test",
            Self::KeyCreated { .. } => "key.created",
            Self::KeyRotated { .. } => "key.rotated",
            Self::KeyRevoked { .. } => "key.revoked",
            Self::NoticeSettled { state, .. } => match state {
                NoticeState::Delivered => "notice.delivered",
                NoticeState::Refused | NoticeState::Bounced => "notice.failed",
                // What may have been taken is not sent again.
                _ => "notice.sent",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::WorkFailure;

    #[test]
    fn an_event_is_read_as_it_was_kept() {
        let counts = Counts { new: 1, old: 2, urgent_new: 0, trash: 3, bytes: 4 };
        let caller = MissedCall {
            caller_number: "4155550132".to_owned(),
            caller_name: String::new(),
            called_at: voicemill_types::Time::from_microseconds(0),
        };
        let (call, core_id, mailbox) = (Uuid::now_v7(), "c1".to_owned(), MailboxId::new());
        let events = [
            Event::MessageReceived { message: MessageId::new(), mailbox },
            Event::PromptReplaced { prompt: PromptId::new(), version: 2 },
            Event::RecordingNone { recording: RecordingId::new(), reason: WorkFailure::NoMedia {}.into() },
            Event::MailboxCounts { mailbox, counts, members: vec!["101".to_owned()] },
            Event::MissedCallReported { call, mailbox, core_id, caller },
            Event::NoticeSettled { notice: NoticeId::new(), message: None, state: NoticeState::Accepted },
        ];
        for event in events {
            assert!(TYPES.contains(&event.kind()), "{event:?}");
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
        }
    }

    #[test]
    fn every_type_is_documented_and_no_other() {
        let documented: Vec<&str> = include_str!("../../docs/events.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name)
            .filter(|name| name.contains('.'))
            .collect();
        let mut sorted = documented.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, TYPES);
    }
}
