//! What a request changes is put down to who asked, and, where its sender wants that, done once however often it is sent.

use std::sync::Arc;

use axum::{
    extract::{Extension, MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

use crate::{
    app::App,
    audit::{self, Doing},
    http::{auth::Granted, client::Client, once, request_id},
    idempotency::Claim,
};

/// Says for whom a request is done, to whatever changes something meanwhile.
pub(super) async fn put_down(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Extension(Client(client)): Extension<Client>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    if method == Method::GET || method == Method::HEAD {
        return next.run(request).await;
    }
    let key = request.headers().get(once::IDEMPOTENCY_KEY).filter(|_| once::counts(&method, &route, &grant)).cloned();
    let bearer = grant.bearer.id();
    let path = request.uri().path().to_owned();
    let doing = |claim: Option<Claim>| Doing {
        grant,
        client,
        request: request_id::current().unwrap_or(Uuid::nil()),
        action: format!("{method} {}", route.as_str()),
        path,
        claim,
    };
    match key {
        Some(key) => once::run(app, bearer, &key, doing, request, next).await,
        None => audit::doing(doing(None), next.run(request)).await,
    }
}
