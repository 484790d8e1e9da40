//! Keys and tokens.

use sqlx::types::Json;
use uuid::Uuid;
use voicemill_types::{ApiKeyId, DomainId, MailboxId, Time, UserTokenId};

use super::{ApiKey, Secret, UserToken};
use crate::db::{Connection, DbError, on, statements};

/// A key's columns but for its secrets.
macro_rules! keys {
    ($rest:literal) => {
        concat!(
            "SELECT id, scope, domain_id, name, addresses, created_at, last_used_at, previous_until, revoked_at \
             FROM api_key ",
            $rest
        )
    };
}

/// A token's columns but for its secret.
macro_rules! tokens {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.domain_id, t.key_id, t.subject, t.role, t.mailboxes, t.created_at, t.expires_at, \
                 COALESCE(t.revoked_at, k.revoked_at) AS revoked_at \
             FROM user_token t LEFT JOIN api_key k ON k.id = t.key_id ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO api_key (id, hash, scope, domain_id, name, addresses, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    BY_HASH = "SELECT id, scope, domain_id, name, addresses, created_at, last_used_at, revoked_at, \
                   CASE WHEN hash = $1 THEN NULL ELSE previous_until END AS previous_until \
               FROM api_key WHERE revoked_at IS NULL \
                   AND (hash = $1 OR previous_hash = $1 AND previous_until > $2)";
    LIST = keys!("WHERE domain_id IS NOT DISTINCT FROM $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    BY_ID = keys!("WHERE domain_id IS NOT DISTINCT FROM $1 AND id = $2");
    LIVE = "SELECT COUNT(*) AS live FROM api_key WHERE domain_id IS NOT DISTINCT FROM $1 AND revoked_at IS NULL";
    REVOKE = "UPDATE api_key SET revoked_at = $2, changed_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    ROTATE = "UPDATE api_key SET previous_hash = hash, previous_until = $3, hash = $2, changed_at = $4 WHERE id = $1";
    USED = "UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    CHANGED = "SELECT id FROM api_key WHERE changed_at >= $1";
    IS_GOOD = "SELECT COUNT(*) AS good FROM api_key WHERE id = $1 AND revoked_at IS NULL";

    INSERT_TOKEN = "INSERT INTO user_token (id, hash, domain_id, key_id, subject, role, mailboxes, created_at, expires_at) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    TOKEN_BY_HASH = tokens!("WHERE t.hash = $1 AND t.expires_at > $2 AND t.revoked_at IS NULL AND k.revoked_at IS NULL");
    LIST_TOKENS = tokens!("WHERE t.domain_id = $1 AND t.id < $2 AND (CAST($3 AS TEXT) IS NULL OR t.subject = $3) \
                           ORDER BY t.id DESC LIMIT $4");
    LIVE_TOKENS = "SELECT COUNT(*) AS live FROM user_token \
                   WHERE domain_id = $1 AND expires_at > $2 AND revoked_at IS NULL";
    REVOKE_TOKEN = "UPDATE user_token SET revoked_at = $3 WHERE domain_id = $1 AND id = $2 AND revoked_at IS NULL";
    TOKEN_IS_THERE = "SELECT COUNT(*) AS there FROM user_token WHERE domain_id = $1 AND id = $2";
    TOKENS_OF = "SELECT id FROM user_token \
                 WHERE domain_id = $1 AND subject = $2 AND revoked_at IS NULL AND expires_at > $3";
    TOKEN_IS_GOOD = "SELECT COUNT(*) AS good FROM user_token t LEFT JOIN api_key k ON k.id = t.key_id \
                     WHERE t.id = $1 AND t.expires_at > $2 AND t.revoked_at IS NULL AND k.revoked_at IS NULL";
    PRUNE_TOKENS = "DELETE FROM user_token WHERE id IN \
                        (SELECT id FROM user_token WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

    BOX_OF_MESSAGE = "SELECT mailbox_id FROM message WHERE domain_id = $1 AND id = $2";
    BOX_OF_PROMPT = "SELECT mailbox_id FROM prompt WHERE domain_id = $1 AND id = $2";
    // Several messages may share their media.
    BOX_OF_RENDITION = "SELECT COALESCE(message.mailbox_id, prompt.mailbox_id) AS mailbox_id FROM blob \
                            LEFT JOIN message ON message.media_id = blob.media_id \
                            LEFT JOIN prompt ON prompt.media_id = blob.media_id \
                        WHERE blob.domain_id = $1 AND blob.id = $2";
}

/// Stores a key by the SHA-256 of its secret.
pub(super) async fn insert(connection: &mut Connection, key: &ApiKey, secret: &Secret) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(key.id)
            .bind(&secret.0[..])
            .bind(key.scope)
            .bind(key.domain_id)
            .bind(&key.name)
            .bind(Json(&key.addresses))
            .bind(key.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The key that is good with that secret now. Its `previous_until` is there only if the secret is the one before.
pub(super) async fn by_hash(
    connection: &mut Connection,
    secret: &Secret,
    now: Time,
) -> Result<Option<ApiKey>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_HASH).bind(&secret.0[..]).bind(now).fetch_optional(connection).await?))
}

/// A page of a domain's keys, or of the operators', the latest first.
pub(super) async fn list(
    connection: &mut Connection,
    domain: Option<DomainId>,
    before: Uuid,
    limit: i64,
) -> Result<Vec<ApiKey>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(domain).bind(before).bind(limit).fetch_all(connection).await?))
}

/// One key of a domain, or of the operators.
pub(super) async fn by_id(
    connection: &mut Connection,
    domain: Option<DomainId>,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(domain).bind(id).fetch_optional(connection).await?))
}

/// How many keys of a domain, or of the operators, are not revoked.
pub(super) async fn live(connection: &mut Connection, domain: Option<DomainId>) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(LIVE).bind(domain).fetch_one(connection).await?))
}

/// Revokes a key; false if it was revoked before.
pub(super) async fn revoke(connection: &mut Connection, id: ApiKeyId, now: Time) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(REVOKE).bind(id).bind(now).execute(connection).await?.rows_affected()) == 1)
}

/// Gives a key another secret; the one before is good until `previous_until`.
pub(super) async fn rotate(
    connection: &mut Connection,
    id: ApiKeyId,
    secret: &Secret,
    previous_until: Time,
    now: Time,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(ROTATE)
            .bind(id)
            .bind(&secret.0[..])
            .bind(previous_until)
            .bind(now)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Notes when a key was used.
pub(super) async fn used(connection: &mut Connection, id: ApiKeyId, at: Time) -> Result<(), DbError> {
    on!(connection, sqlx::query(USED).bind(id).bind(at).execute(connection).await?.rows_affected());
    Ok(())
}

/// The keys that were revoked or given another secret since a moment.
pub(super) async fn changed(connection: &mut Connection, since: Time) -> Result<Vec<ApiKeyId>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(CHANGED).bind(since).fetch_all(connection).await?))
}

/// Whether a key is not revoked.
pub(super) async fn is_good(connection: &mut Connection, id: ApiKeyId) -> Result<bool, DbError> {
    let good: i64 = on!(connection, sqlx::query_scalar(IS_GOOD).bind(id).fetch_one(connection).await?);
    Ok(good > 0)
}

/// Stores a token by its SHA-256.
pub(super) async fn insert_token(
    connection: &mut Connection,
    token: &UserToken,
    secret: &Secret,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT_TOKEN)
            .bind(token.id)
            .bind(&secret.0[..])
            .bind(token.domain_id)
            .bind(token.key_id)
            .bind(&token.subject)
            .bind(token.role)
            .bind(Json(&token.mailboxes))
            .bind(token.created_at)
            .bind(token.expires_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The token with that secret, if it is good now.
pub(super) async fn token_by_hash(
    connection: &mut Connection,
    secret: &Secret,
    now: Time,
) -> Result<Option<UserToken>, DbError> {
    Ok(on!(connection, sqlx::query_as(TOKEN_BY_HASH).bind(&secret.0[..]).bind(now).fetch_optional(connection).await?))
}

/// A page of a domain's tokens, or of those of one person, the latest first.
pub(super) async fn list_tokens(
    connection: &mut Connection,
    domain: DomainId,
    before: Uuid,
    subject: Option<&str>,
    limit: i64,
) -> Result<Vec<UserToken>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(LIST_TOKENS).bind(domain).bind(before).bind(subject).bind(limit).fetch_all(connection).await?
    ))
}

/// How many tokens are good in a domain now.
pub(super) async fn live_tokens(connection: &mut Connection, domain: DomainId, now: Time) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(LIVE_TOKENS).bind(domain).bind(now).fetch_one(connection).await?))
}

/// Revokes a token; false if it was revoked before, or is not there.
pub(super) async fn revoke_token(
    connection: &mut Connection,
    domain: DomainId,
    id: UserTokenId,
    now: Time,
) -> Result<bool, DbError> {
    let revoked = on!(
        connection,
        sqlx::query(REVOKE_TOKEN).bind(domain).bind(id).bind(now).execute(connection).await?.rows_affected()
    );
    Ok(revoked == 1)
}

/// Whether the domain has such a token, good or not.
pub(super) async fn token_is_there(
    connection: &mut Connection,
    domain: DomainId,
    id: UserTokenId,
) -> Result<bool, DbError> {
    let there: i64 =
        on!(connection, sqlx::query_scalar(TOKEN_IS_THERE).bind(domain).bind(id).fetch_one(connection).await?);
    Ok(there > 0)
}

/// The good tokens of one person.
pub(super) async fn tokens_of(
    connection: &mut Connection,
    domain: DomainId,
    subject: &str,
    now: Time,
) -> Result<Vec<UserTokenId>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(TOKENS_OF).bind(domain).bind(subject).bind(now).fetch_all(connection).await?))
}

/// Whether a token is good now.
pub(super) async fn token_is_good(connection: &mut Connection, id: UserTokenId, now: Time) -> Result<bool, DbError> {
    let good: i64 = on!(connection, sqlx::query_scalar(TOKEN_IS_GOOD).bind(id).bind(now).fetch_one(connection).await?);
    Ok(good > 0)
}

/// Removes up to `limit` tokens that ended before a moment; returns how many.
pub(super) async fn prune_tokens(connection: &mut Connection, before: Time, limit: i64) -> Result<u64, DbError> {
    Ok(on!(connection, sqlx::query(PRUNE_TOKENS).bind(before).bind(limit).execute(connection).await?.rows_affected()))
}

/// Something that belongs to a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owned {
    Message,
    Prompt,
    Rendition,
}

/// The mailboxes that something of a domain belongs to; none in the place of one where it belongs to the domain alone.
pub(super) async fn boxes_of(
    connection: &mut Connection,
    domain: DomainId,
    (what, id): (Owned, Uuid),
) -> Result<Vec<Option<MailboxId>>, DbError> {
    let statement = match what {
        Owned::Message => BOX_OF_MESSAGE,
        Owned::Prompt => BOX_OF_PROMPT,
        Owned::Rendition => BOX_OF_RENDITION,
    };
    Ok(on!(connection, sqlx::query_scalar(statement).bind(domain).bind(id).fetch_all(connection).await?))
}
