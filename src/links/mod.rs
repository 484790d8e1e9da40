//! What an expiring link shows, and what a play through it records.

mod link;
pub(crate) mod rows;
pub mod tokens;

pub use self::link::{Link, LinkSpan};

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
        renditions::{ARCHIVE, BRIEF_BROWSER, BRIEF_MP3, BROWSER, BROWSER_MP3, VERSION},
    },
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
}

/// Which of a link's audio files is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Ogg Opus, for browsers that play it.
    Opus,
    /// MP3, for the rest.
    Mp3,
    /// What is worth keeping as a file: a WAV of the whole, an MP3 of a clip.
    Download,
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
    let audio_token = app.link_keys.mint(Purpose::Audio, link.id);
    Ok(Shown { link, domain, mailbox, message, transcript, audio_token })
}

/// Opens an audio token: the rendition to stream.
pub async fn audio(app: &App, token: &str, listen: Listen) -> Result<Rendition, ServiceError> {
    let link = verified(app, Purpose::Audio, token).await?;
    let mut connection = app.database.read().await?;
    let message = message(&mut connection, &link).await?;
    let name = match (link.span, listen) {
        (LinkSpan::Full, Listen::Opus) => BROWSER,
        (LinkSpan::Full, Listen::Mp3) => BROWSER_MP3,
        (LinkSpan::Full, Listen::Download) => ARCHIVE,
        (LinkSpan::Brief, Listen::Opus) => BRIEF_BROWSER,
        (LinkSpan::Brief, Listen::Mp3 | Listen::Download) => BRIEF_MP3,
    };
    media::rows::by_name(&mut connection, message.media_id, VERSION, name).await?.ok_or(NOTHING)
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

const NOTHING: ServiceError = ServiceError::NotFound("link");

async fn verified(app: &App, purpose: Purpose, token: &str) -> Result<Link, ServiceError> {
    // A token that does not verify costs the same look-up as one that does, so that time tells nothing.
    let id = app.link_keys.verify(purpose, token);
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
