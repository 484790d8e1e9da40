//! The answer to whoever made or changed a prompt, who waits to hear how the work went.

use std::time::Duration;

use axum::http::StatusCode;

use crate::{
    app::App,
    domains::Domain,
    http::{error::Problem, extract::Json, wire},
    media::{self, MediaState},
    prompts::{self, Prompt},
};

/// How long an answer waits for the outcome.
const WAIT: Duration = Duration::from_secs(10);

pub(super) type Answer = Result<(StatusCode, Json<wire::PromptDetails>), Problem>;

/// Waits a little for the work: 201 when it is done, 422 with the reason when it failed, 202 when it goes on.
pub(super) async fn outcome(app: &App, domain: &Domain, prompt: Prompt) -> Answer {
    let until = tokio::time::Instant::now() + WAIT;
    let settled = media::settled(app, prompt.id.0, (prompt.media_id, prompt.version), until).await?;
    let details = prompts::details(app, domain, prompt.id).await?;
    if !settled {
        return Ok((StatusCode::ACCEPTED, Json(details.into())));
    }
    if let (MediaState::Failed, Some(reason)) = (details.prompt.state, &details.prompt.failure) {
        return Err(Problem::failed(reason).about_prompt(details.prompt.id));
    }
    Ok((StatusCode::CREATED, Json(details.into())))
}
