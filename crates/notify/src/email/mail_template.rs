//! The kinds of mails, and what a domain writes in place of ours.

use voicemill_types::{DomainId, Time};

/// The kinds of mails that a domain may write templates for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// The full mail of a message.
    Voicemail,
    /// The short mail of a message.
    VoicemailBrief,
    /// A full mailbox.
    MailboxFull,
    /// A missed call.
    MissedCall,
    /// A call that left something in which nobody can hear anything.
    Unheard,
}

impl MailKind {
    /// The name that addresses and files have.
    pub fn name(self) -> &'static str {
        match self {
            Self::Voicemail => "voicemail",
            Self::VoicemailBrief => "voicemail_brief",
            Self::MailboxFull => "mailbox_full",
            Self::MissedCall => "missed_call",
            Self::Unheard => "unheard",
        }
    }
}

/// What a domain writes in place of our template for one kind of mail.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::FromRow))]
pub struct MailTemplate {
    /// Whose it is.
    #[serde(skip)]
    pub domain_id: DomainId,
    /// The kind of mail.
    pub kind: MailKind,
    /// The line of its subject.
    pub subject: String,
    /// The plain text.
    pub body_text: String,
    /// The HTML beside it; a plain mail if none.
    pub body_html: Option<String>,
    /// When it was saved.
    pub created_at: Time,
}
