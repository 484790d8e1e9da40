//! Domains and keys for operators, mailboxes for portals.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    domains::{self, Domain, DomainChanges, NewDomain},
    http::{
        auth::{Operator, Portal},
        error::Problem,
        extract::{Json, Path},
    },
    keys::{self, KeyScope},
    mailboxes::{self, Mailbox, MailboxSettings},
};

/// `POST /v1/domains`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Json(new): Json<NewDomain>,
) -> Result<(StatusCode, Json<Domain>), Problem> {
    Ok((StatusCode::CREATED, Json(domains::create(&app, new).await?)))
}

/// `GET /v1/domains/{domain}`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(domain): Path<String>,
) -> Result<Json<Domain>, Problem> {
    Ok(Json(domains::by_name(&app, &domain).await?))
}

/// `PATCH /v1/domains/{domain}`: what is left out stays as it is.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(domain): Path<String>,
    Json(changes): Json<DomainChanges>,
) -> Result<Json<Domain>, Problem> {
    Ok(Json(domains::change(&app, &domain, changes).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    scope: KeyScope,
    name: String,
}

#[derive(Serialize)]
pub(super) struct CreatedKey {
    key: String,
}

/// `POST /v1/domains/{domain}/keys`: the key is shown this once.
pub(super) async fn create_key(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(domain): Path<String>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let domain = domains::by_name(&app, &domain).await?;
    let key = keys::create(&app, &domain, new.scope, &new.name).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey { key })))
}

/// `PUT /v1/mailboxes/{extension}`: makes it, or gives it these settings.
pub(super) async fn save_mailbox(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
    Json(settings): Json<MailboxSettings>,
) -> Result<Json<Mailbox>, Problem> {
    Ok(Json(mailboxes::save(&app, &domain, &extension, settings).await?))
}

/// `GET /v1/mailboxes/{extension}`
pub(super) async fn mailbox(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
) -> Result<Json<Mailbox>, Problem> {
    Ok(Json(mailboxes::by_extension(&app, &domain, &extension).await?))
}

/// `GET /v1/mailboxes`
pub(super) async fn mailboxes(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
) -> Result<Json<Vec<Mailbox>>, Problem> {
    Ok(Json(mailboxes::list(&app, &domain).await?))
}
