//! A number of a service, such as a sales line, whose messages more people want than the mailbox's own.

use voicemill_types::{DomainId, Time};

use crate::mailboxes::EmailMode;

/// A service number and its addresses.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ServiceNumber {
    /// The domain it belongs to.
    pub domain_id: DomainId,
    /// The number as the core names it.
    pub number: String,
    /// The addresses that every message left there goes to.
    #[sqlx(json)]
    pub recipients: Vec<String>,
    /// The form that those mails take.
    pub email_mode: EmailMode,
    /// When it was made.
    pub created_at: Time,
}
