//! Jobs that wait until others are completed.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::{JobId, QueueError};

pub(super) const AWAIT: &str =
    "UPDATE job SET awaited = TRUE WHERE id IN (SELECT value FROM json_each(?1)) RETURNING id";
pub(super) const COMPLETED: &str = "SELECT id FROM done WHERE id IN (SELECT value FROM json_each(?1))";
pub(super) const TIE: &str = "INSERT INTO job_dep (parent, child) SELECT value, ?2 FROM json_each(?1)";
pub(super) const WAIT_LESS: &str = include_str!("wait_less.sql");
pub(super) const UNBLOCK: &str = include_str!("unblock.sql");
pub(super) const UNTIE: &str = "DELETE FROM job_dep WHERE parent IN (SELECT value FROM json_each(?1))";
pub(super) const GIVE_UP_DEPENDENTS: &str = include_str!("give_up_dependents.sql");
pub(super) const UNTIE_CHILD: &str = "DELETE FROM job_dep WHERE child = ?1";

/// Which of these jobs are not completed yet.
pub(super) async fn unfinished(connection: &mut SqliteConnection, jobs: &[JobId]) -> Result<Vec<JobId>, QueueError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let unfinished: Vec<JobId> =
        sqlx::query_scalar(AWAIT).bind(serde_json::to_string(jobs)?).fetch_all(&mut *connection).await?;
    let gone: Vec<JobId> = jobs.iter().copied().filter(|job| !unfinished.contains(job)).collect();
    if !gone.is_empty() {
        let query = sqlx::query_scalar(COMPLETED).bind(serde_json::to_string(&gone)?);
        let completed: Vec<JobId> = query.fetch_all(connection).await?;
        if let Some(unknown) = gone.into_iter().find(|job| !completed.contains(job)) {
            return Err(QueueError::UnknownJob(unknown));
        }
    }
    Ok(unfinished)
}

/// Has a new job wait for these.
pub(super) async fn tie(connection: &mut SqliteConnection, child: JobId, parents: &[JobId]) -> Result<(), QueueError> {
    if !parents.is_empty() {
        sqlx::query(TIE).bind(serde_json::to_string(parents)?).bind(child).execute(connection).await?;
    }
    Ok(())
}

/// These are completed in the same transaction: nobody waits for them any more. Returns how many did.
pub(super) async fn free(
    connection: &mut SqliteConnection,
    parents: &[JobId],
    now: Timestamp,
) -> Result<u64, QueueError> {
    let parents = serde_json::to_string(parents)?;
    let waited = sqlx::query(WAIT_LESS).bind(&parents).execute(&mut *connection).await?.rows_affected();
    if waited > 0 {
        sqlx::query(UNBLOCK).bind(&parents).bind(now.as_microsecond()).execute(&mut *connection).await?;
        sqlx::query(UNTIE).bind(&parents).execute(connection).await?;
    }
    Ok(waited)
}

/// A dead letter is removed in the same transaction: it waits for nobody, and who waits for it is given up for this reason.
pub(super) async fn desert(
    connection: &mut SqliteConnection,
    job: JobId,
    reason: &str,
    now: Timestamp,
) -> Result<(), QueueError> {
    sqlx::query(UNTIE_CHILD).bind(job).execute(&mut *connection).await?;
    sqlx::query(GIVE_UP_DEPENDENTS).bind(job).bind(reason).bind(now.as_microsecond()).execute(&mut *connection).await?;
    sqlx::query(UNTIE).bind(serde_json::to_string(&[job])?).execute(connection).await?;
    Ok(())
}
