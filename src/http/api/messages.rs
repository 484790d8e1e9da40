//! Messages for portals.

use std::sync::Arc;

use axum::{extract::State, http::header::CONTENT_TYPE, response::IntoResponse};
use serde::Deserialize;
use voicemill_types::MessageId;

use crate::{
    app::App,
    error::ServiceError,
    http::{
        auth::Portal,
        error::Problem,
        extract::{Json, Limit, Path, Query},
        wire,
    },
    messages::{self, Folder},
    refusal::Thing,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default = "new")]
    folder: Folder,
    before: Option<MessageId>,
    #[serde(default)]
    limit: Limit,
}

fn new() -> Folder {
    Folder::New
}

/// `GET /v1/mailboxes/{extension}/messages?folder=new&before=…&limit=…`: newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<wire::Listed<wire::Message>>>, Problem> {
    let limit = page.limit.0;
    let messages = messages::list(&app, &domain, &extension, page.folder, page.before, limit).await?;
    Ok(Json(wire::listed(messages)))
}

/// `GET /v1/messages/{id}`
pub(super) async fn details(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<MessageId>,
) -> Result<Json<wire::MessageDetails>, Problem> {
    Ok(Json(messages::details(&app, &domain, id).await?.into()))
}

/// `GET /v1/messages/{id}/transcript.vtt`: the transcript as WebVTT, for players.
pub(super) async fn captions(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<MessageId>,
) -> Result<impl IntoResponse, Problem> {
    let details = messages::details(&app, &domain, id).await?;
    let transcript = details.transcript.ok_or(ServiceError::NotFound(Thing::Transcript {}))?;
    Ok(([(CONTENT_TYPE, "text/vtt; charset=utf-8")], transcript.to_web_vtt()))
}

/// `POST /v1/messages/{id}/move`
pub(super) async fn move_to(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<MessageId>,
    Json(wanted): Json<wire::Move>,
) -> Result<Json<wire::Message>, Problem> {
    Ok(Json(messages::move_to(&app, &domain, id, wanted.folder).await?.into()))
}
