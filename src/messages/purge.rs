//! A message that goes for good: its row, its links, mails and notices, and its sound with the last message that has it.

use voicemill_types::{MessageId, Time};

use crate::{
    app::App,
    db::{Connection, DbError, on, statements},
    error::ServiceError,
    events::Event,
    mailboxes::usage,
    media,
    messages::{Folder, Message, locked, rows},
    transaction::Tx,
};

statements! {
    IS_DUE = "SELECT COUNT(*) AS due FROM message WHERE id = $1 AND purge_at <= $2";
    MAIL_KEYS = "SELECT mail_key FROM notice WHERE message_id = $1 AND mail_key IS NOT NULL";
    DELETE_MAILS = "DELETE FROM blob WHERE role = 'mail' AND key IN (SELECT mail_key FROM notice WHERE message_id = $1)";
    // Its links and notices go with it.
    DELETE_MESSAGE = "DELETE FROM message WHERE id = $1";
}

/// Removes a message that has lain in the trash for long enough, unless somebody has taken it out meanwhile.
pub(super) async fn if_due(app: &App, id: MessageId, now: Time) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let Some(message) = locked(&mut tx, id).await? else { return Ok(()) };
    if is_due(tx.connection(), id, now).await? {
        remove(&mut tx, &message).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Removes a message for good, with whatever nothing else has. The caller holds its locks.
pub(super) async fn remove(tx: &mut Tx<'_>, message: &Message) -> Result<(), ServiceError> {
    let (id, domain, mailbox) = (message.id, message.domain_id, message.mailbox_id);
    if message.folder != Folder::Trash {
        let bytes = rows::original_bytes(tx.connection(), message.media_id).await?;
        usage::give(tx, domain, mailbox, bytes).await?;
    }
    let mails = delete(tx.connection(), id).await?;
    media::release(tx, domain, message.media_id, mails).await?;
    tx.emit(domain, Event::MessagePurged { message: id, mailbox }).await
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
