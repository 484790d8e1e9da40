//! Prompts: uploaded or spoken from text, replaced, listed.

pub(crate) mod plan;
mod prompt;
pub(crate) mod rows;
pub(crate) mod spoken;
mod synthesize_prompt;
pub mod voices;

pub use self::{
    prompt::{Prompt, PromptKind, PromptOrigin},
    synthesize_prompt::SynthesizePrompt,
};

use voicemill_queue::{NewJob, Outlook};
use voicemill_speech::{
    synthesize::{self, Manner, VoiceId},
    text::parts::{self, Part, Place},
};
use voicemill_types::{MailboxId, PromptId, Time};

use crate::{
    app::App,
    arrivals::{Incoming, intake},
    domains::Domain,
    error::ServiceError,
    events::Event,
    jobs::{self, operate::Listed},
    mailboxes::{self, Mailbox, usage},
    media::{self, Media, MediaState, OwnerKind, RenderMedia, Rendition, TranscriptState, state::job_key},
    refusal::{Conflict, Rule, Thing},
    transaction::Tx,
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

/// A prompt with what was made of its latest version.
#[derive(Clone, Debug)]
pub struct Details {
    /// The prompt.
    pub prompt: Prompt,
    /// Its renditions.
    pub renditions: Vec<Rendition>,
    /// Its place in the queue and when it should be there, while it is pending.
    pub queue: Option<Outlook>,
}

/// Where a new version's audio comes from.
pub enum Source {
    /// Bytes from somebody's disk.
    Upload(Incoming),
    /// Words for a voice.
    Text {
        /// The words.
        script: String,
        /// The voice; the configured one if none is named.
        voice: Option<String>,
        /// How it speaks.
        manner: Manner,
    },
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

/// Adds a prompt and queues the work on it.
pub async fn add(app: &App, domain: &Domain, new: NewPrompt, source: Source) -> Result<Prompt, ServiceError> {
    check_name(&new.name)?;
    let mailbox_id = mailbox_for(app, domain, &new).await?;
    let now = Time::from(app.clock.now());
    let media = Media::new(domain.id, OwnerKind::Prompt, TranscriptState::Off, now);
    let prompt = Prompt {
        id: PromptId::new(),
        domain_id: domain.id,
        media_id: media.id,
        mailbox_id,
        kind: new.kind,
        name: new.name,
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
    };
    begin_version(app, prompt, source, Begin::New).await
}

/// Gives a prompt new audio: a new version, while the old one keeps being served under its own address.
pub async fn replace(app: &App, domain: &Domain, id: PromptId, source: Source) -> Result<Prompt, ServiceError> {
    let prompt = details(app, domain, id).await?.prompt;
    begin_version(app, prompt.next_version(), source, Begin::Next).await
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
            begin_version(app, prompt.next_version(), Source::Text { script, voice, manner }, Begin::Next).await
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

/// Has facts spoken for a core: the prompt that has them, made anew only if the domain has none yet. Times are those of
/// the mailbox's clock, if it is for one.
pub async fn announce(
    app: &App,
    domain: &Domain,
    mailbox: Option<&Mailbox>,
    parts: &[Part],
    voice: Option<String>,
    manner: Manner,
) -> Result<Prompt, ServiceError> {
    let clock = mailbox.map_or(&*domain.time_zone, |mailbox| mailbox.clock(domain));
    let script = parts::announcement(parts, &Place::new(clock, &domain.locale, app.clock.now()));
    let voice = voice.unwrap_or_else(|| app.config.speech.voice.clone());
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

fn check_name(name: &str) -> Result<(), ServiceError> {
    if name.is_empty() || name.len() > MAX_NAME {
        let rule = Rule::BadLength { field: "name".to_owned(), most: MAX_NAME };
        return Err(ServiceError::invalid("/name", rule));
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Begin {
    New,
    Next,
}

async fn begin_version(app: &App, mut prompt: Prompt, source: Source, begin: Begin) -> Result<Prompt, ServiceError> {
    match source {
        Source::Text { script, voice, manner } => {
            check_script(app, &script, voice.as_deref())?;
            prompt.origin = PromptOrigin::Text;
            prompt.manner = manner;
            prompt.script = Some(script);
            prompt.voice = Some(voice.unwrap_or_else(|| app.config.speech.voice.clone()));
            let mut tx = app.begin().await?;
            write(&mut tx, &prompt, begin).await?;
            enqueue_speech(&mut tx, &prompt).await?;
            tx.commit().await?;
        }
        Source::Upload(incoming) => {
            prompt.origin = PromptOrigin::Upload;
            prompt.script = None;
            prompt.voice = None;
            prompt.manner = Manner::default();
            let media = prompt.media();
            let original = intake::store(app, &media, incoming).await?;
            let outcome: Result<(), ServiceError> = async {
                let mut tx = app.begin().await?;
                write(&mut tx, &prompt, begin).await?;
                media::rows::insert_original(tx.connection(), prompt.domain_id, &original).await?;
                if let Some(mailbox) = prompt.mailbox_id {
                    usage::count_greetings(&mut tx, prompt.domain_id, mailbox, true).await?;
                }
                media::enqueue_render(&mut tx, &media).await?;
                Ok(tx.commit().await?)
            }
            .await;
            if let Err(error) = outcome {
                intake::forget(app, &original.key).await;
                return Err(error);
            }
        }
    }
    Ok(prompt)
}

/// Queues the speaking of a prompt's version.
async fn enqueue_speech(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<(), ServiceError> {
    let job = SynthesizePrompt { prompt: prompt.id, version: prompt.version };
    tx.enqueue(NewJob::new(prompt.domain_id.0, &job).unique(job_key(prompt.media_id, prompt.version))).await?;
    Ok(())
}

async fn write(tx: &mut Tx<'_>, prompt: &Prompt, begin: Begin) -> Result<(), ServiceError> {
    match begin {
        Begin::New => {
            media::state::create(tx.connection(), &prompt.media()).await?;
            rows::insert(tx.connection(), prompt).await?;
            Ok(tx.about(Some(prompt.domain_id), format!("prompts/{}", prompt.id)).await?)
        }
        Begin::Next => {
            if replace_version(tx, prompt).await? {
                return Ok(());
            }
            Err(ServiceError::Conflict(Conflict::ChangedMeanwhile {}))
        }
    }
}

/// Begins a prompt's version, which follows the latest; false, and nothing is written, when somebody else was quicker.
#[must_use = "when somebody else was quicker, nothing more may be written"]
async fn replace_version(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<bool, ServiceError> {
    if !media::state::begin_version(tx.connection(), prompt.media_id, prompt.version - 1).await? {
        return Ok(false);
    }
    rows::replace(tx.connection(), prompt).await?;
    let event = Event::PromptReplaced { prompt: prompt.id, version: prompt.version };
    tx.emit(prompt.domain_id, event).await?;
    Ok(true)
}

/// Has the latest version of a spoken prompt said anew; nothing when somebody replaces it at the same moment.
pub(crate) async fn speak_anew(app: &App, prompt: Prompt) -> Result<(), ServiceError> {
    let next = prompt.next_version();
    let mut tx = app.begin().await?;
    if replace_version(&mut tx, &next).await? {
        enqueue_speech(&mut tx, &next).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn check_script(app: &App, script: &str, voice: Option<&str>) -> Result<(), ServiceError> {
    if script.trim().is_empty() {
        return Err(ServiceError::invalid("/script", Rule::ScriptEmpty {}));
    }
    synthesize::check_text(script)
        .map_err(|error| ServiceError::invalid("/script", Rule::BadScript { cause: error.to_string() }))?;
    let voice = VoiceId::new(voice.map_or_else(|| app.config.speech.voice.clone(), str::to_owned));
    match synthesize::find(&app.synthesizer.voices(), &voice) {
        Ok(known) if known.ready => Ok(()),
        Ok(known) => {
            let rule = Rule::VoiceNotInstalled { voice: voice.to_string(), model: known.model.to_string() };
            Err(ServiceError::invalid("/voice", rule))
        }
        Err(error) => Err(ServiceError::invalid("/voice", Rule::UnknownVoice { cause: error.to_string() })),
    }
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
    let renditions = media::rows::list(connection, prompt.media_id, prompt.version).await?;
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
    Ok(Details { prompt, renditions, queue })
}

/// The domain's prompts by kind.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Listed<Prompt>>, ServiceError> {
    let mut connection = app.database.read().await?;
    let mut listed = Listed::all(rows::list(&mut connection, domain.id).await?);
    drop(connection);
    let key = |prompt: &Prompt| (prompt.state == MediaState::Pending).then(|| job_key(prompt.media_id, prompt.version));
    jobs::operate::tell::<SynthesizePrompt, _>(app, &mut listed, key).await?;
    jobs::operate::tell::<RenderMedia, _>(app, &mut listed, key).await?;
    Ok(listed)
}
