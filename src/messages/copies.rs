//! Copies of a message: forwarded by a person, or made for other mailboxes when it arrives.
//!
//! A copy is a message of its own, with folder, marks and notices of its own; only the sound is stored once, and goes with the
//! last message that has it.

use serde::{Deserialize, Serialize};
use voicemill_queue::{NewJob, Priority};
use voicemill_types::{MailboxId, MessageId, Time};

use crate::{
    app::App,
    domains::Domain,
    error::ServiceError,
    events::Event,
    mailboxes::{self, Mailbox, usage},
    media::{self, MediaState, TranscribeMedia, TranscriptState},
    messages::{Folder, Message, renditions::VERSION, rows},
    notices,
    refusal::{Rule, Thing},
    transaction::Tx,
};

/// Most mailboxes that a message is forwarded to at once.
const MOST_TARGETS: usize = 50;
/// Longest note, in bytes.
const MAX_NOTE: usize = 1_000;

/// How a copy came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopiedBy {
    /// A person forwarded it.
    Forwarding,
    /// Its first mailbox has copies made.
    Setting,
}

/// What a message is a copy of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// How it came to be.
    pub by: CopiedBy,
    /// The extension of the mailbox that it came from.
    pub mailbox: String,
    /// The message there, which may be gone.
    pub message: MessageId,
    /// When the caller left it.
    pub received_at: Time,
}

/// A message that a person sends on.
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// The extensions that get a copy, of the same domain; the message's own may be among them.
    pub to: Vec<String>,
    /// What the person says about it.
    pub note: Option<String>,
}

/// Forwards a message: all of the mailboxes get a copy, or none.
///
/// # Errors
/// `Invalid` with a pointer to an extension that there is not; `MailboxFull` with the first that has no room.
pub async fn forward(
    app: &App,
    domain: &Domain,
    id: MessageId,
    forwarding: Forwarding,
) -> Result<Vec<Message>, ServiceError> {
    let Forwarding { to, note } = forwarding;
    check(&to, note.as_deref())?;
    let missing = || ServiceError::NotFound(Thing::Message {});
    let mut tx = app.begin().await?;
    let found = rows::in_domain(tx.connection(), domain.id, id).await?.ok_or_else(missing)?;
    let mut targets = Vec::new();
    for (index, extension) in to.iter().enumerate() {
        let target = mailboxes::rows::by_extension(tx.connection(), domain.id, extension).await?;
        let rule = || Rule::UnknownMailbox { value: extension.clone() };
        targets.push(target.ok_or_else(|| ServiceError::invalid(&format!("/to/{index}"), rule()))?);
    }
    usage::lock_all(tx.connection(), targets.iter().map(|target| target.id).chain([found.mailbox_id])).await?;
    // Whoever makes the sound ready, or takes it away, comes before or after this.
    tx.connection().lock(found.media_id.0).await?;
    let message = rows::in_domain(tx.connection(), domain.id, id).await?.ok_or_else(missing)?;
    let from = mailboxes::rows::by_id(tx.connection(), message.mailbox_id).await?.ok_or_else(missing)?;
    let bytes = rows::original_bytes(tx.connection(), message.media_id).await?;
    let now = Time::from(app.clock.now());
    let mut copies = Vec::new();
    for target in targets {
        if !usage::take(tx.connection(), target.id, bytes).await? {
            let held = usage::of(tx.connection(), target.id).await?.ok_or_else(missing)?;
            return Err(usage::full(target.extension, held, bytes));
        }
        let source = Source {
            by: CopiedBy::Forwarding,
            mailbox: from.extension.clone(),
            message: message.id,
            received_at: message.source.as_ref().map_or(message.received_at, |source| source.received_at),
        };
        let copy = Message { received_at: now, note: note.clone(), ..copied(&message, target.id, source, now) };
        add(&mut tx, &copy).await?;
        if target.transcribe {
            transcribe(&mut tx, &copy).await?;
        }
        copies.push(copy);
    }
    let to = copies.iter().map(|copy| copy.id).collect();
    tx.emit(domain.id, Event::MessageForwarded { message: id, mailbox: message.mailbox_id, to }).await?;
    tx.commit().await?;
    Ok(copies)
}

fn check(to: &[String], note: Option<&str>) -> Result<(), ServiceError> {
    if to.is_empty() {
        return Err(ServiceError::invalid("/to", Rule::TargetsMissing {}));
    }
    if to.len() > MOST_TARGETS {
        let rule = Rule::TooMany { field: "mailboxes to forward to".to_owned(), most: MOST_TARGETS };
        return Err(ServiceError::invalid("/to", rule));
    }
    if let Some(twice) = (1..to.len()).find(|index| to[..*index].contains(&to[*index])) {
        return Err(ServiceError::invalid(&format!("/to/{twice}"), Rule::NamedTwice {}));
    }
    if note.is_some_and(|note| note.is_empty() || note.len() > MAX_NOTE) {
        let rule = Rule::BadLength { field: "note".to_owned(), most: MAX_NOTE };
        return Err(ServiceError::invalid("/note", rule));
    }
    Ok(())
}

/// Makes the copies that a mailbox wants of a message that arrives in it, in the transaction that stores the message. One that
/// is full is left out and told; the caller holds the locks of all.
pub(super) async fn distribute(
    tx: &mut Tx<'_>,
    message: &Message,
    from: &Mailbox,
    targets: &[Mailbox],
) -> Result<(), ServiceError> {
    let bytes = rows::original_bytes(tx.connection(), message.media_id).await?;
    let now = message.created_at;
    for target in targets {
        if !usage::take(tx.connection(), target.id, bytes).await? {
            notices::tell_of_full(tx, target, bytes).await?;
            continue;
        }
        let source = Source {
            by: CopiedBy::Setting,
            mailbox: from.extension.clone(),
            message: message.id,
            received_at: message.received_at,
        };
        add(tx, &copied(message, target.id, source, now)).await?;
    }
    Ok(())
}

/// The mailboxes that get copies of what arrives in this one.
pub(super) async fn targets(tx: &mut Tx<'_>, of: &Mailbox) -> Result<Vec<Mailbox>, ServiceError> {
    let mut targets = Vec::new();
    for extension in of.copy_to.iter().filter(|extension| **extension != of.extension) {
        // One that is gone gets none.
        targets.extend(mailboxes::rows::by_extension(tx.connection(), of.domain_id, extension).await?);
    }
    Ok(targets)
}

/// Another envelope for the same sound.
fn copied(message: &Message, mailbox: MailboxId, source: Source, now: Time) -> Message {
    Message {
        id: MessageId::new(),
        mailbox_id: mailbox,
        core_id: None,
        folder: Folder::New,
        read_at: None,
        label: None,
        source: Some(source),
        note: None,
        trash_until: None,
        hidden_at: None,
        created_at: now,
        ..message.clone()
    }
}

/// Stores a copy, and tells of it what is true of its sound already. What comes later is told of every message that has it.
async fn add(tx: &mut Tx<'_>, copy: &Message) -> Result<(), ServiceError> {
    rows::insert(tx.connection(), copy).await?;
    let (message, mailbox) = (copy.id, copy.mailbox_id);
    tx.emit(copy.domain_id, Event::MessageReceived { message, mailbox }).await?;
    match (copy.state, &copy.failure) {
        (MediaState::Available, _) => tx.emit(copy.domain_id, Event::MessageAvailable { message, mailbox }).await,
        (MediaState::Failed, Some(reason)) => {
            let reason = reason.clone();
            tx.emit(copy.domain_id, Event::MessageFailed { message, mailbox, reason }).await
        }
        _ => Ok(()),
    }
}

/// Has a sound transcribed that nobody wanted transcribed so far.
async fn transcribe(tx: &mut Tx<'_>, copy: &Message) -> Result<(), ServiceError> {
    let wanted = copy.state == MediaState::Available && copy.transcript_state == TranscriptState::Off;
    if !wanted || !media::state::want_transcript(tx.connection(), copy.media_id).await? {
        return Ok(());
    }
    let job = TranscribeMedia { media: copy.media_id, version: VERSION };
    let key = media::state::job_key(copy.media_id, VERSION);
    tx.enqueue(NewJob::new(copy.domain_id.0, &job).unique(key).priority(Priority::Normal)).await?;
    Ok(())
}
