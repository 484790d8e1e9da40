//! How a domain wants its words said, for its portals and for operators.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use voicemill_speech::synthesize::{Pronunciation, Said};

use crate::{
    app::App,
    http::{
        auth::Manager,
        error::Problem,
        extract::{Json, Path},
    },
    pronunciations,
};

/// `GET /v1/domains/{domain}/pronunciations`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path(domain): Path<String>,
) -> Result<Json<Vec<Pronunciation>>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(pronunciations::list(&app, &domain).await?))
}

/// `GET /v1/domains/{domain}/pronunciations/{word}`
pub(super) async fn find(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path((domain, word)): Path<(String, String)>,
) -> Result<Json<Pronunciation>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(pronunciations::find(&app, &domain, &word).await?))
}

/// `PUT /v1/domains/{domain}/pronunciations/{word}`: the body is `{"as": …}`, respelled, or `{"ipa": …}`.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    manager: Manager,
    Path((domain, word)): Path<(String, String)>,
    Json(said): Json<Said>,
) -> Result<Json<Pronunciation>, Problem> {
    let domain = manager.domain(&app, &domain).await?;
    Ok(Json(pronunciations::save(&app, &domain, word, said).await?))
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
