//! When a waiting job's turn comes: how many go before it, and how long that takes at the pace of late.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Job, JobId, Queue, QueueError, State,
    rows::{Found, Line, timestamp},
    store,
};
use voicemill_sql::{Connection, on};

/// How many jobs are counted at most, so that the answer costs the same behind a million.
const MANY: i64 = 10_000;

const MORE_URGENT: &str = "SELECT count(*) FROM ( \
        SELECT id FROM job WHERE state = 'available' AND lane = $1 AND priority < $2 LIMIT $3 \
    ) AS ahead";
/// How many other tenants have so many waiting each.
const OTHERS: &str = "SELECT waiting, count(*) AS tenants FROM ( \
        SELECT count(*) AS waiting FROM ( \
            SELECT tenant FROM job \
            WHERE state = 'available' AND lane = $1 AND priority = $2 AND tenant <> $3 LIMIT $4 \
        ) AS others GROUP BY tenant \
    ) AS each GROUP BY waiting";
const RUNNING: &str = "SELECT count(*) FROM job WHERE worker IS NOT NULL AND lane = $1";
/// How long a job of the lane took of late, in microseconds.
const PACE: &str = "SELECT CAST(avg(finished_at - started_at) AS DOUBLE PRECISION) FROM ( \
        SELECT lane, started_at, finished_at FROM done ORDER BY id DESC LIMIT 1000 \
    ) AS late WHERE lane = $1 AND started_at IS NOT NULL";

/// The module's statements, to be prepared on both databases.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] =
    &[("more_urgent", MORE_URGENT), ("others", OTHERS), ("running", RUNNING), ("pace", PACE)];

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

impl Queue {
    /// The outlook of the job with this unique key; none if it is finished or given up.
    pub async fn outlook<J: Job>(&self, unique_key: &str) -> Result<Option<Outlook>, QueueError> {
        Ok(self.outlooks::<J>(&[unique_key.to_owned()]).await?.remove(unique_key))
    }

    /// The outlooks of the jobs with these unique keys, by key, as far as they are neither finished nor given up. It asks the
    /// database as often for a hundred of a tenant as for one.
    pub async fn outlooks<J: Job>(&self, unique_keys: &[String]) -> Result<HashMap<String, Outlook>, QueueError> {
        if unique_keys.is_empty() {
            return Ok(HashMap::new());
        }
        let connection = &mut self.database.read().await?;
        let found = store::find(connection, J::KIND, unique_keys).await?;
        let positions = positions(connection, &found).await?;
        let now = self.clock.now();
        let mut paces: HashMap<String, Pace> = HashMap::new();
        let mut outlooks = HashMap::new();
        for job in found {
            let pace = match paces.get(&job.lane) {
                Some(pace) => *pace,
                None => *paces.entry(job.lane.clone()).or_insert(Pace::of(connection, &job.lane).await?),
            };
            let position = positions.get(&job.id).copied();
            let expected_seconds = pace.expected(&job, position, now);
            let Found { unique_key, id, state, progress, .. } = job;
            outlooks.insert(unique_key, Outlook { job: id, state, position, progress, expected_seconds });
        }
        Ok(outlooks)
    }
}

/// The places of those that wait for their turn.
async fn positions(connection: &mut Connection, found: &[Found]) -> Result<HashMap<JobId, i64>, QueueError> {
    let mut lines: HashMap<Line, Vec<JobId>> = HashMap::new();
    for job in found.iter().filter(|job| job.state == State::Available) {
        let line = Line { lane: job.lane.clone(), priority: job.priority, tenant: job.tenant };
        lines.entry(line).or_default().push(job.id);
    }
    let mut positions = HashMap::new();
    for (line, ids) in lines {
        let places: HashMap<JobId, i64> = store::places(connection, &line, &ids, MANY).await?.into_iter().collect();
        let (more_urgent, others): (i64, Vec<(i64, i64)>) = on!(
            connection,
            (
                sqlx::query_scalar(MORE_URGENT)
                    .bind(&line.lane)
                    .bind(line.priority)
                    .bind(MANY)
                    .fetch_one(&mut *connection)
                    .await?,
                sqlx::query_as(OTHERS)
                    .bind(&line.lane)
                    .bind(line.priority)
                    .bind(line.tenant)
                    .bind(MANY)
                    .fetch_all(connection)
                    .await?,
            )
        );
        for id in ids {
            let older = places.get(&id).map_or(MANY, |place| place - 1);
            // Tenants take turns: of each other one, as many go before it as go before it among its own.
            let turns: i64 = others.iter().map(|&(waiting, tenants)| tenants * waiting.min(older)).sum();
            positions.insert(id, 1 + more_urgent + older + turns);
        }
    }
    Ok(positions)
}

/// How fast a lane is at the moment.
#[derive(Clone, Copy, Debug)]
struct Pace {
    running: i64,
    /// What a job took of late, in seconds.
    each: Option<f64>,
}

impl Pace {
    async fn of(connection: &mut Connection, lane: &str) -> Result<Self, QueueError> {
        let (running, microseconds): (i64, Option<f64>) = on!(
            connection,
            (
                sqlx::query_scalar(RUNNING).bind(lane).fetch_one(&mut *connection).await?,
                sqlx::query_scalar(PACE).bind(lane).fetch_one(&mut *connection).await?
            )
        );
        Ok(Self { running, each: microseconds.map(|microseconds| microseconds / 1e6) })
    }

    /// In how many seconds the job should be done, by what those of its lane took of late and by how many run side by side.
    fn expected(self, job: &Found, position: Option<i64>, now: Timestamp) -> Option<f64> {
        let each = self.each?;
        let since = |at: i64| now.duration_since(timestamp(at)).as_secs_f64();
        match (job.state, position) {
            (State::Available, Some(position)) => Some(position as f64 / self.running.max(1) as f64 * each + each),
            (State::Scheduled, _) => Some((-since(job.run_at)).max(0.0) + each),
            (State::Running, _) => job.started_at.map(|at| (each - since(at)).max(0.0)),
            _ => None,
        }
    }
}
