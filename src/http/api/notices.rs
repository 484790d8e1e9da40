//! Deliveries, for operators and portals.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use voicemill_types::NoticeId;

use crate::{
    app::App,
    http::{
        auth::Manager,
        error::Problem,
        extract::{Json, Limit, Path, Query},
        wire,
    },
    notices::{self, NoticeState},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    state: Option<NoticeState>,
    before: Option<NoticeId>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/domains/{domain}/notices?state=refused&before=…&limit=…`: mails and SMS, newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path(domain): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<wire::Notice>>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    let notices = notices::list(&app, &domain, page.state, page.before, page.limit.0).await?;
    Ok(Json(notices.into_iter().map(wire::Notice::from).collect()))
}
