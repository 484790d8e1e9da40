//! The queue's statements on PostgreSQL. Nothing outside this folder knows the dialect.
//!
//! What workers do runs on a pool of its own whose plans are pinned: the table is full at one moment and empty at the
//! next, so whatever its statistics say is soon wrong, and a plan made for the one is ruinous for the other. Statements
//! are committed one by one; what several workers do at once passes over each other's rows instead of waiting for them.

mod claim;
mod dependencies;
mod inside;
mod outlook;
mod partitions;
#[cfg(test)]
pub(super) mod plans;
mod watermarks;

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use self::inside::DEAD_LETTER;
pub(super) use self::{
    inside::{beat, cancel, complete, dead_letter, enqueue, enqueue_all, expedite, forget, holds, retry},
    outlook::{find, places},
};
use super::{
    JobFilter, JobId, JobInfo, QueueError, Stat,
    pause::SUSPEND,
    retry::{self as rules, Crash, Held, Settled, Settlement},
    rows::{JobRow, StatRow, Suspect, WorkerId, timestamp},
};
use voicemill_sql::PostgresPool;

/// The queue's tables, as the body of a migration.
#[cfg(test)]
pub(super) const SCHEMA: &str = include_str!("../../migrations/postgres/0001_queue.sql");

/// How the queue's own connections begin. The plans are those that `plans` holds the statements to.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; \
     SET enable_mergejoin = off; SET enable_bitmapscan = off; SET jit = off; SET lock_timeout = '10s'; \
     SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '15s'";

/// One for each lane's claim and a helping one, for results, upkeep and nudges, with one to spare.
const CONNECTIONS: u32 = 8;

const COMPLETE: &str = include_str!("complete.sql");
const COMPLETE_AWAITED: &str = include_str!("complete_awaited.sql");
const RESCHEDULE: &str = include_str!("reschedule.sql");
const GIVE_UP: &str = include_str!("give_up.sql");
const CLAIM_SUSPECT: &str = include_str!("claim_suspect.sql");
const ANY_SUSPECT: &str = "SELECT EXISTS (SELECT 1 FROM job WHERE state = 'quarantined' AND lane = ANY ($1)) AS waits";
/// A worker died of something else than those that ran alone when others did: their crashes prove nothing.
const ABSOLVE: &str = "UPDATE job SET lone_crashes = 0 WHERE lone_crashes > 0";
const JOIN: &str = "INSERT INTO worker (host, beat) VALUES ($1, $2) RETURNING id";
const WORKERS: &str = "SELECT id, beat FROM worker";
const STALE: &str = "SELECT id FROM worker WHERE id = $1 AND beat = $2 FOR UPDATE SKIP LOCKED";
/// Passes over a job that somebody settles at this moment, or that a stopped process holds the lock of.
const HELD: &str = "SELECT id, claim, kind, tenant, attempt, max_attempts, give_up_attempts, give_up_reason, \
         CAST(payload AS TEXT) AS payload, crashes, lone_crashes, alone \
     FROM job WHERE worker = $1 FOR UPDATE SKIP LOCKED";
const CLAIMS: &str = "SELECT id, claim FROM job WHERE worker = $1";
const LEAVE: &str = "DELETE FROM worker WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM job WHERE worker = $1)";
const CANCELLED: &str = "SELECT id, cancel FROM job WHERE worker = $1 AND cancel IS NOT NULL";
const PROGRESS: &str = include_str!("progress.sql");
const PROMOTE: &str = include_str!("promote.sql");
const OVERDUE: &str = include_str!("overdue.sql");
/// Passes over what another worker takes, or ages, at this moment. In a CASE, or where little is available the job would be
/// looked for among all that is.
const AGE: &str = "UPDATE job SET priority = 1, aged = TRUE WHERE id = ANY (ARRAY( \
         SELECT overdue.id FROM job AS overdue \
         WHERE overdue.id = ANY ($1) \
             AND CASE WHEN overdue.state = 'available' THEN overdue.priority = 2 ELSE FALSE END \
         FOR UPDATE SKIP LOCKED))";
const NEXT_RUN: &str = "SELECT run_at FROM job WHERE state = 'scheduled' ORDER BY run_at LIMIT 1";
const LIST: &str = include_str!("list.sql");
const STATS: &str = include_str!("stats.sql");
const NUDGE: &str = "SELECT pg_notify($1, $2)";

/// The channel on which processes tell each other that there may be something to do.
pub(super) const CHANNEL: &str = "voicemill_queue";

/// A queue on a PostgreSQL server.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: PostgresPool,
    pool: PgPool,
    watermarks: Arc<watermarks::Watermarks>,
}

impl Store {
    pub(super) fn new(database: PostgresPool) -> Self {
        let pool = database.another(CONNECTIONS, SETTINGS);
        Self { database, pool, watermarks: Arc::default() }
    }

    pub(super) async fn claim_suspect(
        &self,
        worker: WorkerId,
        lanes: &[String],
        alone: bool,
        now: Timestamp,
    ) -> Result<Option<Suspect>, QueueError> {
        let query = sqlx::query_as(CLAIM_SUSPECT).bind(worker).bind(lanes).bind(now.as_microsecond()).bind(alone);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    pub(super) async fn any_suspect(&self, lanes: &[String]) -> Result<bool, QueueError> {
        Ok(sqlx::query_scalar(ANY_SUSPECT).bind(lanes).fetch_one(&self.pool).await?)
    }

    pub(super) async fn settle(&self, results: &[Settled], now: Timestamp) -> Result<u64, QueueError> {
        let mut finished = Vec::new();
        let mut others = Vec::new();
        for result in results {
            match result.settlement {
                Settlement::Complete => finished.push((result.id, result.claim)),
                Settlement::Stored => {}
                _ => others.push(result),
            }
        }
        // Whoever takes several rows takes them in this order, so that no two wait for each other.
        finished.sort_unstable();
        others.sort_unstable_by_key(|result| result.id);
        if !others.is_empty() {
            let mut transaction = self.pool.begin().await?;
            for result in others {
                settle(&mut transaction, result, now).await?;
            }
            transaction.commit().await?;
        }
        if finished.is_empty() {
            return Ok(0);
        }
        let (ids, claims): (Vec<_>, Vec<_>) = finished.into_iter().unzip();
        let complete = sqlx::query(COMPLETE).bind(&ids).bind(&claims).bind(now.as_microsecond());
        if complete.execute(&self.pool).await?.rows_affected() == ids.len() as u64 {
            return Ok(0);
        }
        self.complete_awaited(&ids, &claims, now).await
    }

    /// Completes those that others wait for, and lets them go on.
    async fn complete_awaited(&self, ids: &[JobId], claims: &[i64], now: Timestamp) -> Result<u64, QueueError> {
        let mut transaction = self.pool.begin().await?;
        let complete = sqlx::query_scalar(COMPLETE_AWAITED).bind(ids).bind(claims).bind(now.as_microsecond());
        let completed: Vec<JobId> = complete.fetch_all(&mut *transaction).await?;
        let freed = dependencies::free(&mut transaction, &completed, now).await?;
        transaction.commit().await?;
        Ok(freed)
    }

    pub(super) async fn join(&self, host: &str, now: Timestamp) -> Result<WorkerId, QueueError> {
        self.make_partitions(now).await?;
        let query = sqlx::query_scalar(JOIN).bind(host).bind(now.as_microsecond());
        Ok(query.fetch_one(&self.pool).await?)
    }

    pub(super) async fn connect_alone(&self) -> Result<PgConnection, QueueError> {
        Ok(self.database.connect_alone().await?)
    }

    pub(super) async fn leave(&self, worker: WorkerId, now: Timestamp) -> Result<usize, QueueError> {
        let mut transaction = self.pool.begin().await?;
        let held = held_by(&mut transaction, worker).await?;
        for Held { job, .. } in &held {
            let settlement = Settlement::Reschedule { run_at: now, counted: false, crash: None, error: None };
            settle(&mut transaction, &job.settled(settlement), now).await?;
        }
        sqlx::query(LEAVE).bind(worker).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(held.len())
    }

    pub(super) async fn workers(&self) -> Result<Vec<(WorkerId, i64)>, QueueError> {
        Ok(sqlx::query_as(WORKERS).fetch_all(&self.pool).await?)
    }

    pub(super) async fn reap(
        &self,
        dead: &[(WorkerId, i64)],
        now: Timestamp,
    ) -> Result<Vec<(WorkerId, usize)>, QueueError> {
        let mut reaped = Vec::new();
        for &(worker, beat) in dead {
            let mut transaction = self.pool.begin().await?;
            // Its row is locked: it neither beats nor claims meanwhile, and another reaper passes over it.
            let stale = sqlx::query(STALE).bind(worker).bind(beat).fetch_optional(&mut *transaction).await?;
            if stale.is_none() {
                continue;
            }
            let held = held_by(&mut transaction, worker).await?;
            let lone = rules::died_of_one(&held);
            if !lone {
                sqlx::query(ABSOLVE).execute(&mut *transaction).await?;
            }
            for held in &held {
                let settlement = rules::settle_crash(held, lone, now, rules::jitter());
                settle(&mut transaction, &held.job.settled(settlement), now).await?;
            }
            // A worker of whom a job could not be taken stays, for the next time.
            sqlx::query(LEAVE).bind(worker).execute(&mut *transaction).await?;
            transaction.commit().await?;
            reaped.push((worker, held.len()));
        }
        Ok(reaped)
    }

    pub(super) async fn held(&self, worker: WorkerId) -> Result<Vec<(JobId, i64)>, QueueError> {
        Ok(sqlx::query_as(CLAIMS).bind(worker).fetch_all(&self.pool).await?)
    }

    pub(super) async fn cancelled(&self, worker: WorkerId) -> Result<Vec<(JobId, String)>, QueueError> {
        Ok(sqlx::query_as(CANCELLED).bind(worker).fetch_all(&self.pool).await?)
    }

    pub(super) async fn store_progress(&self, changes: &[(JobId, i64, f64)]) -> Result<(), QueueError> {
        let mut changes = changes.to_vec();
        changes.sort_unstable_by_key(|change| change.0);
        let ids: Vec<_> = changes.iter().map(|change| change.0).collect();
        let claims: Vec<_> = changes.iter().map(|change| change.1).collect();
        let progress: Vec<_> = changes.iter().map(|change| change.2).collect();
        sqlx::query(PROGRESS).bind(ids).bind(claims).bind(progress).execute(&self.pool).await?;
        Ok(())
    }

    pub(super) async fn promote(&self, limit: u32, now: Timestamp) -> Result<u64, QueueError> {
        let query = sqlx::query(PROMOTE).bind(now.as_microsecond()).bind(i64::from(limit));
        Ok(query.execute(&self.pool).await?.rows_affected())
    }

    pub(super) async fn age(&self, lane: &str, cutoff: Timestamp, limit: u32) -> Result<u64, QueueError> {
        let overdue = sqlx::query_scalar(OVERDUE).bind(lane).bind(cutoff.as_microsecond()).bind(i64::from(limit));
        let ids: Vec<JobId> = overdue.fetch_all(&self.pool).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        Ok(sqlx::query(AGE).bind(ids).execute(&self.pool).await?.rows_affected())
    }

    pub(super) async fn next_run(&self) -> Result<Option<Timestamp>, QueueError> {
        let next: Option<i64> = sqlx::query_scalar(NEXT_RUN).fetch_optional(&self.pool).await?;
        Ok(next.map(timestamp))
    }

    // What people look at is planned like any other query, for it reads many rows.

    pub(super) async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>, QueueError> {
        let query = sqlx::query_as::<_, JobRow>(LIST)
            .bind(filter.before.unwrap_or(JobId::MAX))
            .bind(filter.state)
            .bind(filter.kind.as_deref())
            .bind(filter.tenant)
            .bind(i64::from(filter.limit));
        Ok(query.fetch_all(&self.database.pool).await?.into_iter().map(JobInfo::from).collect())
    }

    pub(super) async fn stats(&self) -> Result<Vec<Stat>, QueueError> {
        let stats = sqlx::query_as::<_, StatRow>(STATS).fetch_all(&self.database.pool).await?;
        Ok(stats.into_iter().map(Stat::from).collect())
    }

    /// Tells the workers of every process that there may be something to do.
    pub(super) async fn nudge(&self, from: &str) -> Result<(), QueueError> {
        sqlx::query(NUDGE).bind(CHANNEL).bind(from).execute(&self.pool).await?;
        Ok(())
    }

    /// A connection that hears nudges.
    pub(super) async fn listen(&self) -> Result<sqlx::postgres::PgListener, QueueError> {
        let mut listener = sqlx::postgres::PgListener::connect_with(&self.database.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}

/// The jobs that a worker holds, as far as nobody else is about to settle them.
async fn held_by(transaction: &mut Transaction<'_, Postgres>, worker: WorkerId) -> sqlx::Result<Vec<Held>> {
    sqlx::query_as(HELD).bind(worker).fetch_all(&mut **transaction).await
}

/// Stores any settlement but completion, which goes in batches.
async fn settle(connection: &mut PgConnection, result: &Settled, now: Timestamp) -> sqlx::Result<()> {
    let now = now.as_microsecond();
    let query = match &result.settlement {
        Settlement::Complete | Settlement::Stored => return Ok(()),
        Settlement::Reschedule { run_at, counted, crash, error } => sqlx::query(RESCHEDULE)
            .bind(result.id)
            .bind(result.claim)
            .bind(run_at.as_microsecond())
            .bind(now)
            .bind(counted)
            .bind(crash.is_some())
            .bind(error)
            .bind(*crash == Some(Crash::Alone)),
        Settlement::Park => sqlx::query(SUSPEND).bind(result.id).bind(result.claim).bind(now),
        Settlement::GiveUp { reason } => sqlx::query(GIVE_UP).bind(result.id).bind(result.claim).bind(now).bind(reason),
        Settlement::DeadLetter { reason } => {
            sqlx::query(DEAD_LETTER).bind(result.id).bind(result.claim).bind(now).bind(reason)
        }
    };
    query.execute(connection).await?;
    Ok(())
}
