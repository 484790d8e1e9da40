//! Mails about messages, one row a recipient.

use super::{Connection, DbError, on, statements};
use crate::model::{LinkId, MessageId, Notice, NoticeId, NoticeState, Time};

statements! {
    INSERT = "INSERT INTO notice (id, domain_id, mailbox_id, message_id, recipient, mode, state, link_id, \
                  internet_message_id, mail_key, answer, created_at, settled_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
              ON CONFLICT (message_id, recipient) DO NOTHING";
    BY_ID = "SELECT * FROM notice WHERE id = $1";
    OF_MESSAGE = "SELECT * FROM notice WHERE message_id = $1 ORDER BY id";
    SET_COMPOSED = "UPDATE notice SET state = $2, link_id = $3, internet_message_id = $4, mail_key = $5 WHERE id = $1";
    SET_UNKNOWN = "UPDATE notice SET state = $2, answer = $3 WHERE id = $1";
    SETTLE = "UPDATE notice SET state = $2, answer = $3, settled_at = $4 WHERE id = $1";
}

/// Stores a new notice; false when the message has one for that recipient already.
pub async fn insert(connection: &mut Connection, notice: &Notice) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(INSERT)
            .bind(notice.id)
            .bind(notice.domain_id)
            .bind(notice.mailbox_id)
            .bind(notice.message_id)
            .bind(&notice.recipient)
            .bind(notice.mode)
            .bind(notice.state)
            .bind(notice.link_id)
            .bind(&notice.internet_message_id)
            .bind(&notice.mail_key)
            .bind(&notice.answer)
            .bind(notice.created_at)
            .bind(notice.settled_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// The notice with that id.
pub async fn by_id(connection: &mut Connection, id: NoticeId) -> Result<Option<Notice>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// Every notice of a message.
pub async fn of_message(connection: &mut Connection, message: MessageId) -> Result<Vec<Notice>, DbError> {
    Ok(on!(connection, sqlx::query_as(OF_MESSAGE).bind(message).fetch_all(connection).await?))
}

/// Records where the final bytes lie, before anything is sent.
pub async fn set_composed(
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

/// Records that the mail may have been taken, though nobody said so.
pub async fn set_unknown(connection: &mut Connection, id: NoticeId, answer: &str) -> Result<(), DbError> {
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

/// Records how the delivery ended, with the next server's answer.
pub async fn settle(
    connection: &mut Connection,
    id: NoticeId,
    state: NoticeState,
    answer: &str,
    at: Time,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SETTLE).bind(id).bind(state).bind(answer).bind(at).execute(connection).await?.rows_affected()
    );
    Ok(())
}
