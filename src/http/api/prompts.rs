//! Prompts for portals: a person waits for the answer, so it says how the work went if that is known soon.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use voicemill_types::PromptId;

use crate::{
    app::App,
    error::ServiceError,
    http::{
        api::speech,
        auth::{Granted, Portal},
        error::Problem,
        extract::{Json, Path, Query},
        fields::Fields,
        form, media,
        prompt_outcome::{Answer, outcome},
        raw, wire,
    },
    prompts::{
        self, NewPrompt, Source, greetings,
        removal::{self, Hooks},
        scripts::Trial,
        versions,
    },
    refusal::{RequestRefusal, Rule, Thing},
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

/// Whether a prompt is heard and not saved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DryRun {
    #[serde(default)]
    dry_run: bool,
}

/// `POST /v1/prompts/text`: a prompt spoken by a voice. With `?dry_run=true` all is checked, and the answer is the speech.
pub(super) async fn add_text(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(wanted): Json<wire::NewSpokenPrompt>,
) -> Result<Response, Problem> {
    let (new, words): (NewPrompt, Source) = wanted.try_into()?;
    grant.check_extension(new.extension.as_deref())?;
    if dry_run && let Source::Text { script, voice, manner } = words {
        let mailbox = prompts::check_new(&app, &domain, &new).await?;
        let trial = Trial { script, voice, manner };
        return speech::answer(&app, &domain, mailbox, trial).await;
    }
    let prompt = prompts::add(&app, &domain, new, words).await?;
    Ok(outcome(&app, &domain, prompt).await?.into_response())
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

/// `GET /v1/prompts?extension=…&kind=…`: those that who asks may hear.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
    Query(filter): Query<wire::PromptFilter>,
) -> Result<Json<Vec<wire::Listed<wire::Prompt>>>, Problem> {
    let mut listed = prompts::list(&app, &domain, &filter.into()).await?;
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

/// Whether a prompt is taken from who uses it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Force {
    #[serde(default)]
    force: bool,
}

/// `DELETE /v1/prompts/{id}`: with `?force=true` also one that is in use.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
    Query(Force { force }): Query<Force>,
) -> Result<StatusCode, Problem> {
    let hooks = if force { Hooks::Give } else { Hooks::Hold };
    removal::delete(&app, &domain, id, hooks).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/prompts/{id}/activate`: callers of the mailbox hear this greeting, at once or as soon as it can be heard.
pub(super) async fn activate(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
) -> Result<Json<wire::PromptDetails>, Problem> {
    let prompt = greetings::activate(&app, &domain, id).await?;
    Ok(Json(prompts::details(&app, &domain, prompt.id).await?.into()))
}

/// `POST /v1/prompts/{id}/deactivate`: callers of the mailbox hear no greeting of its own.
pub(super) async fn deactivate(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
) -> Result<Json<wire::PromptDetails>, Problem> {
    let prompt = greetings::deactivate(&app, &domain, id).await?;
    Ok(Json(prompts::details(&app, &domain, prompt.id).await?.into()))
}

/// `GET /v1/prompts/{id}/versions`: latest first.
pub(super) async fn versions(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
) -> Result<Json<Vec<wire::PromptVersion>>, Problem> {
    let versions = versions::list(&app, &domain, id).await?;
    Ok(Json(versions.into_iter().map(wire::PromptVersion::from).collect()))
}

/// `POST /v1/prompts/{id}/versions/{version}/restore`: a new version, made of what that one was made of.
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path((id, version)): Path<(PromptId, i64)>,
) -> Answer {
    let prompt = versions::restore(&app, &domain, id, version).await?;
    outcome(&app, &domain, prompt).await
}

/// Which audio of a prompt is wanted, and whether as a file to keep.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedAudio {
    rendition: Option<String>,
    #[serde(default)]
    download: bool,
}

/// `GET /v1/prompts/{id}/audio?rendition=…&download=true`: what is served of it, in the form for browsers if none is named.
pub(super) async fn audio(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<PromptId>,
    Query(wanted): Query<WantedAudio>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let details = prompts::details(&app, &domain, id).await?;
    let name = wanted.rendition.as_deref().unwrap_or("browser-mp3");
    let served = details.prompt.served_version.map(|_| &details.renditions);
    let rendition = served.and_then(|all| all.iter().find(|one| one.name == name));
    let rendition = rendition.ok_or(ServiceError::NotFound(Thing::Rendition {}))?;
    let mut response = media::serve(&app, rendition, &method, &headers).await?;
    let how = if wanted.download { "attachment" } else { "inline" };
    let file = format!("{}.{}", wire::file_name(&details.prompt.name), rendition.extension());
    let disposition = HeaderValue::from_str(&format!("{how}; filename=\"{file}\""));
    response
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("inline")));
    // Another version may be served in its place.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}
