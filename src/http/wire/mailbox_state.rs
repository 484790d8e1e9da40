//! What a core asks of a mailbox before a caller is recorded.

use serde::Serialize;
use voicemill_types::Time;

use crate::mailboxes::{Mailbox, Usage};

/// Whether a caller may be asked to leave a message.
#[derive(Debug, Serialize)]
pub(in crate::http) struct MailboxState {
    extension: String,
    name: String,
    enabled: bool,
    accepting: bool,
    free_bytes: i64,
    quota_bytes: i64,
    full_since: Option<Time>,
}

impl From<(Mailbox, Usage)> for MailboxState {
    fn from((mailbox, usage): (Mailbox, Usage)) -> Self {
        Self {
            extension: mailbox.extension,
            name: mailbox.name,
            enabled: mailbox.enabled,
            accepting: mailbox.enabled && usage.is_accepting(),
            free_bytes: usage.free(),
            quota_bytes: usage.quota_bytes,
            full_since: usage.full_since,
        }
    }
}
