//! One kind of job, one lane, one worker: `cargo run -p voicemill-queue --example hello`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane, NewJob, Queue, Registry, Worker, WorkerConfig};
use voicemill_sql::{Database, DatabaseUrl};
use voicemill_types::clock::Clock;

/// Greets somebody. The payload is the type itself, stored as JSON.
#[derive(Serialize, Deserialize)]
struct Greet {
    name: String,
}

impl Job for Greet {
    /// Whatever jobs work with; here, where greetings go.
    type Context = mpsc::Sender<String>;
    const KIND: &'static str = "greet";
    const LANE: &'static str = "io";
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn run(&self, greetings: &mpsc::Sender<String>, attempt: &Attempt) -> Result<(), JobError> {
        // Whether an error is worth another attempt is said where it arises.
        greetings.send(format!("Hello, {} (attempt {})", self.name, attempt.number)).await.discard()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let database = Database::connect(&DatabaseUrl::Sqlite(folder.path().join("queue.db")), 4).await?;
    voicemill_queue::migrate(&database).await?;
    let queue = Queue::new(&database, Clock::system());

    let (sender, mut greetings) = mpsc::channel(1);
    let config = WorkerConfig { lanes: vec![Lane::new(Greet::LANE, 8)], ..WorkerConfig::default() };
    let worker = Worker::new(queue.clone(), Registry::new().with::<Greet>(), Arc::new(sender), config);
    let shutdown = CancellationToken::new();
    let working = tokio::spawn(worker.run(shutdown.clone()));

    // A job is enqueued in the caller's transaction: with whatever else is written there, or not at all.
    let mut transaction = database.begin().await?;
    let job = Greet { name: "Robin".to_owned() };
    queue.enqueue(transaction.connection(), NewJob::new(Uuid::nil(), &job)).await?;
    transaction.commit().await?;
    queue.wake();

    println!("{}", greetings.recv().await.unwrap_or_default());
    shutdown.cancel();
    working.await??;
    Ok(())
}
