//! What callers do inside their own write transactions.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::dependencies;
use crate::{
    Enqueued, JobId, QueueError,
    rows::{Draft, WorkerId},
};

pub(super) const ENQUEUE: &str = include_str!("enqueue.sql");
pub(super) const STANDING: &str =
    "SELECT id FROM job WHERE kind = ?1 AND unique_key = ?2 AND unique_key IS NOT NULL AND state <> 'discarded'";
pub(super) const EXPEDITE: &str = include_str!("expedite.sql");
pub(super) const CANCEL: &str = include_str!("cancel.sql");
pub(super) const HOLDS: &str = "SELECT EXISTS (SELECT 1 FROM job WHERE id = ?1 AND claim = ?2 AND state = 'running')";
pub(super) const COMPLETE_DONE: &str = include_str!("complete_done.sql");
pub(super) const COMPLETE: &str = include_str!("complete.sql");
/// Those of the finished jobs that others wait for.
pub(super) const AWAITED: &str = "SELECT job.id FROM json_each(?1) AS result CROSS JOIN job ON job.id = result.value ->> 0 \
    WHERE job.claim = result.value ->> 1 AND job.state = 'running' AND job.give_up_reason IS NULL AND job.awaited";
pub(super) const DEAD_LETTER: &str = include_str!("dead_letter.sql");
pub(super) const RETRY: &str = include_str!("retry.sql");
pub(super) const BEAT: &str = "UPDATE worker SET beat = max(beat + 1, ?2) WHERE id = ?1 AND beat > 0";
pub(super) const FORGET: &str =
    "DELETE FROM job WHERE id = ?1 AND state = 'discarded' RETURNING kind, awaited OR waits > 0 AS tied";

pub(crate) async fn enqueue(
    connection: &mut SqliteConnection,
    draft: &Draft<'_>,
    now: Timestamp,
) -> Result<Enqueued, QueueError> {
    if let Some(id) = insert(&mut *connection, draft, now).await? {
        return Ok(Enqueued { id, fresh: true });
    }
    let id = sqlx::query_scalar(STANDING).bind(draft.kind).bind(draft.unique_key).fetch_one(connection).await?;
    Ok(Enqueued { id, fresh: false })
}

pub(crate) async fn enqueue_all(
    connection: &mut SqliteConnection,
    _kind: (&str, &str),
    drafts: &[Draft<'_>],
    now: Timestamp,
) -> Result<u64, QueueError> {
    let mut fresh = 0;
    for draft in drafts {
        fresh += insert(connection, draft, now).await?.map_or(0, |_| 1);
    }
    Ok(fresh)
}

async fn insert(
    connection: &mut SqliteConnection,
    draft: &Draft<'_>,
    now: Timestamp,
) -> Result<Option<JobId>, QueueError> {
    let parents = dependencies::unfinished(connection, &draft.after).await?;
    let fresh: Option<JobId> = sqlx::query_scalar(ENQUEUE)
        .bind(draft.lane)
        .bind(draft.kind)
        .bind(draft.tenant)
        .bind(draft.priority)
        .bind(draft.max_attempts)
        .bind(draft.run_at.as_microsecond())
        .bind(now.as_microsecond())
        .bind(draft.unique_key)
        .bind(&*draft.payload)
        .bind(i32::try_from(parents.len()).unwrap_or(i32::MAX))
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(id) = fresh {
        dependencies::tie(connection, id, &parents).await?;
    }
    Ok(fresh)
}

pub(crate) async fn expedite(
    connection: &mut SqliteConnection,
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
    connection: &mut SqliteConnection,
    id: JobId,
    reason: &str,
    now: Timestamp,
) -> Result<bool, QueueError> {
    let query = sqlx::query(CANCEL).bind(id).bind(reason).bind(now.as_microsecond());
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

pub(crate) async fn holds(connection: &mut SqliteConnection, id: JobId, claim: i64) -> Result<bool, QueueError> {
    Ok(sqlx::query_scalar(HOLDS).bind(id).bind(claim).fetch_one(connection).await?)
}

pub(crate) async fn complete(
    connection: &mut SqliteConnection,
    id: JobId,
    claim: i64,
    now: Timestamp,
) -> Result<Option<u64>, QueueError> {
    let (completed, freed) = complete_all(connection, &[(id, claim)], now).await?;
    Ok((completed > 0).then_some(freed))
}

/// Completes those whose claim is still the job's; returns how many they are, and how many jobs waited for them.
pub(super) async fn complete_all(
    connection: &mut SqliteConnection,
    finished: &[(JobId, i64)],
    now: Timestamp,
) -> Result<(u64, u64), QueueError> {
    let results = serde_json::to_string(finished)?;
    let completed = move_to_done(connection, &results, false, now).await?;
    if completed == finished.len() as u64 {
        return Ok((completed, 0));
    }
    let awaited: Vec<JobId> = sqlx::query_scalar(AWAITED).bind(&results).fetch_all(&mut *connection).await?;
    if awaited.is_empty() {
        return Ok((completed, 0));
    }
    let more = move_to_done(connection, &results, true, now).await?;
    let freed = dependencies::free(connection, &awaited, now).await?;
    Ok((completed + more, freed))
}

async fn move_to_done(
    connection: &mut SqliteConnection,
    results: &str,
    awaited: bool,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let query = sqlx::query(COMPLETE_DONE).bind(results).bind(now.as_microsecond()).bind(awaited);
    query.execute(&mut *connection).await?;
    Ok(sqlx::query(COMPLETE).bind(results).bind(awaited).execute(connection).await?.rows_affected())
}

pub(crate) async fn dead_letter(
    connection: &mut SqliteConnection,
    id: JobId,
    claim: i64,
    reason: &str,
    now: Timestamp,
) -> Result<bool, QueueError> {
    let query = sqlx::query(DEAD_LETTER).bind(id).bind(claim).bind(now.as_microsecond()).bind(reason);
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

pub(crate) async fn retry(connection: &mut SqliteConnection, id: JobId, now: Timestamp) -> Result<bool, QueueError> {
    let query = sqlx::query(RETRY).bind(id).bind(now.as_microsecond());
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

pub(crate) async fn forget(connection: &mut SqliteConnection, id: JobId, now: Timestamp) -> Result<bool, QueueError> {
    let forgotten: Option<(String, bool)> = sqlx::query_as(FORGET).bind(id).fetch_optional(&mut *connection).await?;
    let Some((kind, tied)) = forgotten else { return Ok(false) };
    if tied {
        let reason = format!("job {id} ({kind}), which it waited for, was given up and removed");
        dependencies::desert(connection, id, &reason, now).await?;
    }
    Ok(true)
}

pub(crate) async fn beat(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    now: Timestamp,
) -> Result<bool, QueueError> {
    let query = sqlx::query(BEAT).bind(worker).bind(now.as_microsecond());
    Ok(query.execute(connection).await?.rows_affected() > 0)
}
