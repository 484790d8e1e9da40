//! One voicemail: its state, its folder, and the moves that folders allow.

use crate::refusal::Failure;
use voicemill_audio::PhoneReport;
use voicemill_types::{DomainId, MailboxId, MediaId, MessageId, Time};

use crate::{
    media::{MediaState, TranscriptState},
    messages::Source,
};

/// The folder a message lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Folder {
    /// Not yet dealt with.
    New,
    /// Kept.
    Saved,
    /// Deleted; purged at the end of the day in the mailbox's time zone.
    Trash,
}

impl Folder {
    /// Whether a person may move a message so: nothing becomes new again, which only a bounce does.
    pub fn may_move_to(self, to: Self) -> bool {
        self == to || to != Self::New
    }
}

/// One voicemail in a mailbox.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Message {
    /// Identity.
    pub id: MessageId,
    /// The domain, for every access check and job.
    pub domain_id: DomainId,
    /// The mailbox it was left in.
    pub mailbox_id: MailboxId,
    /// Its sound, which it may share with messages in other mailboxes.
    pub media_id: MediaId,
    /// The core's own id for it; with the same bytes it is the same message, with other bytes another. A copy has none.
    pub core_id: Option<String>,
    /// SHA-256 of its original, in hex.
    pub sha256: String,
    /// Where it lies.
    pub folder: Folder,
    /// Where the work on its media stands.
    pub state: MediaState,
    /// Why the work failed.
    #[sqlx(json(nullable))]
    pub failure: Option<Failure>,
    /// The caller's number as the core gave it; may be empty.
    pub caller_number: String,
    /// The caller's name as the core gave it; may be empty.
    pub caller_name: String,
    /// The service number that was called, if the core named one.
    pub service_number: Option<String>,
    /// When the caller left it.
    pub received_at: Time,
    /// Length of the decoded audio in milliseconds, once known.
    pub duration_ms: Option<i64>,
    /// Where the brief clip starts and ends in the whole, in milliseconds.
    pub brief_start_ms: Option<i64>,
    /// See `brief_start_ms`.
    pub brief_end_ms: Option<i64>,
    /// True when the audio ended before its own header said it would.
    pub truncated: bool,
    /// The waveform's bins, loudest peak of each on a scale of 0 to 255.
    pub waveform: Vec<u8>,
    /// What a phone makes of it, once known.
    #[sqlx(json(nullable))]
    pub phone_report: Option<PhoneReport>,
    /// Where the work on the transcript stands.
    pub transcript_state: TranscriptState,
    /// When somebody played it, or marked it as read.
    pub read_at: Option<Time>,
    /// Whether it is urgent.
    pub urgent: bool,
    /// What people call it.
    pub label: Option<String>,
    /// What it is a copy of.
    #[sqlx(json(nullable))]
    pub source: Option<Source>,
    /// What was said about it by whoever forwarded it.
    pub note: Option<String>,
    /// Until when it lies in the trash, if it does.
    pub trash_until: Option<Time>,
    /// Since when its owner does not see it any more, though a bounce may bring it back.
    pub hidden_at: Option<Time>,
    /// When it was stored here.
    pub created_at: Time,
}

#[cfg(test)]
mod tests {
    use super::Folder::{New, Saved, Trash};

    #[test]
    fn nothing_becomes_new_again() {
        for from in [New, Saved, Trash] {
            for to in [New, Saved, Trash] {
                assert_eq!(!from.may_move_to(to), from != New && to == New, "{from:?} to {to:?}");
            }
        }
    }
}
