//! Keys.

use super::ApiKey;
use crate::db::{Connection, DbError, on, statements};

statements! {
    INSERT = "INSERT INTO api_key (id, hash, scope, domain_id, name, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
    BY_HASH = "SELECT id, scope, domain_id, name, created_at FROM api_key WHERE hash = $1";
}

/// Stores a key by the SHA-256 of its secret.
pub(crate) async fn insert(connection: &mut Connection, key: &ApiKey, hash: &[u8; 32]) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(key.id)
            .bind(&hash[..])
            .bind(key.scope)
            .bind(key.domain_id)
            .bind(&key.name)
            .bind(key.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The key whose secret has that SHA-256.
pub(crate) async fn by_hash(connection: &mut Connection, hash: &[u8; 32]) -> Result<Option<ApiKey>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_HASH).bind(&hash[..]).fetch_optional(connection).await?))
}
