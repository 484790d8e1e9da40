//! What a script sounds like, before it is saved.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use voicemill_types::MailboxId;

use crate::{
    app::App,
    domains::Domain,
    http::{auth::Portal, error::Problem, extract::Json, wire},
    mailboxes,
    prompts::scripts::{self, Trial},
};

/// `POST /v1/speech`: the words as a WAV file. Nothing is saved but the speech, so that a prompt of the same words costs nothing.
pub(super) async fn hear(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Json(wanted): Json<wire::Trial>,
) -> Result<Response, Problem> {
    let mailbox = match &wanted.extension {
        Some(extension) => Some(mailboxes::by_extension(&app, &domain, extension).await?.id),
        None => None,
    };
    answer(&app, &domain, mailbox, wanted.try_into()?).await
}

/// The words, spoken, as they are answered.
pub(super) async fn answer(
    app: &Arc<App>,
    domain: &Domain,
    mailbox: Option<MailboxId>,
    trial: Trial,
) -> Result<Response, Problem> {
    let mailbox = match mailbox {
        Some(id) => Some(mailboxes::by_id(app, id).await?),
        None => None,
    };
    let (speech, bytes) = scripts::hear(app, domain, mailbox.as_ref(), trial).await?;
    let mut response = Body::from_stream(speech).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    Ok(response)
}
