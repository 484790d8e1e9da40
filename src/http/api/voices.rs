//! The voices that speak prompts, to choose from.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use voicemill_speech::synthesize::VoiceId;

use crate::{
    app::App,
    http::{
        auth::Portal,
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    prompts::voices,
};

/// `GET /v1/voices`
pub(super) async fn list(State(app): State<Arc<App>>, Portal(_): Portal) -> Json<Vec<wire::Voice>> {
    Json(voices::list(&app).into_iter().map(wire::Voice::from).collect())
}

/// `GET /v1/voices/{voice}/sample`: a few words as a WAV file.
pub(super) async fn sample(
    State(app): State<Arc<App>>,
    Portal(_): Portal,
    Path(voice): Path<String>,
) -> Result<Response, Problem> {
    let wav = voices::sample(&app, VoiceId::new(voice)).await?;
    Ok(([(header::CONTENT_TYPE, "audio/wav"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], wav).into_response())
}
