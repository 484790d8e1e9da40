//! Templates that domains write in place of ours for their mails.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use voicemill_notify::email::MailKind;

use crate::{
    app::App,
    http::{
        auth::Manager,
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    mail_templates,
};

/// `GET /v1/domains/{domain}/mail-templates/{kind}`: the domain's own, or ours to begin with.
pub(super) async fn find(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path((domain, kind)): Path<(String, MailKind)>,
) -> Result<Json<wire::MailTemplate>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(mail_templates::find(&app, &domain, kind).await?.into()))
}

/// `PUT /v1/domains/{domain}/mail-templates/{kind}`: tried before it is saved.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path((domain, kind)): Path<(String, MailKind)>,
    Json(new): Json<wire::NewMailTemplate>,
) -> Result<Json<wire::MailTemplate>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(mail_templates::save(&app, &domain, kind, new.into()).await?.into()))
}

/// `DELETE /v1/domains/{domain}/mail-templates/{kind}`: back to ours.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path((domain, kind)): Path<(String, MailKind)>,
) -> Result<StatusCode, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    mail_templates::delete(&app, &domain, kind).await?;
    Ok(StatusCode::NO_CONTENT)
}
