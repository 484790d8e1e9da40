//! Keys and tokens as they are answered and asked for.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use voicemill_types::{ApiKeyId, Time, UserTokenId};

use crate::keys::{self, ApiKey, KeyScope, TokenRole, UserToken, tokens};

/// A key to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewKey {
    scope: KeyScope,
    /// What the operator calls it.
    name: String,
    /// Addresses and networks that it may be used from, such as `192.0.2.0/24`; all of them if left out.
    #[serde(default)]
    addresses: Vec<Network>,
}

/// A network, or one address.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
        let wrong =
            |_| format!("{text:.60?} is no address and no network; write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32");
        network.map(Self).map_err(wrong)
    }
}

/// How a key gets another secret.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Rotation {
    /// How long the secret before is good too; a day if left out.
    #[serde(default = "a_day")]
    pub(in crate::http) previous_good_seconds: i64,
}

fn a_day() -> i64 {
    86_400
}

/// One key, without its secret.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Key {
    id: ApiKeyId,
    scope: KeyScope,
    name: String,
    addresses: Vec<IpNet>,
    created_at: Time,
    /// To about a minute.
    last_used_at: Option<Time>,
    /// Until when the secret before is good too.
    previous_good_until: Option<Time>,
    revoked_at: Option<Time>,
    /// Shown once: to who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl Key {
    /// The key with the secret that was just made for it.
    pub(in crate::http) fn with_secret((key, secret): (ApiKey, String)) -> Self {
        Self { key: Some(secret), ..key.into() }
    }
}

impl From<ApiKey> for Key {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            scope: key.scope,
            name: key.name,
            addresses: key.addresses,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            previous_good_until: key.previous_until,
            revoked_at: key.revoked_at,
            key: None,
        }
    }
}

impl From<NewKey> for keys::NewKey {
    fn from(new: NewKey) -> Self {
        let addresses = new.addresses.into_iter().map(|network| network.0).collect();
        Self { scope: new.scope, name: new.name, addresses }
    }
}

/// A token to be made for a person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewToken {
    /// The person, as the portal calls them.
    subject: String,
    #[serde(default = "user")]
    role: TokenRole,
    /// The extensions of the mailboxes that it opens.
    #[serde(default)]
    mailboxes: Vec<String>,
    /// A minute to a day; an hour if left out.
    #[serde(default = "an_hour")]
    ttl_seconds: i64,
}

fn user() -> TokenRole {
    TokenRole::User
}

fn an_hour() -> i64 {
    UserToken::DEFAULT_TTL_SECONDS
}

/// One token, without what makes it one.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Token {
    id: UserTokenId,
    subject: String,
    role: TokenRole,
    /// The extensions of the mailboxes that it opens; all of them if none is named.
    mailboxes: Vec<String>,
    /// The key that made it; null if the operators' own did.
    made_by: Option<ApiKeyId>,
    created_at: Time,
    expires_at: Time,
    revoked_at: Option<Time>,
    /// Shown once: to who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Token {
    /// The token with its text.
    pub(in crate::http) fn with_secret((token, text): (UserToken, String)) -> Self {
        Self { token: Some(text), ..token.into() }
    }
}

impl From<UserToken> for Token {
    fn from(token: UserToken) -> Self {
        Self {
            id: token.id,
            subject: token.subject,
            role: token.role,
            mailboxes: token.mailboxes.into_iter().map(|own| own.extension).collect(),
            made_by: token.key_id,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            token: None,
        }
    }
}

impl From<NewToken> for tokens::NewToken {
    fn from(new: NewToken) -> Self {
        Self { subject: new.subject, role: new.role, mailboxes: new.mailboxes, ttl_seconds: new.ttl_seconds }
    }
}

/// What was revoked.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Revoked {
    pub(in crate::http) revoked: usize,
}
