//! How long a domain keeps things, what is held, and what went: for operators.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    http::{
        auth::Member,
        error::Problem,
        extract::{Json, Limit, Path, Query},
        wire,
    },
    retention::{self, deletions, holds},
};

/// `GET /v1/domains/{domain}/retention`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Member(domain): Member,
) -> Result<Json<wire::Retention>, Problem> {
    Ok(Json(retention::of(&app, &domain).await?.into()))
}

/// `PUT /v1/domains/{domain}/retention`: what is left out is kept for ever.
pub(super) async fn set(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Json(wanted): Json<wire::NewRetention>,
) -> Result<Json<wire::Retention>, Problem> {
    Ok(Json(retention::set(&app, &domain, wanted.into()).await?.into()))
}

/// `GET /v1/domains/{domain}/holds`: the latest first.
pub(super) async fn holds(
    State(app): State<Arc<App>>,
    Member(domain): Member,
) -> Result<Json<Vec<wire::Hold>>, Problem> {
    Ok(Json(holds::list(&app, &domain).await?.into_iter().map(wire::Hold::from).collect()))
}

/// `POST /v1/domains/{domain}/holds`: from the answer on, nothing that it covers goes.
pub(super) async fn hold(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Json(new): Json<wire::NewHold>,
) -> Result<(StatusCode, Json<wire::Hold>), Problem> {
    Ok((StatusCode::CREATED, Json(holds::set(&app, &domain, new.into()).await?.into())))
}

/// `DELETE /v1/domains/{domain}/holds/{id}`: what is due goes with the next sweep.
pub(super) async fn release(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path((_, id)): Path<(String, Uuid)>,
) -> Result<StatusCode, Problem> {
    holds::release(&app, &domain, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/domains/{domain}/deletions?cursor=…&limit=…`: what is gone for good, the latest first.
pub(super) async fn deletions(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Query(wanted): Query<Wanted>,
) -> Result<Json<wire::Page<wire::Deletion>>, Problem> {
    let page = deletions::list(&app, &domain, wanted.cursor.as_deref(), wanted.limit.0).await?;
    let items = page.items.into_iter().map(wire::Deletion::from).collect();
    Ok(Json(wire::Page { items, next_cursor: page.next_cursor }))
}
