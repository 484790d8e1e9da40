//! The queue's statements on SQLite. Nothing outside this folder knows the dialect.
//!
//! Every write goes through the caller's own write transaction or through the single writer's connection in a
//! `BEGIN IMMEDIATE`, so that no transaction ever has to turn from reading into writing, which SQLite refuses under load. What
//! somebody acts on is synced by the log then; what merely comes again, such as a promotion or a beat, is synced with the next.

mod dependencies;
mod inside;
mod outlook;
#[cfg(test)]
pub(super) mod plans;

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{ConnectOptions, Sqlite, SqliteConnection, Transaction};
use uuid::Uuid;

use self::inside::DEAD_LETTER;
pub(super) use self::{
    inside::{beat, cancel, complete, dead_letter, enqueue, enqueue_all, expedite, forget, holds, retry},
    outlook::{find, places},
};
use super::{
    JobFilter, JobId, JobInfo, Priority, QueueError, Stat,
    pause::SUSPEND,
    retry::{self as rules, Claimed, Crash, Held, Settled, Settlement},
    round_robin::{RoundRobin, Share},
    rows::{JobRow, StatRow, Suspect, Wanted, WorkerId, timestamp},
};
use voicemill_sql::SqlitePools;

/// The queue's tables, as the body of a migration.
#[cfg(test)]
pub(super) const SCHEMA: &str = include_str!("../../migrations/sqlite/0001_queue.sql");

const WAITS: &str = "SELECT EXISTS (SELECT 1 FROM job WHERE lane = ?1 AND state = 'available')";
const TENANTS: &str = include_str!("tenants.sql");
const CLAIM: &str = include_str!("claim.sql");
const RESCHEDULE: &str = include_str!("reschedule.sql");
const GIVE_UP: &str = include_str!("give_up.sql");
const CLAIM_SUSPECT: &str = include_str!("claim_suspect.sql");
const ANY_SUSPECT: &str = "SELECT EXISTS (SELECT 1 FROM job \
    WHERE state = 'quarantined' AND lane IN (SELECT value FROM json_each(?1))) AS waits";
/// A worker died of something else than those that ran alone when others did: their crashes prove nothing.
const ABSOLVE: &str = "UPDATE job SET lone_crashes = 0 WHERE lone_crashes > 0";
const JOIN: &str = "INSERT INTO worker (host, beat) VALUES (?1, ?2) RETURNING id";
const WORKERS: &str = "SELECT id, beat FROM worker";
const STALE: &str = "SELECT id FROM worker WHERE id = ?1 AND beat = ?2";
const HELD: &str = "SELECT id, claim, kind, tenant, attempt, max_attempts, give_up_attempts, give_up_reason, payload, crashes, \
        lone_crashes, alone \
    FROM job WHERE worker = ?1";
const CLAIMS: &str = "SELECT id, claim FROM job WHERE worker = ?1";
const LEAVE: &str = "DELETE FROM worker WHERE id = ?1";
const CANCELLED: &str = "SELECT id, cancel FROM job WHERE worker = ?1 AND cancel IS NOT NULL";
const PROGRESS: &str = "UPDATE job SET progress = ?3 WHERE id = ?1 AND claim = ?2 AND state = 'running'";
const PROMOTE: &str = include_str!("promote.sql");
const OVERDUE: &str = include_str!("overdue.sql");
const AGE: &str = "UPDATE job SET priority = 1, aged = 1 \
    WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'available' AND priority = 2";
const NEXT_RUN: &str = "SELECT min(run_at) FROM job WHERE state = 'scheduled'";
const PRUNE: &str =
    "DELETE FROM done WHERE id IN (SELECT id FROM done WHERE finished_at < ?1 ORDER BY finished_at LIMIT ?2)";
const LIST: &str = include_str!("list.sql");
const STATS: &str = include_str!("stats.sql");

/// A queue in a SQLite file.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pools: SqlitePools,
}

impl Store {
    pub(super) fn new(pools: SqlitePools) -> Self {
        Self { pools }
    }

    async fn begin(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.pools.write.begin_with("BEGIN IMMEDIATE").await
    }

    /// Commits, and returns once that would survive a power cut.
    async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> sqlx::Result<()> {
        transaction.commit().await?;
        self.pools.log.sync().await
    }

    /// Claims up to `wanted` jobs of a lane: the most urgent first, and among them the tenants in turn.
    pub(super) async fn claim(
        &self,
        wanted: &Wanted<'_>,
        round_robin: &mut RoundRobin,
        hand_over: &mut (dyn FnMut(Claimed) + Send),
    ) -> Result<usize, QueueError> {
        let &Wanted { worker, lane, count, now, .. } = wanted;
        // Read first, so that an idle lane never holds the one writer that everybody waits for.
        if !sqlx::query_scalar(WAITS).bind(lane).fetch_one(&self.pools.read).await? {
            return Ok(0);
        }
        let mut transaction = self.begin().await?;
        let mut held = wanted.held.clone();
        let mut claimed: Vec<Claimed> = Vec::new();
        for priority in Priority::ALL {
            while claimed.len() < count {
                let free = count - claimed.len();
                let looked_at = free + round_robin.at_cap(&held);
                let waiting =
                    waiting_tenants(&mut transaction, lane, priority, round_robin.cursor(priority), looked_at).await?;
                if waiting.is_empty() {
                    break;
                }
                let share = round_robin.share(&waiting, &held, free);
                if share.tenants.is_empty() {
                    break;
                }
                let jobs = claim_share(&mut transaction, worker, lane, priority, &share, now).await?;
                round_robin.served(priority, &share);
                for job in &jobs {
                    *held.entry(job.tenant).or_default() += 1;
                }
                claimed.extend(jobs);
            }
        }
        self.commit(transaction).await?;
        let count = claimed.len();
        claimed.into_iter().for_each(hand_over);
        Ok(count)
    }

    /// Claims one job in quarantine, to run beside nothing else if it is `alone`.
    pub(super) async fn claim_suspect(
        &self,
        worker: WorkerId,
        lanes: &[String],
        alone: bool,
        now: Timestamp,
    ) -> Result<Option<Suspect>, QueueError> {
        let query = sqlx::query_as(CLAIM_SUSPECT)
            .bind(worker)
            .bind(serde_json::to_string(lanes)?)
            .bind(now.as_microsecond())
            .bind(alone);
        let suspect = query.fetch_optional(&self.pools.write).await?;
        // It must not run under a claim that a power cut takes back.
        self.pools.log.sync().await?;
        Ok(suspect)
    }

    /// Whether a job of these lanes waits in quarantine.
    pub(super) async fn any_suspect(&self, lanes: &[String]) -> Result<bool, QueueError> {
        Ok(sqlx::query_scalar(ANY_SUSPECT).bind(serde_json::to_string(lanes)?).fetch_one(&self.pools.read).await?)
    }

    /// Stores how attempts ended, all of them or none.
    pub(super) async fn settle(&self, results: &[Settled], now: Timestamp) -> Result<u64, QueueError> {
        let mut transaction = self.begin().await?;
        let mut finished = Vec::new();
        for result in results {
            match &result.settlement {
                Settlement::Complete => finished.push((result.id, result.claim)),
                _ => settle(&mut transaction, result, now).await?,
            }
        }
        let mut freed = 0;
        if !finished.is_empty() {
            (_, freed) = inside::complete_all(&mut transaction, &finished, now).await?;
        }
        self.commit(transaction).await?;
        Ok(freed)
    }

    pub(super) async fn join(&self, host: &str, now: Timestamp) -> Result<WorkerId, QueueError> {
        let query = sqlx::query_scalar(JOIN).bind(host).bind(now.as_microsecond());
        let worker = query.fetch_one(&self.pools.write).await?;
        self.pools.log.sync().await?;
        Ok(worker)
    }

    /// A connection that shares nothing with the pools, for the heartbeat.
    pub(super) async fn connect_alone(&self, busy_timeout: Duration) -> Result<SqliteConnection, QueueError> {
        let options = (*self.pools.write.connect_options()).clone().busy_timeout(busy_timeout);
        Ok(options.connect().await?)
    }

    /// Leaves in good order: what the worker still holds is handed back, its attempts uncounted.
    pub(super) async fn leave(&self, worker: WorkerId, now: Timestamp) -> Result<usize, QueueError> {
        let mut transaction = self.begin().await?;
        let held = held_by(&mut transaction, worker).await?;
        for Held { job, .. } in &held {
            let settlement = Settlement::Reschedule { run_at: now, counted: false, crash: None, error: None };
            settle(&mut transaction, &job.settled(settlement), now).await?;
        }
        sqlx::query(LEAVE).bind(worker).execute(&mut *transaction).await?;
        self.commit(transaction).await?;
        Ok(held.len())
    }

    pub(super) async fn workers(&self) -> Result<Vec<(WorkerId, i64)>, QueueError> {
        Ok(sqlx::query_as(WORKERS).fetch_all(&self.pools.read).await?)
    }

    pub(super) async fn reap(
        &self,
        dead: &[(WorkerId, i64)],
        now: Timestamp,
    ) -> Result<Vec<(WorkerId, usize)>, QueueError> {
        let mut reaped = Vec::new();
        let mut transaction = self.begin().await?;
        for &(worker, beat) in dead {
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
            sqlx::query(LEAVE).bind(worker).execute(&mut *transaction).await?;
            reaped.push((worker, held.len()));
        }
        self.commit(transaction).await?;
        Ok(reaped)
    }

    pub(super) async fn held(&self, worker: WorkerId) -> Result<Vec<(JobId, i64)>, QueueError> {
        Ok(sqlx::query_as(CLAIMS).bind(worker).fetch_all(&self.pools.read).await?)
    }

    /// The running jobs of this worker that somebody wants stopped, and why.
    pub(super) async fn cancelled(&self, worker: WorkerId) -> Result<Vec<(JobId, String)>, QueueError> {
        Ok(sqlx::query_as(CANCELLED).bind(worker).fetch_all(&self.pools.read).await?)
    }

    pub(super) async fn store_progress(&self, changes: &[(JobId, i64, f64)]) -> Result<(), QueueError> {
        let mut transaction = self.begin().await?;
        for (id, claim, progress) in changes {
            sqlx::query(PROGRESS).bind(id).bind(claim).bind(progress).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Makes jobs available whose time has come, at most `limit`; returns how many.
    pub(super) async fn promote(&self, limit: u32, now: Timestamp) -> Result<u64, QueueError> {
        let query = sqlx::query(PROMOTE).bind(now.as_microsecond()).bind(limit);
        Ok(query.execute(&self.pools.write).await?.rows_affected())
    }

    /// Has bulk jobs of a lane that have waited since `cutoff` compete as normal ones, one of each tenant at a time; returns how
    /// many did.
    pub(super) async fn age(&self, lane: &str, cutoff: Timestamp, limit: u32) -> Result<u64, QueueError> {
        // Read first, so that nobody waits for the writer as long as there is nothing to do.
        let overdue = sqlx::query_scalar(OVERDUE).bind(lane).bind(cutoff.as_microsecond()).bind(limit);
        let ids: Vec<JobId> = overdue.fetch_all(&self.pools.read).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let query = sqlx::query(AGE).bind(serde_json::to_string(&ids)?);
        Ok(query.execute(&self.pools.write).await?.rows_affected())
    }

    /// When the next scheduled job is due.
    pub(super) async fn next_run(&self) -> Result<Option<Timestamp>, QueueError> {
        let next: Option<i64> = sqlx::query_scalar(NEXT_RUN).fetch_one(&self.pools.read).await?;
        Ok(next.map(timestamp))
    }

    /// Forgets completed jobs that finished before this moment, at most `limit`; returns how many.
    pub(super) async fn prune(&self, before: Timestamp, limit: u32, _now: Timestamp) -> Result<u64, QueueError> {
        let query = sqlx::query(PRUNE).bind(before.as_microsecond()).bind(limit);
        Ok(query.execute(&self.pools.write).await?.rows_affected())
    }

    pub(super) async fn list(&self, filter: &JobFilter) -> Result<Vec<JobInfo>, QueueError> {
        let query = sqlx::query_as::<_, JobRow>(LIST)
            .bind(filter.before.unwrap_or(JobId::MAX))
            .bind(filter.state)
            .bind(filter.kind.as_deref())
            .bind(filter.tenant)
            .bind(filter.limit);
        Ok(query.fetch_all(&self.pools.read).await?.into_iter().map(JobInfo::from).collect())
    }

    pub(super) async fn stats(&self) -> Result<Vec<Stat>, QueueError> {
        let stats = sqlx::query_as::<_, StatRow>(STATS).fetch_all(&self.pools.read).await?;
        Ok(stats.into_iter().map(Stat::from).collect())
    }
}

/// The tenants that wait, at most `limit`, beginning after `cursor` and round to it.
async fn waiting_tenants(
    connection: &mut SqliteConnection,
    lane: &str,
    priority: Priority,
    cursor: Uuid,
    limit: usize,
) -> sqlx::Result<Vec<Uuid>> {
    // An empty blob sorts before every id; the greatest id is the greatest blob of its length.
    let halves: [(&[u8], Uuid); 2] = [(cursor.as_bytes(), Uuid::max()), (&[], cursor)];
    let mut tenants = Vec::new();
    for (after, up_to) in halves {
        let left = limit - tenants.len();
        let half: Vec<Uuid> = sqlx::query_scalar(TENANTS)
            .bind(lane)
            .bind(priority)
            .bind(after)
            .bind(up_to)
            .bind(i64::try_from(left).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await?;
        tenants.extend(half);
        if tenants.len() >= limit {
            break;
        }
    }
    Ok(tenants)
}

async fn claim_share(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    lane: &str,
    priority: Priority,
    share: &Share,
    now: Timestamp,
) -> Result<Vec<Claimed>, QueueError> {
    let tenants: Vec<_> = share.tenants.iter().map(|tenant| tenant.simple().to_string()).collect();
    let query = sqlx::query_as(CLAIM)
        .bind(worker)
        .bind(lane)
        .bind(priority)
        .bind(serde_json::to_string(&tenants)?)
        .bind(i64::try_from(share.each).unwrap_or(i64::MAX))
        .bind(now.as_microsecond());
    Ok(query.fetch_all(connection).await?)
}

/// The jobs that a worker holds.
async fn held_by(connection: &mut SqliteConnection, worker: WorkerId) -> sqlx::Result<Vec<Held>> {
    sqlx::query_as(HELD).bind(worker).fetch_all(connection).await
}

/// Stores any settlement but completion, which goes in batches.
async fn settle(connection: &mut SqliteConnection, result: &Settled, now: Timestamp) -> sqlx::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use voicemill_sql::{Database, DatabaseUrl};

    use super::*;

    #[tokio::test]
    async fn an_idle_lane_is_looked_at_while_somebody_else_writes() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::connect(&DatabaseUrl::Sqlite(folder.path().join("queue.db")), 2).await.unwrap();
        crate::migrate(&database).await.unwrap();
        let Database::Sqlite(pools) = database else { unreachable!("it was asked for") };
        let store = Store::new(pools);
        let writer = store.begin().await.unwrap();
        let (lane, held) = (Arc::from("idle"), HashMap::new());
        let wanted = Wanted { worker: 1, lane: &lane, count: 1, held: &held, now: Timestamp::UNIX_EPOCH };
        let (mut round_robin, mut none) = (RoundRobin::new(1, false), |_| unreachable!("nothing waits"));
        let claim = store.claim(&wanted, &mut round_robin, &mut none);
        let found = tokio::time::timeout(Duration::from_secs(10), claim).await.expect("the claim waits for the writer");
        assert_eq!(found.unwrap(), 0);
        writer.rollback().await.unwrap();
    }
}
