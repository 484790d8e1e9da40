//! What a core asks of a mailbox before a caller is recorded.

use serde::Serialize;
use voicemill_types::Time;

use super::Playback;
use crate::mailboxes::{Mailbox, Usage};

/// Whether a caller may be asked to leave a message, and what is played.
#[derive(Debug, Serialize)]
pub(in crate::http) struct MailboxState {
    extension: String,
    name: String,
    enabled: bool,
    accepting: bool,
    free_bytes: i64,
    quota_bytes: i64,
    full_since: Option<Time>,
    #[serde(flatten)]
    playback: Playback,
}

impl MailboxState {
    pub(in crate::http) fn new(mailbox: Mailbox, usage: Usage, playback: Playback) -> Self {
        Self {
            extension: mailbox.extension,
            name: mailbox.name,
            enabled: mailbox.enabled,
            accepting: mailbox.enabled && usage.is_accepting(),
            free_bytes: usage.free(),
            quota_bytes: usage.quota_bytes,
            full_since: usage.full_since,
            playback,
        }
    }
}
