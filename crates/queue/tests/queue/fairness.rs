//! Whose jobs start first.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane, NewJob, Pause, Priority, Queue, Registry, WorkerConfig};
use voicemill_sql::{Database, Kind};

use crate::harness::{Bench, Log, NarrowPuppet, Puppet, WIDE, WidePuppet, execute, tenant};

async fn flood(bench: &Bench, jobs: usize) {
    let mut transaction = bench.database.begin().await.unwrap();
    let job = WidePuppet(Puppet::Succeed("flood".into()));
    for _ in 0..jobs {
        bench.queue.enqueue(transaction.connection(), NewJob::new(tenant(5), &job)).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn twenty_thousand_jobs_of_one_delay_another_by_at_most_a_round(kind: Kind) {
    let bench = Bench::new(kind).await;
    flood(&bench, 20_000).await;
    // One sorts before the busy tenant, one after: neither may depend on it.
    for (number, name) in [(1, "before"), (9, "after")] {
        bench.enqueue(NewJob::new(tenant(number), &WidePuppet(Puppet::Succeed(name.into())))).await;
    }
    let config = Bench::lanes(0, 4);
    let slots = 4;
    let working = bench.work_as(config);
    bench.log.wait_for("end before").await;
    bench.log.wait_for("end after").await;
    working.stop().await;
    let starts: Vec<_> = bench.log.entries().into_iter().filter(|entry| entry.starts_with("start")).collect();
    for name in ["start before 1", "start after 1"] {
        let place = starts.iter().position(|start| start == name).unwrap();
        assert!(place < slots, "{name} was number {place}");
    }
}

async fn with_one_slot_tenants_take_turns(kind: Kind) {
    let bench = Bench::new(kind).await;
    for number in [1, 2, 3] {
        for round in 0..3 {
            let job = WidePuppet(Puppet::Succeed(format!("{number}")));
            assert!(bench.enqueue(NewJob::new(tenant(number), &job)).await.fresh, "{round}");
        }
    }
    let working = bench.work_as(Bench::lanes(2, 1));
    bench.until("all done", || async { bench.log.entries().len() == 18 }).await;
    working.stop().await;
    let starts: Vec<_> = bench.log.entries().into_iter().filter(|entry| entry.starts_with("start")).collect();
    for round in starts.chunks(3) {
        assert_eq!(round, ["start 1 1", "start 2 1", "start 3 1"]);
    }
}

async fn in_a_shared_lane_nobody_holds_more_than_half_while_others_wait(kind: Kind) {
    let bench = Bench::new(kind).await;
    for number in 0..6 {
        let job = NarrowPuppet(Puppet::Hang(format!("greedy {number}")));
        bench.enqueue(NewJob::new(tenant(1), &job)).await;
    }
    for number in 0..6 {
        let job = NarrowPuppet(Puppet::Hang(format!("modest {number}")));
        bench.enqueue(NewJob::new(tenant(2), &job)).await;
    }
    let config = WorkerConfig { grace: Duration::ZERO, ..Bench::lanes(4, 0) };
    let working = bench.work_as(config);
    bench.until("four run", || async { bench.log.entries().len() == 4 }).await;
    working.stop().await;
    assert_eq!(bench.log.entries().iter().filter(|entry| entry.starts_with("start greedy")).count(), 2);
}

async fn a_tenant_alone_gets_the_whole_lane(kind: Kind) {
    let bench = Bench::new(kind).await;
    for number in 0..4 {
        let job = NarrowPuppet(Puppet::Hang(format!("{number}")));
        bench.enqueue(NewJob::new(tenant(1), &job)).await;
    }
    let config = WorkerConfig { grace: Duration::ZERO, ..Bench::lanes(4, 0) };
    let working = bench.work_as(config);
    bench.until("four run", || async { bench.log.entries().len() == 4 }).await;
    working.stop().await;
}

async fn with_a_strict_share_a_tenant_alone_leaves_slots_free_for_who_comes_next(kind: Kind) {
    let bench = Bench::new(kind).await;
    for number in 0..8 {
        let job = WidePuppet(Puppet::Hang(format!("greedy {number}")));
        bench.enqueue(NewJob::new(tenant(1), &job)).await;
    }
    let lanes = vec![Lane::new(WIDE, 4).at_most_per_tenant(2)];
    let working = bench.work_as(WorkerConfig { lanes, grace: Duration::ZERO, ..Bench::lanes(0, 0) });
    bench.until("two run", || async { bench.log.entries().len() == 2 }).await;
    tokio::time::sleep(Bench::config().poll * 10).await;
    assert_eq!(bench.log.entries().len(), 2, "no more run though slots are free");
    bench.enqueue(NewJob::new(tenant(2), &WidePuppet(Puppet::Succeed("modest".into())))).await;
    bench.log.wait_for("end modest").await;
    working.stop().await;
}

async fn with_a_strict_share_a_backlog_goes_on_as_slots_become_free(kind: Kind) {
    let bench = Bench::new(kind).await;
    flood(&bench, 40).await;
    let lanes = vec![Lane::new(WIDE, 4).at_most_per_tenant(2)];
    // Nobody rings, and looking again takes long.
    let working = bench.work_as(WorkerConfig { lanes, poll: Duration::from_secs(3_600), ..Bench::lanes(0, 0) });
    bench.until("all done", || async { bench.number("SELECT count(*) FROM done").await == 40 }).await;
    working.stop().await;
}

async fn a_wide_lane_runs_every_job_of_a_backlog_once(kind: Kind) {
    let bench = Bench::new(kind).await;
    flood(&bench, 3_000).await;
    // So wide that a second claim helps the first.
    let working = bench.work_as(Bench::lanes(0, 1_000));
    bench.until("all done", || async { bench.number("SELECT count(*) FROM done").await == 3_000 }).await;
    working.stop().await;
    assert_eq!(bench.log.count("start flood 1"), 3_000);
    assert_eq!(bench.log.entries().len(), 6_000);
}

async fn what_comes_back_below_what_was_taken_starts_soon(kind: Kind) {
    let bench = Bench::new(kind).await;
    let at = bench.clock.now() + jiff::SignedDuration::from_hours(1);
    let first = WidePuppet(Puppet::Succeed("first".into()));
    let first = bench.enqueue(NewJob::new(tenant(5), &first).at(at)).await.id;
    // Nothing but a ring, or what may have been passed over, makes it look again.
    let poll = Duration::from_secs(3_600);
    let working = bench.work_as(WorkerConfig { poll, ..Bench::lanes(0, 64) });
    bench.add(Puppet::Succeed("warm".into())).await;
    bench.log.wait_for("end warm").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    flood(&bench, 40).await;
    bench.queue.wake();
    bench.log.wait_for("start flood 1").await;
    // At once, while it is remembered up to where the flood was taken.
    let mut transaction = bench.database.begin().await.unwrap();
    execute(transaction.connection(), &format!("UPDATE job SET state = 'available' WHERE id = {first}")).await;
    let last = WidePuppet(Puppet::Succeed("last".into()));
    bench.queue.enqueue(transaction.connection(), NewJob::new(tenant(5), &last)).await.unwrap();
    transaction.commit().await.unwrap();
    bench.queue.wake();
    bench.log.wait_for("end last").await;
    bench.log.wait_for("end first").await;
    working.stop().await;
}

/// Normal work that never ends: each job is followed by another before it ends.
#[derive(Serialize, Deserialize)]
struct Endless;

struct Stream {
    log: Log,
    queue: Queue,
    database: Database,
}

impl Job for Endless {
    type Context = Stream;
    const KIND: &'static str = "endless";
    const LANE: &'static str = WIDE;
    const TIMEOUT: Duration = Duration::from_secs(3_600);
    async fn run(&self, stream: &Stream, attempt: &Attempt) -> Result<(), JobError> {
        let mut transaction = stream.database.begin().await.retry()?;
        stream.queue.enqueue(transaction.connection(), NewJob::new(attempt.tenant, self)).await.retry()?;
        attempt.complete(transaction.connection()).await.retry()?;
        transaction.commit().await.retry()
    }
}

/// What waits for all that.
#[derive(Serialize, Deserialize)]
struct Patient;

impl Job for Patient {
    type Context = Stream;
    const KIND: &'static str = "patient";
    const LANE: &'static str = WIDE;
    const TIMEOUT: Duration = Duration::from_secs(3_600);
    async fn run(&self, stream: &Stream, _attempt: &Attempt) -> Result<(), JobError> {
        stream.log.add("its turn");
        Ok(())
    }
}

async fn bulk_work_that_has_waited_for_long_starts_though_normal_work_never_ends(kind: Kind) {
    let bench = Bench::new(kind).await;
    bench.enqueue(NewJob::new(tenant(1), &Patient).priority(Priority::Bulk)).await;
    for number in [1, 2, 3] {
        bench.enqueue(NewJob::new(tenant(number), &Endless)).await;
    }
    let registry = Registry::new().with::<Endless>().with::<Patient>();
    let stream = Stream { log: bench.log.clone(), queue: bench.queue.clone(), database: bench.database.clone() };
    let working = bench.work_on(registry, stream, Bench::lanes(0, 1));
    bench.until("work", || async { bench.number("SELECT count(*) FROM done").await > 20 }).await;
    assert_eq!(bench.log.entries(), Vec::<String>::new(), "bulk before its time");
    bench.advance(WorkerConfig::default().bulk_age);
    bench.log.wait_for("its turn").await;
    working.stop().await;
}

async fn one_bulk_job_of_a_tenant_at_a_time_goes_before_its_normal_work(kind: Kind) {
    let bench = Bench::new(kind).await;
    for _ in 0..20 {
        let job = WidePuppet(Puppet::Succeed("bulk".into()));
        for number in [1, 2] {
            bench.enqueue(NewJob::new(tenant(number), &job).priority(Priority::Bulk)).await;
        }
    }
    bench.advance(WorkerConfig::default().bulk_age);
    let mut transaction = bench.database.begin().await.unwrap();
    assert!(bench.queue.pause(transaction.connection(), &Pause::Lane(WIDE.into())).await.unwrap());
    transaction.commit().await.unwrap();
    let working = bench.work();
    let aged = || bench.number("SELECT count(*) FROM job WHERE priority = 1");
    bench.until("one of each", || async { aged().await == 2 }).await;
    tokio::time::sleep(Bench::config().poll * 5).await;
    assert_eq!(aged().await, 2);
    assert_eq!(bench.number("SELECT count(DISTINCT tenant) FROM job WHERE priority = 1").await, 2);
    working.stop().await;
}

on_both![
    bulk_work_that_has_waited_for_long_starts_though_normal_work_never_ends,
    one_bulk_job_of_a_tenant_at_a_time_goes_before_its_normal_work,
    a_wide_lane_runs_every_job_of_a_backlog_once,
    what_comes_back_below_what_was_taken_starts_soon,
    twenty_thousand_jobs_of_one_delay_another_by_at_most_a_round,
    with_one_slot_tenants_take_turns,
    in_a_shared_lane_nobody_holds_more_than_half_while_others_wait,
    a_tenant_alone_gets_the_whole_lane,
    with_a_strict_share_a_tenant_alone_leaves_slots_free_for_who_comes_next,
    with_a_strict_share_a_backlog_goes_on_as_slots_become_free,
];
