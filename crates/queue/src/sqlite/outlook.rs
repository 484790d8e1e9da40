//! What is said of jobs that wait.

use sqlx::SqliteConnection;

use crate::{
    JobId, QueueError,
    rows::{Found, Line},
};

pub(super) const FIND: &str = "SELECT unique_key, id, lane, tenant, priority, state, progress, run_at, started_at FROM job \
    WHERE kind = ?1 AND unique_key IN (SELECT value FROM json_each(?2)) AND unique_key IS NOT NULL AND state <> 'discarded'";
/// Which place they have among those of their tenant, if it is one of the first ?5.
pub(super) const PLACES: &str = "SELECT id, place FROM ( \
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM ( \
            SELECT id FROM job WHERE state = 'available' AND lane = ?1 AND priority = ?2 AND tenant = ?3 \
            ORDER BY id LIMIT ?5 \
        ) AS oldest \
    ) AS placed WHERE id IN (SELECT value FROM json_each(?4))";

pub(crate) async fn find(
    connection: &mut SqliteConnection,
    kind: &str,
    unique_keys: &[String],
) -> Result<Vec<Found>, QueueError> {
    let keys = serde_json::to_string(unique_keys)?;
    Ok(sqlx::query_as(FIND).bind(kind).bind(keys).fetch_all(connection).await?)
}

pub(crate) async fn places(
    connection: &mut SqliteConnection,
    line: &Line,
    ids: &[JobId],
    limit: i64,
) -> Result<Vec<(JobId, i64)>, QueueError> {
    let query = sqlx::query_as(PLACES).bind(&line.lane).bind(line.priority).bind(line.tenant);
    Ok(query.bind(serde_json::to_string(ids)?).bind(limit).fetch_all(connection).await?)
}
