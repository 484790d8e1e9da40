//! What happens when workers die, stall or stop.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use voicemill_queue::{Attempt, Decide, FenceError, Job, JobError, JobFilter, NewJob, Registry, State, WorkerConfig};
use voicemill_sql::{Kind, Transaction};

use crate::harness::{Bench, Log, NARROW, NarrowPuppet, Puppet, WIDE, WidePuppet, Working, execute, tenant};

async fn a_restart_leaves_nothing_running_for_ever(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.work();
    let id = bench.add(Puppet::Hang("a".into())).await;
    bench.log.wait_for("start a 1").await;
    first.crash().await;
    assert_eq!(bench.show(id).await.unwrap().state, State::Running);

    let second = bench.work_as(WorkerConfig { grace: Duration::ZERO, ..Bench::config() });
    bench.until("a second worker", || async { bench.workers().await == 2 }).await;
    assert_eq!(bench.show(id).await.unwrap().state, State::Running, "the lease has not run out");
    bench.declare_first_worker_dead().await;
    bench.until("reaped", || async { bench.show(id).await.is_some_and(|job| job.crashes == 1) }).await;
    assert_eq!(bench.workers().await, 1);
    bench.advance(Duration::from_secs(5));
    // The attempt that was interrupted does not count.
    bench.until("started again", || async { bench.log.count("start a 1") == 2 }).await;
    second.stop().await;
}

/// The worker's process dies, another worker finds out, and all pauses pass.
async fn die(bench: &Bench, working: Working) {
    working.crash().await;
    bench.declare_first_worker_dead().await;
    let reaping = bench.work_as(Bench::lanes(0, 0));
    bench.until("reaped", || async { bench.number("SELECT count(*) FROM worker WHERE beat = 0").await == 0 }).await;
    reaping.stop().await;
    bench.advance(Duration::from_secs(3_600));
}

/// Waits until a job has been started so often, and says whether nothing may start beside it.
async fn starts(bench: &Bench, start: &str, times: usize) -> bool {
    bench.until(start, || async { bench.log.count(start) == times }).await;
    bench.number("SELECT count(*) FROM job WHERE alone").await == 1
}

async fn a_job_that_takes_its_workers_down_while_it_runs_alone_is_given_up(kind: Kind) {
    let bench = Bench::new(kind).await;
    // No crash counts as an attempt.
    let job = WidePuppet(Puppet::Hang("a".into()));
    let id = bench.enqueue(NewJob::new(tenant(1), &job).max_attempts(1)).await.id;
    for crash in 1..=5 {
        let working = bench.work();
        assert_eq!(starts(&bench, "start a 1", crash).await, crash > 2, "crash {crash}");
        die(&bench, working).await;
    }
    let working = bench.work();
    let dead = bench.until_state(id, State::Discarded).await;
    let reason = "its worker died or lost its lease 3 times in a row while nothing else ran there";
    assert_eq!(dead.give_up_reason.as_deref(), Some(reason));
    assert_eq!(bench.log.count(&format!("given up a: {reason}")), 1);
    assert_eq!(bench.log.count("start a 1"), 5);
    working.stop().await;
}

async fn a_job_that_merely_ran_where_another_kills_is_done(kind: Kind) {
    let bench = Bench::new(kind).await;
    let killer = bench.add(Puppet::Hang("killer".into())).await;
    let innocent = bench.add(Puppet::Hang("innocent".into())).await;
    for crash in 1..=2 {
        let working = bench.work();
        assert!(!starts(&bench, "start killer 1", crash).await);
        assert!(!starts(&bench, "start innocent 1", crash).await);
        die(&bench, working).await;
    }
    // Both are suspects. The first to run alone kills; the other comes first then, and ends.
    let working = bench.work();
    assert!(starts(&bench, "start killer 1", 3).await);
    assert_eq!(bench.log.count("start innocent 1"), 2, "it started beside a suspect");
    die(&bench, working).await;
    bench.execute(&format!("UPDATE job SET payload = '{{\"Succeed\": \"innocent\"}}' WHERE id = {innocent}")).await;
    let working = bench.work();
    assert!(starts(&bench, "start killer 1", 4).await);
    assert!(bench.done(innocent).await);
    die(&bench, working).await;
    let working = bench.work();
    assert!(starts(&bench, "start killer 1", 5).await);
    die(&bench, working).await;
    let working = bench.work();
    bench.until_state(killer, State::Discarded).await;
    working.stop().await;
}

async fn what_dies_of_something_else_meanwhile_proves_nothing_against_a_suspect(kind: Kind) {
    let bench = Bench::new(kind).await;
    let id = bench.add(Puppet::Hang("a".into())).await;
    for crash in 1..=8 {
        let working = bench.work();
        assert_eq!(starts(&bench, "start a 1", crash).await, crash > 2, "crash {crash}");
        die(&bench, working).await;
        if crash % 2 == 0 {
            // A worker dies that ran nothing.
            let idle = bench.work_as(Bench::lanes(0, 0));
            bench.until("it works", || async { bench.workers().await == 1 }).await;
            die(&bench, idle).await;
        }
    }
    let job = bench.show(id).await.unwrap();
    assert_eq!((job.give_up_reason, job.attempt, job.crashes), (None, 0, 8));
}

async fn a_saturated_worker_keeps_its_jobs(kind: Kind) {
    let bench = Bench::with_clock(kind, voicemill_types::clock::Clock::system()).await;
    // Not so short that a slow disk alone, which a heartbeat waits for, costs the lease: then the worker begins them again.
    let short_lease = Duration::from_secs(6);
    let config = WorkerConfig { lease: short_lease, ..Bench::config() };
    // Opened before anything is saturated: a blocked runtime may hold the database's one write lock for as long as it is blocked.
    let rival = bench.other_process().await;
    let saturated = bench.work_as(config.clone());
    // Every thread of the runtime is blocked for longer than the lease.
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    for number in 0..threads.min(2) {
        let job = NarrowPuppet(Puppet::Spin(format!("spin {number}"), 13_500));
        bench.enqueue(NewJob::new(tenant(1), &job)).await;
    }
    // Or the rival, quicker on a busy machine, takes them before anything is saturated, and they end in its log.
    bench.log.wait_for("start spin 0 1").await;
    bench.log.wait_for("start spin 1 1").await;
    let rival_thread = rival.work_on_own_runtime(config);
    bench.until("done", || async { bench.log.count("end spin 0") == 1 && bench.log.count("end spin 1") == 1 }).await;
    assert_eq!(rival.log.entries(), Vec::<String>::new(), "the rival ran a job that was running");
    rival_thread.stop();
    saturated.stop().await;
}

/// Whoever is quicker has the jobs, and what they did is in its log alone: a test that starts two workers must not expect
/// either to be the one.
async fn a_rival_that_is_quicker_takes_the_jobs_and_logs_them(kind: Kind) {
    let bench = Bench::new(kind).await;
    let rival = bench.other_process().await;
    let rival_thread = rival.work_on_own_runtime(Bench::config());
    bench.until("the rival works", || async { bench.workers().await == 1 }).await;
    let mut jobs = Vec::new();
    for number in 0..2 {
        jobs.push(bench.add(Puppet::Succeed(format!("job {number}"))).await);
    }
    for id in jobs {
        bench.until_done(id).await;
    }
    let working = bench.work();
    bench.until("both work", || async { bench.workers().await == 2 }).await;
    assert_eq!(bench.log.entries(), Vec::<String>::new());
    assert_eq!((rival.log.count("end job 0"), rival.log.count("end job 1")), (1, 1));
    assert!(bench.queue.list(&JobFilter::default()).await.unwrap().is_empty());
    rival_thread.stop();
    working.stop().await;
}

async fn a_worker_that_lost_its_lease_stops_its_jobs_and_begins_anew(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work_as(WorkerConfig { lease: Duration::from_millis(500), ..Bench::config() });
    let id = bench.add(Puppet::Hang("a".into())).await;
    bench.log.wait_for("start a 1").await;
    // Another worker, whose clock runs ahead, takes over.
    bench.execute("UPDATE job SET state = 'available', worker = NULL").await;
    bench.execute("DELETE FROM worker").await;
    bench.log.wait_for("dropped a").await;
    bench.log.wait_for("start a 2").await;
    assert!(bench.show(id).await.is_some());
    working.begin_shutdown();
    working.crash().await;
}

async fn a_lost_lease_frees_no_slot_twice(kind: Kind) {
    /// Keeps a thread for itself, whatever happens, until the gate is open.
    #[derive(Serialize, Deserialize)]
    struct Stubborn(String);
    struct Gate {
        log: Log,
        open: AtomicBool,
    }
    impl Job for Stubborn {
        type Context = Arc<Gate>;
        const KIND: &'static str = "stubborn";
        const LANE: &'static str = NARROW;
        const TIMEOUT: Duration = Duration::from_secs(3_600);
        async fn run(&self, gate: &Arc<Gate>, attempt: &Attempt) -> Result<(), JobError> {
            let (gate, slot, name) = (Arc::clone(gate), attempt.clone(), self.0.clone());
            let working = tokio::task::spawn_blocking(move || {
                gate.log.add(format!("start {name}"));
                let begun = Instant::now();
                while !gate.open.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(20) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                std::thread::sleep(Duration::from_millis(50));
                gate.log.add(format!("end {name}"));
                drop(slot);
            });
            working.await.retry()
        }
    }
    let bench = Bench::new(kind).await;
    let gate = Arc::new(Gate { log: bench.log.clone(), open: AtomicBool::new(false) });
    let config = WorkerConfig { lease: Duration::from_millis(500), ..Bench::lanes(1, 8) };
    let first = bench.enqueue(NewJob::new(tenant(1), &Stubborn("first".into()))).await.id;
    let working = bench.work_on(Registry::new().with::<Stubborn>(), Arc::clone(&gate), config);
    bench.log.wait_for("start first").await;
    for name in ["second", "third", "fourth"] {
        bench.enqueue(NewJob::new(tenant(1), &Stubborn(name.into()))).await;
    }
    // Another worker took it over, and did it.
    bench.execute(&format!("DELETE FROM job WHERE id = {first}")).await;
    bench.execute("DELETE FROM worker").await;
    bench.until("a new lease", || async { bench.workers().await == 1 }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bench.log.entries(), ["start first"], "the only slot is taken by work that goes on");
    gate.open.store(true, Ordering::Relaxed);
    bench.log.wait_for("end fourth").await;
    for pair in bench.log.entries().chunks(2) {
        assert_eq!(pair[0].strip_prefix("start "), pair[1].strip_prefix("end "), "side by side in one slot");
    }
    working.stop().await;
}

async fn a_worker_that_cannot_beat_stops_its_jobs_before_others_may_take_them(kind: Kind) {
    let bench = Bench::new(kind).await;
    let lease = Duration::from_secs(3);
    let working = bench.work_as(WorkerConfig { lease, ..Bench::config() });
    bench.add(Puppet::Hang("a".into())).await;
    bench.log.wait_for("start a 1").await;
    // Nobody can write any more.
    let blocking = bench.block_writers().await;
    bench.log.wait_for("dropped a").await;
    drop(blocking);
    working.crash().await;
}

async fn short_work_ends_before_a_shutdown(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.add(Puppet::Sleep("a".into(), 100)).await;
    bench.log.wait_for("start a 1").await;
    working.stop().await;
    assert!(bench.done(id).await);
    assert_eq!(bench.workers().await, 0);
}

async fn long_work_is_handed_back_uncounted_at_a_shutdown(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work_as(WorkerConfig { grace: Duration::from_millis(500), ..Bench::config() });
    let long = bench.add(Puppet::Hang("a".into())).await;
    let blocked = bench.add(Puppet::Block("b".into())).await;
    bench.log.wait_for("start a 1").await;
    bench.log.wait_for("start b 1").await;
    working.begin_shutdown();
    // A claim that was under way may still take what comes.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let unclaimed = bench.add(Puppet::Succeed("c".into())).await;
    working.stop().await;
    for id in [long, blocked, unclaimed] {
        let job = bench.show(id).await.unwrap();
        assert_eq!((job.state, job.attempt, job.crashes, job.errors.len()), (State::Available, 0, 0, 0), "job {id}");
    }
    bench.log.wait_for("dropped a").await;
    bench.log.wait_for("unblocked b").await;
    assert_eq!(bench.workers().await, 0);
}

/// Lets its attempts out, as work on another thread that does not stop would.
#[derive(Serialize, Deserialize)]
struct Escape;
type Escaped = Mutex<mpsc::UnboundedSender<Attempt>>;
impl Job for Escape {
    type Context = Escaped;
    const KIND: &'static str = "escape";
    const LANE: &'static str = WIDE;
    const TIMEOUT: Duration = Duration::from_secs(3_600);
    async fn run(&self, escaped: &Escaped, attempt: &Attempt) -> Result<(), JobError> {
        escaped.lock().unwrap().send(attempt.clone()).unwrap();
        std::future::pending().await
    }
}

async fn a_zombie_commits_nothing(kind: Kind) {
    let bench = Bench::new(kind).await;
    let (sender, mut attempts) = mpsc::unbounded_channel();
    let registry = || Registry::new().with::<Escape>();
    let id = bench.enqueue(NewJob::new(tenant(1), &Escape)).await.id;
    let first = bench.work_on(registry(), Mutex::new(sender.clone()), Bench::config());
    let zombie = attempts.recv().await.unwrap();
    first.crash().await;
    bench.declare_first_worker_dead().await;
    let second = bench.work_on(registry(), Mutex::new(sender), Bench::config());
    bench.until("reaped", || async { bench.show(id).await.is_some_and(|job| job.crashes == 1) }).await;
    bench.advance(Duration::from_secs(5));
    let living = attempts.recv().await.unwrap();

    let mut transaction = bench.database.begin().await.unwrap();
    assert!(matches!(zombie.fence(transaction.connection()).await, Err(FenceError::Lost)));
    assert!(matches!(zombie.complete(transaction.connection()).await, Err(FenceError::Lost)));
    assert!(zombie.cancellation().is_cancelled());
    living.fence(transaction.connection()).await.unwrap();
    living.complete(transaction.connection()).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(bench.done(id).await);
    second.crash().await;
}

/// Writes down that it was given up; what happens then is the payload's.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Hopeless {
    /// The first time it cannot be finished.
    Fails,
    /// The first time another worker has meanwhile taken the job over.
    IsTakenOver,
}

impl Job for Hopeless {
    type Context = Log;
    const KIND: &'static str = "hopeless";
    const LANE: &'static str = WIDE;
    const TIMEOUT: Duration = Duration::from_secs(3_600);
    async fn run(&self, _log: &Log, _attempt: &Attempt) -> Result<(), JobError> {
        Err(anyhow::anyhow!("hopeless")).discard()
    }
    async fn given_up(&self, log: &Log, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        execute(transaction.connection(), "INSERT INTO effect (number) VALUES (1)").await;
        log.add(format!("given up: {reason}"));
        match self {
            _ if log.entries().len() > 1 => {}
            Self::Fails => return Err(anyhow::anyhow!("not yet")).retry(),
            Self::IsTakenOver => execute(transaction.connection(), "UPDATE job SET claim = claim + 1").await,
        }
        Ok(())
    }
}

async fn is_given_up_as_a_whole_or_not_at_all(kind: Kind, job: Hopeless) {
    let bench = Bench::new(kind).await;
    bench.execute("CREATE TABLE effect (number BIGINT NOT NULL)").await;
    let id = bench.enqueue(NewJob::new(tenant(1), &job)).await.id;
    let working = bench.work_with(Registry::new().with::<Hopeless>(), Bench::config());
    bench.log.wait_for("given up: hopeless").await;
    // It is to be told again, after a pause.
    let waiting = bench.until_state(id, State::Scheduled).await;
    assert_eq!(waiting.give_up_reason.as_deref(), Some("hopeless"));
    assert_eq!(bench.number("SELECT count(*) FROM effect").await, 0, "what was rolled back has an effect");
    bench.advance(Duration::from_secs(60));
    bench.until_state(id, State::Discarded).await;
    assert_eq!(bench.number("SELECT count(*) FROM effect").await, 1);
    assert_eq!(bench.log.entries(), ["given up: hopeless"; 2]);
    working.stop().await;
}

async fn what_cannot_be_given_up_leaves_neither_effect_nor_dead_letter(kind: Kind) {
    is_given_up_as_a_whole_or_not_at_all(kind, Hopeless::Fails).await;
}

async fn a_worker_that_lost_its_lease_gives_nothing_up(kind: Kind) {
    is_given_up_as_a_whole_or_not_at_all(kind, Hopeless::IsTakenOver).await;
}

async fn what_is_fenced_is_not_taken_away_before_its_transaction_ends(kind: Kind) {
    let bench = Bench::new(kind).await;
    let (sender, mut attempts) = mpsc::unbounded_channel();
    let registry = || Registry::new().with::<Escape>();
    for _ in 0..2 {
        bench.enqueue(NewJob::new(tenant(1), &Escape)).await;
    }
    let first = bench.work_on(registry(), Mutex::new(sender.clone()), Bench::config());
    let (fenced, other) = (attempts.recv().await.unwrap(), attempts.recv().await.unwrap());
    first.crash().await;
    bench.declare_first_worker_dead().await;

    let mut transaction = bench.database.begin().await.unwrap();
    fenced.fence(transaction.connection()).await.unwrap();
    let second = bench.work_on(registry(), Mutex::new(sender), Bench::config());
    let other_reaped = || async { bench.show(other.job_id).await.is_some_and(|job| job.crashes == 1) };
    match kind {
        // The transaction keeps every other writer out.
        Kind::Sqlite => tokio::time::sleep(Duration::from_millis(300)).await,
        Kind::Postgres => bench.until("the other one reaped", other_reaped).await,
    }
    let job = bench.show(fenced.job_id).await.unwrap();
    assert_eq!((job.state, job.crashes), (State::Running, 0));
    fenced.complete(transaction.connection()).await.unwrap();
    transaction.commit().await.unwrap();
    bench.until("the other one reaped", other_reaped).await;
    bench.until("the first worker gone", || async { bench.workers().await == 1 }).await;
    assert!(bench.done(fenced.job_id).await);
    bench.advance(Duration::from_secs(5));
    assert_eq!(attempts.recv().await.unwrap().job_id, other.job_id, "only the other one is begun again");
    second.crash().await;
}

async fn a_clock_set_forward_does_not_make_a_worker_reap_itself(kind: Kind) {
    let bench = Bench::new(kind).await;
    let config = WorkerConfig { lease: Duration::from_millis(1_500), grace: Duration::ZERO, ..Bench::config() };
    let working = bench.work_as(config);
    let id = bench.add(Puppet::Hang("a".into())).await;
    bench.log.wait_for("start a 1").await;
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(1_600) {
        bench.advance(Duration::from_secs(3_600));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let job = bench.show(id).await.unwrap();
    assert_eq!((job.state, job.attempt, job.crashes), (State::Running, 1, 0));
    working.stop().await;
}

on_both![
    a_restart_leaves_nothing_running_for_ever,
    a_job_that_takes_its_workers_down_while_it_runs_alone_is_given_up,
    a_job_that_merely_ran_where_another_kills_is_done,
    what_dies_of_something_else_meanwhile_proves_nothing_against_a_suspect,
    a_saturated_worker_keeps_its_jobs,
    a_rival_that_is_quicker_takes_the_jobs_and_logs_them,
    a_worker_that_lost_its_lease_stops_its_jobs_and_begins_anew,
    a_lost_lease_frees_no_slot_twice,
    a_worker_that_cannot_beat_stops_its_jobs_before_others_may_take_them,
    short_work_ends_before_a_shutdown,
    long_work_is_handed_back_uncounted_at_a_shutdown,
    a_zombie_commits_nothing,
    what_cannot_be_given_up_leaves_neither_effect_nor_dead_letter,
    a_worker_that_lost_its_lease_gives_nothing_up,
    what_is_fenced_is_not_taken_away_before_its_transaction_ends,
    a_clock_set_forward_does_not_make_a_worker_reap_itself,
];
