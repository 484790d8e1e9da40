//! Prompts for portals: a person waits for the answer, so it says how the work went if that is known soon.

use std::sync::Arc;

use axum::extract::{Request, State};
use voicemill_types::PromptId;

use crate::{
    app::App,
    error::ServiceError,
    http::{
        auth::{Granted, Portal},
        error::Problem,
        extract::{Json, Path},
        fields::Fields,
        form,
        prompt_outcome::{Answer, outcome},
        raw, wire,
    },
    prompts::{self, NewPrompt, Source},
    refusal::{RequestRefusal, Rule},
};

/// What a portal says of a prompt beside its file.
const FIELDS: [&str; 3] = ["kind", "name", "extension"];

/// `POST /v1/prompts`: a form with the file, `kind`, `name` and perhaps `extension`, in any order.
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
    request: Request,
) -> Answer {
    let (mut fields, incoming) = form::receive(&app, request, &FIELDS).await?;
    let kind = fields.text("kind");
    let kind = serde_json::from_value(kind.clone().into()).map_err(|_| {
        ServiceError::invalid("/kind", Rule::UnknownPromptKind { value: kind.chars().take(40).collect() })
    })?;
    let new = NewPrompt { kind, name: fields.text("name"), extension: fields.take("extension") };
    fields.nothing_else(RequestRefusal::BadForm {})?;
    grant.check_extension(new.extension.as_deref())?;
    let prompt = prompts::add(&app, &domain, new, Source::Upload(incoming)).await?;
    outcome(&app, &domain, prompt).await
}

/// `POST /v1/prompts/text`: a prompt spoken by a voice.
pub(super) async fn add_text(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
    Json(wanted): Json<wire::NewSpokenPrompt>,
) -> Answer {
    let (new, words): (NewPrompt, Source) = wanted.try_into()?;
    grant.check_extension(new.extension.as_deref())?;
    let prompt = prompts::add(&app, &domain, new, words).await?;
    outcome(&app, &domain, prompt).await
}

/// `PUT /v1/prompts/{id}/audio?file_name=…`: the body is the new audio, or a form with it.
pub(super) async fn replace_audio(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
    mut fields: Fields,
    request: Request,
) -> Answer {
    let hint = fields.take("file_name").as_deref().and_then(form::extension);
    fields.nothing_else(RequestRefusal::BadQuery {})?;
    if form::announces_form(request.headers()) {
        let (fields, mut incoming) = form::receive(&app, request, &[]).await?;
        fields.nothing_else(RequestRefusal::BadForm {})?;
        incoming.hint = hint.or(incoming.hint);
        let prompt = prompts::replace(&app, &domain, id, Source::Upload(incoming)).await?;
        return outcome(&app, &domain, prompt).await;
    }
    let (incoming, form_check) = raw::receive(&app, request, hint)?;
    let prompt = form_check.explain(prompts::replace(&app, &domain, id, Source::Upload(incoming)).await)?;
    outcome(&app, &domain, prompt).await
}

/// `PUT /v1/prompts/{id}/text`: the script, edited, is spoken anew.
pub(super) async fn replace_text(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
    Json(text): Json<wire::Script>,
) -> Answer {
    let prompt = prompts::replace(&app, &domain, id, text.try_into()?).await?;
    outcome(&app, &domain, prompt).await
}

/// `PATCH /v1/prompts/{id}`: what is left out stays; what sounds otherwise is spoken anew.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
    Json(changes): Json<wire::PromptChanges>,
) -> Answer {
    let prompt = prompts::change(&app, &domain, id, changes.into()).await?;
    outcome(&app, &domain, prompt).await
}

/// `GET /v1/prompts`: those that who asks may hear.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
) -> Result<Json<Vec<wire::Listed<wire::Prompt>>>, Problem> {
    let mut listed = prompts::list(&app, &domain).await?;
    listed.retain(|one| grant.boxes.holds(one.item.mailbox_id));
    Ok(Json(wire::listed(listed)))
}

/// `GET /v1/prompts/{id}`
pub(super) async fn details(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
) -> Result<Json<wire::PromptDetails>, Problem> {
    Ok(Json(prompts::details(&app, &domain, id).await?.into()))
}
