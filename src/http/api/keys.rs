//! Keys for operators: of a domain, and their own. A portal may look at its domain's.

use std::sync::Arc;

use axum::{
    extract::{Extension, State},
    http::StatusCode,
};
use serde::Deserialize;
use voicemill_types::{ApiKeyId, DomainId};

use crate::{
    app::App,
    http::{
        auth::Granted,
        error::Problem,
        extract::{Json, Limit, Query},
        once::{HAS_SECRET, HasSecret},
        wire,
    },
    keys::{self, Grant},
};

/// The domain that the address names; none of the operators' own keys.
fn domain(grant: &Grant) -> Option<DomainId> {
    grant.domain.as_ref().map(|domain| domain.id)
}

/// The key that an address names.
#[derive(Deserialize)]
pub(super) struct Named {
    id: ApiKeyId,
}

type Path = crate::http::extract::Path<Named>;

/// `POST /v1/domains/{domain}/keys`, `POST /v1/keys`: the secret is shown this once.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Json(new): Json<wire::NewKey>,
) -> Result<(StatusCode, Extension<HasSecret>, Json<wire::Key>), Problem> {
    let made = keys::create(&app, grant.domain.as_ref(), new.into()).await?;
    Ok((StatusCode::CREATED, HAS_SECRET, Json(wire::Key::with_secret(made))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    before: Option<ApiKeyId>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/domains/{domain}/keys?before=…&limit=…`, `GET /v1/keys`: the latest first, revoked ones too.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Query(page): Query<Page>,
) -> Result<Json<Vec<wire::Key>>, Problem> {
    let listed = keys::list(&app, domain(&grant), page.before, page.limit.0).await?;
    Ok(Json(listed.into_iter().map(wire::Key::from).collect()))
}

/// `GET /v1/domains/{domain}/keys/{id}`, `GET /v1/keys/{id}`
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    crate::http::extract::Path(named): Path,
) -> Result<Json<wire::Key>, Problem> {
    Ok(Json(keys::find(&app, domain(&grant), named.id).await?.into()))
}

/// `DELETE /v1/domains/{domain}/keys/{id}`, `DELETE /v1/keys/{id}`: it opens nothing any more; it stays in the list.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    crate::http::extract::Path(named): Path,
) -> Result<StatusCode, Problem> {
    keys::revoke(&app, domain(&grant), named.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/domains/{domain}/keys/{id}/rotate`, `POST /v1/keys/{id}/rotate`: another secret, shown this once; the one before
/// is good for a while more.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    crate::http::extract::Path(named): Path,
    Json(wanted): Json<wire::Rotation>,
) -> Result<(Extension<HasSecret>, Json<wire::Key>), Problem> {
    let rotated = keys::rotate(&app, domain(&grant), named.id, wanted.previous_good_seconds).await?;
    Ok((HAS_SECRET, Json(wire::Key::with_secret(rotated))))
}
