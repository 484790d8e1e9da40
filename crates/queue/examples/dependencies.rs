//! Jobs that wait for others: `cargo run -p voicemill-queue --example dependencies`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicemill_queue::{Attempt, Job, JobError, Lane, NewJob, Queue, Registry, Worker, WorkerConfig};
use voicemill_sql::{Database, DatabaseUrl};
use voicemill_types::clock::Clock;

#[derive(Serialize, Deserialize)]
struct Step {
    name: String,
    is_last: bool,
}

/// What was done, and how to end.
struct Place {
    steps: Mutex<Vec<String>>,
    shutdown: CancellationToken,
}

impl Job for Step {
    type Context = Place;
    const KIND: &'static str = "step";
    const LANE: &'static str = "cpu";
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn run(&self, place: &Place, _attempt: &Attempt) -> Result<(), JobError> {
        place.steps.lock().expect("nobody panics").push(self.name.clone());
        if self.is_last {
            place.shutdown.cancel();
        }
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
    let step = |name: &str| Step { name: name.to_owned(), is_last: name == "mail" };
    let tenant = Uuid::from_u128(1);
    let store = queue.enqueue(transaction.connection(), NewJob::new(tenant, &step("store"))).await?.id;
    let mut middle = Vec::new();
    for name in ["render", "transcribe"] {
        middle.push(queue.enqueue(transaction.connection(), NewJob::new(tenant, &step(name)).after([store])).await?.id);
    }
    // Free in the very transaction that completes the last of them.
    queue.enqueue(transaction.connection(), NewJob::new(tenant, &step("mail")).after(middle)).await?;
    transaction.commit().await?;

    let place = Arc::new(Place { steps: Mutex::default(), shutdown: CancellationToken::new() });
    let config = WorkerConfig { lanes: vec![Lane::new(Step::LANE, 4)], ..WorkerConfig::default() };
    let worker = Worker::new(queue, Registry::new().with::<Step>(), Arc::clone(&place), config);
    worker.run(place.shutdown.clone()).await?;
    println!("{}", place.steps.lock().expect("nobody panics").join(", "));
    Ok(())
}
