//! Call recordings for portals.

use std::sync::Arc;

use axum::{extract::State, http::header::CONTENT_TYPE, response::IntoResponse};
use serde::Deserialize;
use voicemill_types::RecordingId;

use crate::{
    app::App,
    error::ServiceError,
    http::{
        auth::Portal,
        error::Problem,
        extract::{Json, Limit, Path, Query},
        wire,
    },
    recordings,
    refusal::Thing,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    before: Option<RecordingId>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/recordings?before=…&limit=…`: newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Query(page): Query<Page>,
) -> Result<Json<Vec<wire::Listed<wire::Recording>>>, Problem> {
    Ok(Json(wire::listed(recordings::list(&app, &domain, page.before, page.limit.0).await?)))
}

/// `GET /v1/recordings/{id}/transcript.vtt`: what was said as WebVTT, for players.
pub(super) async fn captions(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<RecordingId>,
) -> Result<impl IntoResponse, Problem> {
    let details = recordings::details(&app, &domain, id).await?;
    let transcript = details.transcript.ok_or(ServiceError::NotFound(Thing::Transcript {}))?;
    Ok(([(CONTENT_TYPE, "text/vtt; charset=utf-8")], transcript.to_web_vtt()))
}

/// `GET /v1/recordings/{id}`
pub(super) async fn details(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<RecordingId>,
) -> Result<Json<wire::RecordingDetails>, Problem> {
    Ok(Json(recordings::details(&app, &domain, id).await?.into()))
}
