//! What operators have paused: a lane, whose jobs are left where they are, or a kind or a tenant, whose jobs are put aside by
//! the worker that comes upon them, so that neither slows down the claims of the rest.

use std::{
    collections::HashSet,
    fmt,
    sync::{PoisonError, RwLock},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Queue, QueueError, rows::timestamp};
use voicemill_sql::{Connection, on};

/// A running job whose kind or tenant is paused goes aside, its attempt uncounted. Who was asked to cancel it meanwhile gets
/// that as its give_up_reason, at once.
pub(super) const SUSPEND: &str = "UPDATE job \
    SET state = CASE WHEN cancel IS NOT NULL THEN 'available' ELSE 'paused' END, \
        run_at = CASE WHEN cancel IS NOT NULL THEN CAST($3 AS BIGINT) ELSE run_at END, \
        attempt = attempt - 1, alone = FALSE, give_up_reason = cancel, cancel = NULL, worker = NULL \
    WHERE id = $1 AND claim = $2 AND state = 'running' AND give_up_reason IS NULL";

const PAUSE: &str = "INSERT INTO pause (what, lane, kind, tenant, since) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (what) DO NOTHING";
const RESUME: &str = "DELETE FROM pause WHERE what = $1";
const PAUSES: &str = "SELECT lane, kind, tenant, since FROM pause ORDER BY what";
const ANY_SUSPENDED: &str = "SELECT EXISTS (SELECT 1 FROM job WHERE state = 'paused')";
/// What nothing holds back any more may be claimed again, a bounded number at a time.
const MAKE_AVAILABLE: &str = "UPDATE job SET state = \
        CASE WHEN crashes >= 2 AND give_up_reason IS NULL THEN 'quarantined' ELSE 'available' END \
    WHERE id IN ( \
        SELECT suspended.id FROM job AS suspended WHERE suspended.state = 'paused' AND NOT EXISTS ( \
            SELECT 1 FROM pause WHERE pause.kind = suspended.kind OR pause.tenant = suspended.tenant) \
        ORDER BY suspended.id LIMIT $1)";

/// The module's statements, to be prepared on both databases.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("suspend", SUSPEND),
    ("pause", PAUSE),
    ("resume", RESUME),
    ("pauses", PAUSES),
    ("any_suspended", ANY_SUSPENDED),
    ("make_available", MAKE_AVAILABLE),
];

/// The most jobs made available in one statement.
const BATCH: i64 = 1_000;

/// Something that can be paused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// No job of this lane starts.
    Lane(String),
    /// No job of this kind starts.
    Kind(String),
    /// No job of this tenant starts.
    Tenant(Uuid),
}

impl fmt::Display for Pause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lane(lane) => write!(formatter, "lane {lane}"),
            Self::Kind(kind) => write!(formatter, "kind {kind}"),
            Self::Tenant(tenant) => write!(formatter, "tenant {tenant}"),
        }
    }
}

/// Something that is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// What.
    #[serde(flatten)]
    pub what: Pause,
    /// Since when.
    pub since: Timestamp,
}

/// All that is paused, as a worker last heard.
#[derive(Debug, Default)]
pub(super) struct Pauses(RwLock<HashSet<Pause>>);

impl Pauses {
    /// Whether no job of the lane may start.
    pub(super) fn has_lane(&self, lane: &str) -> bool {
        let pauses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !pauses.is_empty() && pauses.contains(&Pause::Lane(lane.to_owned()))
    }

    /// Whether a job may not start because of its kind or its tenant.
    pub(super) fn hold_back(&self, kind: &str, tenant: Uuid) -> bool {
        let pauses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !pauses.is_empty()
            && (pauses.contains(&Pause::Kind(kind.to_owned())) || pauses.contains(&Pause::Tenant(tenant)))
    }

    /// Takes over what is paused now; true if something goes on that did not before.
    pub(super) fn update(&self, paused: Vec<Paused>) -> bool {
        let now: HashSet<Pause> = paused.into_iter().map(|paused| paused.what).collect();
        let before = std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), now.clone());
        before.difference(&now).next().is_some()
    }
}

impl Queue {
    /// Pauses a lane, a kind or a tenant inside the caller's write transaction; what runs goes on. False if it is paused.
    /// Call [`Queue::wake`] after the commit; workers follow it within their poll interval.
    pub async fn pause(&self, connection: &mut Connection, what: &Pause) -> Result<bool, QueueError> {
        let (lane, kind, tenant) = match what {
            Pause::Lane(lane) => (Some(lane.as_str()), None, None),
            Pause::Kind(kind) => (None, Some(kind.as_str()), None),
            Pause::Tenant(tenant) => (None, None, Some(*tenant)),
        };
        let since = self.clock.now().as_microsecond();
        let rows = on!(
            connection,
            sqlx::query(PAUSE)
                .bind(what.to_string())
                .bind(lane)
                .bind(kind)
                .bind(tenant)
                .bind(since)
                .execute(connection)
                .await?
                .rows_affected()
        );
        Ok(rows > 0)
    }

    /// Lets it go on inside the caller's write transaction; false if it was not paused. Call [`Queue::wake`] after the commit.
    pub async fn resume(&self, connection: &mut Connection, what: &Pause) -> Result<bool, QueueError> {
        let what = what.to_string();
        let rows = on!(connection, sqlx::query(RESUME).bind(what).execute(connection).await?.rows_affected());
        Ok(rows > 0)
    }

    /// All that is paused.
    pub async fn pauses(&self) -> Result<Vec<Paused>, QueueError> {
        type Row = (Option<String>, Option<String>, Option<Uuid>, i64);
        let connection = &mut self.database.read().await?;
        let rows: Vec<Row> = on!(connection, sqlx::query_as(PAUSES).fetch_all(connection).await?);
        let paused = rows.into_iter().filter_map(|(lane, kind, tenant, since)| {
            let what = lane.map(Pause::Lane).or(kind.map(Pause::Kind)).or(tenant.map(Pause::Tenant))?;
            Some(Paused { what, since: timestamp(since) })
        });
        Ok(paused.collect())
    }

    async fn any_suspended(&self) -> Result<bool, QueueError> {
        let connection = &mut self.database.read().await?;
        Ok(on!(connection, sqlx::query_scalar(ANY_SUSPENDED).fetch_one(connection).await?))
    }

    /// Makes available again what was put aside and is held back by nothing any more.
    pub(super) async fn make_available(&self) -> Result<(), QueueError> {
        if !self.any_suspended().await? {
            return Ok(());
        }
        loop {
            let mut transaction = self.database.begin().await?;
            let connection = transaction.connection();
            let available =
                on!(connection, sqlx::query(MAKE_AVAILABLE).bind(BATCH).execute(connection).await?.rows_affected());
            transaction.commit().await?;
            if available > 0 {
                self.wake();
            }
            if available < BATCH.unsigned_abs() {
                return Ok(());
            }
        }
    }
}
