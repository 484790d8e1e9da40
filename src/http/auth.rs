//! Who asks: a key or token as a bearer token, as the password of Basic for cores that can only put it into an address, or,
//! where an address has a place for it, in that address.
//!
//! `check` judges every request with a key by the table of `access.rs`, and puts the [`Grant`] beside it for its handler.

use std::{sync::Arc, time::Instant};

use axum::{
    RequestExt,
    extract::{Extension, FromRequestParts, MatchedPath, RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    app::App,
    domains::{self, Domain},
    error::ServiceError,
    http::{
        access::{self, Rule, Subject},
        client::Client,
        error::Problem,
        limiter::Limiter,
        rate::Rates,
    },
    keys::{self, Boxes, Grant, Proven, Reach, Role},
    refusal::{RequestRefusal, Thing},
};

/// Names the mailbox that a portal does something for.
const ACT_FOR: &str = "voicemill-act-for";

/// What stands in an address for the domain of who asks.
const OWN: &str = "~";

/// Lets nobody through who may not do what the request asks.
pub(super) async fn check(
    State(app): State<Arc<App>>,
    Extension(limiter): Extension<Arc<Limiter>>,
    Extension(rates): Extension<Arc<Rates>>,
    Extension(client): Extension<Client>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    // Where there is no route, the answer is the same to everybody.
    let Some(route) = route else { return next.run(request).await };
    let (request, grant) = match judge(&app, &limiter, client, route.as_str(), request).await {
        Ok(judged) => judged,
        Err(refusal) => return refusal,
    };
    // How often cores ask is up to those who call.
    if matches!(grant.role, Role::Core | Role::Media) {
        return next.run(request).await;
    }
    let taken = rates.take(grant.bearer, Instant::now());
    if let Some(wait) = taken.wait() {
        return taken.refusal(wait);
    }
    let mut response = next.run(request).await;
    taken.tell(response.headers_mut());
    response
}

async fn judge(
    app: &App,
    limiter: &Limiter,
    client: Client,
    route: &str,
    mut request: Request,
) -> Result<(Request, Grant), Response> {
    let method = request.method().clone();
    let rule = match access::rule(route, &method) {
        Ok(rule) => rule,
        Err(allowed) if allowed.is_empty() => {
            tracing::error!(route, "nobody may ask for what the table of access does not have");
            return Err(Problem::no_such_address().into_response());
        }
        Err(allowed) => return Err(method_not_allowed(&method, &allowed)),
    };
    let params = request.extract_parts::<RawPathParams>().await;
    let params = Params(params.map_err(|_| Problem::no_such_address().into_response())?);
    let grant = granted(app, limiter, client, request.headers(), &params).await.map_err(IntoResponse::into_response)?;
    let grant = within(app, rule, grant, request.headers(), &params).await.map_err(IntoResponse::into_response)?;
    request.extensions_mut().insert(grant.clone());
    Ok((request, grant))
}

/// What stands in an address, by the names of the route.
struct Params(RawPathParams);

impl Params {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

fn method_not_allowed(method: &Method, allowed: &[Method]) -> Response {
    let allowed: Vec<String> = allowed.iter().map(Method::to_string).collect();
    let names = allowed.join(", ").replace("GET", "GET, HEAD");
    let refusal = RequestRefusal::MethodNotAllowed { method: method.to_string(), allowed };
    let mut response = Problem::from(refusal).into_response();
    if let Ok(value) = HeaderValue::from_str(&names) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// What the key or token opens.
async fn granted(
    app: &App,
    limiter: &Limiter,
    client: Client,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Grant, Problem> {
    let in_address = params.get("key");
    let Some(secret) = in_address.map(str::to_owned).or_else(|| secret(headers)) else {
        return Err(RequestRefusal::KeyMissing {}.into());
    };
    match keys::authenticate(app, &secret, client.0).await? {
        // Addresses end up in logs.
        Proven::Granted(grant) if in_address.is_some() && grant.role != Role::Media => {
            Err(RequestRefusal::KeyInAddress {}.into())
        }
        Proven::Granted(grant) => Ok(grant),
        Proven::WrongAddress => Err(RequestRefusal::WrongAddress {}.into()),
        Proven::Unknown => match limiter.failed(client.0, Instant::now()) {
            Some(wait) => Err(Problem::too_many(wait)),
            None => Err(RequestRefusal::UnknownKey {}.into()),
        },
    }
}

fn secret(headers: &HeaderMap) -> Option<String> {
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

fn wrong_key(needed: &[Role]) -> Problem {
    RequestRefusal::WrongKey { needed: needed.to_vec() }.into()
}

/// Narrows a grant to what the request names, and checks that it holds that.
async fn within(
    app: &App,
    rule: &Rule,
    mut grant: Grant,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Grant, Problem> {
    if let Some(extension) = headers.get(ACT_FOR) {
        grant = acting_for(app, grant, extension).await?;
    }
    if !rule.roles.contains(&grant.role) {
        return Err(match grant.role {
            // To a person there is nothing but what is theirs.
            Role::User => Problem::no_such_address(),
            _ => wrong_key(rule.roles),
        });
    }
    if let Some(name) = params.get("domain") {
        match &grant.domain {
            None => grant.domain = Some(domains::by_name(app, name).await?),
            Some(domain) if domain.name == name || name == OWN => {}
            Some(_) => return Err(ServiceError::NotFound(Thing::Domain {}).into()),
        }
    }
    if let (Some(domain), Boxes::Only(_)) = (&grant.domain, &grant.boxes) {
        let reach = reach(rule.about, params).ok_or_else(Problem::no_such_address)?;
        keys::check(app, &grant, domain, &reach).await?;
    }
    Ok(grant)
}

async fn acting_for(app: &App, grant: Grant, extension: &HeaderValue) -> Result<Grant, Problem> {
    let (Role::Portal, Some(domain), Ok(extension)) = (grant.role, grant.domain.clone(), extension.to_str()) else {
        return Err(RequestRefusal::ActsForNobody {}.into());
    };
    Ok(keys::acting_for(app, grant, &domain, extension).await?)
}

/// What a request is about; none where its address has no such thing.
fn reach(about: Subject, params: &Params) -> Option<Reach> {
    let id = |name| params.get(name)?.parse().ok();
    Some(match about {
        Subject::Domain => Reach::Domain,
        Subject::Parts => Reach::Parts,
        Subject::Mailbox => Reach::Mailbox(params.get("extension")?.to_owned()),
        Subject::Message => Reach::Message(id("id")?),
        Subject::Prompt => Reach::Prompt(id("id")?),
        Subject::Rendition => Reach::Rendition(id("rendition")?),
    })
}

/// What somebody may do.
pub(super) struct Granted(pub(super) Grant);

impl<S: Sync> FromRequestParts<S> for Granted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let unchecked = || Problem::from(ServiceError::Internal(anyhow::anyhow!("a route that nobody checks")));
        parts.extensions.get::<Grant>().cloned().map(Self).ok_or_else(unchecked)
    }
}

/// The domain in which somebody acts.
macro_rules! domain_of {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        pub(super) struct $name(pub(super) Domain);

        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let Granted(grant) = Granted::from_request_parts(parts, state).await?;
                grant.domain.map(Self).ok_or_else(|| wrong_key(&[Role::Core, Role::Portal]))
            }
        }
    )+};
}

domain_of! {
    /// The domain of a call core.
    Core;
    /// The domain of a portal, or of people.
    Portal;
    /// The domain of whoever asks.
    Member;
}

/// The domain that an address names.
pub(super) struct Manager(Domain);

impl Manager {
    /// The domain, which who asks may act for.
    pub(super) async fn domain(self, _: &App, _: &str) -> Result<Domain, Problem> {
        Ok(self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Manager {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Member::from_request_parts(parts, state).await.map(|Member(domain)| Self(domain))
    }
}

/// The provider's operators.
pub(super) struct Operator;

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Granted::from_request_parts(parts, state).await.map(|_| Self)
    }
}
