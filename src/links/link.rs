//! An expiring, revocable reference to one message.

use std::time::Duration;

use voicemill_types::{DomainId, LinkId, MessageId, Time};

/// How much of the message a link shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum LinkSpan {
    /// All of it.
    Full,
    /// The brief clip.
    Brief,
}

/// The state behind a link; the token itself is never stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Link {
    /// The random bits inside the token.
    pub id: LinkId,
    /// The domain of the message.
    pub domain_id: DomainId,
    /// The message it shows.
    pub message_id: MessageId,
    /// How much of it.
    pub span: LinkSpan,
    /// When it was made.
    pub created_at: Time,
    /// From when on it no longer works.
    pub expires_at: Time,
    /// When somebody took it back.
    pub revoked_at: Option<Time>,
}

impl Link {
    /// How long a mailed link lives: seven days exactly.
    pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// True from the very moment of expiry on.
    pub fn is_expired(&self, now: Time) -> bool {
        now >= self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lives_seven_days_to_the_second() {
        let created_at = Time::from_microseconds(0);
        let link = Link {
            id: LinkId::random(),
            domain_id: DomainId::new(),
            message_id: MessageId::new(),
            span: LinkSpan::Full,
            created_at,
            expires_at: created_at.after(Link::LIFETIME),
            revoked_at: None,
        };
        let day = Duration::from_secs(86_400);
        assert!(!link.is_expired(created_at.after(7 * day - Duration::from_secs(1))));
        assert!(link.is_expired(created_at.after(7 * day)));
    }
}
