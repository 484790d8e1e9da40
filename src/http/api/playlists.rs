//! Play lists, for portals.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    http::{
        auth::Portal,
        error::Problem,
        etag::{Tagged, Wanted},
        extract::{Json, Path},
        wire,
    },
    playlists,
};

/// `GET /v1/playlists`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
) -> Result<Json<Vec<wire::ListedPlaylist>>, Problem> {
    Ok(Json(playlists::list(&app, &domain).await?.into_iter().map(wire::ListedPlaylist::from).collect()))
}

/// `GET /v1/playlists/{name}`
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, playlists::find(&app, &domain, &name).await?))
}

/// `PUT /v1/playlists/{name}`: the whole of it. One that stands is changed only by who says which version they saw.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(name): Path<String>,
    Wanted(wanted): Wanted,
    Json(new): Json<wire::NewPlaylist>,
) -> Result<Response, Problem> {
    let saved = playlists::save(&app, &domain, &name, new.into(), &wanted).await?;
    let status = if saved.version == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(status, playlists::find(&app, &domain, &name).await?))
}

fn answer(status: StatusCode, details: playlists::Details) -> Response {
    (status, Tagged(details.playlist.version, wire::ListedPlaylist::from(details))).into_response()
}

/// `DELETE /v1/playlists/{name}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(name): Path<String>,
    Wanted(wanted): Wanted,
) -> Result<StatusCode, Problem> {
    playlists::delete(&app, &domain, &name, &wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}
