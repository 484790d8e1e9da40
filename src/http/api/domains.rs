//! Domains for operators, mailboxes for portals.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use crate::{
    app::App,
    domains,
    http::{
        auth::{Granted, Member, Operator, Portal},
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    mailboxes,
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
pub(super) async fn show(Member(domain): Member) -> Json<wire::Domain> {
    Json(domain.into())
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

/// `GET /v1/mailboxes`: those that who asks may open.
pub(super) async fn mailboxes(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
) -> Result<Json<Vec<wire::Mailbox>>, Problem> {
    let mut listed = mailboxes::list(&app, &domain).await?;
    listed.retain(|mailbox| grant.boxes.holds(Some(mailbox.id)));
    Ok(Json(listed.into_iter().map(wire::Mailbox::from).collect()))
}
