//! What a row is, in either database, and what it is outside of it.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use jiff::Timestamp;
use uuid::Uuid;

use super::{Awaited, Failure, JobId, JobInfo, Priority, Stat, State, retry::Claimed};

/// A worker's row; never used twice.
pub(super) type WorkerId = i64;

/// The beat of a worker that was declared dead; any other is a time that grows with each beat, whatever the clock does.
pub(super) const DECLARED_DEAD: i64 = 0;

/// A job to insert, encoded.
pub(super) struct Draft<'a> {
    pub(super) lane: &'a str,
    pub(super) kind: &'a str,
    pub(super) tenant: Uuid,
    pub(super) priority: Priority,
    pub(super) max_attempts: u16,
    pub(super) run_at: Timestamp,
    pub(super) unique_key: Option<&'a str>,
    pub(super) payload: Cow<'a, str>,
    /// What it is to wait for, in order.
    pub(super) after: Vec<JobId>,
}

/// What a worker asks for in a claim.
pub(super) struct Wanted<'a> {
    pub(super) worker: WorkerId,
    pub(super) lane: &'a Arc<str>,
    /// At most so many jobs.
    pub(super) count: usize,
    /// How many slots of the lane each tenant holds already.
    pub(super) held: &'a HashMap<Uuid, usize>,
    pub(super) now: Timestamp,
}

/// A job that an outlook is asked for.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Found {
    pub(super) unique_key: String,
    pub(super) id: JobId,
    pub(super) lane: String,
    pub(super) tenant: Uuid,
    pub(super) priority: Priority,
    pub(super) state: State,
    pub(super) progress: f64,
    pub(super) run_at: i64,
    pub(super) started_at: Option<i64>,
}

/// Those among whom the oldest goes first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Line {
    pub(super) lane: String,
    pub(super) priority: Priority,
    pub(super) tenant: Uuid,
}

/// A stored time; one that no calendar holds is at the end of it.
pub(super) fn timestamp(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}

/// A job that was claimed out of quarantine, and its lane.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Suspect {
    pub(super) lane: String,
    #[sqlx(flatten)]
    pub(super) job: Claimed,
}

/// A job without its payload.
#[derive(sqlx::FromRow)]
pub(super) struct JobRow {
    id: JobId,
    lane: String,
    kind: String,
    tenant: uuid::Uuid,
    priority: Priority,
    state: State,
    #[sqlx(try_from = "i32")]
    attempt: u16,
    #[sqlx(try_from = "i32")]
    max_attempts: u16,
    #[sqlx(try_from = "i32")]
    crashes: u32,
    progress: f64,
    run_at: i64,
    created_at: i64,
    started_at: Option<i64>,
    unique_key: Option<String>,
    give_up_reason: Option<String>,
    cancel: Option<String>,
    #[sqlx(json)]
    errors: Vec<StoredFailure>,
    #[sqlx(try_from = "i32")]
    waits: u32,
    #[sqlx(json)]
    waits_for: Vec<Awaited>,
}

impl From<JobRow> for JobInfo {
    fn from(row: JobRow) -> Self {
        Self {
            id: row.id,
            lane: row.lane,
            kind: row.kind,
            tenant: row.tenant,
            priority: row.priority,
            state: row.state,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            crashes: row.crashes,
            progress: row.progress,
            run_at: timestamp(row.run_at),
            created_at: timestamp(row.created_at),
            started_at: row.started_at.map(timestamp),
            unique_key: row.unique_key,
            give_up_reason: row.give_up_reason,
            cancel: row.cancel,
            errors: row.errors.into_iter().map(Failure::from).collect(),
            waits: row.waits,
            waits_for: row.waits_for,
        }
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

/// How many jobs of a kind are in a state.
#[derive(sqlx::FromRow)]
pub(super) struct StatRow {
    lane: String,
    kind: String,
    state: State,
    #[sqlx(try_from = "i64")]
    count: u64,
    oldest: i64,
}

impl From<StatRow> for Stat {
    fn from(row: StatRow) -> Self {
        Self { lane: row.lane, kind: row.kind, state: row.state, count: row.count, oldest: timestamp(row.oldest) }
    }
}
