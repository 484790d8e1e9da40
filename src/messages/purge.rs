//! A message that goes for good: its row, its links, mails and notices, and its sound with the last message that has it.

use uuid::Uuid;
use voicemill_types::{MessageId, Time};

use crate::{
    app::App,
    db::{Connection, DbError, on, statements},
    error::ServiceError,
    events::Event,
    mailboxes::usage,
    media,
    messages::{Folder, Message, locked, rows},
    retention::{
        Cause,
        deletions::{self, Deletion},
        holds,
    },
    transaction::Tx,
};

statements! {
    IS_DUE = "SELECT COUNT(*) AS due FROM message WHERE id = $1 AND purge_at <= $2";
    MAIL_KEYS = "SELECT mail_key FROM notice WHERE message_id = $1 AND mail_key IS NOT NULL";
    DELETE_MAILS = "DELETE FROM blob WHERE role = 'mail' AND key IN (SELECT mail_key FROM notice WHERE message_id = $1)";
    // Its links and notices go with it.
    DELETE_MESSAGE = "DELETE FROM message WHERE id = $1";
}

/// Removes a message that has lain in the trash for long enough, unless it is held, or somebody has taken it out meanwhile.
pub(super) async fn if_due(app: &App, id: MessageId, now: Time) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let Some((message, false)) = locked_to_remove(&mut tx, id).await? else { return Ok(()) };
    if is_due(tx.connection(), id, now).await? {
        remove(&mut tx, &message, Cause::Trash).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Removes a message that is older than its domain keeps it, wherever it lies, unless it is held.
pub(crate) async fn by_retention(app: &App, id: MessageId) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let Some((message, false)) = locked_to_remove(&mut tx, id).await? else { return Ok(()) };
    remove(&mut tx, &message, Cause::Retention).await?;
    Ok(tx.commit().await?)
}

/// The message, and whether it is held, with all locks held that whoever removes it needs.
pub(super) async fn locked_to_remove(tx: &mut Tx<'_>, id: MessageId) -> Result<Option<(Message, bool)>, ServiceError> {
    let Some(message) = rows::by_id(tx.connection(), id).await? else { return Ok(None) };
    holds::lock(tx.connection(), message.domain_id).await?;
    let Some(message) = locked(tx, id).await? else { return Ok(None) };
    let now = Time::from(tx.app().clock.now());
    let subject = (Some(message.mailbox_id.0), id.0);
    let is_held = holds::covers(tx.connection(), message.domain_id, subject, now).await?;
    Ok(Some((message, is_held)))
}

/// Removes a message for good, with whatever nothing else has. The caller holds its locks, and it is not held.
pub(super) async fn remove(tx: &mut Tx<'_>, message: &Message, cause: Cause) -> Result<(), ServiceError> {
    let (id, domain, mailbox) = (message.id, message.domain_id, message.mailbox_id);
    if message.folder != Folder::Trash {
        let bytes = rows::original_bytes(tx.connection(), message.media_id).await?;
        usage::give(tx, domain, mailbox, bytes).await?;
    }
    let sha256 = deletions::originals(tx.connection(), message.media_id).await?;
    let mails = delete(tx.connection(), id).await?;
    let deletion = Uuid::now_v7();
    let is_gone = media::release(tx, domain, message.media_id, (mails, deletion)).await?;
    let gone = Deletion {
        id: deletion,
        domain_id: domain,
        kind: "message".to_owned(),
        subject_id: id.0,
        mailbox_id: Some(mailbox),
        sha256,
        cause,
        shared: !is_gone,
        deleted_at: Time::from(tx.app().clock.now()),
        verified_at: None,
    };
    deletions::insert(tx.connection(), &gone).await?;
    tx.emit(domain, Event::MessagePurged { message: id, mailbox, cause }).await
}

async fn is_due(connection: &mut Connection, id: MessageId, now: Time) -> Result<bool, DbError> {
    let due: i64 = on!(connection, sqlx::query_scalar(IS_DUE).bind(id).bind(now).fetch_one(connection).await?);
    Ok(due > 0)
}

/// Removes the row with its links and notices; returns the keys of its mails.
async fn delete(connection: &mut Connection, id: MessageId) -> Result<Vec<String>, DbError> {
    let mails = on!(connection, sqlx::query_scalar(MAIL_KEYS).bind(id).fetch_all(&mut *connection).await?);
    for statement in [DELETE_MAILS, DELETE_MESSAGE] {
        on!(connection, sqlx::query(statement).bind(id).execute(&mut *connection).await?.rows_affected());
    }
    Ok(mails)
}
