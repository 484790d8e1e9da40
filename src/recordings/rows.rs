//! Call recordings.

use voicemill_types::{DomainId, MediaId, RecordingId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    recordings::Recording,
};

/// A recording with what is known of its sound.
macro_rules! recordings {
    ($rest:literal) => {
        concat!(
            "SELECT recording.*, media.state, media.failure AS reason, media.duration_ms, media.skew_ms, media.waveform, \
                 media.transcript_state \
             FROM recording JOIN media ON media.id = recording.media_id ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO recording (id, domain_id, media_id, call_id, caller_number, callee_number, started_at, take, \
                  created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    OF_CALL = recordings!("WHERE recording.domain_id = $1 AND recording.call_id = $2 ORDER BY recording.take DESC LIMIT $3");
    SET_COMPLETED = "UPDATE recording SET completed_at = $2 WHERE id = $1 AND completed_at IS NULL";
    WHOSE = "SELECT domain_id, media_id FROM recording WHERE id = $1";
    DELETE = "DELETE FROM recording WHERE id = $1";
    OF_MEDIA = "SELECT id FROM recording WHERE media_id = $1";
    IN_DOMAIN = recordings!("WHERE recording.domain_id = $1 AND recording.id = $2");
    LIST = recordings!("WHERE recording.domain_id = $1 \
                            AND (recording.started_at < $2 OR (recording.started_at = $2 AND recording.id < $3)) \
                        ORDER BY recording.started_at DESC, recording.id DESC LIMIT $4");
}

/// Stores a new recording, whose media is stored; another take of that number is a conflict.
pub(crate) async fn insert(connection: &mut Connection, recording: &Recording) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(recording.id)
            .bind(recording.domain_id)
            .bind(recording.media_id)
            .bind(&recording.call_id)
            .bind(&recording.caller_number)
            .bind(&recording.callee_number)
            .bind(recording.started_at)
            .bind(recording.take)
            .bind(recording.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The domain and the media of a recording.
pub(crate) async fn whose(
    connection: &mut Connection,
    id: RecordingId,
) -> Result<Option<(DomainId, MediaId)>, DbError> {
    Ok(on!(connection, sqlx::query_as(WHOSE).bind(id).fetch_optional(connection).await?))
}

/// Removes a recording; false if it is gone.
pub(crate) async fn delete(connection: &mut Connection, id: RecordingId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DELETE).bind(id).execute(connection).await?.rows_affected()) == 1)
}

/// The latest recording of that call.
pub(crate) async fn by_call_id(
    connection: &mut Connection,
    domain: DomainId,
    call_id: &str,
) -> Result<Option<Recording>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(OF_CALL).bind(domain).bind(call_id).bind(1_i64).fetch_optional(connection).await?
    ))
}

/// The recordings of that call, the latest first; of very many only those.
pub(crate) async fn of_call(
    connection: &mut Connection,
    domain: DomainId,
    call_id: &str,
) -> Result<Vec<Recording>, DbError> {
    const MOST: i64 = 100;
    Ok(on!(connection, sqlx::query_as(OF_CALL).bind(domain).bind(call_id).bind(MOST).fetch_all(connection).await?))
}

/// Records that every leg is there.
pub(crate) async fn set_completed(connection: &mut Connection, id: RecordingId, at: Time) -> Result<(), DbError> {
    on!(connection, sqlx::query(SET_COMPLETED).bind(id).bind(at).execute(connection).await?.rows_affected());
    Ok(())
}

/// The recording that has this sound.
pub(crate) async fn of_media(connection: &mut Connection, media: MediaId) -> Result<Option<RecordingId>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(OF_MEDIA).bind(media).fetch_optional(connection).await?))
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
