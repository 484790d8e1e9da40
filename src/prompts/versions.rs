//! Versions of a prompt's sound: begun, served once they can be heard, kept for a while after another is served in their place.
//!
//! A version that cannot be made changes nothing of what is served: it is told of as the latest, with the reason.

use voicemill_queue::NewJob;
use voicemill_speech::synthesize::Manner;
use voicemill_types::{PromptId, Time};

use crate::{
    app::App,
    arrivals::{Incoming, intake},
    domains::Domain,
    error::ServiceError,
    events::Event,
    mailboxes::usage,
    media::{self, Original, owners::Outcome, state::job_key},
    prompts::{
        Prompt, PromptOrigin, PromptVersion, SynthesizePrompt, details, greetings, rows, scripts::check_script,
        version_rows,
    },
    refusal::{Conflict, Thing},
    transaction::Tx,
};

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

/// How a version comes to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begin<'a> {
    /// As the first of a prompt, perhaps one with a core's id.
    New(Option<&'a str>),
    /// After those of a prompt that stands.
    Next,
}

/// Begins a version, and queues the work on it.
pub(super) async fn begin(
    app: &App,
    mut prompt: Prompt,
    source: Source,
    begin: Begin<'_>,
) -> Result<Prompt, ServiceError> {
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
            Ok(prompt)
        }
        Source::Upload(incoming) => {
            let original = intake::store(app, &prompt.media(), incoming).await?;
            begin_stored(app, prompt, original, PromptOrigin::Upload, begin).await
        }
    }
}

/// Begins a version of bytes that lie in the store, which it takes out again where it fails.
pub(super) async fn begin_stored(
    app: &App,
    prompt: Prompt,
    original: Original,
    origin: PromptOrigin,
    begin: Begin<'_>,
) -> Result<Prompt, ServiceError> {
    let key = original.key.clone();
    let outcome: Result<Prompt, ServiceError> = async {
        let mut tx = app.begin().await?;
        let prompt = write_stored(&mut tx, prompt, original, origin, begin).await?;
        tx.commit().await?;
        Ok(prompt)
    }
    .await;
    if outcome.is_err() {
        intake::forget(app, &key).await;
    }
    outcome
}

/// Writes a version of bytes that lie in the store, and queues the work on it.
pub(super) async fn write_stored(
    tx: &mut Tx<'_>,
    mut prompt: Prompt,
    original: Original,
    origin: PromptOrigin,
    begin: Begin<'_>,
) -> Result<Prompt, ServiceError> {
    prompt.origin = origin;
    prompt.script = None;
    prompt.voice = None;
    prompt.manner = Manner::default();
    write(tx, &prompt, begin).await?;
    let original = Original { media_id: prompt.media_id, version: prompt.version, ..original };
    media::rows::insert_original(tx.connection(), prompt.domain_id, &original).await?;
    if let Some(mailbox) = prompt.mailbox_id {
        usage::count_greetings(tx, prompt.domain_id, mailbox, true).await?;
    }
    media::enqueue_render(tx, &prompt.media()).await?;
    Ok(prompt)
}

/// Queues the speaking of a prompt's version.
async fn enqueue_speech(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<(), ServiceError> {
    let job = SynthesizePrompt { prompt: prompt.id, version: prompt.version };
    tx.enqueue(NewJob::new(prompt.domain_id.0, &job).unique(job_key(prompt.media_id, prompt.version))).await?;
    Ok(())
}

async fn write(tx: &mut Tx<'_>, prompt: &Prompt, begin: Begin<'_>) -> Result<(), ServiceError> {
    match begin {
        Begin::New(core_id) => {
            media::state::create(tx.connection(), &prompt.media()).await?;
            match rows::insert(tx.connection(), prompt, core_id).await {
                Err(error) if error.is_conflict() => Err(ServiceError::Conflict(Conflict::PromptExists {})),
                inserted => Ok(inserted?),
            }?;
            let now = Time::from(tx.app().clock.now());
            version_rows::insert(tx.connection(), prompt, now).await?;
            Ok(tx.about(Some(prompt.domain_id), format!("prompts/{}", prompt.id)).await?)
        }
        Begin::Next => {
            if replace(tx, prompt).await? {
                return Ok(());
            }
            Err(ServiceError::Conflict(Conflict::ChangedMeanwhile {}))
        }
    }
}

/// Begins a prompt's version, which follows the latest; false, and nothing is written, when somebody else was quicker.
#[must_use = "when somebody else was quicker, nothing more may be written"]
async fn replace(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<bool, ServiceError> {
    if !media::state::begin_version(tx.connection(), prompt.media_id, prompt.version - 1).await? {
        return Ok(false);
    }
    hold_mailbox(tx, prompt).await?;
    let now = Time::from(tx.app().clock.now());
    version_rows::insert(tx.connection(), prompt, now).await?;
    rows::rename(tx.connection(), prompt.id, &prompt.name).await?;
    let event = Event::PromptReplaced { prompt: prompt.id, version: prompt.version };
    tx.emit(prompt.domain_id, event).await?;
    Ok(true)
}

/// Takes turns with all who change what the prompt's mailbox has. Whoever does holds the prompt's media before, and changes the
/// prompt afterwards, so that no two wait for each other.
pub(super) async fn hold_mailbox(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<(), ServiceError> {
    if let Some(mailbox) = prompt.mailbox_id {
        usage::lock(tx.connection(), mailbox).await?;
    }
    Ok(())
}

/// Has the latest version of a spoken prompt said anew; nothing when somebody replaces it at the same moment.
pub(crate) async fn speak_anew(app: &App, prompt: Prompt) -> Result<(), ServiceError> {
    let next = prompt.next_version();
    let mut tx = app.begin().await?;
    if replace(&mut tx, &next).await? {
        enqueue_speech(&mut tx, &next).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// What follows when the work on a version is over: one that can be heard is served from now on, and the events of that.
pub(crate) async fn settled(
    tx: &mut Tx<'_>,
    id: PromptId,
    version: i64,
    outcome: &Outcome,
) -> Result<Vec<Event>, ServiceError> {
    let now = Time::from(tx.app().clock.now());
    let Some(prompt) = rows::by_id(tx.connection(), id).await? else { return Ok(Vec::new()) };
    hold_mailbox(tx, &prompt).await?;
    if !version_rows::settle(tx.connection(), (id, version), now).await? {
        return Ok(Vec::new());
    }
    match outcome {
        Outcome::Transcribed(_) => Ok(Vec::new()),
        Outcome::Failed(reason) => Ok(vec![Event::PromptFailed { prompt: id, version, reason: reason.clone() }]),
        Outcome::Available => {
            version_rows::serve(tx.connection(), (id, version), now).await?;
            if let Some(mailbox) = prompt.mailbox_id {
                // The one that was served counts no more.
                usage::count_greetings(tx, prompt.domain_id, mailbox, false).await?;
            }
            let mut events = vec![Event::PromptAvailable { prompt: id, version }];
            events.extend(greetings::activate_if_wanted(tx, id).await?);
            Ok(events)
        }
    }
}

/// The versions of the domain's prompt, latest first.
pub async fn list(app: &App, domain: &Domain, id: PromptId) -> Result<Vec<PromptVersion>, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let prompt = rows::in_domain(connection, domain.id, id).await?.ok_or(ServiceError::NotFound(Thing::Prompt {}))?;
    Ok(version_rows::list(connection, prompt.id).await?)
}

/// Begins a new version that is made of what an earlier one was made of.
pub async fn restore(app: &App, domain: &Domain, id: PromptId, version: i64) -> Result<Prompt, ServiceError> {
    let prompt = details(app, domain, id).await?.prompt;
    let earlier = list(app, domain, id).await?.into_iter().find(|one| one.version == version);
    let earlier = earlier.ok_or(ServiceError::NotFound(Thing::PromptVersion {}))?;
    let next = prompt.next_version();
    if let Some(script) = earlier.script {
        let source = Source::Text { script, voice: earlier.voice, manner: earlier.manner };
        return begin(app, next, source, Begin::Next).await;
    }
    let originals = media::rows::originals(&mut app.database.read().await?, next.media_id, version).await?;
    let original = originals.into_iter().next().ok_or(ServiceError::NotFound(Thing::PromptVersion {}))?;
    let original = Original { created_at: Time::from(app.clock.now()), ..original };
    begin_stored(app, next, original, earlier.origin, Begin::Next).await
}
