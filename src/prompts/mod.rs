//! Prompts: uploaded, spoken from text or recorded by phone; replaced, used, listed, deleted.

pub mod greetings;
pub mod names;
pub(crate) mod plan;
mod prompt;
pub mod removal;
pub(crate) mod rows;
pub mod scripts;
pub(crate) mod spoken;
mod synthesize_prompt;
pub(crate) mod uses;
pub(crate) mod version_rows;
pub mod versions;
pub mod voices;

pub use self::{
    prompt::{Prompt, PromptKind, PromptOrigin, PromptVersion},
    synthesize_prompt::SynthesizePrompt,
    uses::Use,
    versions::Source,
};

use voicemill_queue::Outlook;
use voicemill_speech::{
    synthesize::Manner,
    text::parts::{self, Part, Place},
};
use voicemill_types::{MailboxId, PromptId, Time};

use self::{scripts::check_script, versions::Begin};
use crate::{
    app::App,
    domains::Domain,
    error::ServiceError,
    jobs::{self, operate::Listed},
    mailboxes::{self, Mailbox},
    media::{self, Media, MediaState, OwnerKind, RenderMedia, Rendition, TranscriptState, state::job_key},
    refusal::{Rule, Thing},
};

/// What people say of a prompt they add.
#[derive(Clone, Debug)]
pub struct NewPrompt {
    /// What it is for.
    pub kind: PromptKind,
    /// What they call it.
    pub name: String,
    /// The mailbox it belongs to, for greetings and recorded names.
    pub extension: Option<String>,
}

/// A prompt with what was made of the version that is served.
#[derive(Clone, Debug)]
pub struct Details {
    /// The prompt.
    pub prompt: Prompt,
    /// The renditions of the version that is served.
    pub renditions: Vec<Rendition>,
    /// Where it is used.
    pub uses: Vec<Use>,
    /// Its place in the queue and when it should be there, while it is pending.
    pub queue: Option<Outlook>,
}

/// What a person changes of a prompt; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What they call it.
    pub name: Option<String>,
    /// The words to be spoken, also in place of audio that was uploaded.
    pub script: Option<String>,
    /// The voice.
    pub voice: Option<String>,
    /// How fast it speaks.
    pub speaking_rate: Option<f64>,
    /// How long it pauses.
    pub pauses: Option<f64>,
}

/// Longest name, in bytes.
const MAX_NAME: usize = 200;

/// Which prompts are listed; all of them if nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of the mailbox with this extension.
    pub extension: Option<String>,
    /// Those of this kind.
    pub kind: Option<PromptKind>,
}

/// Adds a prompt and queues the work on it.
pub async fn add(app: &App, domain: &Domain, new: NewPrompt, source: Source) -> Result<Prompt, ServiceError> {
    let mailbox = check_new(app, domain, &new).await?;
    versions::begin(app, blank(app, domain, new, mailbox), source, Begin::New(None)).await
}

/// Refuses a prompt that may not be added; returns its mailbox, if it is for one.
pub async fn check_new(app: &App, domain: &Domain, new: &NewPrompt) -> Result<Option<MailboxId>, ServiceError> {
    check_name(&new.name)?;
    mailbox_for(app, domain, new).await
}

/// A prompt of which nothing is stored yet.
fn blank(app: &App, domain: &Domain, new: NewPrompt, mailbox_id: Option<MailboxId>) -> Prompt {
    let now = Time::from(app.clock.now());
    let media = Media::new(domain.id, OwnerKind::Prompt, TranscriptState::Off, now);
    Prompt {
        id: PromptId::new(),
        domain_id: domain.id,
        media_id: media.id,
        mailbox_id,
        kind: new.kind,
        name: new.name,
        extension: new.extension,
        active: false,
        activates: false,
        served_version: None,
        begun: media.version,
        origin: PromptOrigin::Upload,
        script: None,
        voice: None,
        manner: Manner::default(),
        version: media.version,
        state: media.state,
        failure: None,
        duration_ms: None,
        phone_report: None,
        waveform: Vec::new(),
        created_at: now,
    }
}

/// Gives a prompt new audio: a new version, while the one that is served keeps being served until the new one can be heard.
pub async fn replace(app: &App, domain: &Domain, id: PromptId, source: Source) -> Result<Prompt, ServiceError> {
    let prompt = details(app, domain, id).await?.prompt;
    versions::begin(app, prompt.next_version(), source, Begin::Next).await
}

/// Changes what is given of a prompt. What sounds otherwise is spoken anew, as a new version; a prompt that would sound
/// as before stays as it is.
pub async fn change(app: &App, domain: &Domain, id: PromptId, changes: Changes) -> Result<Prompt, ServiceError> {
    let mut prompt = details(app, domain, id).await?.prompt;
    let before = prompt.clone();
    if let Some(name) = changes.name {
        check_name(&name)?;
        prompt.name = name;
    }
    let rate = changes.speaking_rate.or(Some(prompt.manner.rate));
    let pauses = changes.pauses.or(Some(prompt.manner.pauses));
    let manner = manner(rate, pauses)?;
    let words_about_sound = changes.voice.is_some() || manner != before.manner;
    let voice = changes.voice.or_else(|| before.voice.clone());
    match changes.script.or_else(|| before.script.clone()) {
        None if words_about_sound => Err(ServiceError::invalid("/script", Rule::ScriptMissing {})),
        Some(script)
            if before.state == MediaState::Failed
                || (before.script.as_ref(), &before.voice, before.manner) != (Some(&script), &voice, manner) =>
        {
            versions::begin(app, prompt.next_version(), Source::Text { script, voice, manner }, Begin::Next).await
        }
        _ => {
            let mut tx = app.begin().await?;
            rows::rename(tx.connection(), prompt.id, &prompt.name).await?;
            tx.commit().await?;
            Ok(prompt)
        }
    }
}

/// How a voice is to speak: what is given, and the voice's own where nothing is.
pub fn manner(rate: Option<f64>, pauses: Option<f64>) -> Result<Manner, ServiceError> {
    for (field, given, range) in [("speaking_rate", rate, Manner::RATES), ("pauses", pauses, Manner::PAUSES)] {
        let Some(given) = given.filter(|given| !range.contains(given)) else { continue };
        let rule = Rule::OutOfRange { field: field.to_owned(), given, least: *range.start(), most: *range.end() };
        return Err(ServiceError::invalid(&format!("/{field}"), rule));
    }
    Ok(Manner { rate: rate.unwrap_or(1.0), pauses: pauses.unwrap_or(1.0) })
}

/// Has facts spoken for a core: the prompt that has them, made anew only if the domain has none yet. Clock and language are the
/// mailbox's, if it is for one.
pub async fn announce(
    app: &App,
    domain: &Domain,
    mailbox: Option<&Mailbox>,
    parts: &[Part],
    voice: Option<String>,
    manner: Manner,
) -> Result<Prompt, ServiceError> {
    let (script, voice) = words(app, domain, mailbox, parts, voice);
    check_script(app, &script, Some(&voice))?;
    let known = {
        let mut connection = app.database.read().await?;
        rows::announcement(&mut connection, domain.id, &script, &voice, manner).await?
    };
    if let Some(prompt) = known {
        return Ok(prompt);
    }
    let new = NewPrompt { kind: PromptKind::Announcement, name: "Announcement".to_owned(), extension: None };
    add(app, domain, new, Source::Text { script, voice: Some(voice), manner }).await
}

/// The prompt that has these facts already, if there is one.
async fn announced(
    app: &App,
    domain: &Domain,
    mailbox: &Mailbox,
    parts: &[Part],
) -> Result<Option<Prompt>, ServiceError> {
    let (script, voice) = words(app, domain, Some(mailbox), parts, None);
    let mut connection = app.database.read().await?;
    Ok(rows::announcement(&mut connection, domain.id, &script, &voice, Manner::default()).await?)
}

/// The script of facts, and the voice for it.
fn words(
    app: &App,
    domain: &Domain,
    mailbox: Option<&Mailbox>,
    parts: &[Part],
    voice: Option<String>,
) -> (String, String) {
    let clock = mailbox.map_or(&*domain.time_zone, |mailbox| mailbox.clock(domain));
    let locale = mailbox.map_or(&*domain.locale, |mailbox| mailbox.language(domain));
    let script = parts::announcement(parts, &Place::new(clock, locale, app.clock.now()));
    (script, voice.unwrap_or_else(|| scripts::voice_for(app, locale)))
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    if name.is_empty() || name.len() > MAX_NAME {
        let rule = Rule::BadLength { field: "name".to_owned(), most: MAX_NAME };
        return Err(ServiceError::invalid("/name", rule));
    }
    Ok(())
}

async fn mailbox_for(app: &App, domain: &Domain, new: &NewPrompt) -> Result<Option<MailboxId>, ServiceError> {
    let personal = matches!(new.kind, PromptKind::Greeting | PromptKind::RecordedName);
    match &new.extension {
        Some(extension) => Ok(Some(mailboxes::by_extension(app, domain, extension).await?.id)),
        None if personal => Err(ServiceError::invalid("/extension", Rule::ExtensionMissing {})),
        None => Ok(None),
    }
}

/// One prompt with what was made of it.
pub async fn details(app: &App, domain: &Domain, id: PromptId) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let prompt = rows::in_domain(connection, domain.id, id).await?.ok_or(ServiceError::NotFound(Thing::Prompt {}))?;
    let version = prompt.served_version.unwrap_or(prompt.version);
    let renditions = media::rows::list(connection, prompt.media_id, version).await?;
    let uses = uses::of(connection, prompt.id).await?;
    drop(snapshot);
    let queue = match prompt.state {
        MediaState::Pending => {
            let key = job_key(prompt.media_id, prompt.version);
            match jobs::operate::outlook::<SynthesizePrompt>(app, &key).await? {
                Some(outlook) => Some(outlook),
                None => jobs::operate::outlook::<RenderMedia>(app, &key).await?,
            }
        }
        _ => None,
    };
    Ok(Details { prompt, renditions, uses, queue })
}

/// The domain's prompts by kind.
pub async fn list(app: &App, domain: &Domain, filter: &Filter) -> Result<Vec<Listed<Prompt>>, ServiceError> {
    let mailbox = match &filter.extension {
        Some(extension) => Some(mailboxes::by_extension(app, domain, extension).await?.id),
        None => None,
    };
    let mut connection = app.database.read().await?;
    let mut listed = Listed::all(rows::list(&mut connection, domain.id, mailbox, filter.kind).await?);
    drop(connection);
    let key = |prompt: &Prompt| (prompt.state == MediaState::Pending).then(|| job_key(prompt.media_id, prompt.version));
    jobs::operate::tell::<SynthesizePrompt, _>(app, &mut listed, key).await?;
    jobs::operate::tell::<RenderMedia, _>(app, &mut listed, key).await?;
    Ok(listed)
}

/// The renditions of what is served of a prompt; none where nothing can be heard yet.
pub async fn served(app: &App, prompt: &Prompt) -> Result<Vec<Rendition>, ServiceError> {
    match prompt.served_version {
        Some(version) => Ok(media::rows::list(&mut app.database.read().await?, prompt.media_id, version).await?),
        None => Ok(Vec::new()),
    }
}
