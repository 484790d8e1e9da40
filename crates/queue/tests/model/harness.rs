//! A queue and its model, side by side.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    job::{Modelled, Row},
    operation::Operation,
    repeated::Repeated,
};
use crate::{
    JobId, Pause, Queue, State,
    pause::Pauses,
    retry::Claimed,
    round_robin::RoundRobin,
    rows::{WorkerId, timestamp},
    store::Store,
};
use voicemill_sql::{Database, on};
use voicemill_types::clock::Clock;

pub(super) struct Harness {
    pub(super) database: Database,
    pub(super) queue: Queue,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) jobs: BTreeMap<JobId, Modelled>,
    pub(super) done: BTreeSet<JobId>,
    /// Every job that ever was.
    pub(super) known: Vec<JobId>,
    pub(super) workers: BTreeSet<WorkerId>,
    pub(super) claims: Vec<Claimed>,
    pub(super) round_robin: RoundRobin,
    pub(super) paused: HashSet<Pause>,
    /// What is paused as far as workers have heard.
    pub(super) known_pauses: HashSet<Pause>,
    pub(super) pauses: Pauses,
    pub(super) calendar: BTreeMap<String, Repeated>,
}

impl Harness {
    /// A queue without a job, in a database that may have been used before.
    pub(super) async fn new(database: Database) -> Self {
        let mut transaction = database.begin().await.unwrap();
        let connection = transaction.connection();
        for table in ["done", "job_dep", "job", "worker", "pause", "cron"] {
            let delete = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
            on!(connection, sqlx::query(delete).execute(connection).await.unwrap().rows_affected());
        }
        transaction.commit().await.unwrap();
        let clock = Clock::fixed(Timestamp::from_second(1_800_000_000).unwrap());
        let queue = Queue::new(&database, clock.clone());
        Self {
            store: queue.store.clone(),
            queue,
            database,
            clock,
            jobs: BTreeMap::new(),
            done: BTreeSet::new(),
            known: Vec::new(),
            workers: BTreeSet::new(),
            claims: Vec::new(),
            round_robin: RoundRobin::new(2, false),
            paused: HashSet::new(),
            known_pauses: HashSet::new(),
            pauses: Pauses::default(),
            calendar: BTreeMap::new(),
        }
    }

    pub(super) fn worker(&self, number: usize) -> Option<WorkerId> {
        self.workers.iter().copied().nth(number)
    }

    pub(super) fn job(&self, number: usize) -> Option<JobId> {
        self.jobs.keys().copied().nth(number)
    }

    /// A dead letter, preferably one that somebody waits for; any job where there is none, or the number is odd.
    pub(super) fn dead_or_any(&self, number: usize) -> Option<JobId> {
        let mut dead: Vec<_> = self.jobs.iter().filter(|(_, job)| job.state == State::Discarded).collect();
        dead.sort_by_key(|(id, job)| (!job.awaited, **id));
        match dead.get(number / 2 % dead.len().max(1)) {
            Some((id, _)) if number.is_multiple_of(2) => Some(**id),
            _ => self.job(number),
        }
    }

    pub(super) fn with_key(&mut self, kind: &str, key: &str) -> Option<(&JobId, &mut Modelled)> {
        let is_it = |job: &Modelled| job.kind == kind && job.key.as_deref() == Some(key);
        self.jobs.iter_mut().find(|(_, job)| is_it(job) && job.state != State::Discarded)
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
            Operation::ClaimSuspect { worker, alone } => self.claim_suspect(worker, alone, now).await,
            Operation::Settle { claim, end } => self.settle(claim, end, now).await,
            Operation::Leave { worker } => self.leave(worker, now).await,
            Operation::Reap { by } => self.reap(by, now).await,
            Operation::Age { seconds } => self.age(seconds, now).await,
            Operation::Promote => self.promote(now).await,
            Operation::Advance { seconds } => self.clock.advance(SignedDuration::from_secs(seconds)),
            Operation::Expedite { key, delay } => self.expedite(key, delay, now).await,
            Operation::Cancel { job } => self.cancel(job, now).await,
            Operation::Retry { job } => self.retry(job, now).await,
            Operation::Forget { job } => self.forget(job, now).await,
            Operation::Pause { what } => self.pause(&what).await,
            Operation::Resume { what } => self.resume(&what).await,
            Operation::Refresh => self.refresh().await,
            Operation::MakeAvailable => self.make_available().await,
            Operation::Repeat { name, schedule, zone, tenant } => self.repeat(name, schedule, zone, tenant, now).await,
            Operation::NoLonger { name } => self.no_longer(name).await,
            Operation::Due => self.due(now).await,
        }
    }

    pub(super) async fn row(&self, id: JobId) -> Modelled {
        self.rows().await.remove(&id).unwrap()
    }

    pub(super) async fn rows(&self) -> BTreeMap<JobId, Modelled> {
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
        let paused = self.queue.pauses().await.unwrap().into_iter().map(|paused| paused.what);
        assert_eq!(paused.collect::<HashSet<_>>(), self.paused);
        let connection = &mut self.database.read().await.unwrap();
        let (done, calendar): (Vec<JobId>, Vec<(String, i64)>) = on!(
            connection,
            (
                sqlx::query_scalar("SELECT id FROM done ORDER BY id").fetch_all(&mut *connection).await.unwrap(),
                sqlx::query_as("SELECT name, next_at FROM cron").fetch_all(connection).await.unwrap(),
            )
        );
        let calendar: BTreeMap<_, _> = calendar.into_iter().map(|(name, next)| (name, timestamp(next))).collect();
        assert!(calendar.iter().eq(self.calendar.iter().map(|(name, job)| (name, &job.next))), "{calendar:?}");
        assert!(done.iter().eq(&self.done), "{done:?} are done, not {:?}", self.done);
    }
}
