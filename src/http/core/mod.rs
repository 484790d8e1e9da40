//! What call cores drop and ask. The domain is the key's.

mod announcements;
mod mailboxes;
mod messages;
mod missed_calls;
mod playlists;
mod prompts;
mod recordings;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    routing::{get, post, put},
};

use crate::{app::App, http::extract::no_parameters};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/mailboxes/{extension}", get(mailboxes::state))
        .route("/mailboxes/{extension}/missed-calls/{id}", put(missed_calls::report).post(missed_calls::report))
        .route("/mailboxes/{extension}/{file}", get(prompts::audio_of_mailbox))
        .route("/messages/{id}", get(messages::state))
        .route("/messages/{id}/announcement", post(announcements::of_message))
        .route("/announcements", post(announcements::speak))
        .route("/prompts/{file}", get(prompts::audio))
        .route("/service-numbers/{number}", get(prompts::of_number))
        .route("/service-numbers/{number}/{file}", get(prompts::audio_of_number))
        .route("/recordings/{call}/complete", post(recordings::complete))
        .layer(from_fn(no_parameters))
        // What follows reads parameters.
        // Audio is streamed, under a limit of its own.
        .route(
            "/mailboxes/{extension}/messages/{id}",
            put(messages::drop_raw).post(messages::drop_raw).layer(DefaultBodyLimit::disable()),
        )
        .route("/mailboxes/{extension}/messages", post(messages::drop_form).layer(DefaultBodyLimit::disable()))
        .route(
            "/mailboxes/{extension}/greetings/{id}",
            put(prompts::take_greeting).post(prompts::take_greeting).layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/mailboxes/{extension}/recorded-name",
            put(prompts::take_name).post(prompts::take_name).layer(DefaultBodyLimit::disable()),
        )
        .route("/playlists/{file}", get(playlists::play))
        .route("/recordings/{call}", put(recordings::announce).get(recordings::state))
        .route(
            "/recordings/{call}/legs/{role}",
            put(recordings::add_leg).post(recordings::add_leg).layer(DefaultBodyLimit::disable()),
        )
}
