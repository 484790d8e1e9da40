//! The outbox of events, and how far its readers have come.

use sqlx::types::Json;
use voicemill_types::{DomainId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    events::{Event, Recorded},
};

statements! {
    INSERT = "INSERT INTO event (domain_id, subject_kind, subject_id, kind, body, at) VALUES ($1, $2, $3, $4, $5, $6)";
    SAVE_CURSOR = "INSERT INTO event_cursor (name, position) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET position = excluded.position";
    CURSOR = "SELECT position FROM event_cursor WHERE name = $1";
    // What was committed since, in the order in which it was written.
    PLACE = "UPDATE event SET position = placed.position FROM ( \
                 SELECT id, CAST($1 AS BIGINT) + ROW_NUMBER() OVER (ORDER BY id) AS position FROM ( \
                     SELECT id FROM event WHERE position IS NULL ORDER BY id LIMIT $2) AS unplaced \
             ) AS placed WHERE event.id = placed.id";
    ANY_UNPLACED = "SELECT COUNT(*) AS unplaced FROM (SELECT id FROM event WHERE position IS NULL LIMIT 1) AS first";
    AFTER = "SELECT position, domain_id, body, at FROM event WHERE position > $1 ORDER BY position LIMIT $2";
    PRUNE = "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < $1 ORDER BY id LIMIT $2)";
}

/// The name of the cursor that holds the last position given.
const LAST: &str = "";

/// Writes an event.
pub(crate) async fn insert(
    connection: &mut Connection,
    domain: DomainId,
    event: &Event,
    now: Time,
) -> Result<(), DbError> {
    let (subject_kind, subject) = event.subject();
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(domain)
            .bind(subject_kind)
            .bind(subject)
            .bind(event.kind())
            .bind(Json(event))
            .bind(now)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Whether an event has no position yet.
pub(super) async fn any_unplaced(connection: &mut Connection) -> Result<bool, DbError> {
    let unplaced: i64 = on!(connection, sqlx::query_scalar(ANY_UNPLACED).fetch_one(connection).await?);
    Ok(unplaced > 0)
}

/// Gives positions to up to `limit` events that have none. The caller holds the lock of those who do so.
pub(super) async fn place(connection: &mut Connection, limit: i64) -> Result<(), DbError> {
    let last = cursor(connection, LAST).await?.unwrap_or(0);
    let placed =
        on!(connection, sqlx::query(PLACE).bind(last).bind(limit).execute(&mut *connection).await?.rows_affected());
    save_cursor(connection, LAST, last + i64::try_from(placed).unwrap_or(0)).await
}

/// Up to `limit` events after a position.
pub(super) async fn after(connection: &mut Connection, position: i64, limit: i64) -> Result<Vec<Recorded>, DbError> {
    Ok(on!(connection, sqlx::query_as(AFTER).bind(position).bind(limit).fetch_all(connection).await?))
}

/// How far the reader of that name has come; none if it never said.
pub(super) async fn cursor(connection: &mut Connection, name: &str) -> Result<Option<i64>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(CURSOR).bind(name).fetch_optional(connection).await?))
}

/// Remembers how far the reader of that name has come.
pub(super) async fn save_cursor(connection: &mut Connection, name: &str, position: i64) -> Result<(), DbError> {
    on!(connection, sqlx::query(SAVE_CURSOR).bind(name).bind(position).execute(connection).await?.rows_affected());
    Ok(())
}

/// Removes up to `limit` events that are older than `before`; returns how many.
pub(super) async fn prune(connection: &mut Connection, before: Time, limit: i64) -> Result<u64, DbError> {
    Ok(on!(connection, sqlx::query(PRUNE).bind(before).bind(limit).execute(connection).await?.rows_affected()))
}
