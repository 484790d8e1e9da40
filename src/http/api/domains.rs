//! Domains and keys for operators, mailboxes for portals.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use crate::{
    app::App,
    domains,
    http::{
        auth::{Operator, Portal},
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    keys, mailboxes,
};

/// `POST /v1/domains`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Json(new): Json<wire::NewDomain>,
) -> Result<(StatusCode, Json<wire::Domain>), Problem> {
    Ok((StatusCode::CREATED, Json(domains::create(&app, new.into()).await?.into())))
}

/// `GET /v1/domains/{domain}`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(domain): Path<String>,
) -> Result<Json<wire::Domain>, Problem> {
    Ok(Json(domains::by_name(&app, &domain).await?.into()))
}

/// `PATCH /v1/domains/{domain}`: what is left out stays as it is.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(domain): Path<String>,
    Json(changes): Json<wire::DomainChanges>,
) -> Result<Json<wire::Domain>, Problem> {
    Ok(Json(domains::change(&app, &domain, changes.into()).await?.into()))
}

/// `POST /v1/domains/{domain}/keys`: the key is shown this once.
pub(super) async fn create_key(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(domain): Path<String>,
    Json(new): Json<wire::NewKey>,
) -> Result<(StatusCode, Json<wire::CreatedKey>), Problem> {
    let domain = domains::by_name(&app, &domain).await?;
    let key = keys::create(&app, &domain, new.scope, &new.name).await?;
    Ok((StatusCode::CREATED, Json(wire::CreatedKey { key })))
}

/// `PUT /v1/mailboxes/{extension}`: makes it, or gives it these settings.
pub(super) async fn save_mailbox(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
    Json(settings): Json<wire::MailboxSettings>,
) -> Result<Json<wire::Mailbox>, Problem> {
    Ok(Json(mailboxes::save(&app, &domain, &extension, settings.into()).await?.into()))
}

/// `GET /v1/mailboxes/{extension}`
pub(super) async fn mailbox(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
) -> Result<Json<wire::Mailbox>, Problem> {
    Ok(Json(mailboxes::by_extension(&app, &domain, &extension).await?.into()))
}

/// `GET /v1/mailboxes`
pub(super) async fn mailboxes(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
) -> Result<Json<Vec<wire::Mailbox>>, Problem> {
    Ok(Json(mailboxes::list(&app, &domain).await?.into_iter().map(wire::Mailbox::from).collect()))
}
