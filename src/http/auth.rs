//! Who asks: a key as a bearer token, or as the password of Basic for cores that can only put it into an address.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    app::App,
    domains::{self, Domain},
    error::ServiceError,
    http::{client::Client, error::Problem, limiter::Limiter},
    keys::{self, Caller, KeyScope},
    refusal::{RequestRefusal, Thing},
};

/// A call core of one domain.
pub(super) struct Core(pub(super) Domain);

/// A portal of one domain.
pub(super) struct Portal(pub(super) Domain);

/// A core or a portal of one domain.
pub(super) struct Member(pub(super) Domain);

/// The provider's operators.
pub(super) struct Operator;

async fn caller(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let Some(key) = key(&parts.headers) else { return Err(RequestRefusal::KeyMissing {}.into()) };
    if let Some(caller) = keys::authenticate(app, &key).await? {
        return Ok(caller);
    }
    // Added to every request by the router.
    let tried = parts.extensions.get::<Client>().zip(parts.extensions.get::<Arc<Limiter>>());
    match tried.and_then(|(Client(client), limiter)| limiter.failed(*client, Instant::now())) {
        Some(wait) => Err(Problem::too_many(wait)),
        None => Err(RequestRefusal::UnknownKey {}.into()),
    }
}

fn key(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

fn wrong_key(needed: &[KeyScope]) -> Problem {
    RequestRefusal::WrongKey { needed: needed.to_vec() }.into()
}

impl FromRequestParts<Arc<App>> for Core {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match caller(parts, app).await? {
            Caller::Domain { domain, scope: KeyScope::Core } => Ok(Self(domain)),
            _ => Err(wrong_key(&[KeyScope::Core])),
        }
    }
}

impl FromRequestParts<Arc<App>> for Portal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match caller(parts, app).await? {
            Caller::Domain { domain, scope: KeyScope::Portal } => Ok(Self(domain)),
            _ => Err(wrong_key(&[KeyScope::Portal])),
        }
    }
}

impl FromRequestParts<Arc<App>> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match caller(parts, app).await? {
            Caller::Domain { domain, .. } => Ok(Self(domain)),
            Caller::Operator => Err(wrong_key(&[KeyScope::Core, KeyScope::Portal])),
        }
    }
}

/// An operator, or a portal of one domain, for what an address names a domain for.
pub(super) struct Manager(Caller);

impl Manager {
    /// The domain of that name, if they act for it; to a portal there is none but its own.
    pub(super) async fn domain(self, app: &App, name: &str) -> Result<Domain, Problem> {
        match self.0 {
            Caller::Operator => Ok(domains::by_name(app, name).await?),
            Caller::Domain { domain, .. } if domain.name == name => Ok(domain),
            Caller::Domain { .. } => Err(ServiceError::NotFound(Thing::Domain {}).into()),
        }
    }
}

impl FromRequestParts<Arc<App>> for Manager {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match caller(parts, app).await? {
            Caller::Domain { scope: KeyScope::Core, .. } => Err(wrong_key(&[KeyScope::Operator, KeyScope::Portal])),
            caller => Ok(Self(caller)),
        }
    }
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match caller(parts, app).await? {
            Caller::Operator => Ok(Self),
            Caller::Domain { .. } => Err(wrong_key(&[KeyScope::Operator])),
        }
    }
}
