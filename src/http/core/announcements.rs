//! Facts that a core wants spoken: when a message came and from whom, a place in a queue, numbers and dates.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use voicemill_speech::{synthesize::Manner, text::parts::Part};
use voicemill_types::MessageId;

use crate::{
    app::App,
    error::ServiceError,
    http::{
        auth::Core,
        error::Problem,
        extract::{Json, Path},
        prompt_outcome::{Answer, outcome},
        wire,
    },
    mailboxes, messages, prompts,
    refusal::Rule,
};

/// Most parts of one announcement.
const MAX_PARTS: usize = 50;

/// `POST /core/v1/announcements`: the parts, spoken; the same parts again are answered at once.
pub(super) async fn speak(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Json(wanted): Json<wire::Announcement>,
) -> Answer {
    if wanted.parts.len() > MAX_PARTS {
        let rule = Rule::TooMany { field: "parts".to_owned(), most: MAX_PARTS };
        return Err(ServiceError::invalid("/parts", rule).into());
    }
    let manner = prompts::manner(wanted.speaking_rate, wanted.pauses)?;
    let mailbox = match &wanted.extension {
        Some(extension) => Some(mailboxes::by_extension(&app, &domain, extension).await?),
        None => None,
    };
    let parts: Vec<_> = wanted.parts.into_iter().map(Part::from).collect();
    let prompt = prompts::announce(&app, &domain, mailbox.as_ref(), &parts, wanted.voice, manner).await?;
    outcome(&app, &domain, prompt).await
}

/// `POST /core/v1/messages/{id}/announcement`: when the message came and from whom, as far as its mailbox wants that said; 204
/// where it wants nothing said.
pub(super) async fn of_message(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(id): Path<MessageId>,
) -> Result<Response, Problem> {
    let message = messages::details(&app, &domain, id).await?.message;
    let mailbox = mailboxes::by_id(&app, message.mailbox_id).await?;
    let at = message.received_at.timestamp();
    let (number, name) = (message.caller_number, message.caller_name);
    let received = match (mailbox.playback.announce_time, mailbox.playback.announce_caller) {
        (true, true) => Part::Received { at, from_number: number, from_name: name },
        (true, false) => Part::ReceivedAt(at),
        (false, true) => Part::ReceivedFrom { number, name },
        (false, false) => return Ok(StatusCode::NO_CONTENT.into_response()),
    };
    let prompt = prompts::announce(&app, &domain, Some(&mailbox), &[received], None, Manner::default()).await?;
    Ok(outcome(&app, &domain, prompt).await?.into_response())
}
