//! Messages: received from cores, listed, moved, played.

mod arrival;
mod change;
mod copies;
pub(crate) mod list;
mod message;
pub(crate) mod plan;
pub(crate) mod purge;
pub(crate) mod renditions;
pub(crate) mod rows;
pub mod trash;

pub use self::arrival::Received;
pub(crate) use self::arrival::{LeftMessage, Quota};
pub(crate) use self::change::{file, locked};
pub use self::{
    change::{Changes, change, delete, empty_trash},
    copies::{CopiedBy, Forwarding, Source, forward},
    list::{Filter, Order, list},
    message::{Folder, Message},
};
pub use crate::media::{MediaState, TranscriptState};

use voicemill_queue::Outlook;
use voicemill_types::{MessageId, Time, Transcript};

use self::renditions::VERSION;
use crate::{
    app::App,
    arrivals::{self, Incoming, Receipt, SpooledArrival, intake, metadata},
    deadlines::promptly,
    domains::Domain,
    error::ServiceError,
    jobs,
    mailboxes::{self, Mailbox, Usage, usage},
    media::{self, RenderMedia, Rendition, state::job_key},
    notices::{self, Notice},
    refusal::{Rule, Thing},
};

/// What a core says of the message it drops.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The mailbox.
    pub extension: String,
    /// The core's own id; the same id with the same bytes is one message.
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
#[derive(Clone, Debug)]
pub struct Details {
    /// The message.
    pub message: Message,
    /// Its transcript.
    pub transcript: Option<Transcript>,
    /// Its renditions.
    pub renditions: Vec<Rendition>,
    /// Its mails, one a recipient.
    pub notices: Vec<Notice>,
    /// Its place in the queue and when it should be there, while it is pending.
    pub queue: Option<Outlook>,
}

/// Most bytes kept of an id, a number or a name that a core gives.
const MAX_TEXT: usize = 200;

/// Takes a message from a core: on return the bytes are durable and the work is queued, or all of it is durable in the
/// spool; either way the core may forget it.
pub async fn receive(
    app: &App,
    domain: &Domain,
    arrival: Arrival,
    incoming: Incoming,
) -> Result<Receipt<Received>, ServiceError> {
    if arrival.core_id.is_empty() {
        return Err(ServiceError::invalid("", Rule::IdMissing { thing: Thing::Message {} }));
    }
    let announced = arrival.announced_bytes;
    let mut left = LeftMessage {
        id: MessageId::new(),
        domain_id: domain.id,
        extension: arrival.extension,
        core_id: metadata::id(&arrival.core_id, MAX_TEXT),
        sha256: String::new(),
        caller_number: metadata::text(&arrival.caller_number, MAX_TEXT),
        caller_name: metadata::text(&arrival.caller_name, MAX_TEXT),
        service_number: arrival
            .service_number
            .map(|number| metadata::text(&number, MAX_TEXT))
            .filter(|number| !number.is_empty()),
        received_at: arrival.received_at.unwrap_or_else(|| Time::from(app.clock.now())),
        hint: intake::plain_hint(incoming.hint),
    };
    let room = match promptly(&app.breakers.reads, look(app, domain, &left)).await {
        Ok(room) => Some(room),
        // Whether there is such a mailbox, and room in it, shows when the database is back.
        Err(error) if error.is_transient() => None,
        Err(error) => return Err(error),
    };
    let knows_id = room.as_ref().is_some_and(|room| room.knows_id);
    // What may be here already needs no room.
    if !knows_id {
        // At least one byte, however many they are.
        check_room(app, room.as_ref(), announced.unwrap_or(1)).await?;
    }
    let landed = intake::land(app, incoming.body, announced).await?;
    left.sha256.clone_from(&landed.content.sha256);
    if knows_id {
        match promptly(&app.breakers.reads, left.standing(app)).await {
            Ok(Some(message)) => return Ok(Receipt::Stored(Received::standing(message))),
            Ok(None) => {}
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(error),
        }
    }
    let arrival = arrivals::Arrival::Message(left.clone());
    if let Some(waiting) = intake::waiting(app, arrival.identity()).await? {
        return Ok(Receipt::Spooled(waiting));
    }
    check_room(app, room.as_ref(), landed.content.bytes).await?;

    let blob = match intake::put(app, &arrival, &landed).await {
        Ok(blob) => blob,
        Err(error) => return Ok(Receipt::Spooled(intake::spool(app, arrival, Some(landed), None, &error).await?)),
    };
    match promptly(&app.breakers.writes, left.commit(app, &blob, Quota::Holds)).await {
        Ok(received) => {
            if !received.fresh {
                intake::forget(app, &blob.key).await;
            }
            Ok(Receipt::Stored(received))
        }
        Err(error) if error.is_transient() => {
            Ok(Receipt::Spooled(intake::spool(app, arrival, None, Some(blob), &error).await?))
        }
        Err(error) => {
            intake::forget(app, &blob.key).await;
            if let (ServiceError::MailboxFull { more, .. }, Some(room)) = (&error, &room) {
                notices::mailbox_is_full(app, &room.mailbox, *more).await?;
            }
            Err(error)
        }
    }
}

/// What the database knows of where a message is to go.
struct Room {
    mailbox: Mailbox,
    usage: Usage,
    /// Whether a message has the core's id already, with whatever bytes.
    knows_id: bool,
}

async fn look(app: &App, domain: &Domain, left: &LeftMessage) -> Result<Room, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, &left.extension).await?;
    let mut connection = app.database.read().await?;
    let knows_id = rows::by_core_id(&mut connection, mailbox.id, &left.core_id).await?.is_some();
    let usage = usage::of(&mut connection, mailbox.id).await?.ok_or(ServiceError::NotFound(Thing::Mailbox {}))?;
    Ok(Room { mailbox, usage, knows_id })
}

/// Refuses what does not fit into the mailbox, and has its people told.
async fn check_room(app: &App, room: Option<&Room>, bytes: u64) -> Result<(), ServiceError> {
    let Some(Room { mailbox, usage, .. }) = room else { return Ok(()) };
    let more = i64::try_from(bytes).unwrap_or(i64::MAX);
    if more <= usage.free() {
        return Ok(());
    }
    notices::mailbox_is_full(app, mailbox, more).await?;
    Err(usage::full(mailbox.extension.clone(), *usage, more))
}

/// A message that waits in the spool, for whom the database does not know it yet.
pub async fn spooled(app: &App, domain: &Domain, id: MessageId) -> Result<Option<SpooledArrival>, ServiceError> {
    intake::waiting_message(app, domain.id, id).await
}

/// Refuses a message that the owner of the mailbox does not see: it lies neither there nor in a group of theirs.
pub async fn seen_from(app: &App, domain: &Domain, extension: &str, id: MessageId) -> Result<(), ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, extension).await?;
    let mut connection = app.database.read().await?;
    let message = rows::in_domain(&mut connection, domain.id, id).await?;
    let message = message.ok_or(ServiceError::NotFound(Thing::Message {}))?;
    let groups = mailboxes::groups::of_member(&mut connection, mailbox.id).await?;
    if message.mailbox_id != mailbox.id && groups.iter().all(|group| group.id != message.mailbox_id) {
        return Err(ServiceError::NotFound(Thing::Message {}));
    }
    Ok(())
}

/// One message with all that belongs to it.
pub async fn details(app: &App, domain: &Domain, id: MessageId) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let message = rows::in_domain(connection, domain.id, id).await?.ok_or(ServiceError::NotFound(Thing::Message {}))?;
    let mut details = Details {
        transcript: media::state::transcript(connection, message.media_id).await?,
        renditions: media::rows::list(connection, message.media_id, VERSION).await?,
        notices: notices::rows::of_message(connection, id).await?,
        queue: None,
        message,
    };
    drop(snapshot);
    if details.message.state == MediaState::Pending {
        let key = job_key(details.message.media_id, VERSION);
        details.queue = jobs::operate::outlook::<RenderMedia>(app, key).await?;
    }
    Ok(details)
}
