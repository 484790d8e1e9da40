//! A key that was handed out, and what it may do.

use ipnet::IpNet;
use voicemill_types::{ApiKeyId, DomainId, Time};

/// What a key may do; one scope each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum KeyScope {
    /// A call core: drops media and fetches renditions of one domain.
    Core,
    /// Whatever fetches renditions of one domain, and does nothing else: for addresses that end up in logs.
    Media,
    /// A portal acting for the people of one domain.
    Portal,
    /// Those who look after what one domain must keep and show: they read its audit log.
    Compliance,
    /// The provider's own operators, across domains.
    Operator,
}

/// A key that was handed out; only its hash is kept.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ApiKey {
    /// Identity.
    pub id: ApiKeyId,
    /// What it may do.
    pub scope: KeyScope,
    /// The domain it is bound to; none for operators.
    pub domain_id: Option<DomainId>,
    /// What the operator calls it.
    pub name: String,
    /// The addresses that it may be used from; all of them if there are none.
    #[sqlx(json)]
    pub addresses: Vec<IpNet>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Time>,
    /// Until when the secret before is good too.
    pub previous_until: Option<Time>,
    /// When it was revoked: from then on it opens nothing.
    pub revoked_at: Option<Time>,
}

impl ApiKey {
    /// Most keys that a domain may have at once, beside those that were revoked.
    pub const MOST: usize = 100;
    /// Most addresses and networks that a key may be bound to.
    pub const MOST_ADDRESSES: usize = 50;
    /// Longest name, in characters.
    pub const LONGEST_NAME: usize = 100;
    /// How long the secret before may be good after a rotation, in seconds: up to a week.
    pub const PREVIOUS_GOOD_SECONDS: std::ops::RangeInclusive<i64> = 0..=604_800;
}
