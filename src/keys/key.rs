//! A key, and what it may do.

use voicemill_types::{ApiKeyId, DomainId, Time};

/// What a key may do; one scope each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum KeyScope {
    /// A call core: drops media and fetches renditions of one domain.
    Core,
    /// A portal acting for the people of one domain.
    Portal,
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
    /// When it was made.
    pub created_at: Time,
}
