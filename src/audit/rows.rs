//! The audit log.

use uuid::Uuid;
use voicemill_types::Time;

use super::{Entry, Filter};
use crate::db::{Connection, DbError, on, statements};

/// Entries that a filter names, in one domain or all.
macro_rules! entries {
    ($domain:literal) => {
        concat!(
            "SELECT audit.*, domain.name AS domain FROM audit LEFT JOIN domain ON domain.id = audit.domain_id WHERE ",
            $domain,
            "audit.id < $1 AND audit.at >= $2 AND audit.at < $3 \
                 AND (CAST($4 AS TEXT) IS NULL OR audit.subject = $4) ORDER BY audit.id DESC LIMIT $5"
        )
    };
}

statements! {
    INSERT = "INSERT INTO audit (id, domain_id, at, bearer, bearer_id, role, acts_for, action, subject, client, request_id) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    LIST = entries!("audit.domain_id = $6 AND ");
    LIST_ALL = entries!("");
    PRUNE = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)";
}

/// Writes an entry.
pub(crate) async fn insert(connection: &mut Connection, entry: &Entry) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(entry.id)
            .bind(entry.domain_id)
            .bind(entry.at)
            .bind(entry.bearer)
            .bind(entry.bearer_id)
            .bind(entry.role)
            .bind(&entry.acts_for)
            .bind(&entry.action)
            .bind(&entry.subject)
            .bind(&entry.client)
            .bind(entry.request_id)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Up to `limit` entries, the latest first.
pub(super) async fn list(connection: &mut Connection, filter: &Filter, limit: i64) -> Result<Vec<Entry>, DbError> {
    let before = filter.before.unwrap_or(Uuid::max());
    let from = filter.from.unwrap_or(Time::from_microseconds(i64::MIN));
    let to = filter.to.unwrap_or(Time::from_microseconds(i64::MAX));
    Ok(match filter.domain {
        Some(domain) => on!(
            connection,
            sqlx::query_as(LIST)
                .bind(before)
                .bind(from)
                .bind(to)
                .bind(&filter.subject)
                .bind(limit)
                .bind(domain)
                .fetch_all(connection)
                .await?
        ),
        None => on!(
            connection,
            sqlx::query_as(LIST_ALL)
                .bind(before)
                .bind(from)
                .bind(to)
                .bind(&filter.subject)
                .bind(limit)
                .fetch_all(connection)
                .await?
        ),
    })
}

/// Removes up to `limit` entries that are older than `before`; returns how many.
pub(super) async fn prune(connection: &mut Connection, before: Time, limit: i64) -> Result<u64, DbError> {
    Ok(on!(connection, sqlx::query(PRUNE).bind(before).bind(limit).execute(connection).await?.rows_affected()))
}
