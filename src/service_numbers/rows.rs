//! Service numbers, their addresses, and the messages in their slots.

use sqlx::types::Json;
use voicemill_types::{DomainId, PromptId, ServiceNumberId};

use crate::{
    db::{Connection, DbError, on, statements},
    service_numbers::{Filled, ServiceNumber, Slot},
};

statements! {
    // The id and the time of making stay those of the row that stands.
    SAVE = "INSERT INTO service_number (id, domain_id, number, recipients, email_mode, announce_position, \
                announce_waiting_time, announce_seconds, playlist_id, created_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
            ON CONFLICT (domain_id, number) DO UPDATE SET recipients = excluded.recipients, \
                email_mode = excluded.email_mode, announce_position = excluded.announce_position, \
                announce_waiting_time = excluded.announce_waiting_time, announce_seconds = excluded.announce_seconds, \
                playlist_id = excluded.playlist_id \
            RETURNING *";
    FIND = "SELECT * FROM service_number WHERE domain_id = $1 AND number = $2";
    LIST = "SELECT * FROM service_number WHERE domain_id = $1 ORDER BY number LIMIT 1000";
    WITH_PROMPT = "SELECT * FROM service_number WHERE domain_id = $1 \
                       AND id IN (SELECT service_number_id FROM service_slot WHERE prompt_id = $2) ORDER BY id";
    DELETE = "DELETE FROM service_number WHERE id = $1";
    FILLED = "SELECT slot, prompt_id FROM service_slot WHERE service_number_id = $1 ORDER BY slot";
    FILL = "INSERT INTO service_slot (service_number_id, slot, prompt_id) VALUES ($1, $2, $3) \
            ON CONFLICT (service_number_id, slot) DO UPDATE SET prompt_id = excluded.prompt_id";
    CLEAR = "DELETE FROM service_slot WHERE service_number_id = $1 AND slot = $2";
    CLEAR_PROMPT = "DELETE FROM service_slot WHERE prompt_id = $1";
    PLAYLIST_NAME = "SELECT playlist.name FROM service_number JOIN playlist ON playlist.id = service_number.playlist_id \
                     WHERE service_number.id = $1";
}

/// Stores a number, or new settings for the one that stands; returns what stands.
pub(super) async fn save(connection: &mut Connection, number: &ServiceNumber) -> Result<ServiceNumber, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(SAVE)
            .bind(number.id)
            .bind(number.domain_id)
            .bind(&number.number)
            .bind(Json(&number.recipients))
            .bind(number.email_mode)
            .bind(number.announce_position)
            .bind(number.announce_waiting_time)
            .bind(number.announce_seconds)
            .bind(number.playlist_id)
            .bind(number.created_at)
            .fetch_one(connection)
            .await?
    ))
}

/// The domain's service number, if it is known.
pub(crate) async fn find(
    connection: &mut Connection,
    domain: DomainId,
    number: &str,
) -> Result<Option<ServiceNumber>, DbError> {
    Ok(on!(connection, sqlx::query_as(FIND).bind(domain).bind(number).fetch_optional(connection).await?))
}

/// The domain's service numbers, the first thousand.
pub(super) async fn list(connection: &mut Connection, domain: DomainId) -> Result<Vec<ServiceNumber>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(domain).fetch_all(connection).await?))
}

/// The domain's service numbers that have this prompt in a slot.
pub(super) async fn with_prompt(
    connection: &mut Connection,
    domain: DomainId,
    prompt: PromptId,
) -> Result<Vec<ServiceNumber>, DbError> {
    Ok(on!(connection, sqlx::query_as(WITH_PROMPT).bind(domain).bind(prompt).fetch_all(connection).await?))
}

/// Forgets a number with its slots; true if it was known.
pub(super) async fn delete(connection: &mut Connection, id: ServiceNumberId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DELETE).bind(id).execute(connection).await?.rows_affected()) == 1)
}

/// The slots of a number that have a message.
pub(super) async fn filled(connection: &mut Connection, id: ServiceNumberId) -> Result<Vec<Filled>, DbError> {
    Ok(on!(connection, sqlx::query_as(FILLED).bind(id).fetch_all(connection).await?))
}

/// Puts a message into a slot.
pub(super) async fn fill(connection: &mut Connection, id: ServiceNumberId, filled: Filled) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(FILL).bind(id).bind(filled.slot).bind(filled.prompt_id).execute(connection).await?.rows_affected()
    );
    Ok(())
}

/// Empties a slot.
pub(super) async fn clear(connection: &mut Connection, id: ServiceNumberId, slot: Slot) -> Result<(), DbError> {
    on!(connection, sqlx::query(CLEAR).bind(id).bind(slot).execute(connection).await?.rows_affected());
    Ok(())
}

/// Takes a prompt out of every slot.
pub(super) async fn clear_prompt(connection: &mut Connection, prompt: PromptId) -> Result<(), DbError> {
    on!(connection, sqlx::query(CLEAR_PROMPT).bind(prompt).execute(connection).await?.rows_affected());
    Ok(())
}

/// The name of the play list that a number's callers on hold hear.
pub(super) async fn playlist_name(connection: &mut Connection, id: ServiceNumberId) -> Result<Option<String>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(PLAYLIST_NAME).bind(id).fetch_optional(connection).await?))
}
