//! Messages: received from cores, listed, moved, played.

mod arrival;
mod message;
mod purge_trash;
mod render_message;
pub(crate) mod renditions;
pub(crate) mod rows;
mod transcribe_message;
pub(crate) mod trash;

pub(crate) use self::arrival::LeftMessage;
pub use self::arrival::Received;
pub use self::{
    message::{Folder, MediaState, Message, TranscriptState, WrongMove},
    purge_trash::PurgeTrash,
    render_message::RenderMessage,
    transcribe_message::TranscribeMessage,
};

use voicemill_queue::Outlook;
use voicemill_types::{MessageId, Time, Transcript};

use self::renditions::VERSION;
use crate::{
    app::App,
    arrivals::{self, Incoming, Spooled, Taken, intake},
    domains::Domain,
    error::ServiceError,
    jobs::{self, operate::Listed},
    links,
    mailboxes::{self, Mailbox},
    media::{self, Rendition},
    notices::{self, Notice},
    patience::promptly,
};

/// What a core says of the message it drops.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The mailbox.
    pub extension: String,
    /// The core's own id; the same id twice in a mailbox is one message.
    pub core_id: String,
    /// May be empty.
    pub caller_number: String,
    /// May be empty.
    pub caller_name: String,
    /// The service number that was called, if it was one.
    pub service_number: Option<String>,
    /// When the caller left it; now if the core does not say.
    pub received_at: Option<Time>,
    /// How many bytes the core announces.
    pub announced_bytes: Option<u64>,
}

/// A message with all that belongs to it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Details {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// Its transcript.
    pub transcript: Option<Transcript>,
    /// Its renditions.
    pub renditions: Vec<Rendition>,
    /// Its mails, one a recipient.
    pub notices: Vec<Notice>,
    /// Its place in the queue and when it should be there, while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Outlook>,
}

/// Longest text a core may give as an id, a number or a name.
const MAX_TEXT: usize = 200;

/// Takes a message from a core: on return the bytes are durable and the work is queued, or all of it is durable in the
/// spool; either way the core may forget it.
pub async fn receive(
    app: &App,
    domain: &Domain,
    arrival: Arrival,
    incoming: Incoming,
) -> Result<Taken<Received>, ServiceError> {
    check(&arrival)?;
    let announced = arrival.announced_bytes;
    let left = LeftMessage {
        id: MessageId::new(),
        domain_id: domain.id,
        extension: arrival.extension,
        core_id: arrival.core_id,
        caller_number: arrival.caller_number,
        caller_name: arrival.caller_name,
        service_number: arrival.service_number.filter(|number| !number.is_empty()),
        received_at: arrival.received_at.unwrap_or_else(|| Time::from(app.clock.now())),
        hint: intake::plain_hint(incoming.hint),
    };
    let arrival = arrivals::Arrival::Message(left.clone());
    let room = match promptly(&app.breakers.reads, look(app, domain, &left)).await {
        Ok(Found::Standing(message)) => return Ok(Taken::Done(Received { message, fresh: false })),
        Ok(Found::Room(room)) => Some(room),
        // Whether there is such a mailbox, and room in it, shows when the database is back.
        Err(error) if error.is_transient() => None,
        Err(error) => return Err(error),
    };
    if let Some(waiting) = intake::waiting(app, arrival.identity()).await? {
        return Ok(Taken::Spooled(waiting));
    }
    check_room(app, domain, room.as_ref(), announced.unwrap_or(0)).await?;
    let landed = intake::land(app, incoming.body, announced).await?;
    check_room(app, domain, room.as_ref(), landed.content.bytes).await?;

    let placed = match intake::place(app, &arrival, &landed).await {
        Ok(placed) => placed,
        Err(error) => return Ok(Taken::Spooled(intake::spool(app, arrival, Some(landed), None, &error).await?)),
    };
    match promptly(&app.breakers.writes, left.commit(app, &placed)).await {
        Ok(received) => {
            if !received.fresh {
                intake::forget(app, &placed.key).await;
            }
            Ok(Taken::Done(received))
        }
        Err(error) if error.is_transient() => {
            Ok(Taken::Spooled(intake::spool(app, arrival, None, Some(placed), &error).await?))
        }
        Err(error) => Err(error),
    }
}

fn check(arrival: &Arrival) -> Result<(), ServiceError> {
    for (what, text) in [
        ("mailbox", &arrival.extension),
        ("message id", &arrival.core_id),
        ("caller number", &arrival.caller_number),
        ("caller name", &arrival.caller_name),
        ("service number", arrival.service_number.as_ref().unwrap_or(&String::new())),
    ] {
        if text.len() > MAX_TEXT {
            return Err(ServiceError::Invalid(format!("the {what} is longer than {MAX_TEXT} bytes")));
        }
    }
    if arrival.core_id.is_empty() {
        return Err(ServiceError::Invalid(
            "the message needs an id, so that sending it twice makes one message".into(),
        ));
    }
    Ok(())
}

/// What the database knows of a message that arrives.
enum Found {
    Standing(Message),
    Room(Room),
}

struct Room {
    mailbox: Mailbox,
    stored: i64,
}

async fn look(app: &App, domain: &Domain, left: &LeftMessage) -> Result<Found, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, &left.extension).await?;
    let mut connection = app.database.read().await?;
    if let Some(message) = rows::by_core_id(&mut connection, mailbox.id, &left.core_id).await? {
        return Ok(Found::Standing(message));
    }
    let stored = rows::stored_bytes(&mut connection, mailbox.id).await?;
    Ok(Found::Room(Room { mailbox, stored }))
}

/// Refuses what does not fit into the mailbox, and has its people told.
async fn check_room(app: &App, domain: &Domain, room: Option<&Room>, bytes: u64) -> Result<(), ServiceError> {
    let Some(room) = room else { return Ok(()) };
    let checked = check_quota(&room.mailbox, room.stored, bytes);
    if checked.is_err() {
        super::notices::mailbox_is_full(app, domain, &room.mailbox).await?;
    }
    checked
}

fn check_quota(mailbox: &Mailbox, stored: i64, more: u64) -> Result<(), ServiceError> {
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    if stored.saturating_add(more) <= mailbox.quota_bytes && stored < mailbox.quota_bytes {
        return Ok(());
    }
    Err(ServiceError::MailboxFull { extension: mailbox.extension.clone(), stored, quota: mailbox.quota_bytes })
}

/// A page of a folder, newest first: the messages, and where the next page begins.
pub async fn list(
    app: &App,
    domain: &Domain,
    extension: &str,
    folder: Folder,
    before: Option<MessageId>,
    limit: u16,
) -> Result<Vec<Listed<Message>>, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, extension).await?;
    let mut connection = app.database.read().await?;
    let from = match before {
        None => (Time::from_microseconds(i64::MAX), MessageId(uuid::Uuid::max())),
        Some(id) => {
            let last = rows::in_domain(&mut connection, domain.id, id).await?;
            (last.ok_or(ServiceError::NotFound("message"))?.received_at, id)
        }
    };
    let listed = rows::list(&mut connection, mailbox.id, folder, from, i64::from(limit)).await?;
    drop(connection);
    let mut listed = Listed::all(listed);
    let key = |message: &Message| (message.state == MediaState::Pending).then(|| message.id.to_string());
    jobs::operate::tell::<RenderMessage, _>(app, &mut listed, key).await?;
    Ok(listed)
}

/// A message that waits in the spool, for whom the database does not know it yet.
pub async fn spooled(app: &App, domain: &Domain, id: MessageId) -> Result<Option<Spooled>, ServiceError> {
    intake::waiting_message(app, domain.id, id).await
}

/// One message with all that belongs to it.
pub async fn details(app: &App, domain: &Domain, id: MessageId) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let message = rows::in_domain(connection, domain.id, id).await?.ok_or(ServiceError::NotFound("message"))?;
    let mut details = Details {
        transcript: rows::transcript(connection, id).await?,
        renditions: media::rows::list(connection, id.0, VERSION).await?,
        notices: notices::rows::of_message(connection, id).await?,
        queue: None,
        message,
    };
    drop(snapshot);
    if details.message.state == MediaState::Pending {
        details.queue = jobs::operate::outlook::<RenderMessage>(app, id).await?;
    }
    Ok(details)
}

/// Moves a message to another folder; into the trash, its links die with it.
pub async fn move_to(app: &App, domain: &Domain, id: MessageId, folder: Folder) -> Result<Message, ServiceError> {
    let mut transaction = app.begin().await?;
    transaction.connection().lock(id.0).await?;
    let message = rows::in_domain(transaction.connection(), domain.id, id).await?;
    let mut message = message.ok_or(ServiceError::NotFound("message"))?;
    message.folder.check_move(folder).map_err(|error| ServiceError::Conflict(error.to_string()))?;
    rows::set_folder(transaction.connection(), id, folder).await?;
    notices::rows::forget_moves(transaction.connection(), id).await?;
    if folder == Folder::Trash {
        let now = Time::from(app.clock.now());
        links::rows::revoke_all(transaction.connection(), id, now).await?;
        trash::note(transaction.connection(), id, now).await?;
    }
    transaction.commit().await?;
    message.folder = folder;
    Ok(message)
}
