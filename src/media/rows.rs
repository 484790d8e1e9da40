//! Originals, renditions and other uses of bytes in the store.

use uuid::Uuid;
use voicemill_types::{DomainId, MediaId, RenditionId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    media::{
        Original, Rendition,
        rendition::{Purpose, Role},
    },
};

/// The columns of a rendition.
macro_rules! renditions {
    ($rest:literal) => {
        concat!(
            "SELECT id, media_id, version, name, purpose, format, content_type, rate_hz, duration_ms, bytes, sha256, key, \
             created_at FROM blob WHERE role = 'rendition' ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO blob (id, domain_id, media_id, version, role, name, key, bytes, sha256, hint, purpose, format, \
                  content_type, rate_hz, duration_ms, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
              ON CONFLICT (media_id, version, role, name) DO NOTHING";
    ORIGINALS = "SELECT media_id, version, name AS part, key, bytes, sha256, hint, created_at FROM blob \
                 WHERE media_id = $1 AND version = $2 AND role = 'original' ORDER BY name";
    DELETE_ORIGINAL = "DELETE FROM blob WHERE media_id = $1 AND version = $2 AND role = 'original' AND name = $3";
    LIST = renditions!("AND media_id = $1 AND version = $2 ORDER BY name");
    BY_NAME = renditions!("AND media_id = $1 AND version = $2 AND name = $3");
    // Who may fetch a rendition is decided here, by whose it is.
    IN_DOMAIN = renditions!("AND id = $1 AND domain_id = $2");
    KEYS = "SELECT DISTINCT key FROM blob WHERE media_id = $1";
    DELETE_VERSION = "DELETE FROM blob WHERE media_id = $1 AND version = $2 RETURNING key";
    DELETE = "DELETE FROM media WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM message WHERE media_id = $1)";
}

/// A use of bytes in the store, of whatever role.
#[derive(Debug)]
pub(crate) struct NewBlob<'a> {
    pub(crate) id: Uuid,
    pub(crate) domain: DomainId,
    /// The media and its version, unless it is the domain's own.
    pub(crate) media: Option<(MediaId, i64)>,
    pub(crate) role: Role,
    /// Unique among those of a role and version.
    pub(crate) name: &'a str,
    pub(crate) key: &'a str,
    pub(crate) bytes: i64,
    pub(crate) sha256: &'a str,
    pub(crate) hint: Option<&'a str>,
    /// What only renditions have.
    pub(crate) rendition: Option<&'a Rendition>,
    pub(crate) created_at: Time,
}

/// Stores a use of bytes; false when one of the same role and name is there already.
pub(crate) async fn insert(connection: &mut Connection, blob: &NewBlob<'_>) -> Result<bool, DbError> {
    let rendition = blob.rendition;
    let purpose: Option<Purpose> = rendition.map(|rendition| rendition.purpose);
    let rows = on!(
        connection,
        sqlx::query(INSERT)
            .bind(blob.id)
            .bind(blob.domain)
            .bind(blob.media.map(|media| media.0))
            .bind(blob.media.map(|media| media.1))
            .bind(blob.role)
            .bind(blob.name)
            .bind(blob.key)
            .bind(blob.bytes)
            .bind(blob.sha256)
            .bind(blob.hint)
            .bind(purpose)
            .bind(rendition.map(|rendition| &rendition.format))
            .bind(rendition.map(|rendition| &rendition.content_type))
            .bind(rendition.map(|rendition| rendition.rate_hz))
            .bind(rendition.map(|rendition| rendition.duration_ms))
            .bind(blob.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// Stores where an original lies; false when the same part of the same version is there already.
pub(crate) async fn insert_original(
    connection: &mut Connection,
    domain: DomainId,
    original: &Original,
) -> Result<bool, DbError> {
    let blob = NewBlob {
        id: Uuid::now_v7(),
        domain,
        media: Some((original.media_id, original.version)),
        role: Role::Original,
        name: &original.part,
        key: &original.key,
        bytes: original.bytes,
        sha256: &original.sha256,
        hint: original.hint.as_deref(),
        rendition: None,
        created_at: original.created_at,
    };
    insert(connection, &blob).await
}

/// Removes the row of one part of a version's original.
pub(crate) async fn delete_original(
    connection: &mut Connection,
    (media, version): (MediaId, i64),
    part: &str,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(DELETE_ORIGINAL).bind(media).bind(version).bind(part).execute(connection).await?.rows_affected()
    );
    Ok(())
}

/// Stores a rendition; one of the same version and name is a conflict.
pub(crate) async fn insert_rendition(
    connection: &mut Connection,
    domain: DomainId,
    rendition: &Rendition,
) -> Result<bool, DbError> {
    let blob = NewBlob {
        id: rendition.id.0,
        domain,
        media: Some((rendition.media_id, rendition.version)),
        role: Role::Rendition,
        name: &rendition.name,
        key: &rendition.key,
        bytes: rendition.bytes,
        sha256: &rendition.sha256,
        hint: None,
        rendition: Some(rendition),
        created_at: rendition.created_at,
    };
    insert(connection, &blob).await
}

/// The originals of one version, by part.
pub async fn originals(connection: &mut Connection, media: MediaId, version: i64) -> Result<Vec<Original>, DbError> {
    Ok(on!(connection, sqlx::query_as(ORIGINALS).bind(media).bind(version).fetch_all(connection).await?))
}

/// The renditions of one version, by name.
pub(crate) async fn list(connection: &mut Connection, media: MediaId, version: i64) -> Result<Vec<Rendition>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(media).bind(version).fetch_all(connection).await?))
}

/// One rendition of a version.
pub(crate) async fn by_name(
    connection: &mut Connection,
    media: MediaId,
    version: i64,
    name: &str,
) -> Result<Option<Rendition>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_NAME).bind(media).bind(version).bind(name).fetch_optional(connection).await?))
}

/// The rendition with that id, if it is the domain's.
pub(crate) async fn in_domain(
    connection: &mut Connection,
    domain: DomainId,
    id: RenditionId,
) -> Result<Option<Rendition>, DbError> {
    Ok(on!(connection, sqlx::query_as(IN_DOMAIN).bind(id).bind(domain).fetch_optional(connection).await?))
}

/// Removes media that no message has any more, with all that belongs to it; returns the keys of what it had in the store, and
/// none at all while another message has it. The caller holds the media's lock.
pub(crate) async fn delete_unused(connection: &mut Connection, media: MediaId) -> Result<Option<Vec<String>>, DbError> {
    let keys = on!(connection, sqlx::query_scalar(KEYS).bind(media).fetch_all(&mut *connection).await?);
    let deleted = on!(connection, sqlx::query(DELETE).bind(media).execute(connection).await?.rows_affected());
    Ok((deleted == 1).then_some(keys))
}

/// Removes what one version of media had in the store; returns the keys.
pub(crate) async fn delete_version(
    connection: &mut Connection,
    (media, version): (MediaId, i64),
) -> Result<Vec<String>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(DELETE_VERSION).bind(media).bind(version).fetch_all(connection).await?))
}
