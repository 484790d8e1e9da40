//! Groups, and what their members see.

use std::sync::Arc;

use axum::extract::State;
use voicemill_types::MessageId;

use crate::{
    app::App,
    http::{
        auth::{Member, Portal},
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    mailboxes::groups,
    messages,
};

/// `GET /v1/mailboxes/{extension}/members`
pub(super) async fn members(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
) -> Result<Json<wire::Members>, Problem> {
    let members = groups::members(&app, &domain, &extension).await?;
    Ok(Json(wire::Members { members }))
}

/// `PUT /v1/mailboxes/{extension}/members`: these and no others.
pub(super) async fn set_members(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
    Json(wanted): Json<wire::Members>,
) -> Result<Json<wire::Members>, Problem> {
    let members = groups::set_members(&app, &domain, &extension, &wanted.members).await?;
    Ok(Json(wire::Members { members }))
}

/// `GET /v1/mailboxes/{extension}/messages/{id}`: a message as the mailbox's owner sees it, their groups' among them.
pub(super) async fn message(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path((extension, id)): Path<(String, MessageId)>,
) -> Result<Json<wire::MessageDetails>, Problem> {
    messages::seen_from(&app, &domain, &extension, id).await?;
    Ok(Json(messages::details(&app, &domain, id).await?.into()))
}

/// `PATCH /v1/mailboxes/{extension}/messages/{id}`: what its owner does with it, all members of a group have done.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path((extension, id)): Path<(String, MessageId)>,
    Json(changes): Json<wire::MessageChanges>,
) -> Result<Json<wire::Message>, Problem> {
    messages::seen_from(&app, &domain, &extension, id).await?;
    Ok(Json(messages::change(&app, &domain, id, changes.into()).await?.into()))
}
