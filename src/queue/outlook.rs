//! When a waiting job's turn comes: how many go before it, and how long that takes at the pace of late.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Job, JobId, Lane, Priority, Queue, QueueError, State, rows::timestamp};
use crate::sql::{Connection, on};

/// How many jobs are counted at most, so that the answer costs the same behind a million.
const MANY: i64 = 10_000;

const FIND: &str = "SELECT id, lane, tenant, priority, state, progress, run_at, started_at FROM job \
    WHERE kind = $1 AND unique_key = $2 AND unique_key IS NOT NULL AND state <> 'discarded'";
const MORE_URGENT: &str = "SELECT count(*) FROM ( \
        SELECT id FROM job WHERE state = 'available' AND lane = $1 AND priority < $2 LIMIT $3 \
    ) AS ahead";
const OLDER: &str = "SELECT count(*) FROM ( \
        SELECT id FROM job WHERE state = 'available' AND lane = $1 AND priority = $2 AND tenant = $3 AND id < $4 LIMIT $5 \
    ) AS ahead";
/// Others' jobs that have their turn before: of each tenant as many as go before this one among its own tenant's.
const OTHERS: &str = "SELECT count(*) FROM ( \
        SELECT row_number() OVER (PARTITION BY tenant ORDER BY id) AS place FROM ( \
            SELECT tenant, id FROM job \
            WHERE state = 'available' AND lane = $1 AND priority = $2 AND tenant <> $3 LIMIT $5 \
        ) AS waiting \
    ) AS placed WHERE place <= $4";
const RUNNING: &str = "SELECT count(*) FROM job WHERE worker IS NOT NULL AND lane = $1";
/// How long a job of the lane took of late, in microseconds.
const PACE: &str = "SELECT CAST(avg(finished_at - started_at) AS DOUBLE PRECISION) FROM ( \
        SELECT lane, started_at, finished_at FROM done ORDER BY id DESC LIMIT 1000 \
    ) AS late WHERE lane = $1 AND started_at IS NOT NULL";

/// The module's statements, to be prepared on both databases.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("find", FIND),
    ("more_urgent", MORE_URGENT),
    ("older", OLDER),
    ("others", OTHERS),
    ("running", RUNNING),
    ("pace", PACE),
];

/// What can be said of a job that is not finished.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// The job.
    pub job: JobId,
    /// Where it stands.
    pub state: State,
    /// Its place in the queue: 1 is the next; none if it does not wait for its turn. From 10,000 on it is a guess.
    pub position: Option<i64>,
    /// How much of it is done while it runs, from 0 to 1.
    pub progress: f64,
    /// In how many seconds it should be done, at the pace of late; none while nothing like it was done.
    pub expected_seconds: Option<f64>,
}

#[derive(sqlx::FromRow)]
struct Found {
    id: JobId,
    lane: Lane,
    tenant: Uuid,
    priority: Priority,
    state: State,
    progress: f64,
    run_at: i64,
    started_at: Option<i64>,
}

impl Queue {
    /// The outlook of the job with this unique key; none if it is finished or given up.
    pub async fn outlook<J: Job>(&self, unique_key: &str) -> Result<Option<Outlook>, QueueError> {
        let mut connection = self.database.read().await?;
        let Some(found) = find(&mut connection, J::KIND, unique_key).await? else { return Ok(None) };
        let position = match found.state {
            State::Available => Some(1 + ahead(&mut connection, &found).await?),
            _ => None,
        };
        let expected_seconds = expected(&mut connection, &found, position, self.clock.now()).await?;
        let Found { id, state, progress, .. } = found;
        Ok(Some(Outlook { job: id, state, position, progress, expected_seconds }))
    }
}

async fn find(connection: &mut Connection, kind: &str, unique_key: &str) -> Result<Option<Found>, QueueError> {
    Ok(on!(connection, sqlx::query_as(FIND).bind(kind).bind(unique_key).fetch_optional(connection).await?))
}

/// How many jobs have their turn before this one, tenants taking turns.
async fn ahead(connection: &mut Connection, found: &Found) -> Result<i64, QueueError> {
    let &Found { id, lane, tenant, priority, .. } = found;
    let (more_urgent, older): (i64, i64) = on!(
        connection,
        (
            sqlx::query_scalar(MORE_URGENT).bind(lane).bind(priority).bind(MANY).fetch_one(&mut *connection).await?,
            sqlx::query_scalar(OLDER)
                .bind(lane)
                .bind(priority)
                .bind(tenant)
                .bind(id)
                .bind(MANY)
                .fetch_one(&mut *connection)
                .await?
        )
    );
    let others: i64 = on!(
        connection,
        sqlx::query_scalar(OTHERS)
            .bind(lane)
            .bind(priority)
            .bind(tenant)
            .bind(older)
            .bind(MANY)
            .fetch_one(connection)
            .await?
    );
    Ok(more_urgent + older + others)
}

/// In how many seconds the job should be done, by what those of its lane took of late and by how many run side by side.
async fn expected(
    connection: &mut Connection,
    found: &Found,
    position: Option<i64>,
    now: Timestamp,
) -> Result<Option<f64>, QueueError> {
    let lane = found.lane;
    let (running, pace): (i64, Option<f64>) = on!(
        connection,
        (
            sqlx::query_scalar(RUNNING).bind(lane).fetch_one(&mut *connection).await?,
            sqlx::query_scalar(PACE).bind(lane).fetch_one(&mut *connection).await?
        )
    );
    let Some(each) = pace.map(|microseconds| microseconds / 1e6) else { return Ok(None) };
    let since = |at: i64| now.duration_since(timestamp(at)).as_secs_f64();
    Ok(match (found.state, position) {
        (State::Available, Some(position)) => Some(position as f64 / running.max(1) as f64 * each + each),
        (State::Scheduled, _) => Some((-since(found.run_at)).max(0.0) + each),
        (State::Running, _) => found.started_at.map(|at| (each - since(at)).max(0.0)),
        _ => None,
    })
}
