//! Versions of prompts: what each is made of, and what came of it.

use voicemill_types::{PromptId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    media::MediaState,
    prompts::{Prompt, PromptVersion},
};

statements! {
    INSERT = "INSERT INTO prompt_version (prompt_id, version, origin, script, voice, rate, pauses, state, waveform, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    LIST = "SELECT version, origin, script, voice, rate, pauses, state, failure, duration_ms, created_at, retired_at \
            FROM prompt_version WHERE prompt_id = $1 ORDER BY version DESC LIMIT 1000";
    // What the work gave; an operator may have had one that failed done again.
    SETTLE = "UPDATE prompt_version SET state = media.state, failure = media.failure, duration_ms = media.duration_ms, \
                  phone_report = media.phone_report, waveform = media.waveform, settled_at = $3 \
              FROM media JOIN prompt ON prompt.media_id = media.id \
              WHERE prompt.id = $1 AND prompt_version.prompt_id = $1 AND prompt_version.version = $2 AND media.version = $2";
    SERVE = "UPDATE prompt SET served_version = $2 WHERE id = $1";
    // One whose work is not done will never be served.
    OVERTAKE = "UPDATE prompt_version SET retired_at = $3 WHERE prompt_id = $1 AND version < $2 AND state = 'pending' \
                    AND retired_at IS NULL";
    RETIRE = "UPDATE prompt_version SET retired_at = $3 WHERE prompt_id = $1 AND version < $2 AND retired_at IS NULL";
    FAILED = "SELECT prompt_id, version FROM prompt_version WHERE state = 'failed' AND settled_at < $1 \
              ORDER BY settled_at LIMIT $2";
    RETIRED = "SELECT prompt_id, version FROM prompt_version WHERE retired_at < $1 ORDER BY retired_at LIMIT $2";
    DELETE = "DELETE FROM prompt_version WHERE prompt_id = $1 AND version = $2 \
                  AND (state = 'failed' OR retired_at IS NOT NULL) \
                  AND NOT EXISTS (SELECT 1 FROM prompt WHERE id = $1 AND served_version = $2)";
    LEFT = "SELECT COUNT(*) AS versions FROM prompt_version WHERE prompt_id = $1 AND retired_at IS NULL";
}

/// Stores what a version is to be made of; one before it that is still in the making is not served any more.
pub(super) async fn insert(connection: &mut Connection, prompt: &Prompt, now: Time) -> Result<(), DbError> {
    on!(connection, {
        sqlx::query(OVERTAKE).bind(prompt.id).bind(prompt.version).bind(now).execute(&mut *connection).await?;
        sqlx::query(INSERT)
            .bind(prompt.id)
            .bind(prompt.version)
            .bind(prompt.origin)
            .bind(&prompt.script)
            .bind(&prompt.voice)
            .bind(prompt.manner.rate)
            .bind(prompt.manner.pauses)
            .bind(MediaState::Pending)
            .bind(Vec::<u8>::new())
            .bind(now)
            .execute(connection)
            .await?
            .rows_affected()
    });
    Ok(())
}

/// The versions of a prompt, latest first, the last thousand.
pub(super) async fn list(connection: &mut Connection, prompt: PromptId) -> Result<Vec<PromptVersion>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(prompt).fetch_all(connection).await?))
}

/// Stores what came of the work on a version; false if the version is gone.
#[must_use = "a version that is gone is not served"]
pub(super) async fn settle(
    connection: &mut Connection,
    (prompt, version): (PromptId, i64),
    now: Time,
) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(SETTLE).bind(prompt).bind(version).bind(now).execute(connection).await?.rows_affected()
    );
    Ok(rows == 1)
}

/// Has a version served from now on, in place of those before it.
pub(super) async fn serve(
    connection: &mut Connection,
    (prompt, version): (PromptId, i64),
    now: Time,
) -> Result<(), DbError> {
    on!(connection, {
        sqlx::query(SERVE).bind(prompt).bind(version).execute(&mut *connection).await?;
        sqlx::query(RETIRE).bind(prompt).bind(version).bind(now).execute(connection).await?.rows_affected()
    });
    Ok(())
}

/// Up to `limit` versions that failed before that time.
pub(super) async fn failed(
    connection: &mut Connection,
    before: Time,
    limit: i64,
) -> Result<Vec<(PromptId, i64)>, DbError> {
    Ok(on!(connection, sqlx::query_as(FAILED).bind(before).bind(limit).fetch_all(connection).await?))
}

/// Up to `limit` versions in whose place another has been served since before that time.
pub(super) async fn retired(
    connection: &mut Connection,
    before: Time,
    limit: i64,
) -> Result<Vec<(PromptId, i64)>, DbError> {
    Ok(on!(connection, sqlx::query_as(RETIRED).bind(before).bind(limit).fetch_all(connection).await?))
}

/// Removes a version that failed or was replaced; false if it is gone, or served after all.
pub(super) async fn delete(connection: &mut Connection, (prompt, version): (PromptId, i64)) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DELETE).bind(prompt).bind(version).execute(connection).await?.rows_affected()) == 1)
}

/// How many versions a prompt has in whose place no other is served.
pub(super) async fn count(connection: &mut Connection, prompt: PromptId) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(LEFT).bind(prompt).fetch_one(connection).await?))
}
