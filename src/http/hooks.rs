//! What providers report to us. The key in the address lets them in, with whatever proof of theirs goes along.
//!
//! The one place where GET changes something: gateways such as Kannel report by nothing else.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};

use crate::{
    app::App,
    http::{error::Problem, extract::Path},
    notices,
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/sms/{key}", post(heard).get(heard))
}

/// `POST` or `GET /hooks/sms/{key}`: a report of delivery, or a reply, in the provider's own form.
async fn heard(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    notices::replies::hear(&app, &key, &query.unwrap_or_default(), &headers, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}
