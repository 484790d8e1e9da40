//! Keys of requests, and what became of them.

use sqlx::types::Json;
use uuid::Uuid;
use voicemill_types::Time;

use super::{Claim, Kept};
use crate::db::{Connection, DbError, on, statements};

statements! {
    FIND = "SELECT claimed_at, effect, is_over, fingerprint, answer FROM idempotency WHERE bearer_id = $1 AND key = $2";
    // Who reads and then claims holds the bearer's lock.
    CLAIM = "INSERT INTO idempotency (bearer_id, key, claimed_at, is_over) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (bearer_id, key) DO UPDATE SET claimed_at = excluded.claimed_at, effect = NULL, \
                 is_over = excluded.is_over, fingerprint = NULL, answer = NULL";
    NOTE_EFFECT = "UPDATE idempotency SET effect = $4 WHERE bearer_id = $1 AND key = $2 AND claimed_at = $3";
    ANSWER = "UPDATE idempotency SET fingerprint = $4, answer = $5, is_over = $6 \
              WHERE bearer_id = $1 AND key = $2 AND claimed_at = $3";
    END = "UPDATE idempotency SET is_over = $4 WHERE bearer_id = $1 AND key = $2 AND claimed_at = $3";
    FORGET = "DELETE FROM idempotency WHERE bearer_id = $1 AND key = $2 AND claimed_at = $3 AND effect IS NULL";
    PRUNE = "DELETE FROM idempotency WHERE (bearer_id, key) IN \
                 (SELECT bearer_id, key FROM idempotency WHERE claimed_at < $1 ORDER BY claimed_at LIMIT $2)";
}

/// What is known of a key.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) claimed_at: Time,
    pub(super) effect: Option<String>,
    pub(super) is_over: bool,
    pub(super) fingerprint: Option<String>,
    pub(super) answer: Option<Json<Kept>>,
}

/// What is known of a key.
pub(super) async fn find(connection: &mut Connection, bearer: Uuid, key: &str) -> Result<Option<Row>, DbError> {
    Ok(on!(connection, sqlx::query_as(FIND).bind(bearer).bind(key).fetch_optional(connection).await?))
}

/// Claims a key. The caller holds the bearer's lock, and saw that nobody has it.
pub(super) async fn claim(connection: &mut Connection, claim: &Claim) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(CLAIM)
            .bind(claim.bearer)
            .bind(&claim.key)
            .bind(claim.claimed_at)
            .bind(false)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Notes what was made or changed under a claim, in the transaction that does so.
///
/// # Errors
/// Somebody else has the key by now: nothing may be done under this claim.
pub(crate) async fn note_effect(connection: &mut Connection, claim: &Claim, effect: &str) -> Result<(), DbError> {
    let noted = on!(
        connection,
        sqlx::query(NOTE_EFFECT)
            .bind(claim.bearer)
            .bind(&claim.key)
            .bind(claim.claimed_at)
            .bind(effect)
            .execute(connection)
            .await?
            .rows_affected()
    );
    match noted {
        1 => Ok(()),
        _ => Err(sqlx::Error::Protocol("the idempotency key was claimed by a later request".to_owned()).into()),
    }
}

/// Keeps the answer of a claim.
pub(super) async fn answer(
    connection: &mut Connection,
    claim: &Claim,
    fingerprint: &str,
    answer: &Kept,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(ANSWER)
            .bind(claim.bearer)
            .bind(&claim.key)
            .bind(claim.claimed_at)
            .bind(fingerprint)
            .bind(Json(answer))
            .bind(true)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Notes that a claim ended without an answer that is kept.
pub(super) async fn end(connection: &mut Connection, claim: &Claim) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(END)
            .bind(claim.bearer)
            .bind(&claim.key)
            .bind(claim.claimed_at)
            .bind(true)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Forgets a claim that changed nothing; false if it did change something.
pub(super) async fn forget_without_effect(connection: &mut Connection, claim: &Claim) -> Result<bool, DbError> {
    let forgotten = on!(
        connection,
        sqlx::query(FORGET)
            .bind(claim.bearer)
            .bind(&claim.key)
            .bind(claim.claimed_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(forgotten == 1)
}

/// Forgets up to `limit` keys that were claimed before a moment; returns how many.
pub(super) async fn prune(connection: &mut Connection, before: Time, limit: i64) -> Result<u64, DbError> {
    Ok(on!(connection, sqlx::query(PRUNE).bind(before).bind(limit).execute(connection).await?.rows_affected()))
}
