//! What portals ask for people, and what operators set up. A portal's domain is its key's.

mod audit;
mod bounces;
mod domains;
mod events;
mod groups;
mod jobs;
mod keys;
mod mail_templates;
mod messages;
mod notices;
mod playlists;
mod prompts;
mod pronunciations;
mod recorded_names;
mod recordings;
mod retention;
mod service_numbers;
mod speech;
mod storage;
mod tokens;
mod voices;
mod webhooks;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    routing::{delete, get, post, put},
};

use crate::{app::App, http::extract::no_parameters};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/bounces", post(bounces::report).layer(DefaultBodyLimit::max(bounces::LARGEST)))
        .route("/domains", post(domains::create))
        .route("/domains/{domain}", get(domains::show).patch(domains::change))
        .route("/domains/{domain}/keys/{id}", get(keys::find).delete(keys::revoke))
        .route("/domains/{domain}/keys/{id}/rotate", post(keys::rotate))
        .route("/domains/{domain}/tokens/{id}", delete(tokens::revoke))
        .route("/keys/{id}", get(keys::find).delete(keys::revoke))
        .route("/keys/{id}/rotate", post(keys::rotate))
        .route(
            "/domains/{domain}/mail-templates/{kind}",
            get(mail_templates::find).put(mail_templates::save).delete(mail_templates::delete),
        )
        .route("/domains/{domain}/retention", get(retention::show).put(retention::set))
        .route("/domains/{domain}/holds", get(retention::holds).post(retention::hold))
        .route("/domains/{domain}/holds/{id}", delete(retention::release))
        .route("/domains/{domain}/pronunciations", get(pronunciations::list))
        .route(
            "/domains/{domain}/pronunciations/{word}",
            get(pronunciations::find).put(pronunciations::save).delete(pronunciations::delete),
        )
        .route("/jobs/stats", get(jobs::overview))
        .route("/jobs/retry", post(jobs::retry_all))
        .route("/jobs/discard", post(jobs::discard_all))
        .route("/jobs/pause", post(jobs::pause))
        .route("/jobs/resume", post(jobs::resume))
        .route("/jobs/{id}", get(jobs::show).delete(jobs::discard))
        .route("/jobs/{id}/retry", post(jobs::retry))
        .route("/jobs/{id}/cancel", post(jobs::cancel))
        .route("/mailboxes", get(domains::mailboxes))
        .route(
            "/mailboxes/{extension}",
            put(domains::save_mailbox).get(domains::mailbox).patch(domains::change_mailbox),
        )
        .route("/mailboxes/{extension}/counts", get(events::mailbox_counts))
        .route(
            "/mailboxes/{extension}/recorded-name",
            get(recorded_names::find)
                .put(recorded_names::give)
                .delete(recorded_names::delete)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/messages/{id}", get(messages::details).patch(messages::change))
        .route("/mailboxes/{extension}/members", get(groups::members).put(groups::set_members))
        .route("/mailboxes/{extension}/messages/{id}", get(groups::message).patch(groups::change))
        .route("/messages/{id}/forwards", post(messages::forward))
        .route("/messages/{id}/transcript.vtt", get(messages::captions))
        .route("/playlists", get(playlists::list))
        .route("/playlists/{name}", get(playlists::find).put(playlists::save).delete(playlists::delete))
        .route("/prompts", post(prompts::upload).layer(DefaultBodyLimit::disable()))
        .route("/prompts/{id}", get(prompts::details).patch(prompts::change))
        .route("/prompts/{id}/activate", post(prompts::activate))
        .route("/prompts/{id}/deactivate", post(prompts::deactivate))
        .route("/prompts/{id}/versions", get(prompts::versions))
        .route("/prompts/{id}/versions/{version}/restore", post(prompts::restore))
        .route("/prompts/{id}/text", put(prompts::replace_text))
        .route("/service-numbers", get(service_numbers::list))
        .route(
            "/service-numbers/{number}",
            get(service_numbers::find).put(service_numbers::save).delete(service_numbers::delete),
        )
        .route("/service-numbers/{number}/messages/{slot}", put(service_numbers::fill).delete(service_numbers::clear))
        .route("/speech", post(speech::hear))
        .route("/voices", get(voices::list))
        .route("/voices/{voice}/sample", get(voices::sample))
        .route("/storage", get(storage::report))
        .route("/recordings/{id}", get(recordings::details))
        .route("/recordings/{id}/transcript.vtt", get(recordings::captions))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", get(webhooks::find).patch(webhooks::change).delete(webhooks::delete))
        .route("/webhooks/{id}/replay", post(webhooks::replay))
        .route("/webhooks/{id}/secret", post(webhooks::rotate))
        .route("/webhooks/{id}/test", post(webhooks::test))
        .layer(from_fn(no_parameters))
        // What follows reads parameters.
        .route("/audit", get(audit::list))
        .route("/domains/{domain}/audit", get(audit::list))
        .route("/domains/{domain}/keys", get(keys::list).post(keys::create))
        .route("/domains/{domain}/tokens", get(tokens::list).post(tokens::create).delete(tokens::revoke_all))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/domains/{domain}/notices", get(notices::list))
        .route("/domains/{domain}/deletions", get(retention::deletions))
        .route("/events", get(events::list))
        .route("/events/stream", get(events::stream).layer(Extension(Arc::new(events::Streams::default()))))
        .route("/jobs", get(jobs::list))
        .route("/mailboxes/{extension}/messages", get(messages::list).delete(messages::empty_trash))
        .route("/messages/{id}", delete(messages::delete))
        .route("/prompts", get(prompts::list))
        .route("/prompts/text", post(prompts::add_text))
        .route("/prompts/{id}", delete(prompts::delete))
        .route(
            "/prompts/{id}/audio",
            put(prompts::replace_audio).layer(DefaultBodyLimit::disable()).get(prompts::audio),
        )
        .route("/recordings", get(recordings::list))
        .route("/webhooks/{id}/deliveries", get(webhooks::deliveries))
}
