//! Messages.

use sqlx::types::Json;
use voicemill_types::{DomainId, MailboxId, MediaId, MessageId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    messages::Message,
};

/// A message with what is known of its sound.
macro_rules! messages {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "SELECT message.*, media.state, media.failure, media.duration_ms, media.brief_start_ms, media.brief_end_ms, \
                 media.truncated, media.waveform, media.phone_report, media.transcript_state \
             FROM message JOIN media ON media.id = message.media_id ",
            $($rest),+
        )
    };
}

pub(super) use messages;

statements! {
    INSERT = "INSERT INTO message (id, domain_id, mailbox_id, media_id, core_id, sha256, folder, caller_number, caller_name, \
                  service_number, received_at, read_at, created_at, urgent, label, source, note) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
              ON CONFLICT (mailbox_id, core_id, sha256) DO NOTHING";
    // The latest first: of several with the same id it is the one that a core means.
    BY_CORE_ID = messages!("WHERE message.mailbox_id = $1 AND message.core_id = $2 ORDER BY message.id DESC LIMIT 1");
    STANDING = messages!("WHERE message.mailbox_id = $1 AND message.core_id = $2 AND message.sha256 = $3");
    BY_ID = messages!("WHERE message.id = $1");
    IN_DOMAIN = messages!("WHERE message.domain_id = $1 AND message.id = $2 AND message.hidden_at IS NULL");
    OF_MEDIA = "SELECT id, mailbox_id FROM message WHERE media_id = $1 ORDER BY id";
    ORIGINAL_BYTES = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM blob WHERE media_id = $1 AND role = 'original'";
    IN_TRASH = "SELECT id FROM message WHERE mailbox_id = $1 AND folder = 'trash' AND hidden_at IS NULL AND id > $2 \
                ORDER BY id LIMIT 100";
    // What nobody has dealt with or played, and can be.
    UNREAD = "SELECT COUNT(*) AS unread FROM message JOIN media ON media.id = message.media_id \
              WHERE message.mailbox_id = $1 AND message.folder = 'new' AND media.state = 'available' AND message.read_at IS NULL";
    NEWEST_UNREAD = messages!("WHERE message.mailbox_id = $1 AND message.folder = 'new' AND media.state = 'available' \
                                   AND message.read_at IS NULL ORDER BY message.created_at DESC, message.id DESC LIMIT 1");
    MARK_READ = "UPDATE message SET read_at = $2 WHERE id = $1 AND read_at IS NULL";
    MARK_UNREAD = "UPDATE message SET read_at = NULL WHERE id = $1 AND read_at IS NOT NULL";
    SET_MARKS = "UPDATE message SET urgent = $2, label = $3 WHERE id = $1";
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
            .bind(message.urgent)
            .bind(&message.label)
            .bind(message.source.as_ref().map(Json))
            .bind(&message.note)
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

/// How many messages of the mailbox are new, ready and not yet played.
pub(crate) async fn unread(connection: &mut Connection, mailbox: MailboxId) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(UNREAD).bind(mailbox).fetch_one(connection).await?))
}

/// The last to come of the messages that are new, ready and not yet played.
pub(crate) async fn newest_unread(connection: &mut Connection, mailbox: MailboxId) -> Result<Option<Message>, DbError> {
    Ok(on!(connection, sqlx::query_as(NEWEST_UNREAD).bind(mailbox).fetch_optional(connection).await?))
}

/// Bytes of a message's sound as it came.
pub(crate) async fn original_bytes(connection: &mut Connection, media: MediaId) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(ORIGINAL_BYTES).bind(media).fetch_one(connection).await?))
}

/// Some of the messages that lie in the mailbox's trash, by id, after that one.
pub(crate) async fn in_trash(
    connection: &mut Connection,
    mailbox: MailboxId,
    after: MessageId,
) -> Result<Vec<MessageId>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(IN_TRASH).bind(mailbox).bind(after).fetch_all(connection).await?))
}

/// Marks the message as read; false if it is so already.
pub(crate) async fn mark_read(connection: &mut Connection, id: MessageId, at: Time) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(MARK_READ).bind(id).bind(at).execute(connection).await?.rows_affected()) == 1)
}

/// Marks the message as not read; false if it is so already.
pub(crate) async fn mark_unread(connection: &mut Connection, id: MessageId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(MARK_UNREAD).bind(id).execute(connection).await?.rows_affected()) == 1)
}

/// Marks the message as urgent or not, and names it.
pub(crate) async fn set_marks(
    connection: &mut Connection,
    id: MessageId,
    urgent: bool,
    label: Option<&str>,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_MARKS).bind(id).bind(urgent).bind(label).execute(connection).await?.rows_affected()
    );
    Ok(())
}
