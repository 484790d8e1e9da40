//! What a row of a table is outside of it.

use jiff::Timestamp;
use sqlx::{FromRow, Row, sqlite::SqliteRow, types::Json};

use crate::queue::{Failure, JobInfo, Stat, retry::Claimed};

/// A stored time; one that no calendar holds is at the end of it.
pub(super) fn timestamp(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}

impl FromRow<'_, SqliteRow> for Claimed {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            claim: row.try_get("claim")?,
            kind: row.try_get("kind")?,
            tenant: row.try_get("tenant")?,
            attempt: row.try_get("attempt")?,
            max_attempts: row.try_get("max_attempts")?,
            tellings: row.try_get("tellings")?,
            verdict: row.try_get("verdict")?,
            payload: row.try_get("payload")?,
        })
    }
}

impl FromRow<'_, SqliteRow> for JobInfo {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let started_at: Option<i64> = row.try_get("started_at")?;
        let errors: Json<Vec<StoredFailure>> = row.try_get("errors")?;
        Ok(Self {
            id: row.try_get("id")?,
            lane: row.try_get("lane")?,
            kind: row.try_get("kind")?,
            tenant: row.try_get("tenant")?,
            priority: row.try_get("priority")?,
            state: row.try_get("state")?,
            attempt: row.try_get("attempt")?,
            max_attempts: row.try_get("max_attempts")?,
            crashes: row.try_get("crashes")?,
            progress: row.try_get("progress")?,
            run_at: timestamp(row.try_get("run_at")?),
            created_at: timestamp(row.try_get("created_at")?),
            started_at: started_at.map(timestamp),
            unique_key: row.try_get("unique_key")?,
            verdict: row.try_get("verdict")?,
            cancel: row.try_get("cancel")?,
            errors: errors.0.into_iter().map(Failure::from).collect(),
        })
    }
}

/// An element of `job.errors`.
#[derive(serde::Deserialize)]
struct StoredFailure {
    attempt: u16,
    at: i64,
    error: String,
}

impl From<StoredFailure> for Failure {
    fn from(stored: StoredFailure) -> Self {
        Self { attempt: stored.attempt, at: timestamp(stored.at), error: stored.error }
    }
}

impl FromRow<'_, SqliteRow> for Stat {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            lane: row.try_get("lane")?,
            kind: row.try_get("kind")?,
            state: row.try_get("state")?,
            count: row.try_get("count")?,
            oldest: timestamp(row.try_get("oldest")?),
        })
    }
}
