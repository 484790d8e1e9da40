//! A mailbox and how its owner wants to be told of messages.

use voicemill_types::{DomainId, MailboxId, Time};

use crate::{
    domains::Domain,
    mailboxes::{Playback, SmsSettings},
};

/// What a mailbox's recipients get by mail for each message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum EmailMode {
    /// Nothing.
    #[default]
    None,
    /// A full mail with a link to the whole message.
    Link,
    /// A plain short mail with a link to the brief clip.
    BriefLink,
    /// A full mail with the whole message as a WAV.
    Attachment,
    /// A plain short mail with the brief clip as a WAV.
    BriefAttachment,
}

impl EmailMode {
    /// All five, in the order portals show them.
    pub const ALL: [Self; 5] = [Self::None, Self::Link, Self::BriefLink, Self::Attachment, Self::BriefAttachment];

    /// True when the mail and its audio are the short form.
    pub fn is_brief(self) -> bool {
        matches!(self, Self::BriefLink | Self::BriefAttachment)
    }

    /// True when the audio travels inside the mail.
    pub fn attaches(self) -> bool {
        matches!(self, Self::Attachment | Self::BriefAttachment)
    }
}

/// What happens to a message once its mail was accepted for at least one recipient (attachment modes only).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AfterEmail {
    /// The message stays new.
    #[default]
    KeepNew,
    /// The message moves to saved.
    MoveToSaved,
    /// The message moves to trash.
    MoveToTrash,
}

/// `extension@domain`: settings for the messages left there.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Mailbox {
    /// Identity.
    pub id: MailboxId,
    /// The domain it belongs to.
    pub domain_id: DomainId,
    /// The part before the `@`; unique in the domain.
    pub extension: String,
    /// The owner's name as shown in mails.
    pub name: String,
    /// What is mailed for a message.
    pub email_mode: EmailMode,
    /// Where it is mailed; each address has a delivery state of its own.
    #[sqlx(json)]
    pub recipients: Vec<String>,
    /// What happens to a message after its mail was accepted.
    pub after_email: AfterEmail,
    /// Whether those addresses are told of every missed call, even with no message.
    pub mail_missed_calls: bool,
    /// Who is told by SMS, and when.
    #[sqlx(flatten)]
    pub sms: SmsSettings,
    /// Whether messages are transcribed.
    pub transcribe: bool,
    /// How long a mail waits for the transcript at most, in seconds.
    pub transcript_wait_seconds: i64,
    /// Limit of the brief clip, in seconds.
    pub brief_seconds: i64,
    /// Most bytes of stored messages (as they came) that the mailbox may hold.
    pub quota_bytes: i64,
    /// IANA time zone for what is said and written to its owner; the domain's if none.
    pub time_zone: Option<String>,
    /// Whether cores are to offer it to callers. What is dropped all the same is taken.
    pub enabled: bool,
    /// The extensions that get a copy of every message left here.
    #[sqlx(json)]
    pub copy_to: Vec<String>,
    /// What is said to its owner by phone, and in which language.
    #[sqlx(flatten)]
    pub playback: Playback,
    /// Grows with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Time,
}

impl Mailbox {
    /// The default quota: 25 MB.
    pub const DEFAULT_QUOTA_BYTES: i64 = 25_000_000;
    /// The default limit of the brief clip.
    pub const DEFAULT_BRIEF_SECONDS: i64 = 30;
    /// How long a mail waits for its transcript unless the mailbox says otherwise.
    pub const DEFAULT_TRANSCRIPT_WAIT_SECONDS: i64 = 60;
    /// Most mailboxes that get copies.
    pub const MAX_COPIES: usize = 20;
    /// Most addresses a mailbox may have.
    pub const MAX_RECIPIENTS: usize = 20;

    /// The clock of its owner: its own time zone, or its domain's.
    pub fn clock<'a>(&'a self, domain: &'a Domain) -> &'a str {
        self.time_zone.as_deref().unwrap_or(&domain.time_zone)
    }

    /// The BCP 47 tag of what is said for it: its own, or its domain's.
    pub fn language<'a>(&'a self, domain: &'a Domain) -> &'a str {
        self.playback.locale.as_deref().unwrap_or(&domain.locale)
    }
}
