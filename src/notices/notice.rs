//! One mail or SMS to one recipient.

use voicemill_types::{DomainId, LinkId, MailboxId, MessageId, NoticeId, Time};

use crate::{mailboxes::EmailMode, messages::Folder};

/// How a notice travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Medium {
    /// By mail.
    Mail,
    /// By SMS.
    Sms,
}

/// What a notice tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Occasion {
    /// A message.
    Message,
    /// Messages that are still unread.
    Reminder,
    /// A full mailbox, which refused a message.
    MailboxFull,
    /// A call that nobody took and that left no message.
    MissedCall,
    /// A message in which nobody can hear anything: it failed, or holds no sound.
    Unheard,
}

/// Where the delivery to one recipient stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum NoticeState {
    /// Waiting for the transcript, or for a worker.
    Queued,
    /// Its final form is stored; a send may be under way.
    Sending,
    /// The next server took it.
    Accepted,
    /// It arrived: the provider of an SMS, or the last mail server, said so.
    Delivered,
    /// The next server will never take it, or it was not sent for a reason of ours; the reason is kept.
    Refused,
    /// It was taken, and could not be delivered after all.
    Bounced,
    /// The connection was lost after the last byte: it may have been taken.
    Unknown,
}

/// What is said of a caller who left no message.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MissedCall {
    /// May be empty.
    pub caller_number: String,
    /// May be empty.
    pub caller_name: String,
    /// When it was.
    pub called_at: Time,
}

/// One mail or SMS to one recipient.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Notice {
    /// Identity.
    pub id: NoticeId,
    /// The domain of the mailbox.
    pub domain_id: DomainId,
    /// The mailbox that it is about.
    pub mailbox_id: MailboxId,
    /// The message it tells of, if it tells of one.
    pub message_id: Option<MessageId>,
    /// How it travels.
    pub medium: Medium,
    /// What it tells of.
    pub occasion: Occasion,
    /// The one event it tells of; a recipient is told of it once.
    pub event: String,
    /// The address or number it goes to.
    pub recipient: String,
    /// The form that a message's mail takes, as the mailbox had it when the message came.
    pub mode: Option<EmailMode>,
    /// Where it stands.
    pub state: NoticeState,
    /// The link inside it, if it has one.
    pub link_id: Option<LinkId>,
    /// A mail's Message-ID header, fixed before the first send.
    pub internet_message_id: Option<String>,
    /// Where a mail's final bytes lie in the store.
    pub mail_key: Option<String>,
    /// An SMS's final words: they hold a link's token.
    pub body: Option<String>,
    /// How many parts an SMS has.
    pub parts: Option<i64>,
    /// What the provider of an SMS calls it.
    pub reference: Option<String>,
    /// What the next server answered, good or bad.
    pub answer: Option<String>,
    /// The folder that the message moved to because this mail was accepted.
    pub moved_to: Option<Folder>,
    /// The caller, where there is no message.
    #[sqlx(json(nullable))]
    pub missed_call: Option<MissedCall>,
    /// When it was queued.
    pub created_at: Time,
    /// When its state became final.
    pub settled_at: Option<Time>,
}

impl Notice {
    /// A notice that nobody worked on yet, of a mailbox, for one recipient.
    pub fn new(
        mailbox: &super::Mailbox,
        medium: Medium,
        occasion: Occasion,
        event: String,
        recipient: String,
        at: Time,
    ) -> Self {
        Self {
            id: NoticeId::new(),
            domain_id: mailbox.domain_id,
            mailbox_id: mailbox.id,
            message_id: None,
            medium,
            occasion,
            event,
            recipient,
            mode: None,
            state: NoticeState::Queued,
            link_id: None,
            internet_message_id: None,
            mail_key: None,
            body: None,
            parts: None,
            reference: None,
            answer: None,
            moved_to: None,
            missed_call: None,
            created_at: at,
            settled_at: None,
        }
    }

    /// The event that a message is in which nobody can hear anything.
    pub fn unheard_event(message: MessageId) -> String {
        format!("unheard message {}", message.0.simple())
    }

    /// The event that a message is.
    pub fn message_event(message: MessageId) -> String {
        format!("message {}", message.0.simple())
    }
}
