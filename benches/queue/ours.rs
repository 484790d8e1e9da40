//! Puts the service's queue through the scenarios, on the database that DATABASE_URL names: PostgreSQL or a SQLite file.

#![expect(clippy::disallowed_methods, reason = "a bench is told by its environment")]

#[path = "scenarios.rs"]
#[allow(
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "the peers are a crate of their own and use it too; what is measured is real time"
)]
mod scenarios;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicemill::db::{Connection, Database};
use voicemill_queue::{Attempt, Job, JobError, Lane, NewJob, Queue, Registry, Worker, WorkerConfig};
use voicemill_types::clock::Clock;

use self::scenarios::{Contender, Payload, Probe};

#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Noop(Payload);

impl Job for Noop {
    type Context = Arc<Probe>;
    const KIND: &'static str = "noop";
    const LANE: &'static str = "bench";
    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn run(&self, probe: &Arc<Probe>, _attempt: &Attempt) -> Result<(), JobError> {
        probe.start(&self.0);
        Ok(())
    }
}

struct Ours {
    database: Database,
    queue: Queue,
}

/// Runs an expression on the driver inside a connection.
macro_rules! on {
    ($connection:ident, $body:expr) => {
        match $connection {
            Connection::Sqlite($connection) => {
                let $connection = &mut **$connection;
                $body
            }
            Connection::Postgres($connection) => {
                let $connection = &mut **$connection;
                $body
            }
        }
    };
}

fn tenant(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

impl Contender for Ours {
    async fn prepare(&self) -> anyhow::Result<()> {
        voicemill_queue::migrate(&self.database).await?;
        Ok(())
    }

    async fn enqueue(&self, jobs: Vec<Payload>) -> anyhow::Result<()> {
        let jobs: Vec<_> = jobs.into_iter().map(Noop).collect();
        let mut transaction = self.database.begin().await?;
        let new: Vec<_> = jobs.iter().map(|job| NewJob::new(tenant(job.0.tenant), job)).collect();
        self.queue.enqueue_all(transaction.connection(), new).await?;
        transaction.commit().await?;
        self.queue.wake();
        Ok(())
    }

    async fn fill(&self, count: u64) -> anyhow::Result<()> {
        for _ in 0..count / 10_000 {
            let mut transaction = self.database.begin().await?;
            let jobs = vec![Noop(Payload { t: 0, tenant: 1 }); 10_000];
            let new = jobs.iter().map(|job| NewJob::new(tenant(1), job)).collect();
            self.queue.enqueue_all(transaction.connection(), new).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    async fn tidy(&self) -> anyhow::Result<()> {
        if let Connection::Postgres(mut connection) = self.database.read().await? {
            sqlx::raw_sql("VACUUM ANALYZE job").execute(&mut *connection).await?;
        }
        Ok(())
    }

    async fn remaining(&self) -> anyhow::Result<u64> {
        let connection = &mut self.database.read().await?;
        let count: i64 = on!(connection, sqlx::query_scalar("SELECT count(*) FROM job").fetch_one(connection).await?);
        Ok(u64::try_from(count)?)
    }

    async fn work(&self, probe: Arc<Probe>) -> anyhow::Result<()> {
        let config = WorkerConfig { lanes: vec![Lane::new(Noop::LANE, 1_024)], ..WorkerConfig::default() };
        let worker = Worker::new(self.queue.clone(), Registry::new().with::<Noop>(), Arc::new(probe), config);
        tokio::spawn(worker.run(CancellationToken::new()));
        Ok(())
    }
}

async fn run() -> anyhow::Result<()> {
    // cargo bench adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL names no database")?;
    let database = Database::connect(&url.parse()?, 16).await?;
    let queue = Queue::new(&database, Clock::system());
    scenarios::run(Ours { database, queue }, &arguments).await
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("queue bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
