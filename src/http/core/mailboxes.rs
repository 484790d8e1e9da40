//! Mailboxes for call cores: what to know before the tone.

use std::sync::Arc;

use axum::extract::State;

use crate::{
    app::App,
    http::{
        auth::Core,
        core::prompts::playback,
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    mailboxes,
};

/// `GET /core/v1/mailboxes/{extension}`: whether a caller may be asked to leave a message, and what is played.
pub(super) async fn state(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(extension): Path<String>,
) -> Result<Json<wire::MailboxState>, Problem> {
    let (mailbox, usage) = mailboxes::with_usage(&app, &domain, &extension).await?;
    let playback = playback(&app, &domain, &mailbox).await?;
    Ok(Json(wire::MailboxState::new(mailbox, usage, playback)))
}
