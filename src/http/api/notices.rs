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
        extract::{Json, Path, Query},
    },
    notices::{self, Notice, NoticeState},
};

#[derive(Deserialize)]
pub(super) struct Page {
    state: Option<NoticeState>,
    before: Option<NoticeId>,
    #[serde(default = "hundred")]
    limit: u16,
}

fn hundred() -> u16 {
    100
}

/// `GET /v1/domains/{domain}/notices?state=refused&before=…&limit=…`: mails and SMS, newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path(domain): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<Notice>>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(notices::list(&app, &domain, page.state, page.before, page.limit.clamp(1, 500)).await?))
}
