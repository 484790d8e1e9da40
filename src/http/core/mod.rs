//! What call cores drop and ask. The domain is the key's.

mod announcements;
mod messages;
mod missed_calls;
mod recordings;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    http::{HeaderMap, header},
    routing::{get, post, put},
};
use voicemill_storage::ByteStream;

use crate::{app::App, arrivals::Incoming, error::ServiceError, http::error::Problem};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/mailboxes/{extension}/messages/{id}", put(messages::drop_raw).post(messages::drop_raw))
        .route("/mailboxes/{extension}/messages", post(messages::drop_form).layer(DefaultBodyLimit::disable()))
        .route("/mailboxes/{extension}/missed-calls/{id}", put(missed_calls::report).post(missed_calls::report))
        .route("/messages/{id}", get(messages::state))
        .route("/messages/{id}/announcement", post(announcements::of_message))
        .route("/announcements", post(announcements::speak))
        .route("/recordings/{call}", put(recordings::announce).get(recordings::state))
        .route("/recordings/{call}/legs/{role}", put(recordings::add_leg).post(recordings::add_leg))
        .route("/recordings/{call}/complete", post(recordings::complete))
}

/// A raw body on its way in; its Content-Type is only a hint for headerless audio.
fn incoming(headers: &HeaderMap, format: Option<String>, body: Body) -> Incoming {
    let by_type = || {
        let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let hint = match content_type.split(';').next()?.trim() {
            "audio/basic" | "audio/pcmu" => "ulaw",
            "audio/pcma" => "alaw",
            "audio/gsm" | "audio/x-gsm" => "gsm",
            "audio/g722" => "g722",
            _ => return None,
        };
        Some(hint.to_owned())
    };
    Incoming { body: ByteStream::new(body.into_data_stream()), hint: format.or_else(by_type) }
}

/// The length that the sender announces.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses what announces itself as too large before it is read.
fn check_announced(app: &App, bytes: Option<u64>) -> Result<(), Problem> {
    let limit = app.config.http.max_body_bytes;
    if bytes.is_some_and(|bytes| bytes > limit) {
        return Err(ServiceError::TooLarge { limit }.into());
    }
    Ok(())
}
