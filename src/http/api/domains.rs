//! Domains for operators, mailboxes for portals.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use crate::{
    app::App,
    domains,
    http::{
        auth::{Granted, Member, Operator, Portal},
        error::Problem,
        etag::{Tagged, Wanted},
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
) -> Result<(StatusCode, Tagged<wire::Domain>), Problem> {
    Ok((StatusCode::CREATED, tagged(domains::create(&app, new.into()).await?)))
}

/// `GET /v1/domains/{domain}`
pub(super) async fn show(Member(domain): Member) -> Tagged<wire::Domain> {
    tagged(domain)
}

fn tagged(domain: domains::Domain) -> Tagged<wire::Domain> {
    Tagged(domain.version, domain.into())
}

/// `PATCH /v1/domains/{domain}`: what is left out stays as it is.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Member(domain): Member,
    Wanted(wanted): Wanted,
    Json(changes): Json<wire::DomainChanges>,
) -> Result<Tagged<wire::Domain>, Problem> {
    Ok(tagged(domains::change(&app, &domain.name, changes.into(), &wanted).await?))
}

/// `PUT /v1/mailboxes/{extension}`: makes it, or gives it these settings in place of all it has: with If-Match alone.
pub(super) async fn save_mailbox(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
    Wanted(wanted): Wanted,
    Json(settings): Json<wire::MailboxSettings>,
) -> Result<Tagged<wire::Mailbox>, Problem> {
    Ok(tagged_mailbox(mailboxes::save(&app, &domain, &extension, settings.into(), &wanted).await?))
}

/// `PATCH /v1/mailboxes/{extension}`: what is left out stays, and what is null is the default again.
pub(super) async fn change_mailbox(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
    Wanted(wanted): Wanted,
    Json(changes): Json<wire::MailboxChanges>,
) -> Result<Tagged<wire::Mailbox>, Problem> {
    Ok(tagged_mailbox(mailboxes::change(&app, &domain, &extension, changes.into(), &wanted).await?))
}

/// `GET /v1/mailboxes/{extension}`
pub(super) async fn mailbox(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
) -> Result<Tagged<wire::Mailbox>, Problem> {
    Ok(tagged_mailbox(mailboxes::by_extension(&app, &domain, &extension).await?))
}

fn tagged_mailbox(mailbox: mailboxes::Mailbox) -> Tagged<wire::Mailbox> {
    Tagged(mailbox.version, mailbox.into())
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
