//! How a domain wants its words said, for its portals and for operators.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use crate::{
    app::App,
    http::{
        auth::Manager,
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    pronunciations,
};

/// `GET /v1/domains/{domain}/pronunciations`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path(domain): Path<String>,
) -> Result<Json<Vec<wire::Pronunciation>>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(pronunciations::list(&app, &domain).await?.into_iter().map(wire::Pronunciation::from).collect()))
}

/// `GET /v1/domains/{domain}/pronunciations/{word}`
pub(super) async fn find(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path((domain, word)): Path<(String, String)>,
) -> Result<Json<wire::Pronunciation>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(pronunciations::find(&app, &domain, &word).await?.into()))
}

/// `PUT /v1/domains/{domain}/pronunciations/{word}`: the body is `{"as": …}`, respelled, or `{"ipa": …}`.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path((domain, word)): Path<(String, String)>,
    Json(new): Json<wire::NewPronunciation>,
) -> Result<Json<wire::Pronunciation>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(pronunciations::save(&app, &domain, word, new.into()).await?.into()))
}

/// `DELETE /v1/domains/{domain}/pronunciations/{word}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path((domain, word)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    pronunciations::delete(&app, &domain, &word).await?;
    Ok(StatusCode::NO_CONTENT)
}
