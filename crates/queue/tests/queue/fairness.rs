//! Whose jobs start first.

use std::time::Duration;

use voicemill_queue::{NewJob, WorkerConfig};
use voicemill_sql::Kind;

use crate::harness::{Bench, NarrowPuppet, Puppet, WidePuppet, execute, tenant};

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

on_both![
    a_wide_lane_runs_every_job_of_a_backlog_once,
    what_comes_back_below_what_was_taken_starts_soon,
    twenty_thousand_jobs_of_one_delay_another_by_at_most_a_round,
    with_one_slot_tenants_take_turns,
    in_a_shared_lane_nobody_holds_more_than_half_while_others_wait,
    a_tenant_alone_gets_the_whole_lane,
];
