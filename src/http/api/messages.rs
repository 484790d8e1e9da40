//! Messages for portals.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use serde::Deserialize;
use voicemill_types::{MessageId, Time};

use crate::{
    app::App,
    error::ServiceError,
    http::{
        auth::{Granted, Member, Portal},
        error::Problem,
        extract::{Json, Limit, Path, Query},
        wire,
    },
    keys::Role,
    messages::{self, Filter, Folder, Order},
    refusal::{RequestRefusal, Thing},
};

/// Which messages are listed, and where the page begins.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    folder: Option<Folder>,
    read: Option<bool>,
    caller: Option<String>,
    from: Option<Time>,
    to: Option<Time>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    groups: bool,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/mailboxes/{extension}/messages?folder=…&read=…&caller=…&from=…&to=…&order=oldest&groups=true&cursor=…&limit=…`:
/// all but the trash, the newest first, unless asked for otherwise.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path(extension): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<wire::Page<wire::Listed<wire::Message>>>, Problem> {
    let Wanted { folder, read, caller, from, to, order, groups, cursor, limit } = wanted;
    let filter = Filter { folder, read, caller, from, to, order, groups };
    let page = messages::list(&app, &domain, &extension, filter, cursor.as_deref(), limit.0).await?;
    Ok(Json(wire::Page { items: wire::listed(page.items), next_cursor: page.next_cursor }))
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

/// `POST /v1/messages/{id}/forwards`: a copy for each of the mailboxes, or for none.
pub(super) async fn forward(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path(id): Path<MessageId>,
    Json(forwarding): Json<wire::Forwarding>,
) -> Result<(StatusCode, Json<wire::Forwarded>), Problem> {
    let copies = messages::forward(&app, &domain, id, forwarding.into()).await?;
    Ok((StatusCode::CREATED, Json(copies.into())))
}

/// How a message is deleted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    #[serde(default)]
    now: bool,
}

/// `DELETE /v1/messages/{id}?now=true`: removes it for good; without `now`, which owners may not, only from the trash.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
    Path(id): Path<MessageId>,
    Query(deletion): Query<Deletion>,
) -> Result<StatusCode, Problem> {
    if deletion.now && grant.role == Role::User {
        return Err(RequestRefusal::WrongKey { needed: vec![Role::Portal, Role::Manager] }.into());
    }
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
