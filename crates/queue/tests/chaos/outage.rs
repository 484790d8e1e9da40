//! The database is away for more than a minute, four times the lease: workers stop what they cannot vouch for any more,
//! wait, and go on without a restart; everything is done, and takes effect, once.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane, NewJob, Queue, Registry, Worker, WorkerConfig};
use voicemill_sql::{Connection, Database};
use voicemill_types::clock::Clock;

use voicemill_testing::PrivateServer;

const LANE: &str = "work";
const AWAY: Duration = Duration::from_secs(62);
const DEADLINE: Duration = Duration::from_secs(60);
const JOBS: usize = 400;

/// What a worker works with, and when it did what.
struct Place {
    database: Database,
    events: Mutex<Vec<(Event, Instant)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Started,
    /// A long job's future was dropped before its end.
    Dropped,
}

impl Place {
    fn note(&self, event: Event) {
        self.events.lock().unwrap().push((event, Instant::now()));
    }

    fn times(&self, event: Event) -> Vec<Instant> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|(seen, _)| *seen == event).map(|(_, at)| *at).collect()
    }
}

/// A job that leaves a row behind, exactly once.
#[derive(Serialize, Deserialize)]
struct Effect {
    number: i32,
    /// It would take as long as the database is away, unless it is begun anew.
    long: bool,
    /// It completes itself with its effect; else its worker records that it is done, and it leaves none.
    commits: bool,
}

/// Tells if a future is dropped before its end.
struct Witness<'a>(&'a Place, bool);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.note(Event::Dropped);
        }
    }
}

impl Job for Effect {
    type Context = Place;
    const KIND: &'static str = "effect";
    const LANE: &'static str = LANE;
    const TIMEOUT: Duration = Duration::from_secs(120);
    const MAX_ATTEMPTS: u16 = 20;

    async fn run(&self, place: &Place, attempt: &Attempt) -> Result<(), JobError> {
        place.note(Event::Started);
        let mut witness = self.long.then(|| Witness(place, false));
        let takes = if self.long && attempt.claim == 1 { AWAY } else { Duration::from_millis(30) };
        tokio::time::sleep(takes).await;
        if let Some(witness) = &mut witness {
            witness.1 = true;
        }
        if !self.commits {
            return Ok(());
        }
        let mut transaction = place.database.begin().await.retry()?;
        let Connection::Postgres(connection) = transaction.connection() else { return Ok(()) };
        let effect = sqlx::query("INSERT INTO effect (number) VALUES ($1)").bind(self.number);
        effect.execute(&mut **connection).await.retry()?;
        attempt.complete(transaction.connection()).await.retry()?;
        transaction.commit().await.retry()
    }
}

async fn count(database: &Database, sql: &'static str) -> i64 {
    let Connection::Postgres(mut connection) = database.read().await.unwrap() else { panic!("no PostgreSQL") };
    sqlx::query_scalar(sql).fetch_one(&mut *connection).await.unwrap()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_without_the_database_costs_nothing_but_the_minute() {
    let server = PrivateServer::start_new();
    let address = server.url().parse().unwrap();
    let database = super::open(&address, 4).await;
    let mut transaction = database.begin().await.unwrap();
    if let Connection::Postgres(connection) = transaction.connection() {
        sqlx::query("CREATE TABLE effect (number INTEGER NOT NULL)").execute(&mut **connection).await.unwrap();
    }
    let queue = Queue::new(&database, Clock::system());
    for number in 0..JOBS {
        let job = Effect { number: i32::try_from(number).unwrap(), long: number < 2, commits: number % 2 == 0 };
        let tenant = Uuid::from_u128(number as u128 % 5);
        queue.enqueue(transaction.connection(), NewJob::new(tenant, &job)).await.unwrap();
    }
    transaction.commit().await.unwrap();

    let shutdown = CancellationToken::new();
    let mut places = Vec::new();
    let mut workers = Vec::new();
    for _ in 0..2 {
        let database = super::open(&address, 8).await;
        let place = Arc::new(Place { database: database.clone(), events: Mutex::default() });
        let config = WorkerConfig { lanes: vec![Lane::new(LANE, 4)], ..WorkerConfig::default() };
        let registry = Registry::new().with::<Effect>();
        let worker = Worker::new(Queue::new(&database, Clock::system()), registry, Arc::clone(&place), config);
        workers.push(tokio::spawn(worker.run(shutdown.clone())));
        places.push(place);
    }
    let all = |event| places.iter().flat_map(|place| place.times(event)).collect::<Vec<_>>();
    until("work under way", async || count(&database, "SELECT count(*) FROM done").await > 30).await;

    let gone = Instant::now();
    server.crash();
    // Stopped within two thirds of the lease after the last heartbeat, while nobody else could have taken over.
    until("the long work is dropped", async || all(Event::Dropped).len() >= 2).await;
    let started = all(Event::Started).len();
    tokio::time::sleep(AWAY.saturating_sub(gone.elapsed())).await;
    assert_eq!(all(Event::Started).len(), started, "nothing starts that nobody could claim");
    assert!(workers.iter().all(|worker| !worker.is_finished()), "they wait");
    server.start_again();
    until("work goes on", async || all(Event::Started).len() > started).await;

    until("all is done", async || count(&database, "SELECT count(*) FROM job").await == 0).await;
    let jobs = i64::try_from(JOBS).unwrap();
    assert_eq!(count(&database, "SELECT count(*) FROM done").await, jobs);
    assert_eq!(count(&database, "SELECT count(DISTINCT id) FROM done").await, jobs);
    assert_eq!(count(&database, "SELECT count(*) FROM effect").await, jobs / 2);
    assert_eq!(count(&database, "SELECT count(DISTINCT number) FROM effect").await, jobs / 2);
    assert_eq!(count(&database, "SELECT count(*) FROM worker").await, 2, "their former selves have left");
    shutdown.cancel();
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
}
