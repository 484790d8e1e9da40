//! Messages and their transcripts.

use sqlx::types::Json;
use voicemill_audio::PhoneReport;
use voicemill_types::{DomainId, MailboxId, MessageId, Time, Transcript};

use crate::{
    db::{Connection, DbError, on, statements},
    messages::{Folder, MediaState, Message, TranscriptState},
};

statements! {
    INSERT = "INSERT INTO message (id, domain_id, mailbox_id, core_id, folder, state, failure, caller_number, \
                  caller_name, received_at, duration_ms, brief_start_ms, brief_end_ms, truncated, waveform, \
                  phone_report, transcript_state, read_at, created_at, service_number) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) \
              ON CONFLICT (mailbox_id, core_id) DO NOTHING";
    BY_CORE_ID = "SELECT * FROM message WHERE mailbox_id = $1 AND core_id = $2";
    BY_ID = "SELECT * FROM message WHERE id = $1";
    IN_DOMAIN = "SELECT * FROM message WHERE domain_id = $1 AND id = $2";
    // Newest first; a page begins below the (received_at, id) of the last row of the page before it.
    LIST = "SELECT * FROM message WHERE mailbox_id = $1 AND folder = $2 \
                AND (received_at < $3 OR (received_at = $3 AND id < $4)) \
            ORDER BY received_at DESC, id DESC LIMIT $5";
    STORED_BYTES = "SELECT CAST(COALESCE(SUM(original.bytes), 0) AS BIGINT) AS stored FROM message \
                    JOIN original ON original.owner_id = message.id WHERE message.mailbox_id = $1";
    // What nobody has dealt with or played, and can be.
    UNREAD = "SELECT COUNT(*) AS unread FROM message WHERE mailbox_id = $1 AND folder = $2 AND state = $3 AND read_at IS NULL";
    NEWEST_UNREAD = "SELECT * FROM message WHERE mailbox_id = $1 AND folder = $2 AND state = $3 AND read_at IS NULL \
                     ORDER BY created_at DESC, id DESC LIMIT 1";
    SET_AVAILABLE = "UPDATE message SET state = $2, failure = NULL, duration_ms = $3, brief_start_ms = $4, \
                         brief_end_ms = $5, truncated = $6, waveform = $7, phone_report = $8 WHERE id = $1";
    SET_FAILED = "UPDATE message SET state = $2, failure = $3, transcript_state = $4 WHERE id = $1";
    SET_FOLDER = "UPDATE message SET folder = $2 WHERE id = $1";
    MOVE_IF_IN = "UPDATE message SET folder = $3 WHERE id = $1 AND folder = $2";
    MARK_READ = "UPDATE message SET read_at = $2 WHERE id = $1 AND read_at IS NULL";
    SET_TRANSCRIPT_STATE = "UPDATE message SET transcript_state = $2 WHERE id = $1";
    SAVE_TRANSCRIPT = "INSERT INTO transcript (message_id, body, created_at) VALUES ($1, $2, $3) \
                       ON CONFLICT (message_id) DO UPDATE SET body = excluded.body, created_at = excluded.created_at";
    TRANSCRIPT = "SELECT body FROM transcript WHERE message_id = $1";
}

/// Stores a new message; false when the core's id stands in the mailbox already.
pub(crate) async fn insert(connection: &mut Connection, message: &Message) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(INSERT)
            .bind(message.id)
            .bind(message.domain_id)
            .bind(message.mailbox_id)
            .bind(&message.core_id)
            .bind(message.folder)
            .bind(message.state)
            .bind(&message.failure)
            .bind(&message.caller_number)
            .bind(&message.caller_name)
            .bind(message.received_at)
            .bind(message.duration_ms)
            .bind(message.brief_start_ms)
            .bind(message.brief_end_ms)
            .bind(message.truncated)
            .bind(&message.waveform)
            .bind(message.phone_report.as_ref().map(Json))
            .bind(message.transcript_state)
            .bind(message.read_at)
            .bind(message.created_at)
            .bind(&message.service_number)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// The message that the core knows by `core_id`.
pub(crate) async fn by_core_id(
    connection: &mut Connection,
    mailbox: MailboxId,
    core_id: &str,
) -> Result<Option<Message>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_CORE_ID).bind(mailbox).bind(core_id).fetch_optional(connection).await?))
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
    Ok(on!(
        connection,
        sqlx::query_scalar(UNREAD)
            .bind(mailbox)
            .bind(Folder::New)
            .bind(MediaState::Available)
            .fetch_one(connection)
            .await?
    ))
}

/// The last to come of the messages that are new, ready and not yet played.
pub(crate) async fn newest_unread(connection: &mut Connection, mailbox: MailboxId) -> Result<Option<Message>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(NEWEST_UNREAD)
            .bind(mailbox)
            .bind(Folder::New)
            .bind(MediaState::Available)
            .fetch_optional(connection)
            .await?
    ))
}

/// Bytes of the mailbox's messages as they came, in every folder.
pub(crate) async fn stored_bytes(connection: &mut Connection, mailbox: MailboxId) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(STORED_BYTES).bind(mailbox).fetch_one(connection).await?))
}

/// What rendering found out about a message.
#[derive(Clone, Debug)]
pub(crate) struct Rendered {
    /// Length of the decoded audio in milliseconds.
    pub duration_ms: i64,
    /// The brief clip's start and end in the whole, in milliseconds.
    pub brief_ms: Option<(i64, i64)>,
    /// True when the audio ended before its own header said it would.
    pub truncated: bool,
    /// The waveform's bins.
    pub waveform: Vec<u8>,
    /// What a phone makes of it.
    pub phone_report: Option<PhoneReport>,
}

/// Makes the message available.
pub(crate) async fn set_available(
    connection: &mut Connection,
    id: MessageId,
    rendered: &Rendered,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_AVAILABLE)
            .bind(id)
            .bind(MediaState::Available)
            .bind(rendered.duration_ms)
            .bind(rendered.brief_ms.map(|brief| brief.0))
            .bind(rendered.brief_ms.map(|brief| brief.1))
            .bind(rendered.truncated)
            .bind(&rendered.waveform)
            .bind(rendered.phone_report.as_ref().map(Json))
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Records that no rendition can be made, and why.
pub(crate) async fn set_failed(connection: &mut Connection, id: MessageId, reason: &str) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_FAILED)
            .bind(id)
            .bind(MediaState::Failed)
            .bind(reason)
            .bind(TranscriptState::Off)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
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

/// Records where the work on the transcript stands.
pub(crate) async fn set_transcript_state(
    connection: &mut Connection,
    id: MessageId,
    state: TranscriptState,
) -> Result<(), DbError> {
    on!(connection, sqlx::query(SET_TRANSCRIPT_STATE).bind(id).bind(state).execute(connection).await?.rows_affected());
    Ok(())
}

/// Stores the transcript, replacing an earlier one.
pub(crate) async fn save_transcript(
    connection: &mut Connection,
    id: MessageId,
    transcript: &Transcript,
    at: Time,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SAVE_TRANSCRIPT)
            .bind(id)
            .bind(Json(transcript))
            .bind(at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The message's transcript, if it has one.
pub(crate) async fn transcript(connection: &mut Connection, id: MessageId) -> Result<Option<Transcript>, DbError> {
    let body: Option<Json<Transcript>> =
        on!(connection, sqlx::query_scalar(TRANSCRIPT).bind(id).fetch_optional(connection).await?);
    Ok(body.map(|json| json.0))
}
