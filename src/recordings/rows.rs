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
    INSERT = "INSERT INTO recording (id, domain_id, media_id, call_id, caller_number, callee_number, started_at, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    BY_CALL_ID = recordings!("WHERE recording.domain_id = $1 AND recording.call_id = $2");
    OF_MEDIA = "SELECT id FROM recording WHERE media_id = $1";
    IN_DOMAIN = recordings!("WHERE recording.domain_id = $1 AND recording.id = $2");
    LIST = recordings!("WHERE recording.domain_id = $1 \
                            AND (recording.started_at < $2 OR (recording.started_at = $2 AND recording.id < $3)) \
                        ORDER BY recording.started_at DESC, recording.id DESC LIMIT $4");
}

/// Stores a new recording, whose media is stored; another of the same call is a conflict.
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
            .bind(recording.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The recording of that call.
pub(crate) async fn by_call_id(
    connection: &mut Connection,
    domain: DomainId,
    call_id: &str,
) -> Result<Option<Recording>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_CALL_ID).bind(domain).bind(call_id).fetch_optional(connection).await?))
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
