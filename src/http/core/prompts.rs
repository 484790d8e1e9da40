//! What cores play, and what they record of greetings and names.
//!
//! Each thing that is played has an address that stays, whichever version is served: a dial plan names it once. It is answered with
//! the audio itself, for cores keep a redirect as long as what it leads to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    response::Response,
};
use tokio::time::Instant;
use voicemill_types::PromptId;

use crate::{
    app::App,
    arrivals::Incoming,
    domains::Domain,
    error::ServiceError,
    http::{
        auth::{Core, Member},
        error::Problem,
        extract::{Json, Path},
        fields::Fields,
        form, media,
        prompt_outcome::{Answer, outcome},
        raw, wire,
    },
    mailboxes::{self, Mailbox},
    media::{Rendition, settled},
    prompts::{
        self, Prompt,
        greetings::{self, Recorded},
        names::{self, SpokenName},
    },
    refusal::Thing,
    service_numbers::{self, Slot},
};

/// How long a core keeps what it fetched at an address whose content may change.
const FRESH: HeaderValue = HeaderValue::from_static("private, max-age=60");
/// How long a core waits for letters that were never spoken before.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// All that is played for a mailbox.
pub(super) async fn playback(app: &App, domain: &Domain, mailbox: &Mailbox) -> Result<wire::Playback, ServiceError> {
    let greeting = match greetings::active(app, mailbox).await? {
        Some(prompt) => Some(sound(app, &prompt, &of(mailbox, "greeting")).await?),
        None => None,
    };
    let name = names::known(app, domain, mailbox).await?;
    let source = if matches!(name, Some(SpokenName::Recorded(_))) { "recorded" } else { "spelled" };
    let address = of(mailbox, "recorded-name");
    let sound = match &name {
        Some(name) => Some(sound(app, name.prompt(), &address).await?),
        None => None,
    };
    let name = wire::HeardName { source, address: format!("{}{address}.wav", app.config.http.public_url), sound };
    Ok(wire::Playback::new(domain, mailbox, greeting, name))
}

/// The address of something of a mailbox, without the end that chooses a format.
fn of(mailbox: &Mailbox, what: &str) -> String {
    format!("/core/v1/mailboxes/{}/{what}", encoded(&mailbox.extension))
}

/// A name as it stands in an address: of those that names may have, `#` and `+` mean something else there.
fn encoded(name: &str) -> String {
    name.replace('#', "%23").replace('+', "%2B")
}

/// `GET /core/v1/service-numbers/{number}`: all that is played for a service number.
pub(super) async fn of_number(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(number): Path<String>,
) -> Result<Json<wire::NumberPlayback>, Problem> {
    let details = service_numbers::find(&app, &domain, &number).await?;
    let mut messages = BTreeMap::new();
    for slot in Slot::ALL {
        let address = format!("/core/v1/service-numbers/{}/{}", encoded(&number), slot.name());
        let playable = match details.prompt(slot) {
            Some(id) => Some(prompts::details(&app, &domain, id).await?.prompt),
            None => None,
        };
        let sound = match playable.filter(|prompt| prompt.served_version.is_some()) {
            Some(prompt) => Some(sound(&app, &prompt, &address).await?),
            None => None,
        };
        messages.insert(slot.name(), sound);
    }
    Ok(Json(wire::NumberPlayback::new(details, messages)))
}

async fn sound(app: &App, prompt: &Prompt, address: &str) -> Result<wire::Sound, ServiceError> {
    let renditions = prompts::served(app, prompt).await?;
    Ok(wire::Sound::new(&app.config.http.public_url, prompt, &renditions, format!("{address}.wav")))
}

/// `GET /core/v1/mailboxes/{extension}/{greeting,recorded-name}.{wav,wav16,ulaw,alaw}`
pub(super) async fn audio_of_mailbox(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path((extension, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (what, form) = parts(&file)?;
    let mailbox = mailboxes::by_extension(&app, &domain, &extension).await?;
    let prompt = match what {
        "greeting" => greetings::active(&app, &mailbox).await?.ok_or(ServiceError::NotFound(Thing::Prompt {}))?,
        "recorded-name" => name(&app, &domain, &mailbox).await?,
        _ => return Err(Problem::no_such_address()),
    };
    play(&app, &prompt, form, &method, &headers).await
}

/// The name of a mailbox, which can be heard.
async fn name(app: &App, domain: &Domain, mailbox: &Mailbox) -> Result<Prompt, ServiceError> {
    let prompt = match names::heard(app, domain, mailbox).await? {
        SpokenName::Recorded(prompt) => return Ok(prompt),
        SpokenName::Spelled(prompt) => prompt,
    };
    let until = Instant::now() + LONGEST_WAIT;
    if !settled(app, prompt.id.0, (prompt.media_id, prompt.version), until).await? {
        return Err(ServiceError::Unavailable(anyhow::anyhow!("the letters of a name are still being spoken")));
    }
    Ok(prompts::details(app, domain, prompt.id).await?.prompt)
}

/// `GET /core/v1/service-numbers/{number}/{slot}.{wav,wav16,ulaw,alaw}`
pub(super) async fn audio_of_number(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path((number, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (slot, form) = parts(&file)?;
    let slot = Slot::from_name(slot).ok_or_else(Problem::no_such_address)?;
    let details = service_numbers::find(&app, &domain, &number).await?;
    let id = details.prompt(slot).ok_or(ServiceError::NotFound(Thing::Prompt {}))?;
    let prompt = prompts::details(&app, &domain, id).await?.prompt;
    play(&app, &prompt, form, &method, &headers).await
}

/// `GET /core/v1/prompts/{id}.{wav,wav16,ulaw,alaw}`
pub(super) async fn audio(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path(file): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, form) = parts(&file)?;
    let id: PromptId = id.parse().map_err(|_| Problem::no_such_address())?;
    let prompt = prompts::details(&app, &domain, id).await?.prompt;
    play(&app, &prompt, form, &method, &headers).await
}

/// How a core wants to have audio, by the end of a name.
#[derive(Clone, Copy)]
struct Form {
    rendition: &'static str,
    /// What it wants to be told of it, where that is not what the rendition says.
    content_type: Option<&'static str>,
}

/// What a file name asks for.
fn parts(file: &str) -> Result<(&str, Form), Problem> {
    let (what, end) = file.rsplit_once('.').ok_or_else(Problem::no_such_address)?;
    let (rendition, content_type) = match end {
        "wav" => ("phone-wav-8k", None),
        // Asterisk plays 16 kHz by exactly this type, and takes any other WAV for one of 8 kHz.
        "wav16" => ("phone-wav-16k", Some("audio/x-wav;codec=pcm;bit=16;rate=16000")),
        "ulaw" => ("phone-ulaw-8k", None),
        "alaw" => ("phone-alaw-8k", None),
        _ => return Err(Problem::no_such_address()),
    };
    Ok((what, Form { rendition, content_type }))
}

/// Answers with what is served of a prompt.
async fn play(
    app: &App,
    prompt: &Prompt,
    form: Form,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let renditions: Vec<Rendition> = prompts::served(app, prompt).await?;
    let rendition = renditions.iter().find(|rendition| rendition.name == form.rendition);
    let rendition = rendition.ok_or(ServiceError::NotFound(Thing::Rendition {}))?;
    let mut response = media::serve(app, rendition, method, headers).await?;
    response.headers_mut().insert(header::CACHE_CONTROL, FRESH);
    if let Some(content_type) = form.content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    Ok(response)
}

/// `PUT /core/v1/mailboxes/{extension}/greetings/{id}?name=…`: the body is the audio, or a form with it. Callers hear it as soon
/// as it can be heard.
pub(super) async fn take_greeting(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path((extension, core_id)): Path<(String, String)>,
    mut fields: Fields,
    request: Request,
) -> Answer {
    let (incoming, form_check) = receive(&app, &mut fields, request).await?;
    let recorded = Recorded { core_id: Some(&core_id), name: fields.take("name"), incoming };
    let prompt = form_check.explain(greetings::take(&app, &domain, &extension, recorded).await)?;
    outcome(&app, &domain, prompt).await
}

/// `PUT /core/v1/mailboxes/{extension}/recorded-name`: the body is the audio, or a form with it.
pub(super) async fn take_name(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(extension): Path<String>,
    mut fields: Fields,
    request: Request,
) -> Answer {
    let (incoming, form_check) = receive(&app, &mut fields, request).await?;
    let recorded = Recorded { core_id: None, name: fields.take("name"), incoming };
    let prompt = form_check.explain(greetings::take_name(&app, &domain, &extension, recorded).await)?;
    outcome(&app, &domain, prompt).await
}

/// The audio of a request, whichever way it comes, with the fields beside it.
async fn receive(app: &App, fields: &mut Fields, request: Request) -> Result<(Incoming, raw::FormCheck), Problem> {
    if form::announces_form(request.headers()) {
        let (of_form, mut incoming) = form::receive(app, request, &["name", "format"]).await?;
        fields.extend(of_form);
        incoming.hint = fields.take("format").or(incoming.hint);
        return Ok((incoming, raw::FormCheck::default()));
    }
    raw::receive(app, request, fields.take("format"))
}
