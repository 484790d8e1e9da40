//! Retention, holds and proofs of deletion as they are answered and asked for.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_types::{MailboxId, Time};

use super::whole::Whole;
use crate::retention::{
    self, Cause, deletions,
    holds::{self, Covered},
};

/// How many days a domain keeps things; null for ever.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Retention {
    messages_days: Option<i64>,
    recordings_days: Option<i64>,
}

/// The same as it is set: what is left out is kept for ever.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewRetention {
    messages_days: Option<Whole<i64>>,
    recordings_days: Option<Whole<i64>>,
}

/// Something that must be kept.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Hold {
    id: Uuid,
    covers: Covered,
    /// The id of what is covered.
    subject: Uuid,
    reason: String,
    until: Option<Time>,
    created_at: Time,
}

/// A hold that is to be set: `subject` is a mailbox's extension, or a message's or recording's id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewHold {
    covers: Covered,
    subject: Option<String>,
    reason: String,
    until: Option<Time>,
}

/// The record of something that is gone.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Deletion {
    id: Uuid,
    kind: String,
    subject: Uuid,
    mailbox_id: Option<MailboxId>,
    sha256: Vec<String>,
    cause: Cause,
    shared: bool,
    deleted_at: Time,
    verified_at: Option<Time>,
}

impl From<retention::Retention> for Retention {
    fn from(kept: retention::Retention) -> Self {
        Self { messages_days: kept.messages_days, recordings_days: kept.recordings_days }
    }
}

impl From<NewRetention> for retention::Retention {
    fn from(kept: NewRetention) -> Self {
        let days = |days: Option<Whole<i64>>| days.map(|days| days.0);
        Self { messages_days: days(kept.messages_days), recordings_days: days(kept.recordings_days) }
    }
}

impl From<holds::Hold> for Hold {
    fn from(hold: holds::Hold) -> Self {
        Self {
            id: hold.id,
            covers: hold.covers,
            subject: hold.subject_id,
            reason: hold.reason,
            until: hold.until,
            created_at: hold.created_at,
        }
    }
}

impl From<NewHold> for holds::NewHold {
    fn from(new: NewHold) -> Self {
        Self { covers: new.covers, subject: new.subject, reason: new.reason, until: new.until }
    }
}

impl From<deletions::Deletion> for Deletion {
    fn from(deletion: deletions::Deletion) -> Self {
        Self {
            id: deletion.id,
            kind: deletion.kind,
            subject: deletion.subject_id,
            mailbox_id: deletion.mailbox_id,
            sha256: deletion.sha256,
            cause: deletion.cause,
            shared: deletion.shared,
            deleted_at: deletion.deleted_at,
            verified_at: deletion.verified_at,
        }
    }
}
