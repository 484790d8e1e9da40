//! Originals and renditions: what lies in the store, and for whom.

use uuid::Uuid;
use voicemill_types::RenditionId;

use crate::{
    db::{Connection, DbError, on, statements},
    media::{Original, Rendition},
};

statements! {
    INSERT_ORIGINAL = "INSERT INTO original (owner_id, version, part, key, bytes, sha256, hint, created_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (owner_id, version, part) DO NOTHING";
    ORIGINALS = "SELECT * FROM original WHERE owner_id = $1 AND version = $2 ORDER BY part";
    INSERT = "INSERT INTO rendition (id, owner_id, version, name, purpose, format, content_type, rate_hz, \
                  duration_ms, bytes, sha256, key, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    LIST = "SELECT * FROM rendition WHERE owner_id = $1 AND version = $2 ORDER BY name";
    BY_NAME = "SELECT * FROM rendition WHERE owner_id = $1 AND version = $2 AND name = $3";
    BY_ID = "SELECT * FROM rendition WHERE id = $1";
}

/// Stores where an original lies; false when the same part of the same version stands already.
pub(crate) async fn insert_original(connection: &mut Connection, original: &Original) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(INSERT_ORIGINAL)
            .bind(original.owner_id)
            .bind(original.version)
            .bind(&original.part)
            .bind(&original.key)
            .bind(original.bytes)
            .bind(&original.sha256)
            .bind(&original.hint)
            .bind(original.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// The originals of one version of a message, prompt or recording, by part.
pub async fn originals(connection: &mut Connection, owner: Uuid, version: i64) -> Result<Vec<Original>, DbError> {
    Ok(on!(connection, sqlx::query_as(ORIGINALS).bind(owner).bind(version).fetch_all(connection).await?))
}

/// Stores a rendition; one of the same owner, version and name is a conflict.
pub(crate) async fn insert(connection: &mut Connection, rendition: &Rendition) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(rendition.id)
            .bind(rendition.owner_id)
            .bind(rendition.version)
            .bind(&rendition.name)
            .bind(rendition.purpose)
            .bind(&rendition.format)
            .bind(&rendition.content_type)
            .bind(rendition.rate_hz)
            .bind(rendition.duration_ms)
            .bind(rendition.bytes)
            .bind(&rendition.sha256)
            .bind(&rendition.key)
            .bind(rendition.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The renditions of one version, by name.
pub(crate) async fn list(connection: &mut Connection, owner: Uuid, version: i64) -> Result<Vec<Rendition>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(owner).bind(version).fetch_all(connection).await?))
}

/// One rendition of a version.
pub(crate) async fn by_name(
    connection: &mut Connection,
    owner: Uuid,
    version: i64,
    name: &str,
) -> Result<Option<Rendition>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_NAME).bind(owner).bind(version).bind(name).fetch_optional(connection).await?))
}

/// The rendition with that id.
pub(crate) async fn by_id(connection: &mut Connection, id: RenditionId) -> Result<Option<Rendition>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}
