//! Prompts, and which of them is active.

use voicemill_speech::synthesize::Manner;
use voicemill_types::{DomainId, MailboxId, MediaId, PromptId};

use crate::{
    db::{Connection, DbError, on, statements},
    prompts::{Prompt, PromptKind},
};

/// A prompt with the state of its latest version, the words of the one that stands (the latest, unless it failed), and the sound
/// of the one that is served.
macro_rules! prompts {
    ($rest:literal) => {
        concat!(
            "SELECT prompt.*, mailbox.extension, media.version AS begun, latest.version, latest.state, latest.failure, \
                 words.origin, words.script, words.voice, words.rate, words.pauses, \
                 heard.duration_ms, heard.phone_report, heard.waveform \
             FROM prompt JOIN media ON media.id = prompt.media_id \
                 LEFT JOIN mailbox ON mailbox.id = prompt.mailbox_id \
                 JOIN prompt_version AS latest ON latest.prompt_id = prompt.id AND latest.version = \
                     (SELECT MAX(version) FROM prompt_version WHERE prompt_id = prompt.id AND retired_at IS NULL) \
                 JOIN prompt_version AS words ON words.prompt_id = prompt.id AND words.version = CASE \
                     WHEN latest.state = 'failed' THEN COALESCE(prompt.served_version, latest.version) \
                     ELSE latest.version END \
                 JOIN prompt_version AS heard ON heard.prompt_id = prompt.id \
                     AND heard.version = COALESCE(prompt.served_version, latest.version) ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO prompt (id, domain_id, mailbox_id, media_id, kind, name, core_id, active, activates, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    BY_ID = prompts!("WHERE prompt.id = $1");
    OF_MEDIA = "SELECT id FROM prompt WHERE media_id = $1";
    IN_DOMAIN = prompts!("WHERE prompt.domain_id = $1 AND prompt.id = $2");
    // Of a mailbox, or of all; of a kind, or of all.
    LIST = prompts!("WHERE prompt.domain_id = $1 AND prompt.kind <> 'announcement' \
                         AND (prompt.mailbox_id = $2 OR $2 IS NULL) AND (prompt.kind = $3 OR $3 IS NULL) \
                     ORDER BY prompt.kind, prompt.id LIMIT 1000");
    SPOKEN = prompts!("WHERE prompt.domain_id = $1 AND words.origin = 'text' AND prompt.id > $2 ORDER BY prompt.id LIMIT 500");
    // The same words, voice and manner, unless the work on them failed.
    ANNOUNCEMENT = prompts!("WHERE prompt.domain_id = $1 AND prompt.kind = 'announcement' AND words.script = $2 \
                                 AND words.voice = $3 AND words.rate = $4 AND words.pauses = $5 \
                                 AND latest.state <> 'failed' LIMIT 1");
    ACTIVE = prompts!("WHERE prompt.mailbox_id = $1 AND prompt.active");
    RECORDED_NAME = prompts!("WHERE prompt.mailbox_id = $1 AND prompt.kind = 'recorded_name'");
    BY_CORE_ID = prompts!("WHERE prompt.mailbox_id = $1 AND prompt.core_id = $2");
    RENAME = "UPDATE prompt SET name = $2 WHERE id = $1";
    DEACTIVATE = "UPDATE prompt SET active = FALSE, activates = FALSE WHERE mailbox_id = $1 AND (active OR activates)";
    EXPECT_NONE = "UPDATE prompt SET activates = FALSE WHERE mailbox_id = $1 AND activates";
    ACTIVATE = "UPDATE prompt SET active = TRUE WHERE id = $1 AND served_version IS NOT NULL";
    ACTIVATE_LATER = "UPDATE prompt SET activates = TRUE WHERE id = $1";
    DELETE = "DELETE FROM prompt WHERE id = $1";
}

/// Stores a new prompt, whose media is stored; its version follows.
pub(super) async fn insert(connection: &mut Connection, prompt: &Prompt, core_id: Option<&str>) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(prompt.id)
            .bind(prompt.domain_id)
            .bind(prompt.mailbox_id)
            .bind(prompt.media_id)
            .bind(prompt.kind)
            .bind(&prompt.name)
            .bind(core_id)
            .bind(prompt.active)
            .bind(prompt.activates)
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

/// The domain's prompts by kind, the first thousand; of one mailbox, or one kind, if any is named.
pub(super) async fn list(
    connection: &mut Connection,
    domain: DomainId,
    mailbox: Option<MailboxId>,
    kind: Option<PromptKind>,
) -> Result<Vec<Prompt>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(domain).bind(mailbox).bind(kind).fetch_all(connection).await?))
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
pub(super) async fn announcement(
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

/// The greeting that callers of the mailbox hear.
pub(super) async fn active(connection: &mut Connection, mailbox: MailboxId) -> Result<Option<Prompt>, DbError> {
    Ok(on!(connection, sqlx::query_as(ACTIVE).bind(mailbox).fetch_optional(connection).await?))
}

/// The mailbox's recorded name.
pub(super) async fn recorded_name(connection: &mut Connection, mailbox: MailboxId) -> Result<Option<Prompt>, DbError> {
    Ok(on!(connection, sqlx::query_as(RECORDED_NAME).bind(mailbox).fetch_optional(connection).await?))
}

/// What a core recorded for the mailbox under this id of its own.
pub(super) async fn by_core_id(
    connection: &mut Connection,
    mailbox: MailboxId,
    core_id: &str,
) -> Result<Option<Prompt>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_CORE_ID).bind(mailbox).bind(core_id).fetch_optional(connection).await?))
}

/// Gives a prompt another name; its audio stays.
pub(super) async fn rename(connection: &mut Connection, id: PromptId, name: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(RENAME).bind(id).bind(name).execute(connection).await?.rows_affected());
    Ok(())
}

/// Leaves the mailbox without an active greeting, and without one that is to become it.
pub(super) async fn deactivate(connection: &mut Connection, mailbox: MailboxId) -> Result<(), DbError> {
    on!(connection, sqlx::query(DEACTIVATE).bind(mailbox).execute(connection).await?.rows_affected());
    Ok(())
}

/// Leaves the mailbox without a greeting that is to become the active one.
pub(super) async fn expect_none(connection: &mut Connection, mailbox: MailboxId) -> Result<(), DbError> {
    on!(connection, sqlx::query(EXPECT_NONE).bind(mailbox).execute(connection).await?.rows_affected());
    Ok(())
}

/// Makes a greeting the active one of a mailbox that has none; false if nothing of it can be heard, or it is gone.
pub(super) async fn activate(connection: &mut Connection, id: PromptId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(ACTIVATE).bind(id).execute(connection).await?.rows_affected()) == 1)
}

/// Has a greeting become the active one as soon as it can be heard; false if it is gone.
pub(super) async fn activate_later(connection: &mut Connection, id: PromptId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(ACTIVATE_LATER).bind(id).execute(connection).await?.rows_affected()) == 1)
}

/// Removes a prompt with its versions; false if it is gone already. Its media follows.
pub(super) async fn delete(connection: &mut Connection, id: PromptId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DELETE).bind(id).execute(connection).await?.rows_affected()) == 1)
}
