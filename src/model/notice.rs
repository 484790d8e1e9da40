//! One mail about one message to one recipient.

use super::{DomainId, EmailMode, LinkId, MailboxId, MessageId, NoticeId, Time};

/// Where the delivery to one recipient stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum NoticeState {
    /// Waiting for the transcript, or for a worker.
    Queued,
    /// Its final bytes and Message-ID are stored; a send may be under way.
    Sending,
    /// The next server took it.
    Accepted,
    /// The next server will never take it; the reason is kept.
    Refused,
    /// The connection was lost after the last byte: it may have been taken.
    Unknown,
}

/// One mail about one message to one recipient.
#[derive(Clone, Debug, PartialEq, serde::Serialize, sqlx::FromRow)]
pub struct Notice {
    /// Identity.
    pub id: NoticeId,
    /// The domain of the message.
    pub domain_id: DomainId,
    /// The mailbox of the message.
    pub mailbox_id: MailboxId,
    /// The message it tells of.
    pub message_id: MessageId,
    /// The address it goes to.
    pub recipient: String,
    /// The form it takes, as the mailbox had it when the message came.
    pub mode: EmailMode,
    /// Where it stands.
    pub state: NoticeState,
    /// The link inside it, if it has one.
    #[serde(skip)]
    pub link_id: Option<LinkId>,
    /// Its Message-ID header, fixed before the first send.
    pub internet_message_id: Option<String>,
    /// Where its final bytes lie in the store.
    pub mail_key: Option<String>,
    /// What the next server answered, good or bad.
    pub answer: Option<String>,
    /// When it was queued.
    pub created_at: Time,
    /// When its state became final.
    pub settled_at: Option<Time>,
}
