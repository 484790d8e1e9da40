//! Speech that was made, kept so that the same words cost nothing the second time.

use voicemill_types::{DomainId, Time};

use crate::db::{Connection, DbError, on, statements};

statements! {
    INSERT = "INSERT INTO speech (domain_id, digest, key, bytes, sha256, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
              ON CONFLICT (domain_id, digest) DO NOTHING";
    FIND = "SELECT key, bytes, sha256 FROM speech WHERE domain_id = $1 AND digest = $2";
}

/// Where speech lies in the store.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Spoken {
    /// Its key in the store.
    pub key: String,
    /// Its size in bytes.
    pub bytes: i64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// Remembers speech by the digest of all that decides how it sounds; of two that were made at once the first stays.
pub(crate) async fn insert(
    connection: &mut Connection,
    domain: DomainId,
    digest: &str,
    spoken: &Spoken,
    now: Time,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(domain)
            .bind(digest)
            .bind(&spoken.key)
            .bind(spoken.bytes)
            .bind(&spoken.sha256)
            .bind(now)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The speech of that digest, if the domain has it.
pub(crate) async fn find(
    connection: &mut Connection,
    domain: DomainId,
    digest: &str,
) -> Result<Option<Spoken>, DbError> {
    Ok(on!(connection, sqlx::query_as(FIND).bind(domain).bind(digest).fetch_optional(connection).await?))
}
