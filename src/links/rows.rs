//! The state behind links.

use voicemill_types::{LinkId, MessageId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    links::Link,
};

statements! {
    INSERT = "INSERT INTO link (id, domain_id, message_id, span, created_at, expires_at, revoked_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    BY_ID = "SELECT * FROM link WHERE id = $1";
    OPENED = "UPDATE link SET opened_at = $2 WHERE id = $1 AND opened_at IS NULL";
    REVOKE_ALL = "UPDATE link SET revoked_at = $2 WHERE message_id = $1 AND revoked_at IS NULL";
}

/// Stores a new link.
pub(crate) async fn insert(connection: &mut Connection, link: &Link) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(link.id)
            .bind(link.domain_id)
            .bind(link.message_id)
            .bind(link.span)
            .bind(link.created_at)
            .bind(link.expires_at)
            .bind(link.revoked_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The link with that id.
pub(crate) async fn by_id(connection: &mut Connection, id: LinkId) -> Result<Option<Link>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// Records that somebody played through the link; true if it was the first time.
pub(crate) async fn opened(connection: &mut Connection, id: LinkId, at: Time) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(OPENED).bind(id).bind(at).execute(connection).await?.rows_affected()) == 1)
}

/// Takes back every link to a message; returns how many there were.
pub(crate) async fn revoke_all(connection: &mut Connection, message: MessageId, at: Time) -> Result<u64, DbError> {
    Ok(on!(connection, sqlx::query(REVOKE_ALL).bind(message).bind(at).execute(connection).await?.rows_affected()))
}
