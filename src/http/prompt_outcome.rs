//! The answer to whoever made or changed a prompt, who waits to hear how the work went.

use std::time::Duration;

use axum::http::StatusCode;

use crate::{
    app::App,
    domains::Domain,
    http::{error::Problem, extract::Json},
    messages::MediaState,
    prompts::{self, Prompt},
};

/// How long an answer waits for the outcome, and how often it looks.
const WAIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

pub(super) type Answer = Result<(StatusCode, Json<prompts::Details>), Problem>;

/// Waits a little for the work: 201 when it is done, 422 with the reason when it failed, 202 when it goes on.
pub(super) async fn outcome(app: &App, domain: &Domain, prompt: Prompt) -> Answer {
    let looked = tokio::time::timeout(WAIT, async {
        loop {
            let details = prompts::details(app, domain, prompt.id).await?;
            if details.prompt.state != MediaState::Pending || details.prompt.version != prompt.version {
                return Ok::<_, Problem>(details);
            }
            tokio::time::sleep(LOOK).await;
        }
    })
    .await;
    let details = match looked {
        Ok(details) => details?,
        Err(_) => {
            return Ok((StatusCode::ACCEPTED, Json(prompts::details(app, domain, prompt.id).await?)));
        }
    };
    if let (MediaState::Failed, Some(reason)) = (details.prompt.state, &details.prompt.failure) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-audio", reason.clone()));
    }
    Ok((StatusCode::CREATED, Json(details)))
}
