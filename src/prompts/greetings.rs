//! The greeting that callers of a mailbox hear: of several, the active one.

use uuid::Uuid;
use voicemill_types::{MailboxId, PromptId};

use crate::{
    app::App,
    arrivals::{Incoming, intake},
    checks,
    db::Connection,
    domains::Domain,
    error::ServiceError,
    events::Event,
    mailboxes::{self, Mailbox},
    media::{self, MediaState},
    prompts::{
        NewPrompt, Prompt, PromptKind, PromptOrigin, blank, check_name, details, rows,
        versions::{self, Begin},
    },
    refusal::{Conflict, Rule, Thing},
    transaction::Tx,
};

/// Makes the lock of those who bring greetings to a mailbox, of its id: its own is taken later, and after that of media.
const ARRIVING: u128 = 0x6772_6565_7469_6e67_2061_7272_6976_6573;

/// What a core recorded for a mailbox.
pub struct Recorded<'a> {
    /// The core's id of it; none for a recorded name, of which a mailbox has one.
    pub core_id: Option<&'a str>,
    /// What people will call it.
    pub name: Option<String>,
    /// The audio.
    pub incoming: Incoming,
}

/// The greeting that callers of the mailbox hear, if it has one of its own.
pub async fn active(app: &App, mailbox: &Mailbox) -> Result<Option<Prompt>, ServiceError> {
    Ok(rows::active(&mut app.database.read().await?, mailbox.id).await?)
}

/// Makes a greeting the active one of its mailbox: at once, or as soon as it can be heard.
pub async fn activate(app: &App, domain: &Domain, id: PromptId) -> Result<Prompt, ServiceError> {
    let (prompt, mailbox) = greeting(app, domain, id).await?;
    let mut tx = app.begin().await?;
    if !set_active(&mut tx, &prompt, mailbox).await? {
        if prompt.state != MediaState::Pending {
            return Err(ServiceError::Conflict(Conflict::NotPlayable {}));
        }
        activate_later(&mut tx, id, mailbox).await?;
    }
    tx.commit().await?;
    Ok(details(app, domain, id).await?.prompt)
}

/// Leaves the mailbox of an active greeting without one.
pub async fn deactivate(app: &App, domain: &Domain, id: PromptId) -> Result<Prompt, ServiceError> {
    let (prompt, mailbox) = greeting(app, domain, id).await?;
    if prompt.active || prompt.activates {
        let mut tx = app.begin().await?;
        tx.connection().lock(mailbox.0).await?;
        rows::deactivate(tx.connection(), mailbox).await?;
        tx.emit(domain.id, Event::PromptDeactivated { prompt: id, mailbox }).await?;
        tx.commit().await?;
    }
    Ok(details(app, domain, id).await?.prompt)
}

/// The domain's greeting with that id, and its mailbox.
async fn greeting(app: &App, domain: &Domain, id: PromptId) -> Result<(Prompt, MailboxId), ServiceError> {
    let prompt = details(app, domain, id).await?.prompt;
    match prompt.mailbox_id {
        Some(mailbox) if prompt.kind == PromptKind::Greeting => Ok((prompt, mailbox)),
        _ => Err(ServiceError::invalid("", Rule::WrongPromptKind { wanted: PromptKind::Greeting.name().to_owned() })),
    }
}

/// Makes a greeting the active one; false, and nothing changes, if nothing of it can be heard.
async fn set_active(tx: &mut Tx<'_>, prompt: &Prompt, mailbox: MailboxId) -> Result<bool, ServiceError> {
    tx.connection().lock(mailbox.0).await?;
    let latest = rows::by_id(tx.connection(), prompt.id).await?.ok_or(ServiceError::NotFound(Thing::Prompt {}))?;
    if latest.served_version.is_none() {
        return Ok(false);
    }
    rows::deactivate(tx.connection(), mailbox).await?;
    if !rows::activate(tx.connection(), prompt.id).await? {
        return Err(ServiceError::NotFound(Thing::Prompt {}));
    }
    if !latest.active {
        tx.emit(prompt.domain_id, Event::PromptActivated { prompt: prompt.id, mailbox }).await?;
    }
    Ok(true)
}

/// Has a greeting become the active one once it can be heard, in place of any other of which that was said.
async fn activate_later(tx: &mut Tx<'_>, id: PromptId, mailbox: MailboxId) -> Result<(), ServiceError> {
    tx.connection().lock(mailbox.0).await?;
    rows::expect_none(tx.connection(), mailbox).await?;
    if !rows::activate_later(tx.connection(), id).await? {
        return Err(ServiceError::NotFound(Thing::Prompt {}));
    }
    Ok(())
}

/// Makes the prompt active if it was to become so once it can be heard, as it can now; returns what happened. The caller holds
/// its mailbox.
pub(super) async fn activate_if_wanted(tx: &mut Tx<'_>, id: PromptId) -> Result<Option<Event>, ServiceError> {
    let Some(prompt) = rows::by_id(tx.connection(), id).await? else { return Ok(None) };
    let Some(mailbox) = prompt.mailbox_id.filter(|_| prompt.activates) else { return Ok(None) };
    rows::deactivate(tx.connection(), mailbox).await?;
    let changes = rows::activate(tx.connection(), id).await? && !prompt.active;
    Ok(changes.then_some(Event::PromptActivated { prompt: id, mailbox }))
}

/// Takes a greeting that was recorded by phone: it becomes the active one as soon as it can be heard. The same id with the same
/// bytes is the same greeting; with other bytes, a new version of it.
pub async fn take(app: &App, domain: &Domain, extension: &str, recorded: Recorded<'_>) -> Result<Prompt, ServiceError> {
    checks::check_name(recorded.core_id.unwrap_or_default(), "", Thing::Prompt {})?;
    take_as(app, domain, extension, PromptKind::Greeting, recorded).await
}

/// Takes a name that was recorded by phone, in place of the one that the mailbox has.
pub async fn take_name(
    app: &App,
    domain: &Domain,
    extension: &str,
    recorded: Recorded<'_>,
) -> Result<Prompt, ServiceError> {
    take_as(app, domain, extension, PromptKind::RecordedName, recorded).await
}

async fn take_as(
    app: &App,
    domain: &Domain,
    extension: &str,
    kind: PromptKind,
    recorded: Recorded<'_>,
) -> Result<Prompt, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, extension).await?.id;
    let name = recorded.name.unwrap_or_else(|| "Recorded by phone".to_owned());
    check_name(&name)?;
    let new = NewPrompt { kind, name, extension: Some(extension.to_owned()) };
    let first = blank(app, domain, new, Some(mailbox));
    let original = intake::store(app, &first.media(), recorded.incoming).await?;
    let key = original.key.clone();
    let outcome: Result<(Prompt, bool), ServiceError> = async {
        let mut tx = app.begin().await?;
        // Of two that come at once with the same id, one finds the other.
        tx.connection().lock(Uuid::from_u128(mailbox.0.as_u128() ^ ARRIVING)).await?;
        let standing = match recorded.core_id {
            Some(core_id) => rows::by_core_id(tx.connection(), mailbox, core_id).await?,
            None => rows::recorded_name(tx.connection(), mailbox).await?,
        };
        if let Some(same) = &standing
            && is_of(tx.connection(), same, &original.sha256).await?
        {
            return Ok((same.clone(), false));
        }
        let (prompt, begin) = match standing {
            Some(prompt) => (prompt.next_version(), Begin::Next),
            None => (first, Begin::New(recorded.core_id)),
        };
        let prompt = versions::write_stored(&mut tx, prompt, original, PromptOrigin::Phone, begin).await?;
        if kind == PromptKind::Greeting {
            activate_later(&mut tx, prompt.id, mailbox).await?;
        }
        tx.commit().await?;
        Ok((prompt, true))
    }
    .await;
    if !matches!(&outcome, Ok((_, true))) {
        intake::forget(app, &key).await;
    }
    Ok(outcome?.0)
}

/// Whether the latest version of a prompt is made of these bytes, and was not in vain.
async fn is_of(connection: &mut Connection, prompt: &Prompt, sha256: &str) -> Result<bool, ServiceError> {
    let originals = media::rows::originals(connection, prompt.media_id, prompt.version).await?;
    Ok(prompt.state != MediaState::Failed && originals.iter().any(|original| original.sha256 == sha256))
}
