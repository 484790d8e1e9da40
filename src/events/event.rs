//! What can happen, one variant a fact.

use crate::refusal::Failure;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_types::{MailboxId, MessageId, NoticeId, PromptId, RecordingId};

use crate::{media::TranscriptState, messages::Folder, notices::NoticeState};

/// Something that happened. It is written in the transaction that made it happen, so that it is there exactly when that is.
///
/// Its JSON is kept, and will be sent to others: a field may be added, none may change its meaning. It holds no numbers, names
/// or words; whoever needs those asks for the subject.
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
    /// Somebody played a message for the first time.
    MessageRead {
        /// The message.
        message: MessageId,
        /// The mailbox that it lies in.
        mailbox: MailboxId,
    },
    /// A message is gone for good.
    MessagePurged {
        /// The message.
        message: MessageId,
        /// The mailbox that it lay in.
        mailbox: MailboxId,
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
    /// A mailbox was made, or has other settings.
    MailboxChanged {
        /// The mailbox.
        mailbox: MailboxId,
    },
    /// A mailbox refused a message because it is full; once, until it takes one again.
    MailboxFull {
        /// The mailbox.
        mailbox: MailboxId,
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
            | Self::MessagePurged { message, .. } => ("message", message.0),
            Self::PromptReplaced { prompt, .. }
            | Self::PromptAvailable { prompt, .. }
            | Self::PromptFailed { prompt, .. } => ("prompt", prompt.0),
            Self::RecordingAnnounced { recording }
            | Self::RecordingAvailable { recording }
            | Self::RecordingFailed { recording, .. }
            | Self::RecordingNone { recording, .. }
            | Self::RecordingTranscribed { recording, .. } => ("recording", recording.0),
            Self::MailboxChanged { mailbox } | Self::MailboxFull { mailbox } => ("mailbox", mailbox.0),
            Self::NoticeSettled { notice, .. } => ("notice", notice.0),
        }
    }

    /// The name of the fact, as its JSON has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MessageReceived { .. } => "message_received",
            Self::MessageAvailable { .. } => "message_available",
            Self::MessageFailed { .. } => "message_failed",
            Self::MessageTranscribed { .. } => "message_transcribed",
            Self::MessageMoved { .. } => "message_moved",
            Self::MessageRead { .. } => "message_read",
            Self::MessagePurged { .. } => "message_purged",
            Self::PromptReplaced { .. } => "prompt_replaced",
            Self::PromptAvailable { .. } => "prompt_available",
            Self::PromptFailed { .. } => "prompt_failed",
            Self::RecordingAnnounced { .. } => "recording_announced",
            Self::RecordingAvailable { .. } => "recording_available",
            Self::RecordingFailed { .. } => "recording_failed",
            Self::RecordingNone { .. } => "recording_none",
            Self::RecordingTranscribed { .. } => "recording_transcribed",
            Self::MailboxChanged { .. } => "mailbox_changed",
            Self::MailboxFull { .. } => "mailbox_full",
            Self::NoticeSettled { .. } => "notice_settled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::WorkFailure;

    #[test]
    fn the_kind_of_an_event_is_that_of_its_json() {
        let events = [
            Event::MessageReceived { message: MessageId::new(), mailbox: MailboxId::new() },
            Event::PromptReplaced { prompt: PromptId::new(), version: 2 },
            Event::RecordingNone { recording: RecordingId::new(), reason: WorkFailure::NoMedia {}.into() },
            Event::NoticeSettled { notice: NoticeId::new(), message: None, state: NoticeState::Accepted },
        ];
        for event in events {
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(json["kind"], event.kind());
            assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
        }
    }
}
