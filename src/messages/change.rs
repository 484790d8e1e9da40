//! What people and their mails do with a message: file it, mark it, remove it.

use voicemill_types::{MessageId, Time};

use crate::{
    app::App,
    domains::{self, Domain},
    error::ServiceError,
    events::Event,
    links,
    mailboxes::{self, usage},
    messages::{
        Folder, Message, purge, rows,
        trash::{self, Because},
    },
    notices,
    refusal::{Conflict, Rule, Thing},
    retention::Cause,
    transaction::Tx,
};

/// What is changed of a message; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Where it is to lie.
    pub folder: Option<Folder>,
    /// Whether somebody has dealt with it. A message is read where it lies: this moves nothing.
    pub read: Option<bool>,
    /// Whether it is urgent.
    pub urgent: Option<bool>,
    /// What people call it, or none.
    pub label: Option<Option<String>>,
}

/// Longest label, in bytes.
const MAX_LABEL: usize = 64;

/// Files a message, or marks it.
///
/// # Errors
/// `WrongMove` where folders do not allow the move, `MailboxFull` where something is taken out of the trash and does not fit.
pub async fn change(app: &App, domain: &Domain, id: MessageId, changes: Changes) -> Result<Message, ServiceError> {
    let label = changes.label.as_ref().and_then(Option::as_ref);
    if label.is_some_and(|label| label.is_empty() || label.len() > MAX_LABEL || label.chars().any(char::is_control)) {
        let rule = Rule::BadLength { field: "label".to_owned(), most: MAX_LABEL };
        return Err(ServiceError::invalid("/label", rule));
    }
    let mut tx = app.begin().await?;
    let message = seen(&mut tx, domain, id).await?;
    if let Some(folder) = changes.folder.filter(|folder| *folder != message.folder) {
        if !message.folder.may_move_to(folder) {
            return Err(ServiceError::Conflict(Conflict::WrongMove {}));
        }
        file(&mut tx, &message, folder, Because::Asked).await?;
        notices::rows::forget_moves(tx.connection(), id).await?;
    }
    let now = Time::from(app.clock.now());
    let mailbox = message.mailbox_id;
    match changes.read {
        Some(true) if rows::mark_read(tx.connection(), id, now).await? => {
            tx.emit(domain.id, Event::MessageRead { message: id, mailbox }).await?;
        }
        Some(false) if rows::mark_unread(tx.connection(), id).await? => {
            tx.emit(domain.id, Event::MessageUnread { message: id, mailbox }).await?;
        }
        _ => {}
    }
    let urgent = changes.urgent.unwrap_or(message.urgent);
    let label = changes.label.unwrap_or_else(|| message.label.clone());
    if (urgent, &label) != (message.urgent, &message.label) {
        rows::set_marks(tx.connection(), id, urgent, label.as_deref()).await?;
        tx.emit(domain.id, Event::MessageChanged { message: id, mailbox }).await?;
    }
    let changed = rows::by_id(tx.connection(), id).await?.ok_or(ServiceError::NotFound(Thing::Message {}))?;
    tx.commit().await?;
    Ok(changed)
}

/// Removes a message for good: from the trash, or at once from wherever it lies.
///
/// # Errors
/// `NotInTrash` if it lies elsewhere and is not to go at once; `OnHold` if it must be kept.
pub async fn delete(app: &App, domain: &Domain, id: MessageId, at_once: bool) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let found = purge::locked_to_remove(&mut tx, id).await?;
    let theirs = |(message, _): &(Message, bool)| message.domain_id == domain.id && message.hidden_at.is_none();
    let (message, is_held) = found.filter(theirs).ok_or(ServiceError::NotFound(Thing::Message {}))?;
    if message.folder != Folder::Trash && !at_once {
        return Err(ServiceError::Conflict(Conflict::NotInTrash {}));
    }
    if is_held {
        return Err(ServiceError::Conflict(Conflict::OnHold {}));
    }
    purge::remove(&mut tx, &message, Cause::Request).await?;
    Ok(tx.commit().await?)
}

/// Empties a mailbox's trash, of what lies in it now and is not held; returns how many messages went.
pub async fn empty_trash(app: &App, domain: &Domain, extension: &str) -> Result<u64, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, extension).await?;
    let (mut removed, mut after) = (0, MessageId(uuid::Uuid::nil()));
    loop {
        let batch = rows::in_trash(&mut app.database.read().await?, mailbox.id, after).await?;
        let Some(last) = batch.last() else { return Ok(removed) };
        after = *last;
        for id in batch {
            let mut tx = app.begin().await?;
            let lies_there = |message: &Message| message.folder == Folder::Trash && message.hidden_at.is_none();
            let Some((message, false)) = purge::locked_to_remove(&mut tx, id).await? else { continue };
            if !lies_there(&message) {
                continue;
            }
            purge::remove(&mut tx, &message, Cause::Request).await?;
            tx.commit().await?;
            removed += 1;
        }
    }
}

/// The domain's message, as far as its owner can see it, with its locks held.
async fn seen(tx: &mut Tx<'_>, domain: &Domain, id: MessageId) -> Result<Message, ServiceError> {
    let message = locked(tx, id).await?;
    let theirs = |message: &Message| message.domain_id == domain.id && message.hidden_at.is_none();
    message.filter(theirs).ok_or(ServiceError::NotFound(Thing::Message {}))
}

/// The message, with the locks held that whoever moves or removes it needs, in the order that all take them: those of its
/// mailbox, its sound, and itself.
pub(crate) async fn locked(tx: &mut Tx<'_>, id: MessageId) -> Result<Option<Message>, ServiceError> {
    let Some(message) = rows::by_id(tx.connection(), id).await? else { return Ok(None) };
    usage::lock(tx.connection(), message.mailbox_id).await?;
    tx.connection().lock(message.media_id.0).await?;
    tx.connection().lock(id.0).await?;
    Ok(rows::by_id(tx.connection(), id).await?)
}

/// Moves a message to another folder, with all that goes with it: what counts against the quota, how long it stays, its links.
/// The caller holds its locks.
pub(crate) async fn file(tx: &mut Tx<'_>, message: &Message, to: Folder, because: Because) -> Result<(), ServiceError> {
    let (id, from, mailbox) = (message.id, message.folder, message.mailbox_id);
    let now = tx.app().clock.now();
    let connection = tx.connection();
    let owner = mailboxes::rows::by_id(connection, mailbox).await?;
    let domain = domains::rows::by_id(connection, message.domain_id).await?;
    let (Some(owner), Some(domain)) = (owner, domain) else { return Ok(()) };
    let bytes = rows::original_bytes(connection, message.media_id).await?;
    let leaves_trash = from == Folder::Trash && to != Folder::Trash;
    if leaves_trash && because == Because::Bounced {
        usage::take_anyway(connection, mailbox, bytes).await?;
    } else if leaves_trash && !usage::take(connection, mailbox, bytes).await? {
        let held = usage::of(connection, mailbox).await?.ok_or(ServiceError::NotFound(Thing::Mailbox {}))?;
        return Err(usage::full(owner.extension, held, bytes));
    }
    if from != Folder::Trash && to == Folder::Trash {
        usage::give(tx, domain.id, mailbox, bytes).await?;
    }
    trash::set_folder(tx.connection(), id, (to, because), (now, owner.clock(&domain))).await?;
    if to == Folder::Trash {
        links::rows::revoke_all(tx.connection(), id, Time::from(now)).await?;
    }
    tx.emit(domain.id, Event::MessageMoved { message: id, mailbox, from, to }).await
}
