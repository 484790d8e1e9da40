//! One line a request, by route and never by URL: URLs hold tokens.

use std::time::Instant;

use axum::{
    extract::{Extension, MatchedPath, Request},
    middleware::Next,
    response::Response,
};

use crate::http::client::Client;

/// Logs method, route, client, status and milliseconds.
pub(super) async fn record(
    route: Option<MatchedPath>,
    Extension(Client(client)): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let response = next.run(request).await;
    let milliseconds = started.elapsed().as_millis() as u64;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    tracing::info!(%method, route, %client, status = response.status().as_u16(), milliseconds, "request");
    response
}
