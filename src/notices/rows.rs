//! Mails and SMS, one row a recipient.

use sqlx::types::Json;
use voicemill_types::{DomainId, LinkId, MailboxId, MessageId, NoticeId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    messages::Folder,
    notices::{Medium, Notice, NoticeState},
};

statements! {
    INSERT = "INSERT INTO notice (id, domain_id, mailbox_id, message_id, medium, occasion, event, recipient, mode, state, \
                  link_id, internet_message_id, mail_key, body, parts, reference, answer, moved_to, missed_call, \
                  created_at, settled_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
              ON CONFLICT (event, medium, recipient) DO NOTHING";
    BY_ID = "SELECT * FROM notice WHERE id = $1";
    BY_REFERENCE = "SELECT * FROM notice WHERE reference = $1 AND medium = $2 ORDER BY id DESC LIMIT 1";
    BY_INTERNET_MESSAGE_ID = "SELECT * FROM notice WHERE internet_message_id = $1 ORDER BY id DESC LIMIT 1";
    OF_MESSAGE = "SELECT * FROM notice WHERE message_id = $1 ORDER BY id";
    // Newest first; a page begins below the id of the last row of the page before it.
    OF_DOMAIN = "SELECT * FROM notice WHERE domain_id = $1 AND id < $2 \
                     AND (CAST($3 AS TEXT) IS NULL OR state = $3) ORDER BY id DESC LIMIT $4";
    LAST_OF_MAILBOX = "SELECT MAX(created_at) AS last FROM notice WHERE mailbox_id = $1 AND medium = $2";
    SET_COMPOSED = "UPDATE notice SET state = $2, link_id = $3, internet_message_id = $4, mail_key = $5 WHERE id = $1";
    SET_WORDED = "UPDATE notice SET state = $2, link_id = $3, body = $4, parts = $5 WHERE id = $1";
    SET_UNKNOWN = "UPDATE notice SET state = $2, answer = $3 WHERE id = $1";
    SET_ANSWER = "UPDATE notice SET answer = $2 WHERE id = $1";
    SETTLE = "UPDATE notice SET state = $2, answer = $3, reference = COALESCE(CAST($4 AS TEXT), reference), \
                  settled_at = $5 WHERE id = $1 AND settled_at IS NULL RETURNING domain_id, message_id";
    REPORT = "UPDATE notice SET state = $2, answer = $3, reference = COALESCE(CAST($4 AS TEXT), reference), \
                  settled_at = $5 WHERE id = $1";
    UNSETTLED_OF_MAILBOX = "SELECT COUNT(*) AS unsettled FROM notice WHERE mailbox_id = $1 AND medium = $2 AND settled_at IS NULL";
    SET_MOVED = "UPDATE notice SET moved_to = $2 WHERE id = $1";
    FORGET_MOVES = "UPDATE notice SET moved_to = NULL WHERE message_id = $1";
}

/// Stores a new notice; false when the recipient is told of the event already.
pub(crate) async fn insert(connection: &mut Connection, notice: &Notice) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(INSERT)
            .bind(notice.id)
            .bind(notice.domain_id)
            .bind(notice.mailbox_id)
            .bind(notice.message_id)
            .bind(notice.medium)
            .bind(notice.occasion)
            .bind(&notice.event)
            .bind(&notice.recipient)
            .bind(notice.mode)
            .bind(notice.state)
            .bind(notice.link_id)
            .bind(&notice.internet_message_id)
            .bind(&notice.mail_key)
            .bind(&notice.body)
            .bind(notice.parts)
            .bind(&notice.reference)
            .bind(&notice.answer)
            .bind(notice.moved_to)
            .bind(notice.missed_call.as_ref().map(Json))
            .bind(notice.created_at)
            .bind(notice.settled_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// The notice with that id.
pub(crate) async fn by_id(connection: &mut Connection, id: NoticeId) -> Result<Option<Notice>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// What its provider, or the next mail server, calls `reference`.
pub(crate) async fn by_reference(
    connection: &mut Connection,
    reference: &str,
    medium: Medium,
) -> Result<Option<Notice>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_REFERENCE).bind(reference).bind(medium).fetch_optional(connection).await?))
}

/// The mail with that Message-ID.
pub(crate) async fn by_internet_message_id(connection: &mut Connection, id: &str) -> Result<Option<Notice>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_INTERNET_MESSAGE_ID).bind(id).fetch_optional(connection).await?))
}

/// Every notice of a message.
pub(crate) async fn of_message(connection: &mut Connection, message: MessageId) -> Result<Vec<Notice>, DbError> {
    Ok(on!(connection, sqlx::query_as(OF_MESSAGE).bind(message).fetch_all(connection).await?))
}

/// Up to `limit` notices of a domain that are older than `before`, newest first; of one state, if one is given.
pub(crate) async fn of_domain(
    connection: &mut Connection,
    domain: DomainId,
    before: NoticeId,
    state: Option<NoticeState>,
    limit: i64,
) -> Result<Vec<Notice>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(OF_DOMAIN).bind(domain).bind(before).bind(state).bind(limit).fetch_all(connection).await?
    ))
}

/// When the mailbox's people were last told of anything by `medium`.
pub(crate) async fn last_of_mailbox(
    connection: &mut Connection,
    mailbox: MailboxId,
    medium: Medium,
) -> Result<Option<Time>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(LAST_OF_MAILBOX).bind(mailbox).bind(medium).fetch_one(connection).await?))
}

/// How many of the mailbox's notices by `medium` are still under way.
pub(crate) async fn unsettled_of_mailbox(
    connection: &mut Connection,
    mailbox: MailboxId,
    medium: Medium,
) -> Result<i64, DbError> {
    Ok(on!(
        connection,
        sqlx::query_scalar(UNSETTLED_OF_MAILBOX).bind(mailbox).bind(medium).fetch_one(connection).await?
    ))
}

/// Records where a mail's final bytes lie, before anything is sent.
pub(crate) async fn set_composed(
    connection: &mut Connection,
    id: NoticeId,
    link: Option<LinkId>,
    internet_message_id: &str,
    mail_key: &str,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_COMPOSED)
            .bind(id)
            .bind(NoticeState::Sending)
            .bind(link)
            .bind(internet_message_id)
            .bind(mail_key)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Records an SMS's final words, before anything is sent.
pub(crate) async fn set_worded(
    connection: &mut Connection,
    id: NoticeId,
    link: Option<LinkId>,
    body: &str,
    parts: i64,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_WORDED)
            .bind(id)
            .bind(NoticeState::Sending)
            .bind(link)
            .bind(body)
            .bind(parts)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Records that it may have been taken, though nobody said so.
pub(crate) async fn set_unknown(connection: &mut Connection, id: NoticeId, answer: &str) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_UNKNOWN)
            .bind(id)
            .bind(NoticeState::Unknown)
            .bind(answer)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Records what a server said that did not take it for now.
pub(crate) async fn set_answer(connection: &mut Connection, id: NoticeId, answer: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(SET_ANSWER).bind(id).bind(answer).execute(connection).await?.rows_affected());
    Ok(())
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled<'a> {
    /// The state it is in from now on.
    pub state: NoticeState,
    /// What the next server answered.
    pub answer: &'a str,
    /// What the provider calls it; an earlier name stays if there is none.
    pub reference: Option<&'a str>,
    /// When that was.
    pub at: Time,
}

/// Records how the delivery ended, unless that is known already: reports may overtake answers. Returns the domain and the
/// message that the notice tells of, if it changed anything.
pub(crate) async fn settle(
    connection: &mut Connection,
    id: NoticeId,
    settled: Settled<'_>,
) -> Result<Option<(DomainId, Option<MessageId>)>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(SETTLE)
            .bind(id)
            .bind(settled.state)
            .bind(settled.answer)
            .bind(settled.reference)
            .bind(settled.at)
            .fetch_optional(connection)
            .await?
    ))
}

/// Records what was reported of a delivery after it had ended for us.
pub(crate) async fn report(connection: &mut Connection, id: NoticeId, settled: Settled<'_>) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(REPORT)
            .bind(id)
            .bind(settled.state)
            .bind(settled.answer)
            .bind(settled.reference)
            .bind(settled.at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Records the folder that the message moved to because this mail was accepted, or that it was taken back.
pub(crate) async fn set_moved(connection: &mut Connection, id: NoticeId, to: Option<Folder>) -> Result<(), DbError> {
    on!(connection, sqlx::query(SET_MOVED).bind(id).bind(to).execute(connection).await?.rows_affected());
    Ok(())
}

/// Forgets which mails moved a message, because a person moved it.
pub(crate) async fn forget_moves(connection: &mut Connection, message: MessageId) -> Result<(), DbError> {
    on!(connection, sqlx::query(FORGET_MOVES).bind(message).execute(connection).await?.rows_affected());
    Ok(())
}
