//! Prompts: uploaded or spoken from text, replaced, listed.

use serde::Deserialize;

use super::{Incoming, ServiceError, domains, intake};
use crate::{
    app::App,
    db::{Transaction, prompts, renditions},
    jobs::{RenderPrompt, SynthesizePrompt},
    model::{Domain, MailboxId, MediaState, Prompt, PromptId, PromptKind, PromptOrigin, Rendition, Time},
    queue::NewJob,
};

/// What people say of a prompt they add.
#[derive(Clone, Debug, Deserialize)]
pub struct NewPrompt {
    /// What it is for.
    pub kind: PromptKind,
    /// What they call it.
    pub name: String,
    /// The mailbox it belongs to, for greetings and recorded names.
    pub extension: Option<String>,
}

/// A prompt with what was made of its latest version.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Details {
    /// The prompt.
    #[serde(flatten)]
    pub prompt: Prompt,
    /// Its renditions.
    pub renditions: Vec<Rendition>,
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
    },
}

/// Longest script, in characters: about five minutes of speech.
const MAX_SCRIPT: usize = 5_000;
/// Longest name, in bytes.
const MAX_NAME: usize = 200;

/// Adds a prompt and queues the work on it.
pub async fn add(app: &App, domain: &Domain, new: NewPrompt, source: Source) -> Result<Prompt, ServiceError> {
    if new.name.is_empty() || new.name.len() > MAX_NAME {
        return Err(ServiceError::Invalid(format!("a prompt needs a name of 1 to {MAX_NAME} bytes")));
    }
    let mailbox_id = mailbox_for(app, domain, &new).await?;
    let prompt = Prompt {
        id: PromptId::new(),
        domain_id: domain.id,
        mailbox_id,
        kind: new.kind,
        name: new.name,
        origin: PromptOrigin::Upload,
        script: None,
        voice: None,
        version: 1,
        state: MediaState::Pending,
        failure: None,
        duration_ms: None,
        phone_report: None,
        created_at: Time::from(app.clock.now()),
    };
    begin_version(app, prompt, source, Begin::New).await
}

/// Gives a prompt new audio: a new version, while the old one keeps being served under its own address.
pub async fn replace(app: &App, domain: &Domain, id: PromptId, source: Source) -> Result<Prompt, ServiceError> {
    let mut prompt = details(app, domain, id).await?.prompt;
    prompt.version += 1;
    prompt.state = MediaState::Pending;
    prompt.failure = None;
    prompt.duration_ms = None;
    prompt.phone_report = None;
    begin_version(app, prompt, source, Begin::Next).await
}

#[derive(Clone, Copy)]
enum Begin {
    New,
    Next,
}

async fn begin_version(app: &App, mut prompt: Prompt, source: Source, begin: Begin) -> Result<Prompt, ServiceError> {
    let unique = format!("{}/{}", prompt.id, prompt.version);
    match source {
        Source::Text { script, voice } => {
            check_script(app, &script, voice.as_deref())?;
            prompt.origin = PromptOrigin::Text;
            prompt.script = Some(script);
            prompt.voice = Some(voice.unwrap_or_else(|| app.config.speech.voice.clone()));
            let mut transaction = app.database.begin().await?;
            write(&mut transaction, &prompt, begin).await?;
            let job = SynthesizePrompt { prompt: prompt.id, version: prompt.version };
            let new = NewJob::new(prompt.domain_id.0, &job).unique(unique);
            app.queue.enqueue(transaction.connection(), new).await?;
            transaction.commit().await?;
        }
        Source::Upload(incoming) => {
            prompt.origin = PromptOrigin::Upload;
            prompt.script = None;
            prompt.voice = None;
            let original = intake::store(app, prompt.domain_id, prompt.id.0, prompt.version, "", incoming).await?;
            let outcome: Result<(), ServiceError> = async {
                let mut transaction = app.database.begin().await?;
                write(&mut transaction, &prompt, begin).await?;
                renditions::insert_original(transaction.connection(), &original).await?;
                let job = RenderPrompt { prompt: prompt.id, version: prompt.version };
                let new = NewJob::new(prompt.domain_id.0, &job).unique(unique);
                app.queue.enqueue(transaction.connection(), new).await?;
                Ok(transaction.commit().await?)
            }
            .await;
            if let Err(error) = outcome {
                intake::forget(app, &original).await;
                return Err(error);
            }
        }
    }
    app.queue.wake();
    Ok(prompt)
}

async fn write(transaction: &mut Transaction, prompt: &Prompt, begin: Begin) -> Result<(), ServiceError> {
    match begin {
        Begin::New => Ok(prompts::insert(transaction.connection(), prompt).await?),
        Begin::Next => {
            if prompts::replace(transaction.connection(), prompt).await? {
                return Ok(());
            }
            Err(ServiceError::Conflict("somebody else replaced this prompt just now; look at it and try again".into()))
        }
    }
}

fn check_script(app: &App, script: &str, voice: Option<&str>) -> Result<(), ServiceError> {
    if script.trim().is_empty() {
        return Err(ServiceError::Invalid("the script is empty; type the words to be spoken".into()));
    }
    let characters = script.chars().count();
    if characters > MAX_SCRIPT {
        return Err(ServiceError::Invalid(format!(
            "the script has {characters} characters; at most {MAX_SCRIPT} are spoken in one prompt"
        )));
    }
    let Some(voice) = voice else { return Ok(()) };
    let engine = app.synthesizer().map_err(|error| ServiceError::Unavailable(error.into()))?;
    if engine.voices().iter().any(|known| known.id.as_str() == voice) {
        return Ok(());
    }
    let known: Vec<&str> = engine.voices().iter().map(|voice| voice.id.as_str()).collect();
    Err(ServiceError::Invalid(format!("there is no voice {voice:?}; there are: {}", known.join(", "))))
}

async fn mailbox_for(app: &App, domain: &Domain, new: &NewPrompt) -> Result<Option<MailboxId>, ServiceError> {
    let personal = matches!(new.kind, PromptKind::Greeting | PromptKind::RecordedName);
    match &new.extension {
        Some(extension) => Ok(Some(domains::mailbox(app, domain, extension).await?.id)),
        None if personal => {
            Err(ServiceError::Invalid("a greeting or recorded name needs the mailbox's extension".into()))
        }
        None => Ok(None),
    }
}

/// One prompt with what was made of it.
pub async fn details(app: &App, domain: &Domain, id: PromptId) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let prompt = prompts::in_domain(connection, domain.id, id).await?.ok_or(ServiceError::NotFound("prompt"))?;
    let renditions = renditions::list(connection, id.0, prompt.version).await?;
    Ok(Details { prompt, renditions })
}

/// The domain's prompts by kind.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Prompt>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(prompts::list(&mut connection, domain.id).await?)
}
