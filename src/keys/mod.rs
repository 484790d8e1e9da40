//! Keys and people: who may act for whom.
//!
//! Whoever asks proves by a key, or by a token that a portal made for a person, what they may do: a [`Grant`]. `reach.rs` says
//! what is within it; which part may do what over HTTP stands in one table there.

mod grant;
mod key;
mod reach;
mod remembered;
pub(crate) mod rows;
mod token;
pub mod tokens;

use std::net::IpAddr;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use voicemill_types::{ApiKeyId, DomainId, Time};

use crate::{
    app::App,
    checks::{check_label, check_range},
    deadlines::promptly,
    domains::{self, Domain},
    error::ServiceError,
    events::Event,
    refusal::{Conflict, Rule, Thing},
    transaction::Tx,
};

pub use self::{
    grant::{Bearer, Boxes, Grant, OwnBox, Role},
    key::{ApiKey, KeyScope},
    reach::{Reach, acting_for, check},
    remembered::Remembered,
    token::{TokenRole, UserToken},
};

/// How often at most a key's last use is written.
const WRITTEN_EVERY: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// How long before the last look changes are read again: clocks of machines differ, and transactions take a while.
const LOOKED_BACK: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// The SHA-256 of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// A new secret of 32 random bytes, and its text.
    fn new(prefix: &str) -> Result<(Self, String), ServiceError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| ServiceError::Internal(anyhow::anyhow!("{error}")))?;
        let text = format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
        Ok((Self::of(&text), text))
    }
}

/// What the database says of a key's secret.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    key: ApiKey,
    domain: Option<Domain>,
}

/// What a new key needs.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What it may do.
    pub scope: KeyScope,
    /// What the operator calls it.
    pub name: String,
    /// The addresses that it may be used from; all of them if there are none.
    pub addresses: Vec<IpNet>,
}

/// Whether somebody proved who they are.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a request, nearly always the large one")]
pub enum Proven {
    /// They did.
    Granted(Grant),
    /// The key is good, but not from this address.
    WrongAddress,
    /// Nobody was given such a key.
    Unknown,
}

/// Makes a key for the domain, or for operators where there is none, and returns it with its secret, which is shown this once.
///
/// # Errors
/// A scope that does not fit, a name or addresses that may not be, or as many keys as there may be.
pub async fn create(app: &App, domain: Option<&Domain>, new: NewKey) -> Result<(ApiKey, String), ServiceError> {
    if (new.scope == KeyScope::Operator) != domain.is_none() {
        return Err(ServiceError::invalid("/scope", Rule::OperatorKey {}));
    }
    check_label("name", &new.name, ApiKey::LONGEST_NAME)?;
    if new.addresses.len() > ApiKey::MOST_ADDRESSES {
        let rule = Rule::TooMany { field: "addresses".to_owned(), most: ApiKey::MOST_ADDRESSES };
        return Err(ServiceError::invalid("/addresses", rule));
    }
    let (secret, text) = Secret::new("vm_")?;
    let domain = domain.map(|domain| domain.id);
    let key = ApiKey {
        id: ApiKeyId::new(),
        scope: new.scope,
        domain_id: domain,
        name: new.name,
        addresses: new.addresses,
        created_at: Time::from(app.clock.now()),
        last_used_at: None,
        previous_until: None,
        revoked_at: None,
    };
    let mut tx = app.begin().await?;
    tx.connection().lock(domain.map_or(Uuid::nil(), Uuid::from)).await?;
    let live = rows::live(tx.connection(), domain).await?;
    if usize::try_from(live).unwrap_or(usize::MAX) >= ApiKey::MOST {
        return Err(ServiceError::Conflict(Conflict::KeysFull { most: ApiKey::MOST }));
    }
    rows::insert(tx.connection(), &key, &secret).await?;
    tell(&mut tx, domain, Event::KeyCreated { key: key.id, scope: key.scope }).await?;
    tx.commit().await?;
    Ok((key, text))
}

/// Tells a domain of what happened to its key; operators' own keys are no domain's matter, and stand in the audit log alone.
async fn tell(tx: &mut Tx<'_>, domain: Option<DomainId>, event: Event) -> Result<(), ServiceError> {
    match domain {
        Some(domain) => tx.emit(domain, event).await,
        None => Ok(tx.about(None, format!("keys/{}", event.subject().1)).await?),
    }
}

/// A page of a domain's keys, or of the operators', the latest first, revoked ones too.
pub async fn list(
    app: &App,
    domain: Option<DomainId>,
    before: Option<ApiKeyId>,
    limit: u16,
) -> Result<Vec<ApiKey>, ServiceError> {
    let before = before.map_or(Uuid::max(), Uuid::from);
    Ok(rows::list(&mut app.database.read().await?, domain, before, i64::from(limit)).await?)
}

/// One key of a domain, or of the operators.
pub async fn find(app: &App, domain: Option<DomainId>, id: ApiKeyId) -> Result<ApiKey, ServiceError> {
    rows::by_id(&mut app.database.read().await?, domain, id).await?.ok_or(NOTHING)
}

const NOTHING: ServiceError = ServiceError::NotFound(Thing::Key {});

/// The key as it stands; who changes it meanwhile waits.
async fn locked(tx: &mut Tx<'_>, domain: Option<DomainId>, id: ApiKeyId) -> Result<ApiKey, ServiceError> {
    tx.connection().lock(id.0).await?;
    rows::by_id(tx.connection(), domain, id).await?.ok_or(NOTHING)
}

/// Revokes a key, and with it the tokens that it made: from the answer on, they open nothing. Once more changes nothing.
pub async fn revoke(app: &App, domain: Option<DomainId>, id: ApiKeyId) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let key = locked(&mut tx, domain, id).await?;
    if key.revoked_at.is_some() {
        return Ok(());
    }
    rows::revoke(tx.connection(), id, Time::from(app.clock.now())).await?;
    tell(&mut tx, domain, Event::KeyRevoked { key: id, scope: key.scope }).await?;
    let committed = tx.commit().await;
    // A commit whose answer is lost may have happened.
    app.keys.forget(id);
    Ok(committed?)
}

/// Gives a key another secret and returns it, this once; the one before is good for as many seconds more.
///
/// # Errors
/// There is no such key, it is revoked, or the seconds are more than a week.
pub async fn rotate(
    app: &App,
    domain: Option<DomainId>,
    id: ApiKeyId,
    previous_good_seconds: i64,
) -> Result<(ApiKey, String), ServiceError> {
    check_range("previous_good_seconds", previous_good_seconds, ApiKey::PREVIOUS_GOOD_SECONDS)?;
    let (secret, text) = Secret::new("vm_")?;
    let mut tx = app.begin().await?;
    let mut key = locked(&mut tx, domain, id).await?;
    if key.revoked_at.is_some() {
        return Err(ServiceError::Conflict(Conflict::KeyRevoked {}));
    }
    let now = Time::from(app.clock.now());
    let until = now.after(std::time::Duration::from_secs(previous_good_seconds.unsigned_abs()));
    rows::rotate(tx.connection(), id, &secret, until, now).await?;
    tell(&mut tx, domain, Event::KeyRotated { key: id, scope: key.scope }).await?;
    let committed = tx.commit().await;
    app.keys.forget(id);
    committed?;
    key.previous_until = Some(until);
    Ok((key, text))
}

/// Tells what a key or token opens for a client at that address.
///
/// While the database is down, a core's key counts that was good when it last answered, so that cores can go on dropping.
pub async fn authenticate(app: &App, secret: &str, client: IpAddr) -> Result<Proven, ServiceError> {
    if secret.starts_with(UserToken::PREFIX) {
        return Ok(tokens::grant(app, secret).await?.map_or(Proven::Unknown, Proven::Granted));
    }
    let secret = Secret::of(secret);
    if bool::from(secret.0.ct_eq(&app.secrets().operator_key_hash)) {
        return Ok(Proven::Granted(grant(None, KeyScope::Operator, Bearer::Configured)));
    }
    let now = Time::from(app.clock.now());
    let found = match promptly(&app.breakers.reads, look_up(app, &secret, now)).await {
        Ok(found) => {
            app.keys.note(secret, found.as_ref().filter(|found| found.key.scope == KeyScope::Core));
            found
        }
        Err(error) if error.is_transient() => Some(app.keys.recall(&secret).ok_or(error)?),
        Err(error) => return Err(error),
    };
    let is_over = |found: &Found| found.key.previous_until.is_some_and(|until| until <= now);
    let Some(Found { key, domain }) = found.filter(|found| !is_over(found)) else { return Ok(Proven::Unknown) };
    if !is_allowed(&key.addresses, client) {
        return Ok(Proven::WrongAddress);
    }
    if key.last_used_at.is_none_or(|last| now.since(last) >= WRITTEN_EVERY) {
        app.keys.note_use(key.id, now);
    }
    Ok(Proven::Granted(grant(domain, key.scope, Bearer::Key(key.id))))
}

fn grant(domain: Option<Domain>, scope: KeyScope, bearer: Bearer) -> Grant {
    Grant { domain, boxes: Boxes::All, role: scope.into(), subject: None, bearer }
}

async fn look_up(app: &App, secret: &Secret, now: Time) -> Result<Option<Found>, ServiceError> {
    let mut connection = app.database.read().await?;
    let Some(key) = rows::by_hash(&mut connection, secret, now).await? else { return Ok(None) };
    let domain = match key.domain_id {
        Some(domain) => domains::rows::by_id(&mut connection, domain).await?,
        None => None,
    };
    // A key without a domain opens all of them: one whose domain is gone must not become one.
    Ok((domain.is_none() == (key.scope == KeyScope::Operator)).then_some(Found { key, domain }))
}

fn is_allowed(addresses: &[IpNet], client: IpAddr) -> bool {
    let client = client.to_canonical();
    addresses.is_empty() || addresses.iter().any(|network| network.contains(&client))
}

/// Whether what was granted is still: for what goes on for long.
pub async fn is_still_good(app: &App, grant: &Grant) -> Result<bool, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(match grant.bearer {
        Bearer::Configured => true,
        Bearer::Key(key) => rows::is_good(&mut connection, key).await?,
        Bearer::Token(token) => rows::token_is_good(&mut connection, token, Time::from(app.clock.now())).await?,
    })
}

/// Forgets the keys that other processes changed since the last look: what they revoked counts here too, should the database
/// be down next.
pub(crate) async fn look_for_changes(app: &App) -> Result<(), ServiceError> {
    let now = Time::from(app.clock.now());
    let since = app.keys.looked_at().unwrap_or(now).timestamp().saturating_sub(LOOKED_BACK);
    let since = since.map_or(Time::from_microseconds(0), Time::from);
    for key in rows::changed(&mut app.database.read().await?, since).await? {
        app.keys.forget(key);
    }
    app.keys.note_look(now);
    Ok(())
}

/// Writes down which keys were used since the last time.
pub(crate) async fn write_uses(app: &App) -> Result<(), ServiceError> {
    let used = app.keys.take_used();
    if used.is_empty() {
        return Ok(());
    }
    let mut tx = app.begin_unasked().await?;
    for (key, at) in used {
        rows::used(tx.connection(), key, at).await?;
    }
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_good_from_its_addresses_alone() {
        let networks: Vec<IpNet> = ["192.0.2.0/24", "2001:db8::/32"].iter().map(|text| text.parse().unwrap()).collect();
        for inside in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1::1"] {
            assert!(is_allowed(&networks, inside.parse().unwrap()), "{inside}");
        }
        for outside in ["192.0.3.7", "2001:db9::1", "::ffff:10.0.0.1"] {
            assert!(!is_allowed(&networks, outside.parse().unwrap()), "{outside}");
        }
        assert!(is_allowed(&[], "10.0.0.1".parse().unwrap()), "no list, no bounds");
    }
}
