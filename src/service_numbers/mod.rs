//! Service numbers: the addresses that every message left there goes to, and what their callers hear.

pub(crate) mod rows;
mod service_number;

pub use self::service_number::{Filled, ServiceNumber, Slot};

use voicemill_types::{DomainId, PromptId, ServiceNumberId, Time};

use crate::{
    app::App,
    checks::{check_name, check_range},
    db::Connection,
    domains::Domain,
    error::ServiceError,
    events::Event,
    mailboxes::{EmailMode, check_recipients},
    playlists,
    prompts::PromptKind,
    refusal::{Rule, Thing},
    transaction::Tx,
};

/// Settings of a service number; what is left out has a default.
#[derive(Clone, Debug, Default)]
pub struct NewServiceNumber {
    /// The addresses.
    pub recipients: Vec<String>,
    /// The form of their mails; links, if left out.
    pub email_mode: Option<EmailMode>,
    /// Whether callers who wait hear their place in the queue; they do if left out.
    pub announce_position: Option<bool>,
    /// Whether they hear how long it may take; they do if left out.
    pub announce_waiting_time: Option<bool>,
    /// How long they wait between these announcements, in seconds; a minute if left out.
    pub announce_seconds: Option<i64>,
    /// The name of the play list that they hear meanwhile.
    pub playlist: Option<String>,
}

/// A service number with what its callers hear.
#[derive(Clone, Debug)]
pub struct Details {
    /// The number.
    pub number: ServiceNumber,
    /// The name of its play list.
    pub playlist: Option<String>,
    /// Its slots that have a message.
    pub filled: Vec<Filled>,
}

impl Details {
    /// The message in a slot.
    pub fn prompt(&self, slot: Slot) -> Option<PromptId> {
        self.filled.iter().find(|filled| filled.slot == slot).map(|filled| filled.prompt_id)
    }
}

/// Makes a service number, or gives the one that stands other settings; its messages stay.
pub async fn save(app: &App, domain: &Domain, number: &str, new: NewServiceNumber) -> Result<Details, ServiceError> {
    check_name(number, "", Thing::ServiceNumber {})?;
    check_recipients(app, &new.recipients).await?;
    let announce_seconds = new.announce_seconds.unwrap_or(60);
    check_range("announce_seconds", announce_seconds, 10..=3_600)?;
    let mut tx = app.begin().await?;
    tx.connection().lock(domain.id.0).await?;
    let playlist_id = match &new.playlist {
        None => None,
        Some(name) => match playlists::rows::by_name(tx.connection(), domain.id, name).await? {
            Some(playlist) => Some(playlist.id),
            None => return Err(ServiceError::invalid("/playlist", Rule::UnknownPlaylist {})),
        },
    };
    let wanted = ServiceNumber {
        id: ServiceNumberId::new(),
        domain_id: domain.id,
        number: number.to_owned(),
        recipients: new.recipients,
        email_mode: new.email_mode.unwrap_or(EmailMode::Link),
        announce_position: new.announce_position.unwrap_or(true),
        announce_waiting_time: new.announce_waiting_time.unwrap_or(true),
        announce_seconds,
        playlist_id,
        created_at: Time::from(app.clock.now()),
    };
    let saved = rows::save(tx.connection(), &wanted).await?;
    tell(&mut tx, &saved, false).await?;
    let details = details(tx.connection(), saved).await?;
    tx.commit().await?;
    Ok(details)
}

/// The domain's service number.
pub async fn find(app: &App, domain: &Domain, number: &str) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let number = standing(connection, domain, number).await?;
    details(connection, number).await
}

/// The domain's service numbers.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Details>, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let mut listed = Vec::new();
    for number in rows::list(connection, domain.id).await? {
        listed.push(details(connection, number).await?);
    }
    Ok(listed)
}

/// Forgets a service number; what was mailed stays mailed, and its messages stay prompts.
pub async fn delete(app: &App, domain: &Domain, number: &str) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let number = standing(tx.connection(), domain, number).await?;
    if !rows::delete(tx.connection(), number.id).await? {
        return Err(ServiceError::NotFound(Thing::ServiceNumber {}));
    }
    tell(&mut tx, &number, true).await?;
    Ok(tx.commit().await?)
}

/// Puts a message into a slot, in place of what is there.
pub async fn fill(
    app: &App,
    domain: &Domain,
    number: &str,
    slot: Slot,
    prompt: PromptId,
) -> Result<Details, ServiceError> {
    let mut tx = app.begin().await?;
    let number = standing(tx.connection(), domain, number).await?;
    playlists::check_kind(tx.connection(), domain, prompt, PromptKind::ServiceMessage, "/prompt").await?;
    match rows::fill(tx.connection(), number.id, Filled { slot, prompt_id: prompt }).await {
        // The number or the prompt was deleted at this moment.
        Err(error) if error.is_reference() => return Err(ServiceError::invalid("/prompt", Rule::UnknownPrompt {})),
        filled => filled?,
    }
    changed(tx, number).await
}

/// Empties a slot.
pub async fn clear(app: &App, domain: &Domain, number: &str, slot: Slot) -> Result<Details, ServiceError> {
    let mut tx = app.begin().await?;
    let number = standing(tx.connection(), domain, number).await?;
    rows::clear(tx.connection(), number.id, slot).await?;
    changed(tx, number).await
}

async fn changed(mut tx: Tx<'_>, number: ServiceNumber) -> Result<Details, ServiceError> {
    tell(&mut tx, &number, false).await?;
    let details = details(tx.connection(), number).await?;
    tx.commit().await?;
    Ok(details)
}

/// Takes a prompt out of every slot of its domain.
pub(crate) async fn unhook(tx: &mut Tx<'_>, domain: DomainId, prompt: PromptId) -> Result<(), ServiceError> {
    let numbers = rows::with_prompt(tx.connection(), domain, prompt).await?;
    rows::clear_prompt(tx.connection(), prompt).await?;
    for number in numbers {
        tell(tx, &number, false).await?;
    }
    Ok(())
}

async fn standing(connection: &mut Connection, domain: &Domain, number: &str) -> Result<ServiceNumber, ServiceError> {
    rows::find(connection, domain.id, number).await?.ok_or(ServiceError::NotFound(Thing::ServiceNumber {}))
}

async fn details(connection: &mut Connection, number: ServiceNumber) -> Result<Details, ServiceError> {
    let filled = rows::filled(connection, number.id).await?;
    let playlist = rows::playlist_name(connection, number.id).await?;
    Ok(Details { number, playlist, filled })
}

async fn tell(tx: &mut Tx<'_>, number: &ServiceNumber, deleted: bool) -> Result<(), ServiceError> {
    let event = Event::ServiceNumberChanged { service_number: number.id, number: number.number.clone(), deleted };
    tx.emit(number.domain_id, event).await
}
