//! A worker told to stop lets short work end and hands long work back: `cargo run -p voicemill-queue --example graceful_shutdown`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicemill_queue::{Attempt, Job, JobError, JobFilter, Lane, NewJob, Queue, Registry, Worker, WorkerConfig};
use voicemill_sql::{Database, DatabaseUrl};
use voicemill_types::clock::Clock;

#[derive(Serialize, Deserialize)]
struct Sleep {
    milliseconds: u64,
}

impl Job for Sleep {
    type Context = Semaphore;
    const KIND: &'static str = "sleep";
    const LANE: &'static str = "io";
    const TIMEOUT: Duration = Duration::from_secs(3_600);

    async fn run(&self, started: &Semaphore, _attempt: &Attempt) -> Result<(), JobError> {
        started.add_permits(1);
        // The future may be dropped at any await. Work on another thread watches `attempt.cancellation()` instead.
        tokio::time::sleep(Duration::from_millis(self.milliseconds)).await;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let database = Database::connect(&DatabaseUrl::Sqlite(folder.path().join("queue.db")), 4).await?;
    voicemill_queue::migrate(&database).await?;
    let queue = Queue::new(&database, Clock::system());

    let mut transaction = database.begin().await?;
    for milliseconds in [100, 3_600_000] {
        queue.enqueue(transaction.connection(), NewJob::new(Uuid::nil(), &Sleep { milliseconds })).await?;
    }
    transaction.commit().await?;

    let started = Arc::new(Semaphore::new(0));
    let config = WorkerConfig {
        lanes: vec![Lane::new(Sleep::LANE, 8)],
        // How long what runs may go on after the signal.
        grace: Duration::from_secs(1),
        ..WorkerConfig::default()
    };
    let worker = Worker::new(queue.clone(), Registry::new().with::<Sleep>(), Arc::clone(&started), config);
    // In a service, SIGTERM cancels it.
    let shutdown = CancellationToken::new();
    let working = tokio::spawn(worker.run(shutdown.clone()));
    let _both = started.acquire_many(2).await?;
    shutdown.cancel();
    working.await??;

    for job in queue.list(&JobFilter::default()).await? {
        println!("job {} waits again, {:?}, after {} attempts that count", job.id, job.state, job.attempt);
    }
    Ok(())
}
