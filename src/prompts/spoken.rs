//! Speech that was made, kept so that the same words cost nothing the second time.

use uuid::Uuid;
use voicemill_types::{DomainId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    media::{
        rendition::Role,
        rows::{self, NewBlob},
    },
};

statements! {
    INSERT = "INSERT INTO speech (domain_id, digest, blob_id) VALUES ($1, $2, $3) ON CONFLICT (domain_id, digest) DO NOTHING";
    DELETE_BLOB = "DELETE FROM blob WHERE id = $1";
    FIND = "SELECT blob.key, blob.bytes, blob.sha256 FROM speech JOIN blob ON blob.id = speech.blob_id \
            WHERE speech.domain_id = $1 AND speech.digest = $2";
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
    if find(connection, domain, digest).await?.is_some() {
        return Ok(());
    }
    let blob = NewBlob {
        id: Uuid::now_v7(),
        domain,
        media: None,
        role: Role::Speech,
        name: digest,
        key: &spoken.key,
        bytes: spoken.bytes,
        sha256: &spoken.sha256,
        hint: None,
        rendition: None,
        created_at: now,
    };
    rows::insert(connection, &blob).await?;
    let rows = on!(
        connection,
        sqlx::query(INSERT).bind(domain).bind(digest).bind(blob.id).execute(&mut *connection).await?.rows_affected()
    );
    if rows == 0 {
        on!(connection, sqlx::query(DELETE_BLOB).bind(blob.id).execute(connection).await?.rows_affected());
    }
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
