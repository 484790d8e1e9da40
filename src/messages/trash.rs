//! The trash: what lies in it since when, and messages that leave it for good.

use voicemill_types::{DomainId, MessageId, Time};

use crate::db::{Connection, DbError, on, statements};

statements! {
    NOTE = "UPDATE message SET trashed_at = $2 WHERE id = $1 AND folder = 'trash'";
    // What was put there in some way that notes no time has lain there long enough.
    BEFORE = "SELECT message.id FROM message JOIN mailbox ON mailbox.id = message.mailbox_id \
              WHERE message.domain_id = $1 AND message.folder = 'trash' \
                  AND (message.trashed_at IS NULL OR message.trashed_at < $2) \
                  AND mailbox.time_zone IS NOT DISTINCT FROM $4 \
              ORDER BY message.id LIMIT $3";
    STILL = "SELECT COUNT(*) AS still FROM message WHERE id = $1 AND folder = 'trash' AND (trashed_at IS NULL OR trashed_at < $2)";
    MAIL_KEYS = "SELECT mail_key FROM notice WHERE message_id = $1 AND mail_key IS NOT NULL";
    DELETE_MAILS = "DELETE FROM blob WHERE role = 'mail' AND key IN (SELECT mail_key FROM notice WHERE message_id = $1)";
    // Its links and notices go with it.
    DELETE_MESSAGE = "DELETE FROM message WHERE id = $1";
}

/// Notes since when the message lies in the trash, if it does.
pub(crate) async fn note(connection: &mut Connection, id: MessageId, at: Time) -> Result<(), DbError> {
    on!(connection, sqlx::query(NOTE).bind(id).bind(at).execute(connection).await?.rows_affected());
    Ok(())
}

/// Up to `limit` messages that were put into the trash before that time, in mailboxes of the domain with this time zone of
/// their own, or with none.
pub(crate) async fn before(
    connection: &mut Connection,
    (domain, time_zone): (DomainId, Option<&str>),
    time: Time,
    limit: i64,
) -> Result<Vec<MessageId>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_scalar(BEFORE).bind(domain).bind(time).bind(limit).bind(time_zone).fetch_all(connection).await?
    ))
}

/// Removes a message that has lain in the trash since before that time, with its links and notices; returns the keys of its
/// mails, or none if somebody has taken it out meanwhile. The caller holds the message's lock, and releases its media.
pub(crate) async fn remove(
    connection: &mut Connection,
    id: MessageId,
    time: Time,
) -> Result<Option<Vec<String>>, DbError> {
    let still: i64 = on!(connection, sqlx::query_scalar(STILL).bind(id).bind(time).fetch_one(&mut *connection).await?);
    if still == 0 {
        return Ok(None);
    }
    let mails = on!(connection, sqlx::query_scalar(MAIL_KEYS).bind(id).fetch_all(&mut *connection).await?);
    for statement in [DELETE_MAILS, DELETE_MESSAGE] {
        on!(connection, sqlx::query(statement).bind(id).execute(&mut *connection).await?.rows_affected());
    }
    Ok(Some(mails))
}
