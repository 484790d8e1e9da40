//! The audit log as it is answered.

use serde::Serialize;
use uuid::Uuid;
use voicemill_types::Time;

use crate::{audit, keys::Role};

/// One change.
#[derive(Debug, Serialize)]
pub(in crate::http) struct AuditEntry {
    id: Uuid,
    at: Time,
    /// The domain; null for what is no domain's.
    domain: Option<String>,
    who: Who,
    /// What was done: the type of an event, or a method and route.
    action: String,
    /// To what.
    subject: String,
    /// The client's address.
    client: String,
    /// As the answer's `Request-Id` has it.
    request_id: Uuid,
}

/// Who did something.
#[derive(Debug, Serialize)]
struct Who {
    /// What proved it.
    by: audit::BearerKind,
    /// Which key or token; null for the operators' configured key.
    id: Option<Uuid>,
    role: Role,
    /// The person of a token, or the mailbox that a portal acted for.
    acts_for: Option<String>,
}

impl From<audit::Entry> for AuditEntry {
    fn from(entry: audit::Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            domain: entry.domain,
            who: Who {
                by: entry.bearer,
                id: Some(entry.bearer_id).filter(|id| !id.is_nil()),
                role: entry.role,
                acts_for: entry.acts_for,
            },
            action: entry.action,
            subject: entry.subject,
            client: entry.client,
            request_id: entry.request_id,
        }
    }
}
