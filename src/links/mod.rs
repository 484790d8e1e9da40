//! What an expiring link shows, and what a play through it records.

mod link;
mod recent;
pub(crate) mod rows;
pub mod tokens;

pub use self::link::{Link, LinkSpan};
pub(crate) use self::recent::Recent;

use std::time::Instant;

use voicemill_notify::wording;
use voicemill_types::{LinkId, Time, Transcript};

use self::tokens::Purpose;
use crate::{
    app::App,
    domains::{self, Domain},
    error::ServiceError,
    events::Event,
    mailboxes::{self, Mailbox},
    media::{self, Rendition},
    messages::{
        self, Folder, Message,
        renditions::{PLAYED, PLAYED_BRIEF, of_names},
    },
    refusal::Thing,
};

/// What the page of a link shows.
pub struct Shown {
    /// The link itself.
    pub link: Link,
    /// Whose brand it has.
    pub domain: Domain,
    /// The mailbox, whose clock it shows.
    pub mailbox: Mailbox,
    /// The message.
    pub message: Message,
    /// Its words, if they are known.
    pub transcript: Option<Transcript>,
    /// The token for the audio; a page's token is none.
    pub audio_token: String,
    /// What there is to play, the form to be preferred first.
    pub playable: Vec<Rendition>,
}

/// Opens a page's token.
///
/// # Errors
/// `Gone` after expiry; every other token that does not work is `NotFound`, all alike.
pub async fn open(app: &App, token: &str) -> Result<Shown, ServiceError> {
    let link = verified(app, Purpose::Page, token).await?;
    let mut connection = app.database.read().await?;
    let message = message(&mut connection, &link).await?;
    let domain = domains::rows::by_id(&mut connection, link.domain_id).await?.ok_or(NOTHING)?;
    let mailbox = mailboxes::rows::by_id(&mut connection, message.mailbox_id).await?.ok_or(NOTHING)?;
    let transcript = match link.span {
        LinkSpan::Full => media::state::transcript(&mut connection, message.media_id).await?,
        LinkSpan::Brief => None,
    };
    let playable = playable(&mut connection, &link, &message).await?;
    let audio_token = app.secrets().link_keys.mint(Purpose::Audio, link.id);
    Ok(Shown { link, domain, mailbox, message, transcript, audio_token, playable })
}

/// A file behind a link's audio token.
#[derive(Clone, Debug)]
pub struct File {
    /// What to stream.
    pub rendition: Rendition,
    /// What people save it as.
    pub name: String,
}

/// Opens an audio token: the form with that file name extension, or the one to be preferred where there is none.
pub async fn audio(app: &App, token: &str, extension: &str) -> Result<File, ServiceError> {
    let verified_id = app.secrets().link_keys.verify(Purpose::Audio, token).ok();
    if let Some((link, file)) = verified_id.and_then(|id| app.recent_links.get(id, extension)) {
        return if link.is_expired(Time::from(app.clock.now())) { Err(ServiceError::Gone) } else { Ok(file) };
    }
    let began = Instant::now();
    let link = verified(app, Purpose::Audio, token).await?;
    let mut connection = app.database.read().await?;
    let message = message(&mut connection, &link).await?;
    let domain = domains::rows::by_id(&mut connection, link.domain_id).await?.ok_or(NOTHING)?;
    let mailbox = mailboxes::rows::by_id(&mut connection, message.mailbox_id).await?.ok_or(NOTHING)?;
    let mut playable = playable(&mut connection, &link, &message).await?;
    let asked = playable.iter().position(|rendition| rendition.extension() == extension).unwrap_or(0);
    if playable.is_empty() {
        return Err(NOTHING);
    }
    let rendition = playable.swap_remove(asked);
    let Message { caller_name, caller_number, received_at, .. } = &message;
    let clock = mailbox.clock(&domain);
    let name = wording::audio_file_name(caller_name, caller_number, *received_at, clock, rendition.extension());
    let file = File { rendition, name };
    app.recent_links.put(began, extension, link, file.clone());
    Ok(file)
}

async fn playable(
    connection: &mut crate::db::Connection,
    link: &Link,
    message: &Message,
) -> Result<Vec<Rendition>, ServiceError> {
    let names: &[&str] = match link.span {
        LinkSpan::Full => &PLAYED,
        LinkSpan::Brief => &PLAYED_BRIEF,
    };
    Ok(of_names(connection, message, names).await?)
}

/// Records that somebody played the message; true if it was the first time.
pub async fn played(app: &App, token: &str) -> Result<bool, ServiceError> {
    let link = verified(app, Purpose::Page, token).await?;
    let mut tx = app.begin().await?;
    let now = Time::from(app.clock.now());
    let first = messages::rows::mark_read(tx.connection(), link.message_id, now).await?;
    let opened = rows::opened(tx.connection(), link.id, now).await?;
    if (first || opened)
        && let Some(message) = messages::rows::by_id(tx.connection(), link.message_id).await?
    {
        let (message, mailbox) = (message.id, message.mailbox_id);
        if opened {
            tx.emit(link.domain_id, Event::LinkOpened { message, mailbox }).await?;
        }
        if first {
            tx.emit(link.domain_id, Event::MessageRead { message, mailbox }).await?;
        }
    }
    tx.commit().await?;
    Ok(first)
}

const NOTHING: ServiceError = ServiceError::NotFound(Thing::Link {});

async fn verified(app: &App, purpose: Purpose, token: &str) -> Result<Link, ServiceError> {
    // A token that does not verify costs the same look-up as one that does, so that time tells nothing.
    let id = app.secrets().link_keys.verify(purpose, token);
    let looked_up = id.as_ref().map_or(LinkId(uuid::Uuid::nil()), |id| *id);
    let mut connection = app.database.read().await?;
    let link = rows::by_id(&mut connection, looked_up).await?;
    let (Ok(_), Some(link)) = (id, link) else {
        return Err(NOTHING);
    };
    if link.revoked_at.is_some() {
        return Err(NOTHING);
    }
    if link.is_expired(Time::from(app.clock.now())) {
        return Err(ServiceError::Gone);
    }
    Ok(link)
}

async fn message(connection: &mut crate::db::Connection, link: &Link) -> Result<Message, ServiceError> {
    let message = messages::rows::by_id(connection, link.message_id).await?;
    message.filter(|message| message.folder != Folder::Trash).ok_or(NOTHING)
}
