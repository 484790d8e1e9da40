//! What is said of jobs that wait.

use sqlx::PgConnection;

use crate::{
    JobId, QueueError,
    rows::{Found, Line},
};

pub(super) const FIND: &str = "SELECT unique_key, id, lane, tenant, priority, state, progress, run_at, started_at FROM job \
    WHERE kind = $1 AND unique_key = ANY ($2) AND unique_key IS NOT NULL AND state <> 'discarded'";
/// Which place they have among those of their tenant, if it is one of the first $5. Not "tenant = $3" and ORDER BY id: that
/// could be had from the primary key, past every other tenant's jobs.
pub(super) const PLACES: &str = "SELECT id, place FROM ( \
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM ( \
            SELECT id FROM job WHERE state = 'available' AND lane = $1 AND priority = $2 \
              AND (tenant, id) > ($3, 0) AND tenant <= $3 \
            ORDER BY tenant, id LIMIT $5 \
        ) AS oldest \
    ) AS placed WHERE id = ANY ($4)";

pub(crate) async fn find(
    connection: &mut PgConnection,
    kind: &str,
    unique_keys: &[String],
) -> Result<Vec<Found>, QueueError> {
    Ok(sqlx::query_as(FIND).bind(kind).bind(unique_keys).fetch_all(connection).await?)
}

pub(crate) async fn places(
    connection: &mut PgConnection,
    line: &Line,
    ids: &[JobId],
    limit: i64,
) -> Result<Vec<(JobId, i64)>, QueueError> {
    let query = sqlx::query_as(PLACES).bind(&line.lane).bind(line.priority).bind(line.tenant);
    Ok(query.bind(ids).bind(limit).fetch_all(connection).await?)
}
