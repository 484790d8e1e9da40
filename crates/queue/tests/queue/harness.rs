//! A queue on a temporary database, and jobs that do as their payload says.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicemill_queue::{
    Attempt, Decide, Enqueued, Job, JobError, JobFilter, JobId, JobInfo, Lane, NewJob, Queue, Registry, State, Worker,
    WorkerConfig,
};
use voicemill_sql::{Connection, Database, DatabaseUrl, Kind, Transaction};
use voicemill_types::clock::Clock;

use voicemill_testing::TestDatabase;

/// A lane of which one tenant may hold half while others wait.
pub(crate) const NARROW: &str = "narrow";
pub(crate) const WIDE: &str = "wide";

/// Longer than anything here should take, so that a test that waits in vain fails instead of hanging.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    pub(crate) queue: Queue,
    pub(crate) clock: Clock,
    pub(crate) database: Database,
    pub(crate) log: Log,
    place: Arc<Place>,
}

/// Where the database is, as long as anybody uses it.
struct Place {
    address: DatabaseUrl,
    logs: Arc<Mutex<Vec<Entries>>>,
    _folder: TempDir,
    _server: Option<TestDatabase>,
}

type Entries = Arc<Mutex<Vec<String>>>;

/// What jobs did in one process, in order.
#[derive(Clone, Default)]
pub(crate) struct Log {
    entries: Entries,
    changed: Arc<Notify>,
    /// Those of every process on the same database, for who wonders where a job went.
    everywhere: Arc<Mutex<Vec<Entries>>>,
}

impl Log {
    /// One beside these.
    fn beside(everywhere: &Arc<Mutex<Vec<Entries>>>) -> Self {
        let log = Self { everywhere: Arc::clone(everywhere), ..Self::default() };
        everywhere.lock().unwrap().push(Arc::clone(&log.entries));
        log
    }

    /// What jobs did, process by process.
    fn everywhere(&self) -> Vec<Vec<String>> {
        self.everywhere.lock().unwrap().iter().map(|entries| entries.lock().unwrap().clone()).collect()
    }

    pub(crate) fn add(&self, entry: impl Into<String>) {
        self.entries.lock().unwrap().push(entry.into());
        self.changed.notify_waiters();
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.entries.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, entry: &str) -> usize {
        self.entries().iter().filter(|&seen| seen == entry).count()
    }

    pub(crate) async fn wait_for(&self, entry: &str) {
        let seen = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.count(entry) > 0 {
                    return;
                }
                changed.await;
            }
        };
        let result = timeout(DEADLINE, seen).await;
        assert!(
            result.is_ok(),
            "{entry:?} never happened here: {:?}; in all processes: {:#?}",
            self.entries(),
            self.everywhere()
        );
    }
}

/// A job that does as it is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Puppet {
    Succeed(String),
    Fail(String),
    Discard(String),
    Panic(String),
    Snooze(String),
    /// Never ends; says whether its future was dropped.
    Hang(String),
    /// Blocks its thread until the token says stop.
    Block(String),
    /// Keeps a thread of the runtime busy for this many milliseconds, as no job should.
    Spin(String, u64),
    /// Sleeps this many milliseconds.
    Sleep(String, u64),
}

/// Says "dropped" when it is.
struct Witness(Log, String);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.add(format!("dropped {}", self.1));
    }
}

impl Puppet {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Succeed(name)
            | Self::Fail(name)
            | Self::Discard(name)
            | Self::Panic(name)
            | Self::Snooze(name)
            | Self::Hang(name)
            | Self::Block(name)
            | Self::Spin(name, _)
            | Self::Sleep(name, _) => name,
        }
    }

    async fn act(&self, log: &Log, attempt: &Attempt) -> Result<(), JobError> {
        let name = self.name();
        log.add(format!("start {name} {}", attempt.number));
        match self {
            Self::Succeed(_) => {}
            Self::Fail(_) => Err(anyhow::anyhow!("no luck")).retry()?,
            Self::Discard(_) => Err(anyhow::anyhow!("hopeless")).discard()?,
            Self::Panic(_) => panic!("boom {name}"),
            Self::Snooze(_) => return Err(JobError::Snooze(Duration::from_secs(60))),
            Self::Hang(_) => {
                let _witness = Witness(log.clone(), name.to_owned());
                std::future::pending::<()>().await;
            }
            Self::Block(_) => {
                let (token, log, name, slot) =
                    (attempt.cancellation().clone(), log.clone(), name.to_owned(), attempt.clone());
                tokio::task::spawn_blocking(move || {
                    let begun = std::time::Instant::now();
                    while !token.is_cancelled() {
                        assert!(begun.elapsed() < DEADLINE, "nobody said stop");
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    log.add(format!("unblocked {name}"));
                    drop(slot);
                })
                .await
                .retry()?;
            }
            Self::Spin(_, milliseconds) => std::thread::sleep(Duration::from_millis(*milliseconds)),
            Self::Sleep(_, milliseconds) => tokio::time::sleep(Duration::from_millis(*milliseconds)).await,
        }
        log.add(format!("end {name}"));
        Ok(())
    }
}

macro_rules! puppet_kind {
    ($name:ident, $kind:literal, $lane:expr, $timeout:expr) => {
        #[derive(Debug, Serialize, Deserialize)]
        pub(crate) struct $name(pub(crate) Puppet);

        impl Job for $name {
            type Context = Log;
            const KIND: &'static str = $kind;
            const LANE: &'static str = $lane;
            const TIMEOUT: Duration = $timeout;
            const MAX_ATTEMPTS: u16 = 3;

            async fn run(&self, log: &Log, attempt: &Attempt) -> Result<(), JobError> {
                self.0.act(log, attempt).await
            }

            async fn given_up(&self, log: &Log, _: &mut Transaction, reason: &str) -> Result<(), JobError> {
                log.add(format!("given up {}: {reason}", self.0.name()));
                Ok(())
            }
        }
    };
}

puppet_kind!(WidePuppet, "wide_puppet", WIDE, Duration::from_secs(3_600));
puppet_kind!(NarrowPuppet, "narrow_puppet", NARROW, Duration::from_secs(3_600));
puppet_kind!(HastyPuppet, "hasty_puppet", WIDE, Duration::from_millis(50));

pub(crate) fn registry() -> Registry<Log> {
    Registry::new().with::<WidePuppet>().with::<NarrowPuppet>().with::<HastyPuppet>()
}

pub(crate) fn tenant(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

impl Bench {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::with_clock(kind, Clock::fixed(Timestamp::from_second(1_800_000_000).unwrap())).await
    }

    pub(crate) async fn with_clock(kind: Kind, clock: Clock) -> Self {
        let folder = TempDir::new().unwrap();
        let server = (kind == Kind::Postgres).then(TestDatabase::new);
        let address = match &server {
            None => DatabaseUrl::Sqlite(folder.path().join("queue.db")),
            Some(server) => server.url().parse().unwrap(),
        };
        Self::open(Arc::new(Place { address, logs: Arc::default(), _folder: folder, _server: server }), clock).await
    }

    async fn open(place: Arc<Place>, clock: Clock) -> Self {
        let database = open(&place.address, 4).await;
        let log = Log::beside(&place.logs);
        Self { queue: Queue::new(&database, clock.clone()), clock, database, log, place }
    }

    /// The same database, as another process would open it.
    pub(crate) async fn other_process(&self) -> Self {
        Self::open(Arc::clone(&self.place), self.clock.clone()).await
    }

    /// Runs a statement that changes what no caller could.
    pub(crate) async fn execute(&self, sql: &str) {
        let mut transaction = self.database.begin().await.unwrap();
        execute(transaction.connection(), sql).await;
        transaction.commit().await.unwrap();
    }

    /// The number that a query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.database.read().await.unwrap() {
            Connection::Sqlite(mut connection) => sqlx::query_scalar(sql).fetch_one(&mut *connection).await.unwrap(),
            Connection::Postgres(mut connection) => sqlx::query_scalar(sql).fetch_one(&mut *connection).await.unwrap(),
        }
    }

    /// A transaction that lets nobody write to the queue until it is dropped.
    pub(crate) async fn block_writers(&self) -> Transaction {
        let mut transaction = self.database.begin().await.unwrap();
        if self.database.kind() == Kind::Postgres {
            execute(transaction.connection(), "LOCK TABLE job, worker IN EXCLUSIVE MODE").await;
        }
        transaction
    }

    pub(crate) async fn enqueue<J: Job>(&self, new: NewJob<'_, J>) -> Enqueued {
        let mut transaction = self.database.begin().await.unwrap();
        let enqueued = self.queue.enqueue(transaction.connection(), new).await.unwrap();
        transaction.commit().await.unwrap();
        self.queue.wake();
        enqueued
    }

    pub(crate) async fn add(&self, puppet: Puppet) -> JobId {
        self.enqueue(NewJob::new(tenant(1), &WidePuppet(puppet))).await.id
    }

    pub(crate) fn config() -> WorkerConfig {
        Self::lanes(2, 8)
    }

    /// A worker with so many slots in the narrow lane, of which half are for one tenant, and in the wide one.
    pub(crate) fn lanes(narrow: usize, wide: usize) -> WorkerConfig {
        let lanes = vec![Lane::new(NARROW, narrow).per_tenant(narrow.div_ceil(2)), Lane::new(WIDE, wide)];
        WorkerConfig { lanes, poll: Duration::from_millis(20), ..WorkerConfig::default() }
    }

    pub(crate) fn work(&self) -> Working {
        self.work_as(Self::config())
    }

    pub(crate) fn work_as(&self, config: WorkerConfig) -> Working {
        self.work_with(registry(), config)
    }

    pub(crate) fn work_with(&self, registry: Registry<Log>, config: WorkerConfig) -> Working {
        self.work_on(registry, self.log.clone(), config)
    }

    pub(crate) fn work_on<C: Send + Sync + 'static>(
        &self,
        registry: Registry<C>,
        context: C,
        config: WorkerConfig,
    ) -> Working {
        let shutdown = CancellationToken::new();
        let worker = Worker::new(self.queue.clone(), registry, Arc::new(context), config);
        let task = tokio::spawn(worker.run(shutdown.clone()));
        Working { shutdown, task: Some(task) }
    }

    /// A worker that shares no thread with the test.
    pub(crate) fn work_on_own_runtime(&self, config: WorkerConfig) -> Apart {
        let shutdown = CancellationToken::new();
        let worker = Worker::new(self.queue.clone(), registry(), Arc::new(self.log.clone()), config);
        let stop = shutdown.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(worker.run(stop)).unwrap();
        });
        Apart { shutdown, thread }
    }

    /// Declares the oldest worker dead, so that nobody has to wait for its lease to run out.
    pub(crate) async fn declare_first_worker_dead(&self) {
        self.execute("UPDATE worker SET beat = 0 WHERE id = (SELECT min(id) FROM worker)").await;
    }

    pub(crate) async fn show(&self, id: JobId) -> Option<JobInfo> {
        self.queue.show(id).await.unwrap()
    }

    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, mut holds: impl FnMut() -> F) {
        let held = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(DEADLINE, held).await.is_err() {
            let jobs = self.queue.list(&JobFilter::default()).await;
            let (done, logs) = (self.number("SELECT count(*) FROM done").await, self.log.everywhere());
            panic!("never: {what}; {done} are done, and there are {jobs:#?}; the logs of all processes: {logs:#?}");
        }
    }

    pub(crate) async fn until_state(&self, id: JobId, state: State) -> JobInfo {
        self.until(&format!("job {id} {state:?}"), || async {
            self.show(id).await.is_some_and(|job| job.state == state)
        })
        .await;
        self.show(id).await.unwrap()
    }

    pub(crate) async fn until_done(&self, id: JobId) {
        self.until(&format!("job {id} done"), || async { self.done(id).await }).await;
    }

    pub(crate) async fn done(&self, id: JobId) -> bool {
        self.number(&format!("SELECT count(*) FROM done WHERE id = {id}")).await > 0
    }

    pub(crate) async fn workers(&self) -> i64 {
        self.number("SELECT count(*) FROM worker").await
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(SignedDuration::try_from(by).unwrap());
        self.queue.wake();
    }
}

/// Opens a database and makes the queue's tables in it.
pub(crate) async fn open(address: &DatabaseUrl, connections: u32) -> Database {
    let database = Database::connect(address, connections).await.unwrap();
    voicemill_queue::migrate(&database).await.unwrap();
    database
}

/// Runs a statement on either database.
pub(crate) async fn execute(connection: &mut Connection, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    match connection {
        Connection::Sqlite(connection) => drop(sqlx::query(sql).execute(&mut **connection).await.unwrap()),
        Connection::Postgres(connection) => drop(sqlx::query(sql).execute(&mut **connection).await.unwrap()),
    }
}

/// A worker at work.
pub(crate) struct Working {
    shutdown: CancellationToken,
    task: Option<JoinHandle<Result<(), voicemill_queue::QueueError>>>,
}

impl Working {
    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    /// Shuts down in good order.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        let task = self.task.take().unwrap();
        timeout(DEADLINE, task).await.expect("the worker never stopped").unwrap().unwrap();
    }

    /// Ends it as a crash would: nothing is handed back, and its heartbeat stops.
    pub(crate) async fn crash(mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        let _ = task.await;
    }
}

/// A worker on a thread of its own.
pub(crate) struct Apart {
    shutdown: CancellationToken,
    thread: std::thread::JoinHandle<()>,
}

impl Apart {
    pub(crate) fn stop(self) {
        self.shutdown.cancel();
        self.thread.join().unwrap();
    }
}
