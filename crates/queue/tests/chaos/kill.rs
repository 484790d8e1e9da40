//! Workers killed with no chance to say goodbye: nothing is lost, and nothing takes effect twice.
//!
//! The test runs its own binary again as the worker process, which the environment tells where the database is.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, SqlSafeStr};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicemill_queue::{Attempt, Decide, Job, JobError, JobFilter, Lane, NewJob, Queue, Registry, Worker, WorkerConfig};
use voicemill_sql::{Connection, Database, DatabaseUrl};
use voicemill_types::clock::Clock;

use voicemill_testing::TestDatabase;

const LANE: &str = "work";
const DATABASE: &str = "QUEUE_KILL_DATABASE";
const JOBS: usize = 600;
const LEASE: Duration = Duration::from_millis(600);
const DEADLINE: Duration = Duration::from_secs(60);

/// Writes one row, exactly once.
#[derive(Serialize, Deserialize)]
struct Effect {
    number: usize,
}

impl Job for Effect {
    type Context = Database;
    const KIND: &'static str = "effect";
    const LANE: &'static str = LANE;
    const TIMEOUT: Duration = Duration::from_secs(30);
    // However often its worker is killed, that is no attempt.
    const MAX_ATTEMPTS: u16 = 3;

    async fn run(&self, database: &Database, attempt: &Attempt) -> Result<(), JobError> {
        tokio::time::sleep(Duration::from_millis(5 + self.number as u64 % 20 * 5)).await;
        let mut transaction = database.begin().await.retry()?;
        let insert = format!("INSERT INTO effect (number) VALUES ({})", self.number);
        execute(transaction.connection(), &insert).await.retry()?;
        attempt.complete(transaction.connection()).await.retry()?;
        transaction.commit().await.retry()
    }
}

async fn execute(connection: &mut Connection, sql: &str) -> sqlx::Result<()> {
    let sql = AssertSqlSafe(sql.to_owned());
    match connection {
        Connection::Sqlite(connection) => sqlx::query(sql).execute(&mut **connection).await.map(drop),
        Connection::Postgres(connection) => sqlx::query(sql).execute(&mut **connection).await.map(drop),
    }
}

async fn count(database: &Database, sql: impl SqlSafeStr) -> i64 {
    let sql = sql.into_sql_str();
    match database.read().await.unwrap() {
        Connection::Sqlite(mut connection) => sqlx::query_scalar(sql).fetch_one(&mut *connection).await.unwrap(),
        Connection::Postgres(mut connection) => sqlx::query_scalar(sql).fetch_one(&mut *connection).await.unwrap(),
    }
}

/// Whether a job is held longer than any takes, and nobody is kept from taking it over: who is stopped in the middle of a
/// transaction on SQLite stops everybody.
async fn stuck(database: &Database) -> bool {
    if tokio::time::timeout(LEASE / 2, database.begin()).await.is_err() {
        return false;
    }
    let before = Clock::system().now().as_microsecond();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let old = format!("SELECT count(*) FROM job WHERE state = 'running' AND started_at < {before}");
    count(database, AssertSqlSafe(old)).await > 0
}

async fn open(address: &str) -> (Database, Queue) {
    let address: DatabaseUrl = address.parse().unwrap();
    let database = super::open(&address, 10).await;
    let queue = Queue::new(&database, Clock::system());
    (database, queue)
}

/// Not a test of its own: the worker process, when the environment names a database.
#[tokio::test(flavor = "multi_thread")]
async fn worker_process() {
    let Ok(address) = std::env::var(DATABASE) else { return };
    let (database, queue) = open(&address).await;
    let config = WorkerConfig {
        lanes: vec![Lane::new(LANE, 8)],
        lease: LEASE,
        poll: Duration::from_millis(50),
        ..WorkerConfig::default()
    };
    let worker = Worker::new(queue, Registry::new().with::<Effect>(), Arc::new(database), config);
    worker.run(CancellationToken::new()).await.unwrap();
}

struct Process(Child);

impl Process {
    fn start(database: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::worker_process", "--nocapture"])
            .env(DATABASE, database)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
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
async fn workers_killed_under_load_lose_nothing_and_repeat_nothing_on_sqlite() {
    let folder = TempDir::new().unwrap();
    let address = format!("sqlite:{}", folder.path().join("queue.db").display());
    workers_disturbed_under_load(&address, Disturbance::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_under_load_lose_nothing_and_repeat_nothing_on_postgres() {
    workers_disturbed_under_load(&TestDatabase::new().url(), Disturbance::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_stopped_longer_than_their_lease_lose_nothing_and_repeat_nothing_on_sqlite() {
    let folder = TempDir::new().unwrap();
    let address = format!("sqlite:{}", folder.path().join("queue.db").display());
    workers_disturbed_under_load(&address, Disturbance::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_stopped_longer_than_their_lease_lose_nothing_and_repeat_nothing_on_postgres() {
    workers_disturbed_under_load(&TestDatabase::new().url(), Disturbance::Stopped).await;
}

/// What happens to workers in the middle of their work.
#[derive(Clone, Copy)]
enum Disturbance {
    Killed,
    Stopped,
}

async fn workers_disturbed_under_load(address: &str, disturbance: Disturbance) {
    let (database, queue) = open(address).await;
    let mut transaction = database.begin().await.unwrap();
    execute(transaction.connection(), "CREATE TABLE effect (number BIGINT NOT NULL)").await.unwrap();
    for number in 0..JOBS {
        let tenant = Uuid::from_u128(number as u128 % 7);
        queue.enqueue(transaction.connection(), NewJob::new(tenant, &Effect { number })).await.unwrap();
    }
    transaction.commit().await.unwrap();

    let count = async |sql: &'static str| count(&database, sql).await;
    let mut workers = [Process::start(address), Process::start(address)];
    // While one stands still the other goes on, so there is work for a single stop only; and it must hit whoever has work.
    let (wanted, at_work) = match disturbance {
        Disturbance::Killed => (6, 1),
        Disturbance::Stopped => (1, 2),
    };
    let mut disturbed = 0;
    let begun = Instant::now();
    while count("SELECT count(*) FROM job").await > 0 {
        assert!(
            begun.elapsed() < DEADLINE,
            "left after {disturbed} disturbances: {:?}",
            queue.list(&JobFilter::default()).await
        );
        // Each time once there is work in hand, so that every one interrupts some.
        let working = count("SELECT count(DISTINCT worker) FROM job WHERE state = 'running'").await;
        if disturbed < wanted && working >= at_work {
            match disturbance {
                Disturbance::Killed => workers[disturbed % 2] = Process::start(address),
                Disturbance::Stopped => {
                    workers[0].signal("-STOP");
                    let held = stuck(&database).await;
                    if held {
                        tokio::time::sleep(LEASE * 3).await;
                    }
                    workers[0].signal("-CONT");
                    if !held {
                        continue;
                    }
                }
            }
            disturbed += 1;
        }
        // Nobody waits for a backoff.
        let now = Clock::system().now().as_microsecond();
        let mut transaction = database.begin().await.unwrap();
        let hurry = format!("UPDATE job SET run_at = {now} WHERE state = 'scheduled'");
        execute(transaction.connection(), &hurry).await.unwrap();
        transaction.commit().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(disturbed, wanted, "the work was over before the workers were disturbed");
    assert!(count("SELECT count(*) FROM job WHERE state = 'discarded'").await == 0, "an innocent job was given up");
    let jobs = i64::try_from(JOBS).unwrap();
    assert_eq!(count("SELECT count(*) FROM done").await, jobs);
    assert_eq!(count("SELECT count(*) FROM effect").await, jobs);
    assert_eq!(count("SELECT count(DISTINCT number) FROM effect").await, jobs);
}
