//! Workers killed with no chance to say goodbye: nothing is lost, and nothing takes effect twice.
//!
//! The test runs its own binary again as the worker process, which the environment tells where the database is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    ffi::OsStr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicemill::{
    clock::Clock,
    queue::{Attempt, Decide, Job, JobError, JobFilter, Lane, NewJob, Queue, Registry, SCHEMA, Worker, WorkerConfig},
};

const DATABASE: &str = "QUEUE_KILL_DATABASE";
const JOBS: usize = 600;
const LEASE: Duration = Duration::from_millis(600);
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes one row, exactly once.
#[derive(Serialize, Deserialize)]
struct Effect {
    number: usize,
}

impl Job for Effect {
    type Context = SqlitePool;
    const KIND: &'static str = "effect";
    const LANE: Lane = Lane::Io;
    const TIMEOUT: Duration = Duration::from_secs(30);
    // However often it is killed, so that a slow machine changes nothing.
    const MAX_ATTEMPTS: u16 = 100;

    async fn run(&self, write: &SqlitePool, attempt: &Attempt) -> Result<(), JobError> {
        tokio::time::sleep(Duration::from_millis(5 + self.number as u64 % 20)).await;
        let mut transaction = write.begin_with("BEGIN IMMEDIATE").await.retry()?;
        sqlx::query("INSERT INTO effect (number) VALUES (?1)")
            .bind(i64::try_from(self.number).discard()?)
            .execute(&mut *transaction)
            .await
            .retry()?;
        attempt.complete(&mut transaction).await.retry()?;
        transaction.commit().await.retry()
    }
}

async fn open(path: &Path) -> (SqlitePool, Queue) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    let write = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.unwrap();
    let read = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
    (write.clone(), Queue::new(read, write, Clock::system()))
}

/// Not a test of its own: the worker process, when the environment names a database.
#[tokio::test(flavor = "multi_thread")]
async fn worker_process() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let (write, queue) = open(Path::new(&path)).await;
    let config = WorkerConfig { io_slots: 8, lease: LEASE, poll: Duration::from_millis(50), ..WorkerConfig::default() };
    let worker = Worker::new(queue, Registry::new().with::<Effect>(), Arc::new(write), config);
    worker.run(CancellationToken::new()).await.unwrap();
}

struct Process(Child);

impl Process {
    fn start(database: &OsStr) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker_process", "--nocapture"])
            .env(DATABASE, database)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

/// SIGKILL.
impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_under_load_lose_nothing_and_repeat_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("queue.db");
    let (write, queue) = open(&path).await;
    sqlx::raw_sql(SCHEMA).execute(&write).await.unwrap();
    sqlx::raw_sql("CREATE TABLE effect (number INTEGER NOT NULL) STRICT").execute(&write).await.unwrap();
    let mut transaction = write.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for number in 0..JOBS {
        let tenant = Uuid::from_u128(number as u128 % 7);
        queue.enqueue(&mut transaction, NewJob::new(tenant, &Effect { number })).await.unwrap();
    }
    transaction.commit().await.unwrap();

    let count = async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&write).await.unwrap();
    let mut workers = [Process::start(path.as_os_str()), Process::start(path.as_os_str())];
    let mut kills = 0;
    let begun = Instant::now();
    while count("SELECT count(*) FROM job").await > 0 {
        assert!(begun.elapsed() < PATIENCE, "left after {kills} kills: {:?}", queue.list(&JobFilter::default()).await);
        // Each time once there is work in hand, so that every kill interrupts some.
        if kills < 6 && count("SELECT count(*) FROM job WHERE state = 'running'").await > 0 {
            workers[kills % 2] = Process::start(path.as_os_str());
            kills += 1;
        }
        // Nobody waits for a backoff, nor is a job given up that was merely unlucky.
        let now = Clock::system().now().as_microsecond();
        sqlx::query("UPDATE job SET run_at = ?1, crashes = 0 WHERE state = 'scheduled'")
            .bind(now)
            .execute(&write)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(kills, 6, "the work was over before the workers were killed");
    assert!(count("SELECT count(*) FROM done WHERE attempt > 1").await > 0, "no kill hit a running job");
    let jobs = i64::try_from(JOBS).unwrap();
    assert_eq!(count("SELECT count(*) FROM done").await, jobs);
    assert_eq!(count("SELECT count(*) FROM effect").await, jobs);
    assert_eq!(count("SELECT count(DISTINCT number) FROM effect").await, jobs);
}
