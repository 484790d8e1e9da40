//! The name that callers of a mailbox hear, for portals.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request, State},
    http::StatusCode,
};

use crate::{
    app::App,
    error::ServiceError,
    http::{
        auth::Portal,
        error::Problem,
        extract::{Json, Path, announces_json},
        form,
        prompt_outcome::{Answer, outcome},
        raw, wire,
    },
    mailboxes,
    prompts::{
        self, Source,
        names::{self, SpokenName},
        removal::{self, Hooks},
    },
    refusal::{RequestRefusal, Thing},
};

/// `GET /v1/mailboxes/{extension}/recorded-name`: what its owner gave, or the letters of its name.
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
) -> Result<Json<wire::RecordedName>, Problem> {
    let mailbox = mailboxes::by_extension(&app, &domain, &extension).await?;
    // One of which nothing can be heard yet is shown too, to whoever made it.
    let (source, id) = match names::recorded(&app, &mailbox).await? {
        Some(prompt) => ("recorded", prompt.id),
        None => match names::heard(&app, &domain, &mailbox).await? {
            SpokenName::Recorded(prompt) => ("recorded", prompt.id),
            SpokenName::Spelled(prompt) => ("spelled", prompt.id),
        },
    };
    let prompt = prompts::details(&app, &domain, id).await?.into();
    Ok(Json(wire::RecordedName { source, prompt }))
}

/// `PUT /v1/mailboxes/{extension}/recorded-name`: a script as JSON, or audio as the body or in a form.
pub(super) async fn give(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
    request: Request,
) -> Answer {
    let mailbox = mailboxes::by_extension(&app, &domain, &extension).await?;
    if announces_json(request.headers()) {
        let Json(script): Json<wire::Script> = Json::from_request(request, &app).await?;
        let prompt = names::give(&app, &domain, &mailbox, script.try_into()?).await?;
        return outcome(&app, &domain, prompt).await;
    }
    if form::announces_form(request.headers()) {
        let (fields, incoming) = form::receive(&app, request, &[]).await?;
        fields.nothing_else(RequestRefusal::BadForm {})?;
        let prompt = names::give(&app, &domain, &mailbox, Source::Upload(incoming)).await?;
        return outcome(&app, &domain, prompt).await;
    }
    let (incoming, form_check) = raw::receive(&app, request, None)?;
    let prompt = form_check.explain(names::give(&app, &domain, &mailbox, Source::Upload(incoming)).await)?;
    outcome(&app, &domain, prompt).await
}

/// `DELETE /v1/mailboxes/{extension}/recorded-name`: its name is spelled from now on.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(extension): Path<String>,
) -> Result<StatusCode, Problem> {
    let mailbox = mailboxes::by_extension(&app, &domain, &extension).await?;
    let prompt = names::recorded(&app, &mailbox).await?.ok_or(ServiceError::NotFound(Thing::Prompt {}))?;
    removal::delete(&app, &domain, prompt.id, Hooks::Give).await?;
    Ok(StatusCode::NO_CONTENT)
}
