//! Keys: who may act for whom.

mod key;
pub(crate) mod rows;

use std::sync::PoisonError;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use voicemill_types::{ApiKeyId, Time};

use crate::{
    app::App,
    deadlines::promptly,
    domains::{self, Domain},
    error::ServiceError,
    events::Event,
    refusal::Rule,
};

pub use self::key::{ApiKey, KeyScope};

/// Who a key acts for.
#[expect(clippy::large_enum_variant, reason = "there is one a request, nearly always the large one")]
#[derive(Clone, Debug)]
pub enum Caller {
    /// The provider's operators.
    Operator,
    /// A core or portal of one domain.
    Domain {
        /// The domain.
        domain: Domain,
        /// What it may do there.
        scope: KeyScope,
    },
}

/// Makes a key for a core or portal of the domain and returns its secret, which is shown this once.
pub async fn create(app: &App, domain: &Domain, scope: KeyScope, name: &str) -> Result<String, ServiceError> {
    if scope == KeyScope::Operator {
        return Err(ServiceError::invalid("/scope", Rule::OperatorKey {}));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| ServiceError::Internal(anyhow::anyhow!("{error}")))?;
    let secret = format!("vm_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let key = ApiKey {
        id: ApiKeyId::new(),
        scope,
        domain_id: Some(domain.id),
        name: name.to_owned(),
        created_at: Time::from(app.clock.now()),
    };
    let mut transaction = app.begin().await?;
    rows::insert(transaction.connection(), &key, &hash(&secret)).await?;
    transaction.emit(domain.id, Event::KeyCreated { key: key.id, scope }).await?;
    transaction.commit().await?;
    Ok(secret)
}

/// Tells who a key acts for; none when nobody was given it.
///
/// While the database is down, a key counts that was good when it last answered, so that cores can go on dropping.
pub async fn authenticate(app: &App, secret: &str) -> Result<Option<Caller>, ServiceError> {
    let hash = hash(secret);
    if bool::from(hash.ct_eq(&app.secrets().operator_key_hash)) {
        return Ok(Some(Caller::Operator));
    }
    let known = || app.known_keys.lock().unwrap_or_else(PoisonError::into_inner);
    let found = match promptly(&app.breakers.reads, owner(app, &hash)).await {
        Ok(found) => {
            let mut known = known();
            if known.len() >= MAX_KNOWN_KEYS {
                known.clear();
            }
            match &found {
                Some(owner) => known.insert(hash, owner.clone()),
                None => known.remove(&hash),
            };
            found
        }
        Err(error) if error.is_transient() => Some(known().get(&hash).cloned().ok_or(error)?),
        Err(error) => return Err(error),
    };
    Ok(found.map(|(domain, scope)| Caller::Domain { domain, scope }))
}

/// Most keys remembered for when the database is down.
const MAX_KNOWN_KEYS: usize = 10_000;

async fn owner(app: &App, hash: &[u8; 32]) -> Result<Option<(Domain, KeyScope)>, ServiceError> {
    let mut connection = app.database.read().await?;
    let Some(key) = rows::by_hash(&mut connection, hash).await? else {
        return Ok(None);
    };
    let Some(domain) = key.domain_id else { return Ok(None) };
    Ok(domains::rows::by_id(&mut connection, domain).await?.map(|domain| (domain, key.scope)))
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
