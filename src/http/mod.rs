//! The HTTP edge: parse, call a service, answer. It holds no rule of its own.

mod access;
mod access_log;
mod acting;
mod api;
mod auth;
mod client;
mod core;
mod encoding;
mod error;
mod etag;
mod extract;
mod fields;
mod form;
mod hooks;
mod host;
mod limiter;
mod media;
mod once;
mod pages;
mod prompt_outcome;
mod rate;
mod raw;
mod request_id;
mod server;
mod wire;

use std::{sync::Arc, time::Duration};

use axum::{Extension, Router, extract::DefaultBodyLimit, routing::get};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};

use self::{limiter::Limiter, rate::Rates};
use crate::app::App;

pub use access::{KeyedRoute, keyed_methods};
pub use server::serve;

/// Most bytes of a body that is not audio.
const MAX_COLLECTED_BYTES: usize = 1_000_000;
/// Longest silence in the middle of a body.
const BODY_STALL: Duration = Duration::from_secs(60);

/// Every route that needs a key; `access.rs` says whose.
fn keyed_routes() -> Router<Arc<App>> {
    Router::new()
        .nest("/core/v1", core::routes())
        .nest("/v1", api::routes())
        .route("/media/{rendition}/{file}", get(media::fetch))
        .route("/media/{key}/{rendition}/{file}", get(media::fetch))
}

/// Every route of the server.
pub fn router(app: Arc<App>) -> Router {
    guarded(routes(&app), app)
}

fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let keyed = keyed_routes()
        .layer(axum::middleware::from_fn_with_state(app.clone(), acting::put_down))
        .layer(axum::middleware::from_fn_with_state(app.clone(), auth::check))
        .layer(Extension(Arc::new(Rates::new(&app.config.http.rate))))
        // Of keys; what has secrets of its own in its addresses has a limiter of its own.
        .layer(Extension(Arc::new(Limiter::new())));
    keyed
        .nest("/hooks", hooks::routes())
        .nest("/l", pages::routes())
        .merge(pages::static_routes())
        .route("/healthz", get(healthz))
}

/// The routes behind everything that each request goes through.
fn guarded(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .fallback(error::no_such_address)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(axum::middleware::from_fn(encoding::unpack))
        .layer(axum::middleware::from_fn(host::check))
        .layer(axum::middleware::from_fn(access_log::record))
        .layer(axum::middleware::from_fn_with_state(app.clone(), client::identify))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(axum::middleware::from_fn(request_id::name))
        // What is collected into memory is small; audio is streamed, under the configured limit.
        .layer(DefaultBodyLimit::max(MAX_COLLECTED_BYTES))
        .layer(RequestBodyTimeoutLayer::new(BODY_STALL))
        .with_state(app)
}

async fn healthz(axum::extract::State(app): axum::extract::State<Arc<App>>) -> Result<&'static str, error::Problem> {
    app.database.read().await.map_err(crate::error::ServiceError::from)?;
    Ok("ok\n")
}

#[cfg(test)]
mod tests;
