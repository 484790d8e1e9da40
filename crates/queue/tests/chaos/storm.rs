//! Chaos: worker processes on PostgreSQL that are killed, stopped for longer than their leases, and told to end, and a
//! database that crashes and comes back, at random and all at once, while jobs are enqueued and done. Afterwards every job
//! that was enqueued is completed, dead or alive, and none is completed twice.
//!
//! `make chaos` runs the long form. CHAOS_SEED repeats the choices of a run that printed it; CHAOS_JOBS and CHAOS_SECONDS
//! change its size. The test runs its own binary again as the worker processes.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{PgConnection, PgPool, postgres::PgPoolOptions};
use uuid::Uuid;
use voicemill_queue::{NewJob, Queue};
use voicemill_sql::{Connection, Database};
use voicemill_types::clock::Clock;

use super::{
    cluster::Cluster,
    work::{DATABASE, LEASE, Work},
};

/// How much of it there is.
struct Size {
    workers: usize,
    jobs: u64,
    /// How long things go wrong; the jobs are enqueued over two thirds of it.
    trouble: Duration,
    /// The longest that all may take afterwards.
    deadline: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_in_short() {
    let size = Size { workers: 4, jobs: 1_500, trouble: Duration::from_secs(10), deadline: Duration::from_secs(90) };
    run(size).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes about five minutes: make chaos"]
async fn nothing_is_lost_or_done_twice() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let size = Size {
        workers: 8,
        jobs: number("CHAOS_JOBS", 50_000),
        trouble: Duration::from_secs(number("CHAOS_SECONDS", 240)),
        deadline: Duration::from_secs(300),
    };
    run(size).await;
}

/// Not a test of its own: the worker process, when the environment names a database.
#[tokio::test(flavor = "multi_thread")]
async fn worker_process() {
    if let Ok(url) = std::env::var(DATABASE) {
        super::work::work(&url).await;
    }
}

/// What was done to them.
#[derive(Debug, Default)]
struct Deeds {
    killed: u32,
    stopped: u32,
    stopped_beyond_the_lease: u32,
    ended: u32,
    crashed_databases: u32,
    restarted_databases: u32,
}

/// A place for a worker process, and what is to become of it.
struct Place {
    child: Option<Child>,
    starts: Instant,
    resumes: Option<Instant>,
}

impl Place {
    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill_process(Pid::from_child(child), signal).unwrap();
        }
    }

    /// Starts or resumes the process when it is time.
    fn look_after(&mut self, url: &str, now: Instant) {
        if self.resumes.is_some_and(|at| at <= now) {
            self.signal(Signal::CONT);
            self.resumes = None;
        }
        if let Some(child) = &mut self.child
            && child.try_wait().unwrap().is_some()
        {
            self.child = None;
        }
        if self.child.is_none() && self.starts <= now {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "storm::worker_process", "--nocapture"]).env(DATABASE, url);
            self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.resumes = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn run(size: Size) {
    let seed = std::env::var("CHAOS_SEED").map_or_else(|_| rand::random(), |text| text.parse().unwrap());
    println!("CHAOS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut cluster = Cluster::start();
    let url = cluster.url();
    super::open(&url.parse().unwrap(), 2).await;
    let pool = PgPoolOptions::new().max_connections(4).connect(&url).await.unwrap();
    sqlx::raw_sql(
        "CREATE TABLE effect (number BIGINT NOT NULL);
         CREATE TABLE tie (parent BIGINT NOT NULL, child BIGINT NOT NULL);
         CREATE TABLE ledger (first BIGINT PRIMARY KEY, count BIGINT NOT NULL)",
    )
    .execute(&pool)
    .await
    .unwrap();

    let begun = Instant::now();
    let producer = tokio::spawn(produce(url.clone(), size.jobs, size.trouble * 2 / 3, random.random()));
    let place = |_| Place { child: None, starts: begun, resumes: None };
    let mut places: Vec<Place> = (0..size.workers).map(place).collect();
    let mut deeds = Deeds::default();
    let mut next_deed = begun + Duration::from_secs(1);
    // The first trouble with the database comes early enough for the short form.
    let mut next_database = begun + Duration::from_secs(4);
    let mut database_returns: Option<Instant> = None;
    while begun.elapsed() < size.trouble {
        let now = Instant::now();
        for place in &mut places {
            place.look_after(&url, now);
        }
        if now >= next_deed {
            next_deed = now + Duration::from_millis(random.random_range(200..1_500));
            let chosen = random.random_range(0..places.len());
            trouble(&mut places[chosen], &mut random, &mut deeds, now);
        }
        if database_returns.is_some_and(|at| at <= now) {
            cluster.begin();
            database_returns = None;
            next_database = now + Duration::from_millis(random.random_range(8_000..25_000));
        } else if database_returns.is_none() && now >= next_database {
            let crashed = cluster.end(random.random_bool(0.6));
            *if crashed { &mut deeds.crashed_databases } else { &mut deeds.restarted_databases } += 1;
            database_returns = Some(now + Duration::from_millis(random.random_range(0..5_000)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if database_returns.is_some() {
        cluster.begin();
    }
    producer.await.unwrap();
    let calm = Instant::now();
    while calm.elapsed() < size.deadline && count(&pool, LIVE).await != Some(0) {
        for place in &mut places {
            place.resumes = place.resumes.map(|_| calm);
            place.look_after(&url, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tell(&pool, &deeds, size.jobs, begun.elapsed()).await;
}

/// Something happens to a worker.
fn trouble(place: &mut Place, random: &mut StdRng, deeds: &mut Deeds, now: Instant) {
    if place.child.is_none() || place.resumes.is_some() {
        return;
    }
    let pause = Duration::from_millis(random.random_range(0..2_000));
    match random.random_range(0..10) {
        0..5 => {
            place.kill();
            place.starts = now + pause;
            deeds.killed += 1;
        }
        5..9 => {
            let pause = Duration::from_millis(random.random_range(200..9_000));
            place.signal(Signal::STOP);
            place.resumes = Some(now + pause);
            deeds.stopped += 1;
            deeds.stopped_beyond_the_lease += u32::from(pause > LEASE);
        }
        _ => {
            place.signal(Signal::TERM);
            place.starts = now + pause;
            deeds.ended += 1;
        }
    }
}

/// Enqueues all jobs over a time, a batch a transaction, each with its line in the ledger. A transaction of which nobody knows
/// whether it was committed is looked up there.
async fn produce(url: String, jobs: u64, time: Duration, seed: u64) {
    const BATCH: u64 = 100;
    let mut random = StdRng::seed_from_u64(seed);
    let begun = Instant::now();
    for first in (0..jobs).step_by(usize::try_from(BATCH).unwrap()) {
        let due = time.mul_f64(first as f64 / jobs as f64);
        tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        let batch: Vec<Work> =
            (first..jobs.min(first + BATCH)).map(|number| Work::random(number, &mut random)).collect();
        while let Err(error) = enqueue(&url, first, &batch).await {
            assert!(begun.elapsed() < time * 2 + Duration::from_secs(120), "the producer gets nowhere: {error:#}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

async fn enqueue(url: &str, first: u64, batch: &[Work]) -> anyhow::Result<()> {
    let database = Database::connect(&url.parse()?, 2).await?;
    let mut transaction = database.begin().await?;
    let queue = Queue::new(&database, Clock::system());
    let Connection::Postgres(connection) = transaction.connection() else { anyhow::bail!("no PostgreSQL") };
    let connection: &mut PgConnection = connection;
    let line = sqlx::query("INSERT INTO ledger (first, count) VALUES ($1, $2) ON CONFLICT (first) DO NOTHING");
    let line = line.bind(i64::try_from(first)?).bind(i64::try_from(batch.len())?);
    if line.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(());
    }
    let mut before: Vec<i64> = Vec::new();
    for work in batch {
        let tenant = Uuid::from_u128(u128::from(work.number % 7 + 1));
        let new = NewJob::new(tenant, work);
        // Now and then one waits for the few before it.
        let waits = work.number % 8 == 7;
        let parents = if waits { std::mem::take(&mut before) } else { Vec::new() };
        let id = queue.enqueue(transaction.connection(), new.after(parents.iter().copied())).await?.id;
        for parent in parents {
            tie(transaction.connection(), parent, id).await?;
        }
        if !waits {
            before.push(id);
        }
    }
    transaction.commit().await?;
    queue.wake();
    Ok(())
}

/// Notes who waits for whom, for when the queue no longer knows.
async fn tie(connection: &mut Connection, parent: i64, child: i64) -> anyhow::Result<()> {
    let Connection::Postgres(connection) = connection else { anyhow::bail!("no PostgreSQL") };
    let tie = sqlx::query("INSERT INTO tie (parent, child) VALUES ($1, $2)").bind(parent).bind(child);
    tie.execute(&mut **connection).await?;
    Ok(())
}

const LIVE: &str = "SELECT count(*) FROM job WHERE state <> 'discarded' AND NOT EXISTS (\
        SELECT 1 FROM job_dep JOIN job AS parent ON parent.id = job_dep.parent \
        WHERE job_dep.child = job.id AND parent.state = 'discarded')";

/// The number that a query gives; none while the database is away.
async fn count(pool: &PgPool, sql: &'static str) -> Option<i64> {
    sqlx::query_scalar(sql).fetch_one(pool).await.ok()
}

/// Prints the table and fails if it does not add up.
async fn tell(pool: &PgPool, deeds: &Deeds, wanted: u64, took: Duration) {
    let count = async |sql| count(pool, sql).await.unwrap();
    let enqueued = count("SELECT coalesce(sum(count), 0)::BIGINT FROM ledger").await;
    let completed = count("SELECT count(DISTINCT id) FROM done").await;
    let dead = count("SELECT count(*) FROM job WHERE state = 'discarded'").await;
    let live = count(LIVE).await;
    let behind_the_dead = count("SELECT count(*) FROM job WHERE state = 'blocked'").await;
    let too_early = "SELECT count(*) FROM done AS child JOIN tie ON tie.child = child.id \
        LEFT JOIN done AS parent ON parent.id = tie.parent WHERE parent.id IS NULL";
    let too_early = count(too_early).await;
    let completed_twice = count("SELECT count(*) - count(DISTINCT id) FROM done").await;
    let completed_and_still_there = count("SELECT count(*) FROM job WHERE id IN (SELECT id FROM done)").await;
    let effects_twice = count("SELECT count(*) - count(DISTINCT number) FROM effect").await;
    let again = count("SELECT count(*) FROM done WHERE attempt > 1").await;
    println!("| after {} s | |", took.as_secs());
    println!("|---|--:|");
    for (what, number) in [
        ("workers killed (SIGKILL)", i64::from(deeds.killed)),
        ("workers stopped (SIGSTOP)", i64::from(deeds.stopped)),
        ("of those, for longer than their lease", i64::from(deeds.stopped_beyond_the_lease)),
        ("workers told to end (SIGTERM)", i64::from(deeds.ended)),
        ("databases crashed", i64::from(deeds.crashed_databases)),
        ("databases restarted", i64::from(deeds.restarted_databases)),
        ("jobs enqueued", enqueued),
        ("completed", completed),
        ("dead", dead),
        ("blocked by dead ones", behind_the_dead),
        ("live", live),
        ("completed before what they waited for", too_early),
        ("completed after more than one attempt", again),
        ("completed twice", completed_twice + completed_and_still_there),
        ("effects committed twice", effects_twice),
    ] {
        println!("| {what} | {number} |");
    }
    assert_eq!(enqueued, i64::try_from(wanted).unwrap(), "the producer did not enqueue all");
    assert_eq!(enqueued, completed + dead + behind_the_dead + live, "jobs are lost, or there are too many");
    assert_eq!(too_early, 0);
    assert_eq!((completed_twice, completed_and_still_there, effects_twice), (0, 0, 0));
    assert_eq!(live, 0, "jobs are stuck");
    assert!(deeds.killed > 0 && deeds.stopped > 0 && deeds.crashed_databases + deeds.restarted_databases > 0);
    assert!(again > 0, "no trouble hit a running job");
}
