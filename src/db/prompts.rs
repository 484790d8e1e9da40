//! Prompts.

use sqlx::types::Json;

use super::{Connection, DbError, statements};
use crate::model::{DomainId, MediaState, PhoneReport, Prompt, PromptId};

statements! {
    INSERT = "INSERT INTO prompt (id, domain_id, mailbox_id, kind, name, origin, script, voice, version, state, \
                  failure, duration_ms, phone_report, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    BY_ID = "SELECT * FROM prompt WHERE id = $1";
    IN_DOMAIN = "SELECT * FROM prompt WHERE domain_id = $1 AND id = $2";
    LIST = "SELECT * FROM prompt WHERE domain_id = $1 ORDER BY kind, id LIMIT 1000";
    REPLACE = "UPDATE prompt SET origin = $2, script = $3, voice = $4, version = $5, state = $6, failure = NULL, \
                   duration_ms = NULL, phone_report = NULL WHERE id = $1 AND version = $5 - 1";
    SET_AVAILABLE = "UPDATE prompt SET state = $3, failure = NULL, duration_ms = $4, phone_report = $5 \
                     WHERE id = $1 AND version = $2";
    SET_FAILED = "UPDATE prompt SET state = $3, failure = $4 WHERE id = $1 AND version = $2";
}

/// Stores a new prompt.
pub async fn insert(connection: &mut Connection, prompt: &Prompt) -> Result<(), DbError> {
    sqlx::query(INSERT)
        .bind(prompt.id)
        .bind(prompt.domain_id)
        .bind(prompt.mailbox_id)
        .bind(prompt.kind)
        .bind(&prompt.name)
        .bind(prompt.origin)
        .bind(&prompt.script)
        .bind(&prompt.voice)
        .bind(prompt.version)
        .bind(prompt.state)
        .bind(&prompt.failure)
        .bind(prompt.duration_ms)
        .bind(prompt.phone_report.as_ref().map(Json))
        .bind(prompt.created_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// The prompt with that id, whatever its domain: for jobs.
pub async fn by_id(connection: &mut Connection, id: PromptId) -> Result<Option<Prompt>, DbError> {
    Ok(sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?)
}

/// The prompt with that id if it is the domain's.
pub async fn in_domain(connection: &mut Connection, domain: DomainId, id: PromptId) -> Result<Option<Prompt>, DbError> {
    Ok(sqlx::query_as(IN_DOMAIN).bind(domain).bind(id).fetch_optional(connection).await?)
}

/// The domain's prompts by kind, the first thousand.
pub async fn list(connection: &mut Connection, domain: DomainId) -> Result<Vec<Prompt>, DbError> {
    Ok(sqlx::query_as(LIST).bind(domain).fetch_all(connection).await?)
}

/// Begins the version after the one that stands; false when that is no longer the one before it.
pub async fn replace(connection: &mut Connection, prompt: &Prompt) -> Result<bool, DbError> {
    let result = sqlx::query(REPLACE)
        .bind(prompt.id)
        .bind(prompt.origin)
        .bind(&prompt.script)
        .bind(&prompt.voice)
        .bind(prompt.version)
        .bind(prompt.state)
        .execute(connection)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Makes a version available; without effect when a newer version has begun.
pub async fn set_available(
    connection: &mut Connection,
    id: PromptId,
    version: i64,
    duration_ms: i64,
    phone_report: Option<&PhoneReport>,
) -> Result<(), DbError> {
    sqlx::query(SET_AVAILABLE)
        .bind(id)
        .bind(version)
        .bind(MediaState::Available)
        .bind(duration_ms)
        .bind(phone_report.map(Json))
        .execute(connection)
        .await?;
    Ok(())
}

/// Records why a version cannot be made; without effect when a newer version has begun.
pub async fn set_failed(connection: &mut Connection, id: PromptId, version: i64, reason: &str) -> Result<(), DbError> {
    sqlx::query(SET_FAILED).bind(id).bind(version).bind(MediaState::Failed).bind(reason).execute(connection).await?;
    Ok(())
}
