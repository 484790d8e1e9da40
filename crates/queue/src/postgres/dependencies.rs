//! Jobs that wait until others are completed.
//!
//! Who enqueues one locks those that it is to wait for until the end of the transaction: none is completed before it is known
//! that somebody waits, and what was completed meanwhile is found among the done. Completing looks for who waits in a
//! statement of its own, because one that had to wait for that lock does not see what was written under it.

use jiff::Timestamp;
use sqlx::PgConnection;

use crate::{JobId, QueueError};

pub(super) const AWAIT: &str = "UPDATE job SET awaited = TRUE WHERE id = ANY (ARRAY( \
        SELECT parent.id FROM job AS parent WHERE parent.id = ANY ($1) ORDER BY parent.id FOR UPDATE \
    )) RETURNING id";
pub(super) const COMPLETED: &str = "SELECT id FROM done WHERE id = ANY ($1)";
pub(super) const TIE: &str =
    "INSERT INTO job_dep (parent, child) SELECT parent, $2 FROM unnest(CAST($1 AS BIGINT[])) AS parent";
pub(super) const WAIT_LESS: &str = include_str!("wait_less.sql");
pub(super) const UNBLOCK: &str = include_str!("unblock.sql");
pub(super) const UNTIE: &str = "DELETE FROM job_dep WHERE parent = ANY ($1)";
pub(super) const GIVE_UP_DEPENDENTS: &str = include_str!("give_up_dependents.sql");
pub(super) const UNTIE_CHILD: &str = "DELETE FROM job_dep WHERE child = $1";

/// Which of these jobs are not completed yet, locked until the transaction ends.
pub(super) async fn unfinished(connection: &mut PgConnection, jobs: &[JobId]) -> Result<Vec<JobId>, QueueError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let unfinished: Vec<JobId> = sqlx::query_scalar(AWAIT).bind(jobs).fetch_all(&mut *connection).await?;
    let gone: Vec<JobId> = jobs.iter().copied().filter(|job| !unfinished.contains(job)).collect();
    if !gone.is_empty() {
        let completed: Vec<JobId> = sqlx::query_scalar(COMPLETED).bind(&gone).fetch_all(connection).await?;
        if let Some(unknown) = gone.into_iter().find(|job| !completed.contains(job)) {
            return Err(QueueError::UnknownJob(unknown));
        }
    }
    Ok(unfinished)
}

/// Has a new job wait for these.
pub(super) async fn tie(connection: &mut PgConnection, child: JobId, parents: &[JobId]) -> sqlx::Result<()> {
    if !parents.is_empty() {
        sqlx::query(TIE).bind(parents).bind(child).execute(connection).await?;
    }
    Ok(())
}

/// These are completed in the same transaction: nobody waits for them any more. Returns how many did.
pub(super) async fn free(connection: &mut PgConnection, parents: &[JobId], now: Timestamp) -> sqlx::Result<u64> {
    let waited = sqlx::query(WAIT_LESS).bind(parents).execute(&mut *connection).await?.rows_affected();
    if waited > 0 {
        sqlx::query(UNBLOCK).bind(parents).bind(now.as_microsecond()).execute(&mut *connection).await?;
        sqlx::query(UNTIE).bind(parents).execute(connection).await?;
    }
    Ok(waited)
}

/// A dead letter is removed in the same transaction: it waits for nobody, and who waits for it is given up for this reason.
pub(super) async fn desert(
    connection: &mut PgConnection,
    job: JobId,
    reason: &str,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(UNTIE_CHILD).bind(job).execute(&mut *connection).await?;
    sqlx::query(GIVE_UP_DEPENDENTS).bind(job).bind(reason).bind(now.as_microsecond()).execute(&mut *connection).await?;
    sqlx::query(UNTIE).bind([job].as_slice()).execute(connection).await?;
    Ok(())
}
