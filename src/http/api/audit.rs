//! Who changed what: for operators, and for a domain's own portal and compliance.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;
use voicemill_types::Time;

use crate::{
    app::App,
    audit::{self, Filter},
    http::{
        auth::Granted,
        error::Problem,
        extract::{Json, Limit, Query},
        wire,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    subject: Option<String>,
    from: Option<Time>,
    to: Option<Time>,
    before: Option<Uuid>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/domains/{domain}/audit?subject=…&from=…&to=…&before=…&limit=…`, and `GET /v1/audit` for all domains and what is
/// none's: the latest first, of the last 400 days.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Query(page): Query<Page>,
) -> Result<Json<Vec<wire::AuditEntry>>, Problem> {
    let Page { subject, from, to, before, limit } = page;
    let domain = grant.domain.map(|domain| domain.id);
    let listed = audit::list(&app, &Filter { domain, subject, from, to, before }, limit.0).await?;
    Ok(Json(listed.into_iter().map(wire::AuditEntry::from).collect()))
}
