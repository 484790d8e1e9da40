//! What callers do inside their own write transactions.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::dependencies;
use crate::{
    Enqueued, JobId, QueueError,
    rows::{Draft, WorkerId},
};

pub(super) const ENQUEUE: &str = include_str!("enqueue.sql");
pub(super) const ENQUEUE_ALL: &str = include_str!("enqueue_all.sql");
/// Locks the job: one that waits is not claimed before the caller's transaction has ended, so it sees what that did.
pub(super) const STANDING: &str = "SELECT id FROM job \
    WHERE kind = $1 AND unique_key = $2 AND unique_key IS NOT NULL AND state <> 'discarded' FOR UPDATE";
pub(super) const EXPEDITE: &str = include_str!("expedite.sql");
pub(super) const CANCEL: &str = include_str!("cancel.sql");
/// Locks the job, so that nobody takes it away before the transaction has ended.
pub(super) const HOLDS: &str = "SELECT 1 FROM job WHERE id = $1 AND claim = $2 AND state = 'running' FOR UPDATE";
pub(super) const COMPLETE_ONE: &str = include_str!("complete_one.sql");
pub(super) const DEAD_LETTER: &str = include_str!("dead_letter.sql");
pub(super) const RETRY: &str = include_str!("retry.sql");
pub(super) const FORGET: &str =
    "DELETE FROM job WHERE id = $1 AND state = 'discarded' RETURNING kind, awaited OR waits > 0 AS tied";
pub(super) const BEAT: &str =
    "UPDATE worker SET beat = greatest(beat + 1, CAST($2 AS BIGINT)) WHERE id = $1 AND beat > 0";

pub(crate) async fn enqueue(
    connection: &mut PgConnection,
    draft: &Draft<'_>,
    now: Timestamp,
) -> Result<Enqueued, QueueError> {
    let parents = dependencies::unfinished(connection, &draft.after).await?;
    loop {
        let fresh: Option<JobId> = sqlx::query_scalar(ENQUEUE)
            .bind(draft.lane)
            .bind(draft.kind)
            .bind(draft.tenant)
            .bind(draft.priority)
            .bind(i32::from(draft.max_attempts))
            .bind(draft.run_at.as_microsecond())
            .bind(now.as_microsecond())
            .bind(draft.unique_key)
            .bind(&*draft.payload)
            .bind(i32::try_from(parents.len()).unwrap_or(i32::MAX))
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(id) = fresh {
            dependencies::tie(connection, id, &parents).await?;
            return Ok(Enqueued { id, fresh: true });
        }
        let query = sqlx::query_scalar(STANDING).bind(draft.kind).bind(draft.unique_key);
        // None if it left between the two statements; then there is room for ours.
        if let Some(id) = query.fetch_optional(&mut *connection).await? {
            return Ok(Enqueued { id, fresh: false });
        }
    }
}

pub(crate) async fn enqueue_all(
    connection: &mut PgConnection,
    (lane, kind): (&str, &str),
    drafts: &[Draft<'_>],
    now: Timestamp,
) -> Result<u64, QueueError> {
    let mut fresh = 0;
    for draft in drafts.iter().filter(|draft| !draft.after.is_empty()) {
        fresh += u64::from(enqueue(connection, draft, now).await?.fresh);
    }
    let drafts: Vec<_> = drafts.iter().filter(|draft| draft.after.is_empty()).collect();
    let query = sqlx::query(ENQUEUE_ALL)
        .bind(lane)
        .bind(kind)
        .bind(now.as_microsecond())
        .bind(drafts.iter().map(|draft| draft.tenant).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| draft.priority as i32).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| i32::from(draft.max_attempts)).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| draft.run_at.as_microsecond()).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| draft.unique_key).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| &*draft.payload).collect::<Vec<_>>());
    Ok(fresh + query.execute(connection).await?.rows_affected())
}

pub(crate) async fn expedite(
    connection: &mut PgConnection,
    kind: &str,
    unique_key: &str,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<bool, QueueError> {
    let query = sqlx::query(EXPEDITE).bind(kind).bind(unique_key);
    let result = query.bind(run_at.as_microsecond()).bind(now.as_microsecond()).execute(connection).await?;
    Ok(result.rows_affected() > 0)
}

pub(crate) async fn cancel(
    connection: &mut PgConnection,
    id: JobId,
    reason: &str,
    now: Timestamp,
) -> Result<bool, QueueError> {
    let query = sqlx::query(CANCEL).bind(id).bind(reason).bind(now.as_microsecond());
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

pub(crate) async fn holds(connection: &mut PgConnection, id: JobId, claim: i64) -> Result<bool, QueueError> {
    Ok(sqlx::query(HOLDS).bind(id).bind(claim).fetch_optional(connection).await?.is_some())
}

pub(crate) async fn complete(
    connection: &mut PgConnection,
    id: JobId,
    claim: i64,
    now: Timestamp,
) -> Result<Option<u64>, QueueError> {
    let query = sqlx::query_scalar(COMPLETE_ONE).bind(id).bind(claim).bind(now.as_microsecond());
    Ok(match query.fetch_optional(&mut *connection).await? {
        None => None,
        Some(false) => Some(0),
        Some(true) => Some(dependencies::free(connection, &[id], now).await?),
    })
}

pub(crate) async fn dead_letter(
    connection: &mut PgConnection,
    id: JobId,
    claim: i64,
    reason: &str,
    now: Timestamp,
) -> Result<bool, QueueError> {
    let query = sqlx::query(DEAD_LETTER).bind(id).bind(claim).bind(now.as_microsecond()).bind(reason);
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

pub(crate) async fn retry(connection: &mut PgConnection, id: JobId, now: Timestamp) -> Result<bool, QueueError> {
    let query = sqlx::query(RETRY).bind(id).bind(now.as_microsecond());
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

pub(crate) async fn forget(connection: &mut PgConnection, id: JobId, now: Timestamp) -> Result<bool, QueueError> {
    let forgotten: Option<(String, bool)> = sqlx::query_as(FORGET).bind(id).fetch_optional(&mut *connection).await?;
    let Some((kind, tied)) = forgotten else { return Ok(false) };
    if tied {
        let reason = format!("job {id} ({kind}), which it waited for, was given up and removed");
        dependencies::desert(connection, id, &reason, now).await?;
    }
    Ok(true)
}

pub(crate) async fn beat(connection: &mut PgConnection, worker: WorkerId, now: Timestamp) -> Result<bool, QueueError> {
    let query = sqlx::query(BEAT).bind(worker).bind(now.as_microsecond());
    Ok(query.execute(connection).await?.rows_affected() > 0)
}
