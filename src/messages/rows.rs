//! Messages.

use voicemill_types::{DomainId, MailboxId, MediaId, MessageId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    messages::{Folder, Message},
};

/// A message with what is known of its sound.
macro_rules! messages {
    ($rest:literal) => {
        concat!(
            "SELECT message.*, media.state, media.failure, media.duration_ms, media.brief_start_ms, media.brief_end_ms, \
                 media.truncated, media.waveform, media.phone_report, media.transcript_state \
             FROM message JOIN media ON media.id = message.media_id ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO message (id, domain_id, mailbox_id, media_id, core_id, sha256, folder, caller_number, caller_name, \
                  service_number, received_at, read_at, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
              ON CONFLICT (mailbox_id, core_id, sha256) DO NOTHING";
    // The latest first: of several with the same id it is the one that a core means.
    BY_CORE_ID = messages!("WHERE message.mailbox_id = $1 AND message.core_id = $2 ORDER BY message.id DESC LIMIT 1");
    STANDING = messages!("WHERE message.mailbox_id = $1 AND message.core_id = $2 AND message.sha256 = $3");
    BY_ID = messages!("WHERE message.id = $1");
    IN_DOMAIN = messages!("WHERE message.domain_id = $1 AND message.id = $2");
    OF_MEDIA = "SELECT id, mailbox_id FROM message WHERE media_id = $1 ORDER BY id";
    // Newest first; a page begins below the (received_at, id) of the last row of the page before it.
    LIST = messages!("WHERE message.mailbox_id = $1 AND message.folder = $2 \
                          AND (message.received_at < $3 OR (message.received_at = $3 AND message.id < $4)) \
                      ORDER BY message.received_at DESC, message.id DESC LIMIT $5");
    STORED_BYTES = "SELECT CAST(COALESCE(SUM(blob.bytes), 0) AS BIGINT) AS stored FROM message \
                    JOIN blob ON blob.media_id = message.media_id AND blob.role = 'original' WHERE message.mailbox_id = $1";
    // What nobody has dealt with or played, and can be.
    UNREAD = "SELECT COUNT(*) AS unread FROM message JOIN media ON media.id = message.media_id \
              WHERE message.mailbox_id = $1 AND message.folder = 'new' AND media.state = 'available' AND message.read_at IS NULL";
    NEWEST_UNREAD = messages!("WHERE message.mailbox_id = $1 AND message.folder = 'new' AND media.state = 'available' \
                                   AND message.read_at IS NULL ORDER BY message.created_at DESC, message.id DESC LIMIT 1");
    SET_FOLDER = "UPDATE message SET folder = $2 WHERE id = $1";
    MOVE_IF_IN = "UPDATE message SET folder = $3 WHERE id = $1 AND folder = $2";
    MARK_READ = "UPDATE message SET read_at = $2 WHERE id = $1 AND read_at IS NULL";
}

/// Stores a new message, whose media is stored; false when the mailbox has it already: the core's id with the same bytes.
pub(crate) async fn insert(connection: &mut Connection, message: &Message) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(INSERT)
            .bind(message.id)
            .bind(message.domain_id)
            .bind(message.mailbox_id)
            .bind(message.media_id)
            .bind(&message.core_id)
            .bind(&message.sha256)
            .bind(message.folder)
            .bind(&message.caller_number)
            .bind(&message.caller_name)
            .bind(&message.service_number)
            .bind(message.received_at)
            .bind(message.read_at)
            .bind(message.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// The latest message that the core knows by `core_id`.
pub(crate) async fn by_core_id(
    connection: &mut Connection,
    mailbox: MailboxId,
    core_id: &str,
) -> Result<Option<Message>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_CORE_ID).bind(mailbox).bind(core_id).fetch_optional(connection).await?))
}

/// The message that the core knows by `core_id` and whose original has this SHA-256.
pub(crate) async fn standing(
    connection: &mut Connection,
    mailbox: MailboxId,
    core_id: &str,
    sha256: &str,
) -> Result<Option<Message>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(STANDING).bind(mailbox).bind(core_id).bind(sha256).fetch_optional(connection).await?
    ))
}

/// The messages that have this sound, and their mailboxes.
pub(crate) async fn of_media(
    connection: &mut Connection,
    media: MediaId,
) -> Result<Vec<(MessageId, MailboxId)>, DbError> {
    Ok(on!(connection, sqlx::query_as(OF_MEDIA).bind(media).fetch_all(connection).await?))
}

/// The message with that id, whatever its domain: for jobs and links, which carry their own authority.
pub(crate) async fn by_id(connection: &mut Connection, id: MessageId) -> Result<Option<Message>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// The message with that id if it is the domain's.
pub(crate) async fn in_domain(
    connection: &mut Connection,
    domain: DomainId,
    id: MessageId,
) -> Result<Option<Message>, DbError> {
    Ok(on!(connection, sqlx::query_as(IN_DOMAIN).bind(domain).bind(id).fetch_optional(connection).await?))
}

/// Up to `limit` messages of a folder, newest first, older than `before`.
pub(crate) async fn list(
    connection: &mut Connection,
    mailbox: MailboxId,
    folder: Folder,
    before: (Time, MessageId),
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(LIST)
            .bind(mailbox)
            .bind(folder)
            .bind(before.0)
            .bind(before.1)
            .bind(limit)
            .fetch_all(connection)
            .await?
    ))
}

/// How many messages of the mailbox are new, ready and not yet played.
pub(crate) async fn unread(connection: &mut Connection, mailbox: MailboxId) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(UNREAD).bind(mailbox).fetch_one(connection).await?))
}

/// The last to come of the messages that are new, ready and not yet played.
pub(crate) async fn newest_unread(connection: &mut Connection, mailbox: MailboxId) -> Result<Option<Message>, DbError> {
    Ok(on!(connection, sqlx::query_as(NEWEST_UNREAD).bind(mailbox).fetch_optional(connection).await?))
}

/// Bytes of the mailbox's messages as they came, in every folder.
pub(crate) async fn stored_bytes(connection: &mut Connection, mailbox: MailboxId) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(STORED_BYTES).bind(mailbox).fetch_one(connection).await?))
}

/// Moves the message to another folder.
pub(crate) async fn set_folder(connection: &mut Connection, id: MessageId, folder: Folder) -> Result<(), DbError> {
    on!(connection, sqlx::query(SET_FOLDER).bind(id).bind(folder).execute(connection).await?.rows_affected());
    Ok(())
}

/// Moves the message only if it still lies in `from`, so that an automatic move never undoes a person's; true if it did.
pub(crate) async fn move_if_in(
    connection: &mut Connection,
    id: MessageId,
    from: Folder,
    to: Folder,
) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(MOVE_IF_IN).bind(id).bind(from).bind(to).execute(connection).await?.rows_affected())
        == 1)
}

/// Records the first play; true if it was the first.
pub(crate) async fn mark_read(connection: &mut Connection, id: MessageId, at: Time) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(MARK_READ).bind(id).bind(at).execute(connection).await?.rows_affected()) == 1)
}
