//! The outbox of events, and how far its readers have come.

use sqlx::types::Json;
use uuid::Uuid;
use voicemill_types::{DomainId, EventId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    events::{Event, Recorded, cloud_event::Told},
    keys::Boxes,
};

/// An event with what is told of its subject.
macro_rules! told {
    ($rest:literal) => {
        concat!(
            "SELECT event.position, event.event_id, event.body, event.at, domain.name AS domain, mailbox.extension, \
                 message.caller_number, message.caller_name, message.received_at, recording.call_id, \
                 recording.caller_number AS recording_caller, recording.callee_number, recording.started_at, \
                 media.duration_ms, prompt.kind AS prompt_kind, prompt.name AS prompt_name, notice.medium, notice.occasion \
             FROM event JOIN domain ON domain.id = event.domain_id \
                 LEFT JOIN message ON event.subject_kind = 'message' AND message.id = event.subject_id \
                 LEFT JOIN recording ON event.subject_kind = 'recording' AND recording.id = event.subject_id \
                 LEFT JOIN prompt ON event.subject_kind = 'prompt' AND prompt.id = event.subject_id \
                 LEFT JOIN notice ON event.subject_kind = 'notice' AND notice.id = event.subject_id \
                 LEFT JOIN mailbox ON mailbox.id = COALESCE(event.mailbox_id, notice.mailbox_id, prompt.mailbox_id) \
                 LEFT JOIN media ON media.id = COALESCE(message.media_id, recording.media_id) ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO event (event_id, domain_id, subject_kind, subject_id, kind, body, at, mailbox_id) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    SAVE_CURSOR = "INSERT INTO event_cursor (name, position) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET position = excluded.position";
    CURSOR = "SELECT position FROM event_cursor WHERE name = $1";
    // What was committed since, in the order in which it was written.
    PLACE = "UPDATE event SET position = placed.position FROM ( \
                 SELECT id, CAST($1 AS BIGINT) + ROW_NUMBER() OVER (ORDER BY id) AS position FROM ( \
                     SELECT id FROM event WHERE position IS NULL ORDER BY id LIMIT $2) AS unplaced \
             ) AS placed WHERE event.id = placed.id";
    ANY_UNPLACED = "SELECT COUNT(*) AS unplaced FROM (SELECT id FROM event WHERE position IS NULL LIMIT 1) AS first";
    AFTER = "SELECT position, event_id, domain_id, body, at FROM event WHERE position > $1 ORDER BY position LIMIT $2";
    // $3 holds types, and $4 extensions, between commas; all of them if it is empty.
    PAGE = told!("WHERE event.domain_id = $1 AND event.position > $2 \
                      AND (CAST($3 AS TEXT) = '' OR CAST($3 AS TEXT) LIKE '%,' || event.kind || ',%') \
                      AND (CAST($4 AS TEXT) = '' \
                          OR REPLACE(CAST($4 AS TEXT), ',' || mailbox.extension || ',', '') <> CAST($4 AS TEXT)) \
                  ORDER BY event.position LIMIT $5");
    BY_ID = told!("WHERE event.domain_id = $1 AND event.event_id = $2 AND event.position IS NOT NULL");
    BETWEEN = "SELECT position, event_id, domain_id, body, at FROM event \
               WHERE domain_id = $1 AND position > $2 AND at >= $3 AND at < $4 \
                   AND (CAST($5 AS TEXT) = '' OR CAST($5 AS TEXT) LIKE '%,' || kind || ',%') ORDER BY position LIMIT $6";
    OF_ID = "SELECT position, event_id, domain_id, body, at FROM event \
             WHERE domain_id = $1 AND event_id = $2 AND position IS NOT NULL";
    OF_SUBJECT = "SELECT COUNT(*) AS events FROM event WHERE subject_id = $1 AND kind = $2";
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
            .bind(EventId::new())
            .bind(domain)
            .bind(subject_kind)
            .bind(subject)
            .bind(event.kind())
            .bind(Json(event))
            .bind(now)
            .bind(event.mailbox())
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

/// Up to `limit` of a domain's events after a position, of these types and mailboxes; of every type if none is named.
pub(super) async fn page(
    connection: &mut Connection,
    domain: DomainId,
    position: i64,
    (types, boxes): (&[String], &Boxes),
    limit: i64,
) -> Result<Vec<Told>, DbError> {
    let types = listed(types);
    Ok(on!(
        connection,
        sqlx::query_as(PAGE)
            .bind(domain)
            .bind(position)
            .bind(types)
            .bind(boxes.listed())
            .bind(limit)
            .fetch_all(connection)
            .await?
    ))
}

/// The domain's event with that id, with what is told of its subject.
pub(super) async fn by_id(connection: &mut Connection, domain: DomainId, id: EventId) -> Result<Option<Told>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(domain).bind(id).fetch_optional(connection).await?))
}

/// The domain's event with that id.
pub(crate) async fn of_id(
    connection: &mut Connection,
    domain: DomainId,
    id: EventId,
) -> Result<Option<Recorded>, DbError> {
    Ok(on!(connection, sqlx::query_as(OF_ID).bind(domain).bind(id).fetch_optional(connection).await?))
}

/// Up to `limit` of a domain's events after a position that happened from one moment until before another, of these types.
pub(crate) async fn between(
    connection: &mut Connection,
    domain: DomainId,
    position: i64,
    (from, to): (Time, Time),
    types: &[String],
    limit: i64,
) -> Result<Vec<Recorded>, DbError> {
    let types = listed(types);
    Ok(on!(
        connection,
        sqlx::query_as(BETWEEN)
            .bind(domain)
            .bind(position)
            .bind(from)
            .bind(to)
            .bind(types)
            .bind(limit)
            .fetch_all(connection)
            .await?
    ))
}

/// Whether something of that type happened to the subject, as far back as events are kept.
pub(crate) async fn happened(connection: &mut Connection, subject: Uuid, kind: &str) -> Result<bool, DbError> {
    let events: i64 =
        on!(connection, sqlx::query_scalar(OF_SUBJECT).bind(subject).bind(kind).fetch_one(connection).await?);
    Ok(events > 0)
}

fn listed(types: &[String]) -> String {
    if types.is_empty() { String::new() } else { format!(",{},", types.join(",")) }
}

/// The last position given.
pub(super) async fn last(connection: &mut Connection) -> Result<i64, DbError> {
    Ok(cursor(connection, LAST).await?.unwrap_or(0))
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
