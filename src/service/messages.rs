//! Messages: received from cores, listed, moved, played.

use super::{Incoming, ServiceError, domains, intake, jobs};
use crate::{
    app::App,
    db::{links, messages, notices, renditions, trash},
    jobs::{RenderMessage, message::VERSION},
    model::{
        Domain, Folder, Mailbox, MediaState, Message, MessageId, Notice, Rendition, Time, Transcript, TranscriptState,
    },
    queue::{NewJob, Outlook},
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
    /// When the caller left it; now if the core does not say.
    pub received_at: Option<Time>,
    /// How many bytes the core announces.
    pub announced_bytes: Option<u64>,
}

/// What became of a drop.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// False when it stood already.
    pub fresh: bool,
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

/// Takes a message from a core: on return the bytes are durable and the work is queued, and the core may forget it.
pub async fn receive(
    app: &App,
    domain: &Domain,
    arrival: Arrival,
    incoming: Incoming,
) -> Result<Received, ServiceError> {
    for (what, text) in [
        ("message id", &arrival.core_id),
        ("caller number", &arrival.caller_number),
        ("caller name", &arrival.caller_name),
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
    let mailbox = domains::mailbox(app, domain, &arrival.extension).await?;
    let mut connection = app.database.read().await?;
    if let Some(message) = messages::by_core_id(&mut connection, mailbox.id, &arrival.core_id).await? {
        return Ok(Received { message, fresh: false });
    }
    let stored = messages::stored_bytes(&mut connection, mailbox.id).await?;
    drop(connection);
    let announced = arrival.announced_bytes.map_or(0, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    check_quota(&mailbox, stored, announced)?;

    let now = Time::from(app.clock.now());
    let message = Message {
        id: MessageId::new(),
        domain_id: domain.id,
        mailbox_id: mailbox.id,
        core_id: arrival.core_id,
        folder: Folder::New,
        state: MediaState::Pending,
        failure: None,
        caller_number: arrival.caller_number,
        caller_name: arrival.caller_name,
        received_at: arrival.received_at.unwrap_or(now),
        duration_ms: None,
        brief_start_ms: None,
        brief_end_ms: None,
        truncated: false,
        waveform: Vec::new(),
        phone_report: None,
        transcript_state: if mailbox.transcribe { TranscriptState::Pending } else { TranscriptState::Off },
        read_at: None,
        created_at: now,
    };
    let original = intake::store(app, domain.id, message.id.0, VERSION, "", incoming).await?;
    let outcome = async {
        check_quota(&mailbox, stored, original.bytes)?;
        let mut transaction = app.database.begin().await?;
        if !messages::insert(transaction.connection(), &message).await? {
            let standing = messages::by_core_id(transaction.connection(), mailbox.id, &message.core_id).await?;
            return Ok(Received { message: standing.ok_or(ServiceError::NotFound("message"))?, fresh: false });
        }
        renditions::insert_original(transaction.connection(), &original).await?;
        let job = RenderMessage { message: message.id };
        app.queue.enqueue(transaction.connection(), NewJob::new(domain.id.0, &job).unique(message.id)).await?;
        transaction.commit().await?;
        app.queue.wake();
        Ok(Received { message, fresh: true })
    }
    .await;
    if !matches!(outcome, Ok(Received { fresh: true, .. })) {
        intake::forget(app, &original).await;
    }
    outcome
}

fn check_quota(mailbox: &Mailbox, stored: i64, more: i64) -> Result<(), ServiceError> {
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
) -> Result<Vec<Message>, ServiceError> {
    let mailbox = domains::mailbox(app, domain, extension).await?;
    let mut connection = app.database.read().await?;
    let from = match before {
        None => (Time::from_microseconds(i64::MAX), MessageId(uuid::Uuid::max())),
        Some(id) => {
            let last = messages::in_domain(&mut connection, domain.id, id).await?;
            (last.ok_or(ServiceError::NotFound("message"))?.received_at, id)
        }
    };
    Ok(messages::list(&mut connection, mailbox.id, folder, from, i64::from(limit)).await?)
}

/// One message with all that belongs to it.
pub async fn details(app: &App, domain: &Domain, id: MessageId) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let message = messages::in_domain(connection, domain.id, id).await?.ok_or(ServiceError::NotFound("message"))?;
    let mut details = Details {
        transcript: messages::transcript(connection, id).await?,
        renditions: renditions::list(connection, id.0, VERSION).await?,
        notices: notices::of_message(connection, id).await?,
        queue: None,
        message,
    };
    drop(snapshot);
    if details.message.state == MediaState::Pending {
        details.queue = jobs::outlook::<RenderMessage>(app, id).await?;
    }
    Ok(details)
}

/// Moves a message to another folder; into the trash, its links die with it.
pub async fn move_to(app: &App, domain: &Domain, id: MessageId, folder: Folder) -> Result<Message, ServiceError> {
    let mut transaction = app.database.begin().await?;
    transaction.connection().lock(id.0).await?;
    let message = messages::in_domain(transaction.connection(), domain.id, id).await?;
    let mut message = message.ok_or(ServiceError::NotFound("message"))?;
    message.folder.check_move(folder).map_err(|error| ServiceError::Conflict(error.to_string()))?;
    messages::set_folder(transaction.connection(), id, folder).await?;
    if folder == Folder::Trash {
        let now = Time::from(app.clock.now());
        links::revoke_all(transaction.connection(), id, now).await?;
        trash::note(transaction.connection(), id, now).await?;
    }
    transaction.commit().await?;
    message.folder = folder;
    Ok(message)
}
