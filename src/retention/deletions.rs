//! The proof of what is gone: what it was, why it went, and since when the store has nothing of it.

use sqlx::types::Json;
use uuid::Uuid;
use voicemill_types::{DomainId, MailboxId, MediaId, Time};

use crate::{
    app::App,
    db::{Connection, DbError, on, statements},
    domains::Domain,
    error::ServiceError,
    listing::{self, Page},
    retention::Cause,
};

/// The record of something that was removed for good. It has no content: no number, name or word.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Deletion {
    /// Identity.
    pub id: Uuid,
    /// Whose it was.
    pub domain_id: DomainId,
    /// What it was: `message` or `recording`.
    pub kind: String,
    /// Which one.
    pub subject_id: Uuid,
    /// The mailbox that it lay in, if it lay in one.
    pub mailbox_id: Option<MailboxId>,
    /// SHA-256 of its originals, in hex.
    #[sqlx(json)]
    pub sha256: Vec<String>,
    /// Why it went.
    pub cause: Cause,
    /// Whether its sound is still that of another message, which was forwarded or copied.
    pub shared: bool,
    /// When its rows went, and with them links and audio.
    pub deleted_at: Time,
    /// When the store said of each of its blobs that it is not there.
    pub verified_at: Option<Time>,
}

statements! {
    INSERT = "INSERT INTO deletion (id, domain_id, kind, subject_id, mailbox_id, sha256, cause, shared, deleted_at, verified_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    VERIFIED = "UPDATE deletion SET verified_at = $2 WHERE id = $1 AND verified_at IS NULL";
    LIST = "SELECT * FROM deletion WHERE domain_id = $1 AND (deleted_at < $2 OR (deleted_at = $2 AND id < $3)) \
            ORDER BY deleted_at DESC, id DESC LIMIT $4";
    ORIGINALS = "SELECT sha256 FROM blob WHERE media_id = $1 AND role = 'original' ORDER BY version, name";
}

/// The SHA-256 of media's originals.
pub(crate) async fn originals(connection: &mut Connection, media: MediaId) -> Result<Vec<String>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(ORIGINALS).bind(media).fetch_all(connection).await?))
}

/// Writes that something is gone, in the transaction that removes it.
pub(crate) async fn insert(connection: &mut Connection, deletion: &Deletion) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(deletion.id)
            .bind(deletion.domain_id)
            .bind(&deletion.kind)
            .bind(deletion.subject_id)
            .bind(deletion.mailbox_id)
            .bind(Json(&deletion.sha256))
            .bind(deletion.cause)
            .bind(deletion.shared)
            .bind(deletion.deleted_at)
            .bind(deletion.verified_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Writes that the store has nothing of it any more.
pub(crate) async fn verified(app: &App, id: Uuid) -> Result<(), ServiceError> {
    let now = Time::from(app.clock.now());
    let mut tx = app.begin().await?;
    note_verified(tx.connection(), id, now).await?;
    Ok(tx.commit().await?)
}

async fn note_verified(connection: &mut Connection, id: Uuid, at: Time) -> Result<(), DbError> {
    on!(connection, sqlx::query(VERIFIED).bind(id).bind(at).execute(connection).await?.rows_affected());
    Ok(())
}

/// A page of what is gone, the latest first.
pub async fn list(
    app: &App,
    domain: &Domain,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Deletion>, ServiceError> {
    let asked = ("deletions", domain.id);
    let place = listing::begin::<i64>(cursor, &asked)?;
    let (at, id) = place.unwrap_or((i64::MAX, Uuid::max()));
    let mut connection = app.database.read().await?;
    let found = read(&mut connection, domain.id, (Time::from_microseconds(at), id), i64::from(limit) + 1).await?;
    Ok(listing::page(found, limit, &asked, |deletion| (deletion.deleted_at.microseconds(), deletion.id)))
}

async fn read(
    connection: &mut Connection,
    domain: DomainId,
    after: (Time, Uuid),
    limit: i64,
) -> Result<Vec<Deletion>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(LIST).bind(domain).bind(after.0).bind(after.1).bind(limit).fetch_all(connection).await?
    ))
}
