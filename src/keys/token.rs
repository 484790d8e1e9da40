//! A token that a portal made for a person, to be used in a browser.

use voicemill_types::{ApiKeyId, DomainId, Time, UserTokenId};

use super::OwnBox;

/// What the person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum TokenRole {
    /// Opens the mailboxes that the token names.
    User,
    /// Opens all mailboxes, prompts and numbers of the domain.
    Manager,
}

/// A person's token; only its hash is kept.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct UserToken {
    /// Identity.
    pub id: UserTokenId,
    /// Where it is good.
    pub domain_id: DomainId,
    /// The key that made it; none if the operators' configured key did.
    pub key_id: Option<ApiKeyId>,
    /// The person, as the portal calls them.
    pub subject: String,
    /// What it may do.
    pub role: TokenRole,
    /// The mailboxes that it opens; of a manager none is named.
    #[sqlx(json)]
    pub mailboxes: Vec<OwnBox>,
    /// When it was made.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// When it was revoked: from then on it opens nothing.
    pub revoked_at: Option<Time>,
}

impl UserToken {
    /// What every token begins with.
    pub const PREFIX: &str = "vmt_";
    /// How long one may be good, in seconds: a minute to a day.
    pub const TTL_SECONDS: std::ops::RangeInclusive<i64> = 60..=86_400;
    /// How long one is good unless the portal says otherwise, in seconds.
    pub const DEFAULT_TTL_SECONDS: i64 = 3_600;
    /// Most mailboxes that one may open.
    pub const MOST_MAILBOXES: usize = 50;
    /// Most tokens that may be good in a domain at once.
    pub const MOST: i64 = 20_000;
    /// Longest name of a person, in characters.
    pub const LONGEST_SUBJECT: usize = 255;
}
