//! The jobs of the chaos, and the process that does them.

use std::{sync::Arc, time::Duration};

use rand::{Rng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane, Queue, Registry, Worker, WorkerConfig};
use voicemill_sql::{Connection, Database};
use voicemill_types::clock::Clock;

const LANE: &str = "work";
pub(crate) const DATABASE: &str = "QUEUE_CHAOS_DATABASE";
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// Takes its time and ends as it is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) number: u64,
    milliseconds: u64,
    end: End,
}

#[derive(Debug, Serialize, Deserialize)]
enum End {
    /// Its worker records that it is done.
    Returns,
    /// It completes itself in the transaction of its effect.
    Commits,
    /// It fails the first time.
    FailsOnce,
    /// It is given up.
    IsHopeless,
}

impl Work {
    pub(crate) fn random(number: u64, random: &mut StdRng) -> Self {
        let milliseconds = match random.random_range(0..100) {
            0..70 => random.random_range(0..20),
            70..97 => random.random_range(20..500),
            _ => random.random_range(500..5_000),
        };
        let end = match random.random_range(0..100) {
            0..48 => End::Returns,
            48..96 => End::Commits,
            96..99 => End::FailsOnce,
            _ => End::IsHopeless,
        };
        Self { number, milliseconds, end }
    }
}

impl Job for Work {
    type Context = Database;
    const KIND: &'static str = "work";
    const LANE: &'static str = LANE;
    const TIMEOUT: Duration = Duration::from_secs(60);
    const MAX_ATTEMPTS: u16 = 100;

    async fn run(&self, database: &Database, attempt: &Attempt) -> Result<(), JobError> {
        tokio::time::sleep(Duration::from_millis(self.milliseconds)).await;
        match self.end {
            End::Returns => Ok(()),
            End::FailsOnce if attempt.number == 1 => Err(anyhow::anyhow!("no luck")).retry(),
            End::IsHopeless => Err(anyhow::anyhow!("hopeless")).discard(),
            End::Commits | End::FailsOnce => {
                let mut transaction = database.begin().await.retry()?;
                if let Connection::Postgres(connection) = transaction.connection() {
                    let effect = sqlx::query("INSERT INTO effect (number) VALUES ($1)");
                    effect.bind(i64::try_from(self.number).discard()?).execute(&mut **connection).await.retry()?;
                }
                attempt.complete(transaction.connection()).await.retry()?;
                transaction.commit().await.retry()
            }
        }
    }
}

/// Does jobs until SIGTERM.
pub(crate) async fn work(url: &str) {
    let address = url.parse().unwrap();
    let database = loop {
        match Database::connect(&address, 8).await {
            Ok(database) => break database,
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    tokio::spawn(async move {
        terminate.recv().await;
        stop.cancel();
    });
    loop {
        let config = WorkerConfig {
            // Some so wide that after an outage two of their claims are under way at once.
            lanes: vec![Lane::new(LANE, if std::process::id().is_multiple_of(2) { 16 } else { 600 })],
            lease: LEASE,
            poll: Duration::from_millis(250),
            grace: Duration::from_secs(1),
            ..WorkerConfig::default()
        };
        let queue = Queue::new(&database, Clock::system());
        let worker = Worker::new(queue, Registry::new().with::<Work>(), Arc::new(database.clone()), config);
        // It cannot begin while the database is away.
        match worker.run(shutdown.clone()).await {
            Ok(()) => return,
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
