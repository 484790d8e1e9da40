//! Messages for portals.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use serde::Deserialize;
use voicemill_types::MessageId;

use crate::{
    app::App,
    error::ServiceError,
    http::{
        auth::{Member, Portal},
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

/// `PATCH /v1/messages/{id}`: files it, or marks it as read, urgent or by a label; what is left out stays.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path(id): Path<MessageId>,
    Json(changes): Json<wire::MessageChanges>,
) -> Result<Json<wire::Message>, Problem> {
    Ok(Json(messages::change(&app, &domain, id, changes.into()).await?.into()))
}

/// How a message is deleted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    #[serde(default)]
    now: bool,
}

/// `DELETE /v1/messages/{id}?now=true`: removes it for good; without `now`, only from the trash.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<MessageId>,
    Query(deletion): Query<Deletion>,
) -> Result<StatusCode, Problem> {
    messages::delete(&app, &domain, id, deletion.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which messages are deleted together: no others than those in the trash.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Emptied {
    #[expect(dead_code, reason = "that it is named is what is asked for")]
    folder: OnlyTrash,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnlyTrash {
    Trash,
}

/// `DELETE /v1/mailboxes/{extension}/messages?folder=trash`: empties the trash, for good.
pub(super) async fn empty_trash(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
    Query(_): Query<Emptied>,
) -> Result<Json<wire::Removed>, Problem> {
    let removed = messages::empty_trash(&app, &domain, &extension).await?;
    Ok(Json(wire::Removed { removed }))
}
