//! Which blobs of the store the database knows, page by page, and what was found when both were compared.

use uuid::Uuid;
use voicemill_types::Time;

use crate::db::{Connection, DbError, on, statements};

/// The parameters of [`NAMED_AT_ONCE`] keys.
macro_rules! keys {
    () => {
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
         $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, \
         $43, $44, $45, $46, $47, $48, $49, $50)"
    };
}

statements! {
    NAMED = concat!("SELECT DISTINCT key FROM blob WHERE key IN ", keys!());
    // The keys in whatever order the database has them; a page begins after the last key of the page before it.
    PAGE = "SELECT DISTINCT key, bytes, sha256 FROM blob WHERE key > $1 ORDER BY key LIMIT $2";
    ORIGINALS = "SELECT DISTINCT key, bytes, sha256 FROM blob WHERE role = 'original' AND key > $1 ORDER BY key LIMIT $2";
    LOAD_PASS = "SELECT name, place, started_at, finished_at, counts, last_counts FROM store_pass WHERE name = $1";
    SAVE_PASS = "INSERT INTO store_pass (name, place, started_at, finished_at, counts, last_counts) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET place = excluded.place, \
                 started_at = excluded.started_at, finished_at = excluded.finished_at, counts = excluded.counts, \
                 last_counts = excluded.last_counts";
    ADD_LEASE = "INSERT INTO store_lease (name, held_until) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING";
    TAKE_LEASE = "UPDATE store_lease SET held_until = $2 WHERE name = $1 AND held_until <= $3";
    END_LEASE = "UPDATE store_lease SET held_until = 0 WHERE name = $1";
    ADD_FAULT = "INSERT INTO store_fault (key, fault, found_at) VALUES ($1, $2, $3) ON CONFLICT (key, fault) DO NOTHING";
    CLEAR_FAULT = "DELETE FROM store_fault WHERE key = $1 AND fault = $2";
    FAULTS = "SELECT key, fault, found_at FROM store_fault ORDER BY found_at, key LIMIT $1";
    STORE_ID = "SELECT id FROM store_identity";
    SAVE_STORE_ID = "INSERT INTO store_identity (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
    ADD_ORPHAN = "INSERT INTO store_orphan (key, since) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    ORPHAN_SINCE = "SELECT since FROM store_orphan WHERE key = $1";
    DELETE_ORPHAN = "DELETE FROM store_orphan WHERE key = $1";
    // What some row names again is no orphan any more.
    CLEAR_ORPHANS = "DELETE FROM store_orphan WHERE key IN (SELECT key FROM blob)";
    COUNT_FAULTS = "SELECT COUNT(*) AS faults FROM store_fault";
}

/// Most keys that [`named`] is asked about at once.
pub(crate) const NAMED_AT_ONCE: usize = 50;

/// A key and what its row says of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct NamedBlob {
    /// The key.
    pub key: String,
    /// How many they are.
    pub bytes: i64,
    /// Their SHA-256, in hex.
    pub sha256: String,
}

/// How far one way of comparing has come.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Pass {
    /// Which it is.
    pub name: String,
    /// Where it goes on; empty at the beginning.
    pub place: String,
    /// When it last began.
    pub started_at: Time,
    /// When one last reached its end.
    pub finished_at: Option<Time>,
    /// What it has seen so far, as JSON.
    pub counts: String,
    /// What the last whole one saw, as JSON.
    pub last_counts: String,
}

/// Something that is wrong with a blob.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Fault {
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub fault: String,
    /// When that was first seen.
    pub found_at: Time,
}

/// Those of the keys, at most [`NAMED_AT_ONCE`], that some row names.
pub(crate) async fn named(connection: &mut Connection, keys: &[&str]) -> Result<Vec<String>, DbError> {
    // No key is empty.
    let padded = (0..NAMED_AT_ONCE).map(|at| keys.get(at).copied().unwrap_or_default().to_owned());
    Ok(on!(
        connection,
        padded.fold(sqlx::query_scalar(NAMED), |query, key| query.bind(key)).fetch_all(connection).await?
    ))
}

/// Up to `limit` blobs that rows name, after `after`.
pub(crate) async fn page(connection: &mut Connection, after: &str, limit: i64) -> Result<Vec<NamedBlob>, DbError> {
    Ok(on!(connection, sqlx::query_as(PAGE).bind(after).bind(limit).fetch_all(connection).await?))
}

/// Up to `limit` originals by key, after `after`.
pub(crate) async fn originals(connection: &mut Connection, after: &str, limit: i64) -> Result<Vec<NamedBlob>, DbError> {
    Ok(on!(connection, sqlx::query_as(ORIGINALS).bind(after).bind(limit).fetch_all(connection).await?))
}

/// How far that pass has come.
pub(crate) async fn load_pass(connection: &mut Connection, name: &str) -> Result<Option<Pass>, DbError> {
    Ok(on!(connection, sqlx::query_as(LOAD_PASS).bind(name).fetch_optional(connection).await?))
}

/// Remembers how far a pass has come.
pub(crate) async fn save_pass(connection: &mut Connection, pass: &Pass) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SAVE_PASS)
            .bind(&pass.name)
            .bind(&pass.place)
            .bind(pass.started_at)
            .bind(pass.finished_at)
            .bind(&pass.counts)
            .bind(&pass.last_counts)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Takes the lease of that name until `until`; false while another process holds it.
pub(crate) async fn take_lease(
    connection: &mut Connection,
    name: &str,
    until: Time,
    now: Time,
) -> Result<bool, DbError> {
    let taken = on!(connection, {
        sqlx::query(ADD_LEASE).bind(name).execute(&mut *connection).await?;
        sqlx::query(TAKE_LEASE).bind(name).bind(until).bind(now).execute(connection).await?.rows_affected()
    });
    Ok(taken == 1)
}

/// Gives the lease of that name back.
pub(crate) async fn end_lease(connection: &mut Connection, name: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(END_LEASE).bind(name).execute(connection).await?.rows_affected());
    Ok(())
}

/// Remembers what is wrong with a blob, since it was first seen.
pub(crate) async fn add_fault(connection: &mut Connection, fault: &Fault) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(ADD_FAULT)
            .bind(&fault.key)
            .bind(&fault.fault)
            .bind(fault.found_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Forgets a fault that is none any more.
pub(crate) async fn clear_fault(connection: &mut Connection, key: &str, fault: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(CLEAR_FAULT).bind(key).bind(fault).execute(connection).await?.rows_affected());
    Ok(())
}

/// Up to `limit` faults, the oldest first.
pub(crate) async fn faults(connection: &mut Connection, limit: i64) -> Result<Vec<Fault>, DbError> {
    Ok(on!(connection, sqlx::query_as(FAULTS).bind(limit).fetch_all(connection).await?))
}

/// How many faults there are.
pub(crate) async fn count_faults(connection: &mut Connection) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(COUNT_FAULTS).fetch_one(connection).await?))
}

/// The id of the store that belongs to this database, once one does.
pub(crate) async fn store_id(connection: &mut Connection) -> Result<Option<Uuid>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(STORE_ID).fetch_optional(connection).await?))
}

/// Remembers the id of the store that belongs to this database; false when there is one.
pub(crate) async fn save_store_id(connection: &mut Connection, id: Uuid) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(SAVE_STORE_ID).bind(id).execute(connection).await?.rows_affected()) == 1)
}

/// Notes that no row names an original; returns since when that is known.
pub(crate) async fn orphan_since(connection: &mut Connection, key: &str, now: Time) -> Result<Time, DbError> {
    on!(connection, sqlx::query(ADD_ORPHAN).bind(key).bind(now).execute(&mut *connection).await?.rows_affected());
    Ok(on!(connection, sqlx::query_scalar(ORPHAN_SINCE).bind(key).fetch_one(connection).await?))
}

/// Forgets an original that is removed.
pub(crate) async fn forget_orphan(connection: &mut Connection, key: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(DELETE_ORPHAN).bind(key).execute(connection).await?.rows_affected());
    Ok(())
}

/// Forgets those that some row names again.
pub(crate) async fn clear_orphans(connection: &mut Connection) -> Result<(), DbError> {
    on!(connection, sqlx::query(CLEAR_ORPHANS).execute(connection).await?.rows_affected());
    Ok(())
}
