//! Call recordings.

use voicemill_types::{DomainId, RecordingId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    recordings::{Recording, RecordingState},
};

statements! {
    INSERT = "INSERT INTO recording (id, domain_id, call_id, state, reason, caller_number, callee_number, \
                  started_at, duration_ms, skew_ms, transcript_state, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (domain_id, call_id) DO NOTHING";
    BY_CALL_ID = "SELECT * FROM recording WHERE domain_id = $1 AND call_id = $2";
    BY_ID = "SELECT * FROM recording WHERE id = $1";
    IN_DOMAIN = "SELECT * FROM recording WHERE domain_id = $1 AND id = $2";
    LIST = "SELECT * FROM recording WHERE domain_id = $1 \
                AND (started_at < $2 OR (started_at = $2 AND id < $3)) \
            ORDER BY started_at DESC, id DESC LIMIT $4";
    SET_AVAILABLE = "UPDATE recording SET state = $2, reason = NULL, duration_ms = $3, skew_ms = $4 WHERE id = $1";
    SET_STATE = "UPDATE recording SET state = $2, reason = $3 WHERE id = $1";
}

/// Stores a new recording; false when the call's id stands in the domain already.
pub(crate) async fn insert(connection: &mut Connection, recording: &Recording) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(INSERT)
            .bind(recording.id)
            .bind(recording.domain_id)
            .bind(&recording.call_id)
            .bind(recording.state)
            .bind(&recording.reason)
            .bind(&recording.caller_number)
            .bind(&recording.callee_number)
            .bind(recording.started_at)
            .bind(recording.duration_ms)
            .bind(recording.skew_ms)
            .bind(recording.transcript_state)
            .bind(recording.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// The recording of that call.
pub(crate) async fn by_call_id(
    connection: &mut Connection,
    domain: DomainId,
    call_id: &str,
) -> Result<Option<Recording>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_CALL_ID).bind(domain).bind(call_id).fetch_optional(connection).await?))
}

/// The recording with that id, whatever its domain: for jobs.
pub(crate) async fn by_id(connection: &mut Connection, id: RecordingId) -> Result<Option<Recording>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// The recording with that id if it is the domain's.
pub(crate) async fn in_domain(
    connection: &mut Connection,
    domain: DomainId,
    id: RecordingId,
) -> Result<Option<Recording>, DbError> {
    Ok(on!(connection, sqlx::query_as(IN_DOMAIN).bind(domain).bind(id).fetch_optional(connection).await?))
}

/// Up to `limit` recordings, newest first, older than `before`.
pub(crate) async fn list(
    connection: &mut Connection,
    domain: DomainId,
    before: (Time, RecordingId),
    limit: i64,
) -> Result<Vec<Recording>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(LIST).bind(domain).bind(before.0).bind(before.1).bind(limit).fetch_all(connection).await?
    ))
}

/// Makes the recording available.
pub(crate) async fn set_available(
    connection: &mut Connection,
    id: RecordingId,
    duration_ms: i64,
    skew_ms: Option<i64>,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_AVAILABLE)
            .bind(id)
            .bind(RecordingState::Available)
            .bind(duration_ms)
            .bind(skew_ms)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Records a state other than available, with its reason.
pub(crate) async fn set_state(
    connection: &mut Connection,
    id: RecordingId,
    state: RecordingState,
    reason: Option<&str>,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_STATE).bind(id).bind(state).bind(reason).execute(connection).await?.rows_affected()
    );
    Ok(())
}
