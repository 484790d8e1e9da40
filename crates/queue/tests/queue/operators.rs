//! What comes by the calendar, what operators pause, and what can be said of a job that waits.

use std::time::Duration;

use jiff::SignedDuration;
use voicemill_queue::{NewJob, Pause, Priority, Schedule, State, WorkerConfig};
use voicemill_sql::Kind;
use voicemill_types::clock::Clock;

use crate::harness::{Bench, NARROW, NarrowPuppet, Puppet, WidePuppet, tenant};

async fn pause(bench: &Bench, what: &Pause) -> bool {
    let mut transaction = bench.database.begin().await.unwrap();
    let paused = bench.queue.pause(transaction.connection(), what).await.unwrap();
    transaction.commit().await.unwrap();
    bench.queue.wake();
    paused
}

async fn resume(bench: &Bench, what: &Pause) -> bool {
    let mut transaction = bench.database.begin().await.unwrap();
    let resumed = bench.queue.resume(transaction.connection(), what).await.unwrap();
    transaction.commit().await.unwrap();
    bench.queue.wake();
    resumed
}

/// What is paused does not start until it goes on, with its attempts as they were; everything else does.
async fn is_held_back(kind: Kind, what: Pause) {
    let bench = Bench::new(kind).await;
    assert!(pause(&bench, &what).await);
    assert!(!pause(&bench, &what).await, "it is paused already");
    let held = bench.enqueue(NewJob::new(tenant(1), &NarrowPuppet(Puppet::Succeed("held".into())))).await.id;
    let free = bench.enqueue(NewJob::new(tenant(2), &WidePuppet(Puppet::Succeed("free".into())))).await.id;
    let working = bench.work();
    bench.until_done(free).await;
    if !matches!(what, Pause::Lane(_)) {
        bench.until_state(held, State::Paused).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.log.count("start held 1"), 0);
    assert_eq!(bench.queue.pauses().await.unwrap().len(), 1);
    assert!(resume(&bench, &what).await);
    assert!(!resume(&bench, &what).await, "it goes on already");
    bench.until_done(held).await;
    assert_eq!(bench.log.count("start held 1"), 1);
    working.stop().await;
}

async fn a_paused_kind_does_not_start(kind: Kind) {
    is_held_back(kind, Pause::Kind("narrow_puppet".into())).await;
}

async fn a_paused_tenant_does_not_start(kind: Kind) {
    is_held_back(kind, Pause::Tenant(tenant(1))).await;
}

async fn a_paused_lane_does_not_start(kind: Kind) {
    is_held_back(kind, Pause::Lane(NARROW.into())).await;
}

async fn a_paused_job_can_be_cancelled(kind: Kind) {
    let bench = Bench::new(kind).await;
    pause(&bench, &Pause::Kind("wide_puppet".into())).await;
    let working = bench.work();
    let id = bench.add(Puppet::Succeed("a".into())).await;
    bench.until_state(id, State::Paused).await;
    let mut transaction = bench.database.begin().await.unwrap();
    assert!(bench.queue.cancel(transaction.connection(), id, "not wanted").await.unwrap());
    transaction.commit().await.unwrap();
    bench.queue.wake();
    bench.until_state(id, State::Discarded).await;
    assert_eq!(bench.log.entries(), ["given up a: not wanted"]);
    working.stop().await;
}

async fn what_the_calendar_says_comes_once_whoever_looks(kind: Kind) {
    // Ten minutes before midnight in New York.
    let clock = Clock::fixed("2026-11-27T04:50:00Z".parse().unwrap());
    let bench = Bench::with_clock(kind, clock).await;
    let other = bench.other_process().await;
    let job = WidePuppet(Puppet::Succeed("midnight".into()));
    let schedule: Schedule = "0 0 * * *".parse().unwrap();
    for _ in 0..2 {
        let mut transaction = bench.database.begin().await.unwrap();
        let new = NewJob::new(tenant(1), &job);
        bench.queue.repeat(transaction.connection(), "nightly", &schedule, "America/New_York", new).await.unwrap();
        transaction.commit().await.unwrap();
    }
    // Days pass in a moment, and nobody is dead for it.
    let config = || WorkerConfig { lease: Duration::from_secs(1_000_000), ..Bench::config() };
    let work = |bench: &Bench| bench.work_as(config());
    let workers = [work(&bench), work(&other), work(&bench), work(&other)];
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(bench.log.entries().is_empty());
    for night in 1..=3 {
        let passed = Duration::from_secs(if night == 1 { 700 } else { 86_400 });
        bench.advance(passed);
        let starts = || bench.log.count("start midnight 1") + other.log.count("start midnight 1");
        bench.until(&format!("night {night}"), || async { starts() == night }).await;
        bench.until("done", || async { bench.number("SELECT count(*) FROM job").await == 0 }).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(starts(), night);
    }
    for worker in workers {
        worker.stop().await;
    }
}

async fn of_runs_that_were_missed_one_is_made_up_for(kind: Kind) {
    let bench = Bench::with_clock(kind, Clock::fixed("2026-11-27T12:00:00Z".parse().unwrap())).await;
    let job = WidePuppet(Puppet::Succeed("hourly".into()));
    let mut transaction = bench.database.begin().await.unwrap();
    let schedule: Schedule = "0 * * * *".parse().unwrap();
    let new = NewJob::new(tenant(1), &job);
    bench.queue.repeat(transaction.connection(), "hourly", &schedule, "UTC", new).await.unwrap();
    transaction.commit().await.unwrap();
    bench.advance(Duration::from_secs(10 * 3_600 + 60));
    let working = bench.work();
    bench.log.wait_for("end hourly").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.log.count("start hourly 1"), 1);
    working.stop().await;
}

async fn a_schedule_in_an_unknown_place_is_refused(kind: Kind) {
    let bench = Bench::new(kind).await;
    let mut transaction = bench.database.begin().await.unwrap();
    let job = WidePuppet(Puppet::Succeed("a".into()));
    let midnight = Schedule::midnight();
    let refused =
        bench.queue.repeat(transaction.connection(), "a", &midnight, "Moon/Base", NewJob::new(tenant(1), &job));
    assert!(refused.await.unwrap_err().to_string().contains("Moon/Base"));
}

/// The place of a job that its tenant enqueued after these others.
async fn place(bench: &Bench, key: &str) -> Option<i64> {
    bench.queue.outlook::<WidePuppet>(key).await.unwrap().and_then(|outlook| outlook.position)
}

async fn a_waiting_job_knows_its_place(kind: Kind) {
    let bench = Bench::new(kind).await;
    let job = WidePuppet(Puppet::Succeed("a".into()));
    // A tenant with much to do, and one with little, which takes round_robin with it.
    for _ in 0..50 {
        bench.enqueue(NewJob::new(tenant(5), &job)).await;
    }
    bench.enqueue(NewJob::new(tenant(1), &job)).await;
    bench.enqueue(NewJob::new(tenant(1), &job).unique("little")).await;
    bench.enqueue(NewJob::new(tenant(5), &job).unique("much")).await;
    assert_eq!(place(&bench, "little").await, Some(3), "one of its own and one of the other's go before it");
    assert_eq!(place(&bench, "much").await, Some(53));
    bench.enqueue(NewJob::new(tenant(9), &job).priority(Priority::Urgent)).await;
    assert_eq!(place(&bench, "little").await, Some(4));
    assert_eq!(bench.queue.outlook::<WidePuppet>("nothing").await.unwrap(), None);
}

async fn how_long_it_takes_follows_from_what_others_took(kind: Kind) {
    let bench = Bench::with_clock(kind, Clock::system()).await;
    let slow = WidePuppet(Puppet::Sleep("slow".into(), 200));
    bench.enqueue(NewJob::new(tenant(1), &slow).unique("first")).await;
    let before = bench.queue.outlook::<WidePuppet>("first").await.unwrap().unwrap();
    assert_eq!((before.state, before.expected_seconds), (State::Available, None));
    let working = bench.work_as(Bench::lanes(2, 1));
    bench.log.wait_for("end slow").await;
    bench.until("recorded", || async { bench.number("SELECT count(*) FROM done").await == 1 }).await;
    let later = bench.clock.now() + SignedDuration::from_secs(60);
    bench.enqueue(NewJob::new(tenant(1), &slow).unique("later").at(later)).await;
    let outlook = bench.queue.outlook::<WidePuppet>("later").await.unwrap().unwrap();
    let expected = outlook.expected_seconds.unwrap();
    assert!((10.0..70.0).contains(&expected), "{expected}");
    working.stop().await;
}

async fn jobs_enqueued_at_once_are_as_if_one_by_one(kind: Kind) {
    let bench = Bench::new(kind).await;
    let jobs: Vec<_> = (0..5).map(|number| WidePuppet(Puppet::Succeed(number.to_string()))).collect();
    let mut transaction = bench.database.begin().await.unwrap();
    let new = jobs.iter().map(|job| NewJob::new(tenant(1), job).unique(job.0.name())).collect();
    assert_eq!(bench.queue.enqueue_all(transaction.connection(), new).await.unwrap(), 5);
    let again = jobs.iter().map(|job| NewJob::new(tenant(1), job).unique(job.0.name())).collect();
    assert_eq!(bench.queue.enqueue_all(transaction.connection(), again).await.unwrap(), 0);
    transaction.commit().await.unwrap();
    let working = bench.work();
    bench.until("all done", || async { bench.number("SELECT count(*) FROM done").await == 5 }).await;
    working.stop().await;
}

on_both! {
    a_paused_kind_does_not_start,
    a_paused_tenant_does_not_start,
    a_paused_lane_does_not_start,
    a_paused_job_can_be_cancelled,
    what_the_calendar_says_comes_once_whoever_looks,
    of_runs_that_were_missed_one_is_made_up_for,
    a_schedule_in_an_unknown_place_is_refused,
    a_waiting_job_knows_its_place,
    how_long_it_takes_follows_from_what_others_took,
    jobs_enqueued_at_once_are_as_if_one_by_one,
}
