//! What was said in call recordings.

use sqlx::types::Json;
use voicemill_types::{RecordingId, Time, Transcript};

use crate::{
    db::{Connection, DbError, on, statements},
    messages::TranscriptState,
};

statements! {
    SAVE = "INSERT INTO recording_transcript (recording_id, body, created_at) VALUES ($1, $2, $3) \
            ON CONFLICT (recording_id) DO UPDATE SET body = excluded.body, created_at = excluded.created_at";
    FIND = "SELECT body FROM recording_transcript WHERE recording_id = $1";
    SET_STATE = "UPDATE recording SET transcript_state = $2 WHERE id = $1";
}

/// Stores what was said, in place of what stood.
pub(crate) async fn save(
    connection: &mut Connection,
    recording: RecordingId,
    transcript: &Transcript,
    now: Time,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SAVE).bind(recording).bind(Json(transcript)).bind(now).execute(connection).await?.rows_affected()
    );
    Ok(())
}

/// What was said, if it is known.
pub(crate) async fn find(connection: &mut Connection, recording: RecordingId) -> Result<Option<Transcript>, DbError> {
    let found: Option<(Json<Transcript>,)> =
        on!(connection, sqlx::query_as(FIND).bind(recording).fetch_optional(connection).await?);
    Ok(found.map(|(body,)| body.0))
}

/// Records where the work on it stands.
pub(crate) async fn set_state(
    connection: &mut Connection,
    recording: RecordingId,
    state: TranscriptState,
) -> Result<(), DbError> {
    on!(connection, sqlx::query(SET_STATE).bind(recording).bind(state).execute(connection).await?.rows_affected());
    Ok(())
}
