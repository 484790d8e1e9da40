//! Prompts.

use voicemill_speech::synthesize::Manner;
use voicemill_types::{DomainId, MediaId, PromptId};

use crate::{
    db::{Connection, DbError, on, statements},
    prompts::Prompt,
};

/// A prompt with what is known of its sound.
macro_rules! prompts {
    ($rest:literal) => {
        concat!(
            "SELECT prompt.*, media.version, media.state, media.failure, media.duration_ms, media.phone_report, \
                 media.waveform \
             FROM prompt JOIN media ON media.id = prompt.media_id ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO prompt (id, domain_id, mailbox_id, media_id, kind, name, origin, script, voice, rate, pauses, \
                  created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    BY_ID = prompts!("WHERE prompt.id = $1");
    OF_MEDIA = "SELECT id FROM prompt WHERE media_id = $1";
    IN_DOMAIN = prompts!("WHERE prompt.domain_id = $1 AND prompt.id = $2");
    LIST = prompts!("WHERE prompt.domain_id = $1 AND prompt.kind <> 'announcement' ORDER BY prompt.kind, prompt.id LIMIT 1000");
    SPOKEN = prompts!("WHERE prompt.domain_id = $1 AND prompt.origin = 'text' AND prompt.id > $2 ORDER BY prompt.id LIMIT 500");
    // The same words, voice and manner, unless the work on them failed.
    ANNOUNCEMENT = prompts!("WHERE prompt.domain_id = $1 AND prompt.kind = 'announcement' AND prompt.script = $2 \
                                 AND prompt.voice = $3 AND prompt.rate = $4 AND prompt.pauses = $5 \
                                 AND media.state <> 'failed' LIMIT 1");
    RENAME = "UPDATE prompt SET name = $2 WHERE id = $1";
    REPLACE = "UPDATE prompt SET origin = $2, script = $3, voice = $4, rate = $5, pauses = $6, name = $7 WHERE id = $1";
}

/// Stores a new prompt, whose media is stored.
pub(crate) async fn insert(connection: &mut Connection, prompt: &Prompt) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(prompt.id)
            .bind(prompt.domain_id)
            .bind(prompt.mailbox_id)
            .bind(prompt.media_id)
            .bind(prompt.kind)
            .bind(&prompt.name)
            .bind(prompt.origin)
            .bind(&prompt.script)
            .bind(&prompt.voice)
            .bind(prompt.manner.rate)
            .bind(prompt.manner.pauses)
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

/// The prompt that has this sound.
pub(crate) async fn of_media(connection: &mut Connection, media: MediaId) -> Result<Option<PromptId>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(OF_MEDIA).bind(media).fetch_optional(connection).await?))
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

/// Stores what the next version is made of; its media has begun it.
pub(crate) async fn replace(connection: &mut Connection, prompt: &Prompt) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(REPLACE)
            .bind(prompt.id)
            .bind(prompt.origin)
            .bind(&prompt.script)
            .bind(&prompt.voice)
            .bind(prompt.manner.rate)
            .bind(prompt.manner.pauses)
            .bind(&prompt.name)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Gives a prompt another name; its audio stays.
pub(crate) async fn rename(connection: &mut Connection, id: PromptId, name: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(RENAME).bind(id).bind(name).execute(connection).await?.rows_affected());
    Ok(())
}
