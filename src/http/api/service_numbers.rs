//! Service numbers, their addresses, and what their callers hear, for portals.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use crate::{
    app::App,
    http::{
        auth::Portal,
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    service_numbers::{self, Slot},
};

/// `GET /v1/service-numbers`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
) -> Result<Json<Vec<wire::ServiceNumber>>, Problem> {
    Ok(Json(service_numbers::list(&app, &domain).await?.into_iter().map(wire::ServiceNumber::from).collect()))
}

/// `GET /v1/service-numbers/{number}`
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(number): Path<String>,
) -> Result<Json<wire::ServiceNumber>, Problem> {
    Ok(Json(service_numbers::find(&app, &domain, &number).await?.into()))
}

/// `PUT /v1/service-numbers/{number}`: makes it, or gives it these settings.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(number): Path<String>,
    Json(new): Json<wire::NewServiceNumber>,
) -> Result<Json<wire::ServiceNumber>, Problem> {
    Ok(Json(service_numbers::save(&app, &domain, &number, new.into()).await?.into()))
}

/// `DELETE /v1/service-numbers/{number}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(number): Path<String>,
) -> Result<StatusCode, Problem> {
    service_numbers::delete(&app, &domain, &number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v1/service-numbers/{number}/messages/{slot}`: puts a prompt into a slot.
pub(super) async fn fill(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path((number, slot)): Path<(String, Slot)>,
    Json(filled): Json<wire::FilledSlot>,
) -> Result<Json<wire::ServiceNumber>, Problem> {
    Ok(Json(service_numbers::fill(&app, &domain, &number, slot, filled.prompt).await?.into()))
}

/// `DELETE /v1/service-numbers/{number}/messages/{slot}`: empties a slot.
pub(super) async fn clear(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path((number, slot)): Path<(String, Slot)>,
) -> Result<Json<wire::ServiceNumber>, Problem> {
    Ok(Json(service_numbers::clear(&app, &domain, &number, slot).await?.into()))
}
