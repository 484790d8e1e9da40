//! Prompts.

use sqlx::types::Json;
use voicemill_audio::PhoneReport;
use voicemill_speech::synthesize::Manner;
use voicemill_types::{DomainId, PromptId};

use crate::{
    db::{Connection, DbError, on, statements},
    messages::MediaState,
    prompts::Prompt,
};

statements! {
    INSERT = "INSERT INTO prompt (id, domain_id, mailbox_id, kind, name, origin, script, voice, rate, pauses, \
                  version, state, failure, duration_ms, phone_report, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    BY_ID = "SELECT * FROM prompt WHERE id = $1";
    IN_DOMAIN = "SELECT * FROM prompt WHERE domain_id = $1 AND id = $2";
    LIST = "SELECT * FROM prompt WHERE domain_id = $1 AND kind <> 'announcement' ORDER BY kind, id LIMIT 1000";
    SPOKEN = "SELECT * FROM prompt WHERE domain_id = $1 AND origin = 'text' AND id > $2 ORDER BY id LIMIT 500";
    // The same words, voice and manner, unless the work on them failed.
    ANNOUNCEMENT = "SELECT * FROM prompt WHERE domain_id = $1 AND kind = 'announcement' AND script = $2 \
                        AND voice = $3 AND rate = $4 AND pauses = $5 AND state <> 'failed' LIMIT 1";
    RENAME = "UPDATE prompt SET name = $2 WHERE id = $1";
    REPLACE = "UPDATE prompt SET origin = $2, script = $3, voice = $4, version = $5, state = $6, rate = $7, \
                   pauses = $8, name = $9, failure = NULL, duration_ms = NULL, phone_report = NULL \
               WHERE id = $1 AND version = $5 - 1";
    SET_AVAILABLE = "UPDATE prompt SET state = $3, failure = NULL, duration_ms = $4, phone_report = $5 \
                     WHERE id = $1 AND version = $2";
    SET_FAILED = "UPDATE prompt SET state = $3, failure = $4 WHERE id = $1 AND version = $2";
}

/// Stores a new prompt.
pub(crate) async fn insert(connection: &mut Connection, prompt: &Prompt) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(prompt.id)
            .bind(prompt.domain_id)
            .bind(prompt.mailbox_id)
            .bind(prompt.kind)
            .bind(&prompt.name)
            .bind(prompt.origin)
            .bind(&prompt.script)
            .bind(&prompt.voice)
            .bind(prompt.manner.rate)
            .bind(prompt.manner.pauses)
            .bind(prompt.version)
            .bind(prompt.state)
            .bind(&prompt.failure)
            .bind(prompt.duration_ms)
            .bind(prompt.phone_report.as_ref().map(Json))
            .bind(prompt.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The prompt with that id, whatever its domain: for jobs.
pub(crate) async fn by_id(connection: &mut Connection, id: PromptId) -> Result<Option<Prompt>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// The prompt with that id if it is the domain's.
pub(crate) async fn in_domain(
    connection: &mut Connection,
    domain: DomainId,
    id: PromptId,
) -> Result<Option<Prompt>, DbError> {
    Ok(on!(connection, sqlx::query_as(IN_DOMAIN).bind(domain).bind(id).fetch_optional(connection).await?))
}

/// The domain's prompts by kind, the first thousand.
pub(crate) async fn list(connection: &mut Connection, domain: DomainId) -> Result<Vec<Prompt>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(domain).fetch_all(connection).await?))
}

/// The domain's prompts that are spoken from text, after the one of id `after`, in the order of their ids; none when
/// there are no more.
pub(crate) async fn spoken(
    connection: &mut Connection,
    domain: DomainId,
    after: PromptId,
) -> Result<Vec<Prompt>, DbError> {
    Ok(on!(connection, sqlx::query_as(SPOKEN).bind(domain).bind(after).fetch_all(connection).await?))
}

/// The domain's announcement of these words, if it has been asked for before.
pub(crate) async fn announcement(
    connection: &mut Connection,
    domain: DomainId,
    script: &str,
    voice: &str,
    manner: Manner,
) -> Result<Option<Prompt>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(ANNOUNCEMENT)
            .bind(domain)
            .bind(script)
            .bind(voice)
            .bind(manner.rate)
            .bind(manner.pauses)
            .fetch_optional(connection)
            .await?
    ))
}

/// Begins the version after the one that stands; false when that is no longer the one before it.
pub(crate) async fn replace(connection: &mut Connection, prompt: &Prompt) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(REPLACE)
            .bind(prompt.id)
            .bind(prompt.origin)
            .bind(&prompt.script)
            .bind(&prompt.voice)
            .bind(prompt.version)
            .bind(prompt.state)
            .bind(prompt.manner.rate)
            .bind(prompt.manner.pauses)
            .bind(&prompt.name)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// Gives a prompt another name; its audio stays.
pub(crate) async fn rename(connection: &mut Connection, id: PromptId, name: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(RENAME).bind(id).bind(name).execute(connection).await?.rows_affected());
    Ok(())
}

/// Makes a version available; without effect when a newer version has begun.
pub(crate) async fn set_available(
    connection: &mut Connection,
    id: PromptId,
    version: i64,
    duration_ms: i64,
    phone_report: Option<&PhoneReport>,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_AVAILABLE)
            .bind(id)
            .bind(version)
            .bind(MediaState::Available)
            .bind(duration_ms)
            .bind(phone_report.map(Json))
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Records why a version cannot be made; without effect when a newer version has begun.
pub(crate) async fn set_failed(
    connection: &mut Connection,
    id: PromptId,
    version: i64,
    reason: &str,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SET_FAILED)
            .bind(id)
            .bind(version)
            .bind(MediaState::Failed)
            .bind(reason)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}
