//! Random sequences of operations, each compared with a model that holds the rules in memory.

mod operation;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use self::operation::{End, Operation, operation};
use super::{
    JobError, JobId, Lane, Priority, State,
    fairness::Turns,
    retry::{self, Claimed, MAX_CRASHES, MAX_TELLINGS, Outcome, backoff},
    rows::{Draft, WorkerId, timestamp},
    store::{self, Store},
};
use crate::{
    clock::Clock,
    sql::{Database, DatabaseUrl, on},
    test_postgres::TestDatabase,
};

const TTL: SignedDuration = SignedDuration::from_secs(15);

/// A job as the model has it, and as its row must look.
#[derive(Clone, Debug, PartialEq)]
struct Modelled {
    tenant: Uuid,
    priority: Priority,
    key: Option<String>,
    state: State,
    claim: i64,
    attempt: u16,
    max_attempts: u16,
    crashes: u32,
    tellings: u32,
    verdict: Option<String>,
    cancel: Option<String>,
    worker: Option<WorkerId>,
    run_at: Timestamp,
    errors: usize,
}

impl Modelled {
    /// Leaves `running`, to come back at `run_at`, unless it was cancelled meanwhile.
    fn goes_back(&mut self, run_at: Timestamp, counted: bool, now: Timestamp) {
        if !counted {
            match self.verdict {
                None => self.attempt -= 1,
                Some(_) => self.tellings -= 1,
            }
        }
        self.worker = None;
        self.run_at = run_at;
        if let Some(reason) = self.cancel.take() {
            self.run_at = now;
            self.verdict.get_or_insert(reason);
        }
        self.state = if self.run_at <= now { State::Available } else { State::Scheduled };
    }

    fn is_given_up(&mut self, reason: &str, now: Timestamp) {
        self.worker = None;
        self.cancel = None;
        if self.verdict.is_none() {
            self.verdict = Some(reason.to_owned());
            self.state = State::Available;
            self.crashes = 0;
            self.run_at = now;
            self.errors += 1;
        } else {
            self.is_buried(reason);
        }
    }

    fn is_buried(&mut self, reason: &str) {
        self.worker = None;
        self.cancel = None;
        self.state = State::Discarded;
        self.errors += usize::from(self.verdict.as_deref() != Some(reason));
        self.verdict.get_or_insert(reason.to_owned());
    }
}

struct Harness {
    database: Database,
    store: Store,
    clock: Clock,
    jobs: BTreeMap<JobId, Modelled>,
    done: Vec<JobId>,
    workers: BTreeSet<WorkerId>,
    claims: Vec<Claimed>,
    turns: Turns,
}

impl Harness {
    /// A queue without a job, in a database that may have been used before.
    async fn new(database: Database) -> Self {
        let mut transaction = database.begin().await.unwrap();
        let connection = transaction.connection();
        for table in ["done", "job", "worker"] {
            let delete = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
            on!(connection, sqlx::query(delete).execute(connection).await.unwrap().rows_affected());
        }
        transaction.commit().await.unwrap();
        Self {
            store: Store::new(&database),
            database,
            clock: Clock::fixed(Timestamp::from_second(1_800_000_000).unwrap()),
            jobs: BTreeMap::new(),
            done: Vec::new(),
            workers: BTreeSet::new(),
            claims: Vec::new(),
            turns: Turns::new(2),
        }
    }

    fn worker(&self, number: usize) -> Option<WorkerId> {
        self.workers.iter().copied().nth(number)
    }

    fn job(&self, number: usize) -> Option<JobId> {
        self.jobs.keys().copied().nth(number)
    }

    fn with_key(&mut self, key: &str) -> Option<(&JobId, &mut Modelled)> {
        self.jobs.iter_mut().find(|(_, job)| job.key.as_deref() == Some(key) && job.state != State::Discarded)
    }

    async fn apply(&mut self, operation: Operation) {
        let now = self.clock.now();
        match operation {
            Operation::Enqueue { tenant, priority, delay, key, max_attempts } => {
                let key = key.map(|key| format!("key {key}"));
                let draft = Draft {
                    lane: Lane::Io,
                    kind: "kind",
                    tenant: Uuid::from_u128(tenant.into()),
                    priority,
                    max_attempts,
                    run_at: now + SignedDuration::from_secs(delay),
                    unique_key: key.as_deref(),
                    payload: "null".into(),
                };
                let mut transaction = self.database.begin().await.unwrap();
                let enqueued = store::enqueue(transaction.connection(), draft, now).await.unwrap();
                transaction.commit().await.unwrap();
                let standing = key.as_deref().and_then(|key| self.with_key(key).map(|(id, _)| *id));
                assert_eq!(enqueued.fresh, standing.is_none());
                if let Some(standing) = standing {
                    assert_eq!(enqueued.id, standing);
                    return;
                }
                assert!(!self.done.contains(&enqueued.id), "an id came back");
                let job = Modelled {
                    tenant: Uuid::from_u128(tenant.into()),
                    priority,
                    key,
                    state: if delay == 0 { State::Available } else { State::Scheduled },
                    claim: 0,
                    attempt: 0,
                    max_attempts,
                    crashes: 0,
                    tellings: 0,
                    verdict: None,
                    cancel: None,
                    worker: None,
                    run_at: now + SignedDuration::from_secs(delay),
                    errors: 0,
                };
                assert!(self.jobs.insert(enqueued.id, job).is_none(), "an id came back");
            }
            Operation::Join => {
                let worker = self.store.join("here", now).await.unwrap();
                assert!(self.workers.insert(worker));
            }
            Operation::Beat { worker } => {
                let Some(worker) = self.worker(worker) else { return };
                let mut transaction = self.database.begin().await.unwrap();
                assert!(store::beat(transaction.connection(), worker, now).await.unwrap());
                transaction.commit().await.unwrap();
            }
            Operation::Claim { worker, wanted } => {
                let Some(worker) = self.worker(worker) else { return };
                let mut held = HashMap::new();
                for job in self.jobs.values().filter(|job| job.worker == Some(worker)) {
                    *held.entry(job.tenant).or_default() += 1;
                }
                let mut waiting: Vec<_> =
                    self.jobs.values().filter(|job| job.state == State::Available).map(|job| job.priority).collect();
                waiting.sort();
                waiting.truncate(wanted);
                let claimed = self.store.claim(worker, Lane::Io, wanted, &mut self.turns, &held, now).await.unwrap();
                let mut priorities = Vec::new();
                let mut taken = Vec::new();
                for claim in claimed {
                    let job = self.jobs.get_mut(&claim.id).unwrap();
                    assert_eq!(job.state, State::Available, "claimed twice");
                    priorities.push(job.priority);
                    taken.push(claim.id);
                    job.state = State::Running;
                    job.worker = Some(worker);
                    job.claim += 1;
                    match job.verdict {
                        None => job.attempt += 1,
                        Some(_) => job.tellings += 1,
                    }
                    assert_eq!((claim.claim, claim.attempt), (job.claim, job.attempt));
                    self.claims.push(claim);
                }
                for (id, left) in self.jobs.iter().filter(|(_, job)| job.state == State::Available) {
                    let rank = |job: &Modelled| (job.tenant, job.priority);
                    let newer = taken.iter().any(|taken| taken > id && rank(&self.jobs[taken]) == rank(left));
                    assert!(!newer, "a tenant's oldest goes first");
                }
                assert!(priorities.is_sorted(), "the urgent goes first");
                assert_eq!(priorities, waiting, "no slot stays empty and nobody urgent waits");
            }
            Operation::Settle { claim, end } => {
                if self.claims.is_empty() {
                    return;
                }
                let claim = &self.claims[claim % self.claims.len()];
                let outcome = match end {
                    End::Well => Outcome::Returned(Ok(())),
                    End::Retry => Outcome::Returned(Err(JobError::Retry(anyhow::anyhow!("failed")))),
                    End::Discard => Outcome::Returned(Err(JobError::Discard(anyhow::anyhow!("hopeless")))),
                    End::Snooze => Outcome::Returned(Err(JobError::Snooze(Duration::from_secs(30)))),
                    End::Undecodable => Outcome::Undecodable("garbled".to_owned()),
                };
                let settled = claim.settled(retry::settle(claim, outcome, now, 1.0));
                self.store.settle(&[settled], now).await.unwrap();
                let id = claim.id;
                let number = claim.claim;
                let Some(job) = self.jobs.get_mut(&id).filter(|job| job.claim == number && job.state == State::Running)
                else {
                    // A zombie: the comparison below shows that nothing has changed.
                    return;
                };
                let tried = if job.verdict.is_none() { u32::from(job.attempt) } else { job.tellings };
                let limit = if job.verdict.is_none() { u32::from(job.max_attempts) } else { MAX_TELLINGS };
                match end {
                    End::Well if job.verdict.is_none() => {
                        self.jobs.remove(&id);
                        self.done.push(id);
                    }
                    End::Well => {
                        let verdict = job.verdict.clone().unwrap();
                        job.is_buried(&verdict);
                    }
                    End::Retry if tried >= limit => job.is_given_up("failed", now),
                    End::Retry => {
                        job.errors += 1;
                        job.goes_back(now + SignedDuration::try_from(backoff(tried, 1.0)).unwrap(), true, now);
                    }
                    End::Discard => job.is_given_up("hopeless", now),
                    End::Snooze => job.goes_back(now + SignedDuration::from_secs(30), false, now),
                    End::Undecodable => job.is_buried("garbled"),
                }
            }
            Operation::Leave { worker } => {
                let Some(worker) = self.worker(worker) else { return };
                let handed_back = self.store.leave(worker, now).await.unwrap();
                self.workers.remove(&worker);
                let mut expected = 0;
                for job in self.jobs.values_mut().filter(|job| job.worker == Some(worker)) {
                    expected += 1;
                    job.goes_back(now, false, now);
                }
                assert_eq!(handed_back, expected);
            }
            Operation::Reap { by } => {
                let own = self.worker(by).unwrap_or_default();
                // Some are looked at before they beat again, and live.
                let mut seen = self.store.workers().await.unwrap();
                seen.retain(|(worker, _)| *worker != own);
                seen.sort_unstable();
                let lively = seen.last().copied().filter(|(_, beat)| *beat >= (now - TTL).as_microsecond());
                if let Some((worker, _)) = lively {
                    let mut transaction = self.database.begin().await.unwrap();
                    assert!(store::beat(transaction.connection(), worker, now).await.unwrap());
                    transaction.commit().await.unwrap();
                }
                let reaped = self.store.reap(&seen, now).await.unwrap();
                let lively = lively.map(|(worker, _)| worker);
                let dead: Vec<_> =
                    self.workers.iter().copied().filter(|&worker| worker != own && Some(worker) != lively).collect();
                assert_eq!(reaped.iter().map(|(worker, _)| *worker).collect::<Vec<_>>(), dead);
                for worker in dead {
                    self.workers.remove(&worker);
                    let fallen: Vec<_> =
                        self.jobs.iter().filter(|(_, job)| job.worker == Some(worker)).map(|(id, _)| *id).collect();
                    for id in fallen {
                        let stored = self.row(id).await;
                        let job = self.jobs.get_mut(&id).unwrap();
                        let crashes = job.crashes + 1;
                        let used_up = job.verdict.is_none() && job.attempt >= job.max_attempts;
                        if crashes >= MAX_CRASHES || used_up {
                            job.is_given_up(&format!("its worker died or lost its lease ({crashes} times)"), now);
                        } else {
                            job.crashes = crashes;
                            job.errors += 1;
                            // The pause is random within its bounds.
                            let shortest = now + SignedDuration::try_from(backoff(crashes, 0.5)).unwrap();
                            let longest = now + SignedDuration::try_from(backoff(crashes, 1.5)).unwrap();
                            assert!(job.cancel.is_some() || (shortest..=longest).contains(&stored.run_at));
                            job.goes_back(stored.run_at, true, now);
                        }
                    }
                }
            }
            Operation::Promote => {
                self.store.promote(1_000, now).await.unwrap();
                for job in self.jobs.values_mut().filter(|job| job.state == State::Scheduled && job.run_at <= now) {
                    job.state = State::Available;
                }
            }
            Operation::Advance { seconds } => self.clock.advance(SignedDuration::from_secs(seconds)),
            Operation::Hasten { key, delay } => {
                let key = format!("key {key}");
                let run_at = now + SignedDuration::from_secs(delay);
                let mut transaction = self.database.begin().await.unwrap();
                let hastened = store::hasten(transaction.connection(), "kind", &key, run_at, now).await.unwrap();
                transaction.commit().await.unwrap();
                let waiting =
                    self.with_key(&key).filter(|(_, job)| job.state == State::Scheduled && job.run_at > run_at);
                assert_eq!(hastened, waiting.is_some());
                if let Some((_, job)) = waiting {
                    job.run_at = run_at;
                    if run_at <= now {
                        job.state = State::Available;
                    }
                }
            }
            Operation::Cancel { job } => {
                let Some(id) = self.job(job) else { return };
                let mut transaction = self.database.begin().await.unwrap();
                let cancelled = store::cancel(transaction.connection(), id, "cancelled", now).await.unwrap();
                transaction.commit().await.unwrap();
                let job = self.jobs.get_mut(&id).unwrap();
                assert_eq!(cancelled, job.verdict.is_none());
                if job.verdict.is_some() {
                    return;
                }
                if job.state == State::Running {
                    job.cancel = Some("cancelled".to_owned());
                } else {
                    job.verdict = Some("cancelled".to_owned());
                    job.state = State::Available;
                    job.run_at = now;
                }
            }
            Operation::Retry { job } => {
                let Some(id) = self.job(job) else { return };
                let mut transaction = self.database.begin().await.unwrap();
                let retried = store::retry(transaction.connection(), id, now).await.unwrap();
                transaction.commit().await.unwrap();
                let key = self.jobs[&id].key.clone();
                let has_heir = key.is_some_and(|key| self.with_key(&key).is_some());
                let job = self.jobs.get_mut(&id).unwrap();
                assert_eq!(retried, job.state == State::Discarded && !has_heir);
                if retried {
                    job.state = State::Available;
                    job.run_at = now;
                    (job.attempt, job.tellings, job.crashes, job.verdict) = (0, 0, 0, None);
                }
            }
            Operation::Forget { job } => {
                let Some(id) = self.job(job) else { return };
                let mut transaction = self.database.begin().await.unwrap();
                let forgotten = store::forget(transaction.connection(), id).await.unwrap();
                transaction.commit().await.unwrap();
                assert_eq!(forgotten, self.jobs[&id].state == State::Discarded);
                if forgotten {
                    self.jobs.remove(&id);
                }
            }
        }
    }

    async fn row(&self, id: JobId) -> Modelled {
        self.rows().await.remove(&id).unwrap()
    }

    async fn rows(&self) -> BTreeMap<JobId, Modelled> {
        const ROWS: &str = "SELECT id, tenant, priority, unique_key, state, claim, attempt, max_attempts, crashes, tellings, \
                verdict, cancel, worker, run_at, errors FROM job";
        let connection = &mut self.database.read().await.unwrap();
        let rows: Vec<Row> = on!(connection, sqlx::query_as(ROWS).fetch_all(connection).await.unwrap());
        rows.into_iter().map(|row| (row.id, row.into())).collect()
    }

    async fn compare(&mut self) {
        for job in self.jobs.values_mut() {
            job.errors = job.errors.min(10);
        }
        assert_eq!(self.rows().await, self.jobs);
        let connection = &mut self.database.read().await.unwrap();
        let done: Vec<JobId> =
            on!(connection, sqlx::query_scalar("SELECT id FROM done ORDER BY id").fetch_all(connection).await.unwrap());
        let mut expected = self.done.clone();
        expected.sort_unstable();
        assert_eq!(done, expected);
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: JobId,
    tenant: Uuid,
    priority: Priority,
    unique_key: Option<String>,
    state: State,
    claim: i64,
    #[sqlx(try_from = "i32")]
    attempt: u16,
    #[sqlx(try_from = "i32")]
    max_attempts: u16,
    #[sqlx(try_from = "i32")]
    crashes: u32,
    #[sqlx(try_from = "i32")]
    tellings: u32,
    verdict: Option<String>,
    cancel: Option<String>,
    worker: Option<WorkerId>,
    run_at: i64,
    #[sqlx(json)]
    errors: Vec<serde_json::Value>,
}

impl From<Row> for Modelled {
    fn from(row: Row) -> Self {
        Self {
            tenant: row.tenant,
            priority: row.priority,
            key: row.unique_key,
            state: row.state,
            claim: row.claim,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            crashes: row.crashes,
            tellings: row.tellings,
            verdict: row.verdict,
            cancel: row.cancel,
            worker: row.worker,
            run_at: timestamp(row.run_at),
            errors: row.errors.len(),
        }
    }
}

fn agrees_with_the_model(address: &DatabaseUrl) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(async {
        let database = Database::connect(address, 4).await.unwrap();
        let mut transaction = database.begin().await.unwrap();
        let connection = transaction.connection();
        let schema = super::schema(connection.kind());
        on!(connection, sqlx::raw_sql(schema).execute(connection).await.unwrap().rows_affected());
        transaction.commit().await.unwrap();
        database
    });
    let config = ProptestConfig { cases: 96, ..ProptestConfig::with_source_file(file!()) };
    let run = |operations: Vec<Operation>| {
        runtime.block_on(async {
            let mut harness = Harness::new(database.clone()).await;
            for operation in operations {
                harness.apply(operation).await;
                harness.compare().await;
            }
        });
        Ok(())
    };
    let outcome = proptest::test_runner::TestRunner::new(config).run(&prop::collection::vec(operation(), 1..80), run);
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn sqlite_does_as_the_model() {
    let folder = tempfile::TempDir::new().unwrap();
    agrees_with_the_model(&DatabaseUrl::Sqlite(folder.path().join("queue.db")));
}

#[test]
fn postgres_does_as_the_model() {
    agrees_with_the_model(&TestDatabase::new().url().parse().unwrap());
}
