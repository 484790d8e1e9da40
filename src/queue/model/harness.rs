//! A queue and its model, side by side.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    job::{Modelled, Row},
    operation::Operation,
};
use crate::{
    clock::Clock,
    queue::{JobId, State, fairness::Turns, retry::Claimed, rows::WorkerId, store::Store},
    sql::{Database, on},
};

pub(super) struct Harness {
    pub(super) database: Database,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) jobs: BTreeMap<JobId, Modelled>,
    pub(super) done: BTreeSet<JobId>,
    /// Every job that ever was.
    pub(super) known: Vec<JobId>,
    pub(super) workers: BTreeSet<WorkerId>,
    pub(super) claims: Vec<Claimed>,
    pub(super) turns: Turns,
}

impl Harness {
    /// A queue without a job, in a database that may have been used before.
    pub(super) async fn new(database: Database) -> Self {
        let mut transaction = database.begin().await.unwrap();
        let connection = transaction.connection();
        for table in ["done", "job_dep", "job", "worker"] {
            let delete = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
            on!(connection, sqlx::query(delete).execute(connection).await.unwrap().rows_affected());
        }
        transaction.commit().await.unwrap();
        Self {
            store: Store::new(&database),
            database,
            clock: Clock::fixed(Timestamp::from_second(1_800_000_000).unwrap()),
            jobs: BTreeMap::new(),
            done: BTreeSet::new(),
            known: Vec::new(),
            workers: BTreeSet::new(),
            claims: Vec::new(),
            turns: Turns::new(2),
        }
    }

    pub(super) fn worker(&self, number: usize) -> Option<WorkerId> {
        self.workers.iter().copied().nth(number)
    }

    pub(super) fn job(&self, number: usize) -> Option<JobId> {
        self.jobs.keys().copied().nth(number)
    }

    pub(super) fn with_key(&mut self, key: &str) -> Option<(&JobId, &mut Modelled)> {
        self.jobs.iter_mut().find(|(_, job)| job.key.as_deref() == Some(key) && job.state != State::Discarded)
    }

    /// A job is new in the model.
    pub(super) fn learn(&mut self, id: JobId, job: Modelled) {
        assert!(!self.known.contains(&id), "an id came back");
        self.known.push(id);
        self.jobs.insert(id, job);
    }

    pub(super) async fn apply(&mut self, operation: Operation) {
        let now = self.clock.now();
        match operation {
            Operation::Enqueue { tenant, priority, delay, key, max_attempts, after } => {
                self.enqueue((tenant, priority, delay, key, max_attempts), &after, now).await;
            }
            Operation::Join => self.join(now).await,
            Operation::Beat { worker } => self.beat(worker, now).await,
            Operation::Claim { worker, wanted } => self.claim(worker, wanted, now).await,
            Operation::Settle { claim, end } => self.settle(claim, end, now).await,
            Operation::Leave { worker } => self.leave(worker, now).await,
            Operation::Reap { by } => self.reap(by, now).await,
            Operation::Promote => self.promote(now).await,
            Operation::Advance { seconds } => self.clock.advance(SignedDuration::from_secs(seconds)),
            Operation::Hasten { key, delay } => self.hasten(key, delay, now).await,
            Operation::Cancel { job } => self.cancel(job, now).await,
            Operation::Retry { job } => self.retry(job, now).await,
            Operation::Forget { job } => self.forget(job, now).await,
        }
    }

    pub(super) async fn row(&self, id: JobId) -> Modelled {
        self.rows().await.remove(&id).unwrap()
    }

    async fn rows(&self) -> BTreeMap<JobId, Modelled> {
        const TIES: &str = "SELECT child, parent FROM job_dep";
        let connection = &mut self.database.read().await.unwrap();
        let (rows, ties): (Vec<Row>, Vec<(JobId, JobId)>) = on!(
            connection,
            (
                sqlx::query_as(Row::QUERY).fetch_all(&mut *connection).await.unwrap(),
                sqlx::query_as(TIES).fetch_all(connection).await.unwrap(),
            )
        );
        let mut parents: BTreeMap<JobId, BTreeSet<JobId>> = BTreeMap::new();
        for (child, parent) in ties {
            parents.entry(child).or_default().insert(parent);
        }
        let rows = rows.into_iter().map(|row| {
            let waits_for = parents.remove(&row.id).unwrap_or_default();
            assert_eq!(usize::try_from(row.waits).unwrap(), waits_for.len(), "job {}", row.id);
            (row.id, row.modelled(waits_for))
        });
        let rows = rows.collect();
        assert!(parents.is_empty(), "jobs that are gone wait for {parents:?}");
        rows
    }

    pub(super) async fn compare(&mut self) {
        for job in self.jobs.values_mut() {
            job.errors = job.errors.min(10);
        }
        assert_eq!(self.rows().await, self.jobs);
        let connection = &mut self.database.read().await.unwrap();
        let done: Vec<JobId> =
            on!(connection, sqlx::query_scalar("SELECT id FROM done ORDER BY id").fetch_all(connection).await.unwrap());
        assert!(done.iter().eq(&self.done), "{done:?} are done, not {:?}", self.done);
    }
}
