//! Tokens that portals make for people.

use std::sync::Arc;

use axum::{
    extract::{Extension, State},
    http::StatusCode,
};
use serde::Deserialize;
use voicemill_types::UserTokenId;

use crate::{
    app::App,
    http::{
        auth::{Granted, Member},
        error::Problem,
        extract::{Json, Limit, Path, Query},
        once::{HAS_SECRET, HasSecret},
        wire,
    },
    keys::tokens,
};

/// `POST /v1/domains/{domain}/tokens`: the token is shown this once.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Member(domain): Member,
    Json(new): Json<wire::NewToken>,
) -> Result<(StatusCode, Extension<HasSecret>, Json<wire::Token>), Problem> {
    let made = tokens::create(&app, &domain, &grant, new.into()).await?;
    Ok((StatusCode::CREATED, HAS_SECRET, Json(wire::Token::with_secret(made))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    subject: Option<String>,
    before: Option<UserTokenId>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/domains/{domain}/tokens?subject=…&before=…&limit=…`: the latest first, those of the last day that ended too.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Query(page): Query<Page>,
) -> Result<Json<Vec<wire::Token>>, Problem> {
    let listed = tokens::list(&app, &domain, page.subject.as_deref(), page.before, page.limit.0).await?;
    Ok(Json(listed.into_iter().map(wire::Token::from).collect()))
}

/// `DELETE /v1/domains/{domain}/tokens/{id}`: it opens nothing any more.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path((_, id)): Path<(String, UserTokenId)>,
) -> Result<StatusCode, Problem> {
    tokens::revoke(&app, &domain, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    subject: String,
}

/// `DELETE /v1/domains/{domain}/tokens?subject=…`: every token of one person, wherever they are signed in.
pub(super) async fn revoke_all(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Query(person): Query<Person>,
) -> Result<Json<wire::Revoked>, Problem> {
    Ok(Json(wire::Revoked { revoked: tokens::revoke_all(&app, &domain, &person.subject).await? }))
}
