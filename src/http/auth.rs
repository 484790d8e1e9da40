//! Who asks: a key or token as a bearer token, as the password of Basic for cores that can only put it into an address, or,
//! where an address has a place for it, in that address.
//!
//! `check` judges every request with a key by the table of `access.rs`, and puts the [`Grant`] beside it for its handler.

use std::{sync::Arc, time::Instant};

use axum::{
    RequestExt,
    extract::{Extension, FromRequestParts, MatchedPath, RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
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
    },
    keys::{self, Boxes, Grant, Proven, Reach, Role},
    refusal::Thing,
};

/// Names the mailbox that a portal does something for.
const ACT_FOR: &str = "voicemill-act-for";

/// What stands in an address for the domain of who asks.
const OWN: &str = "~";

/// Lets nobody through who may not do what the request asks.
pub(super) async fn check(
    State(app): State<Arc<App>>,
    Extension(limiter): Extension<Arc<Limiter>>,
    Extension(client): Extension<Client>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    // Where there is no route, the answer is the same to everybody.
    let Some(route) = route else { return next.run(request).await };
    match judge(&app, &limiter, client, route.as_str(), request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn judge(
    app: &App,
    limiter: &Limiter,
    client: Client,
    route: &str,
    mut request: Request,
) -> Result<Request, Response> {
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
    request.extensions_mut().insert(grant);
    Ok(request)
}

/// What stands in an address, by the names of the route.
struct Params(RawPathParams);

impl Params {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

fn method_not_allowed(method: &Method, allowed: &[Method]) -> Response {
    let names = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let detail = format!("{method} means nothing at this address; it takes {names}");
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).into_response();
    if let Ok(value) = HeaderValue::from_str(&names.replace("GET", "GET, HEAD")) {
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
    let unauthorized = |detail| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
    let in_address = params.get("key");
    let Some(secret) = in_address.map(str::to_owned).or_else(|| secret(headers)) else {
        return Err(unauthorized("send a key: Authorization: Bearer KEY, or Basic with the key as password"));
    };
    match keys::authenticate(app, &secret, client.0).await? {
        // Addresses end up in logs.
        Proven::Granted(grant) if in_address.is_some() && grant.role != Role::Media => {
            Err(forbidden("a media key in the address; send other keys as Authorization: Bearer KEY"))
        }
        Proven::Granted(grant) => Ok(grant),
        Proven::WrongAddress => {
            let detail =
                "this key may not be used from your address; ask the operator to add it to the key's addresses";
            Err(Problem::new(StatusCode::FORBIDDEN, "wrong-address", detail))
        }
        Proven::Unknown => match limiter.failed(client.0, Instant::now()) {
            Some(wait) => Err(Problem::too_many(wait)),
            None => Err(unauthorized("this key is not known, or not good any more")),
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

fn wrong_key(needed: &[KeyScope]) -> Problem {
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
            _ => forbidden(&access::needed(rule)),
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
        return Err(forbidden("a portal's key, where Voicemill-Act-For names the extension of a mailbox"));
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
                grant.domain.map(Self).ok_or_else(|| forbidden("the key of a domain"))
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
