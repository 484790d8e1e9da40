//! What people who enqueue jobs rely on.

use std::time::Duration;

use jiff::{SignedDuration, ToSpan};
use serde::{Deserialize, Serialize};
use voicemill_queue::{Attempt, FenceError, Job, JobError, JobFilter, NewJob, Priority, Registry, State, WorkerConfig};
use voicemill_sql::{Database, Kind, Transaction};

use crate::harness::{Bench, HastyPuppet, Log, NARROW, NarrowPuppet, Puppet, WIDE, WidePuppet, execute, tenant};

async fn a_job_runs_and_leaves(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.add(Puppet::Succeed("a".into())).await;
    bench.until_done(id).await;
    assert!(bench.show(id).await.is_none());
    assert_eq!(bench.log.entries(), ["start a 1", "end a"]);
    working.stop().await;
    assert_eq!(bench.workers().await, 0);
}

async fn a_job_of_a_rolled_back_transaction_was_never_there(kind: Kind) {
    let bench = Bench::new(kind).await;
    let mut transaction = bench.database.begin().await.unwrap();
    let job = WidePuppet(Puppet::Succeed("ghost".into()));
    let ghost = bench.queue.enqueue(transaction.connection(), NewJob::new(tenant(1), &job)).await.unwrap();
    drop(transaction);
    assert!(bench.show(ghost.id).await.is_none());
}

async fn a_failing_job_waits_longer_and_longer_and_its_owner_is_told_at_last(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.add(Puppet::Fail("a".into())).await;

    let first = bench.until_state(id, State::Scheduled).await;
    let pause = first.run_at.duration_since(bench.clock.now()).unsigned_abs();
    assert!((Duration::from_secs(1)..=Duration::from_secs(3)).contains(&pause), "{pause:?}");

    bench.advance(Duration::from_secs(3));
    bench.until("a second failure", || async { bench.show(id).await.is_some_and(|job| job.errors.len() == 2) }).await;
    let second = bench.show(id).await.unwrap();
    let pause = second.run_at.duration_since(bench.clock.now()).unsigned_abs();
    assert!((Duration::from_secs(2)..=Duration::from_secs(6)).contains(&pause), "{pause:?}");

    bench.advance(Duration::from_secs(6));
    let dead = bench.until_state(id, State::Discarded).await;
    assert_eq!(dead.give_up_reason.as_deref(), Some("no luck"));
    assert_eq!(dead.attempt, 3);
    assert_eq!(dead.errors.iter().map(|failure| failure.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(bench.log.entries(), ["start a 1", "start a 2", "start a 3", "given up a: no luck"]);
    working.stop().await;
}

async fn a_failing_job_does_not_burn_its_attempts_while_no_time_passes(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.add(Puppet::Fail("a".into())).await;
    bench.until_state(id, State::Scheduled).await;
    // Many polls later nothing has come of it, because the clock stands still.
    tokio::time::sleep(Bench::config().poll * 10).await;
    assert_eq!(bench.log.entries(), ["start a 1"]);
    working.stop().await;
}

async fn a_discarded_job_is_tried_once(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.add(Puppet::Discard("a".into())).await;
    let dead = bench.until_state(id, State::Discarded).await;
    assert_eq!(dead.attempt, 1);
    assert_eq!(bench.log.entries(), ["start a 1", "given up a: hopeless"]);
    working.stop().await;
}

async fn a_panic_ends_one_attempt_of_one_job(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let panicking = bench.add(Puppet::Panic("a".into())).await;
    let failed = bench.until_state(panicking, State::Scheduled).await;
    assert_eq!(failed.errors[0].error, "panicked: boom a");
    let next = bench.add(Puppet::Succeed("b".into())).await;
    bench.until_done(next).await;
    working.stop().await;
}

async fn a_job_past_its_deadline_is_dropped_and_fails(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.enqueue(NewJob::new(tenant(1), &HastyPuppet(Puppet::Hang("a".into())))).await.id;
    let failed = bench.until_state(id, State::Scheduled).await;
    assert_eq!(failed.errors[0].error, "took longer than 50ms");
    bench.log.wait_for("dropped a").await;
    working.stop().await;
}

async fn work_on_another_thread_hears_that_it_is_over_and_keeps_its_slot_until_it_is(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.enqueue(NewJob::new(tenant(1), &HastyPuppet(Puppet::Block("a".into())))).await.id;
    bench.until_state(id, State::Scheduled).await;
    bench.log.wait_for("unblocked a").await;
    working.stop().await;
}

async fn a_snooze_counts_no_attempt(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.add(Puppet::Snooze("a".into())).await;
    for _ in 0..5 {
        let snoozing = bench.until_state(id, State::Scheduled).await;
        assert_eq!((snoozing.attempt, snoozing.errors.len()), (0, 0));
        bench.advance(Duration::from_secs(60));
        bench
            .until("another run", || async { bench.show(id).await.is_some_and(|job| job.run_at > snoozing.run_at) })
            .await;
    }
    assert!(bench.log.count("start a 1") > 5);
    working.stop().await;
}

async fn a_delayed_job_waits_for_its_time(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let job = WidePuppet(Puppet::Succeed("later".into()));
    let due = bench.clock.now() + 1.hour();
    let later = bench.enqueue(NewJob::new(tenant(1), &job).at(due)).await.id;
    let now = bench.add(Puppet::Succeed("now".into())).await;
    bench.until_done(now).await;
    assert_eq!(bench.show(later).await.unwrap().state, State::Scheduled);
    bench.advance(Duration::from_secs(3_600));
    bench.until_done(later).await;
    working.stop().await;
}

async fn a_waiting_job_can_be_expedited_but_not_delayed(kind: Kind) {
    let bench = Bench::new(kind).await;
    let job = WidePuppet(Puppet::Succeed("a".into()));
    let due = bench.clock.now() + 1.hour();
    let id = bench.enqueue(NewJob::new(tenant(1), &job).at(due).unique("message 7")).await.id;

    let expedite = async |run_at| {
        let mut transaction = bench.database.begin().await.unwrap();
        let expedited =
            bench.queue.expedite::<WidePuppet>(transaction.connection(), "message 7", run_at).await.unwrap();
        transaction.commit().await.unwrap();
        expedited
    };
    assert!(!expedite(due + 1.hour()).await);
    assert_eq!(bench.show(id).await.unwrap().run_at, due);
    let sooner = bench.clock.now() + SignedDuration::from_mins(1);
    assert!(expedite(sooner).await);
    assert_eq!(bench.show(id).await.unwrap().run_at, sooner);
    assert!(expedite(bench.clock.now()).await);
    assert_eq!(bench.show(id).await.unwrap().state, State::Available);
}

async fn a_unique_job_stands_until_it_is_over(kind: Kind) {
    let bench = Bench::new(kind).await;
    let job = WidePuppet(Puppet::Discard("a".into()));
    let first = bench.enqueue(NewJob::new(tenant(1), &job).unique("x")).await;
    let second = bench.enqueue(NewJob::new(tenant(1), &job).unique("x")).await;
    let other_key = bench.enqueue(NewJob::new(tenant(1), &job).unique("y")).await;
    let other_kind =
        bench.enqueue(NewJob::new(tenant(1), &NarrowPuppet(Puppet::Succeed("b".into()))).unique("x")).await;
    assert!(first.fresh && other_key.fresh && other_kind.fresh);
    assert_eq!((second.id, second.fresh), (first.id, false));

    let working = bench.work();
    bench.until_state(first.id, State::Discarded).await;
    working.stop().await;
    let heir = bench.enqueue(NewJob::new(tenant(1), &job).unique("x")).await;
    assert!(heir.fresh);

    // The dead letter cannot come back while its heir lives.
    let mut transaction = bench.database.begin().await.unwrap();
    let connection = transaction.connection();
    assert!(!bench.queue.retry(connection, first.id).await.unwrap());
    assert!(!bench.queue.forget(connection, heir.id).await.unwrap());
    assert!(bench.queue.forget(connection, first.id).await.unwrap());
}

async fn a_dead_letter_starts_anew_with_all_its_attempts(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.add(Puppet::Discard("a".into())).await;
    bench.until_state(id, State::Discarded).await;
    let mut transaction = bench.database.begin().await.unwrap();
    assert!(bench.queue.retry(transaction.connection(), id).await.unwrap());
    transaction.commit().await.unwrap();
    bench.queue.wake();
    bench.until("a second give_up_reason", || async { bench.log.count("given up a: hopeless") == 2 }).await;
    assert_eq!(bench.log.count("start a 1"), 2);
    working.stop().await;
}

async fn the_urgent_goes_before_the_bulk(kind: Kind) {
    let bench = Bench::new(kind).await;
    for (name, priority) in [("bulk", Priority::Bulk), ("normal", Priority::Normal), ("urgent", Priority::Urgent)] {
        let job = WidePuppet(Puppet::Succeed(name.into()));
        bench.enqueue(NewJob::new(tenant(1), &job).priority(priority)).await;
    }
    let working = bench.work_as(Bench::lanes(2, 1));
    bench.log.wait_for("end bulk").await;
    let starts: Vec<_> = bench.log.entries().into_iter().filter(|entry| entry.starts_with("start")).collect();
    assert_eq!(starts, ["start urgent 1", "start normal 1", "start bulk 1"]);
    working.stop().await;
}

async fn a_waiting_job_is_cancelled_before_it_runs(kind: Kind) {
    let bench = Bench::new(kind).await;
    let id = bench.add(Puppet::Succeed("a".into())).await;
    let mut transaction = bench.database.begin().await.unwrap();
    assert!(bench.queue.cancel(transaction.connection(), id, "not wanted").await.unwrap());
    assert!(!bench.queue.cancel(transaction.connection(), id, "again").await.unwrap());
    transaction.commit().await.unwrap();
    let working = bench.work();
    let dead = bench.until_state(id, State::Discarded).await;
    assert_eq!(dead.give_up_reason.as_deref(), Some("not wanted"));
    assert_eq!(bench.log.entries(), ["given up a: not wanted"]);
    working.stop().await;
}

async fn cancellation_reaches_a_running_job(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let id = bench.add(Puppet::Hang("a".into())).await;
    bench.log.wait_for("start a 1").await;
    let mut transaction = bench.database.begin().await.unwrap();
    assert!(bench.queue.cancel(transaction.connection(), id, "not wanted").await.unwrap());
    transaction.commit().await.unwrap();
    bench.queue.wake();
    bench.until_state(id, State::Discarded).await;
    assert_eq!(bench.log.entries(), ["start a 1", "dropped a", "given up a: not wanted"]);
    working.stop().await;
}

async fn progress_is_shown(kind: Kind) {
    #[derive(Serialize, Deserialize)]
    struct Halfway;
    impl Job for Halfway {
        type Context = Log;
        const KIND: &'static str = "halfway";
        const LANE: &'static str = WIDE;
        const TIMEOUT: Duration = Duration::from_secs(3_600);
        async fn run(&self, _log: &Log, attempt: &Attempt) -> Result<(), JobError> {
            attempt.report(0.5);
            std::future::pending().await
        }
    }
    let bench = Bench::new(kind).await;
    let id = bench.enqueue(NewJob::new(tenant(1), &Halfway)).await.id;
    let working =
        bench.work_with(Registry::new().with::<Halfway>(), WorkerConfig { grace: Duration::ZERO, ..Bench::config() });
    bench.until("half done", || async { bench.show(id).await.is_some_and(|job| job.progress == 0.5) }).await;
    working.stop().await;
}

async fn an_unknown_kind_is_left_for_a_worker_that_knows_it(kind: Kind) {
    let bench = Bench::new(kind).await;
    let id = bench.add(Puppet::Succeed("a".into())).await;
    let old = bench.work_with(Registry::new().with::<NarrowPuppet>(), Bench::config());
    let left = bench.until_state(id, State::Scheduled).await;
    assert_eq!(left.attempt, 0);
    old.stop().await;
    let new = bench.work();
    bench.advance(Duration::from_secs(60));
    bench.until_done(id).await;
    new.stop().await;
}

async fn a_job_enqueued_under_a_former_name_still_runs(kind: Kind) {
    #[derive(Serialize, Deserialize)]
    struct Renamed(Puppet);
    impl Job for Renamed {
        type Context = Log;
        const KIND: &'static str = "renamed_puppet";
        const ALIASES: &'static [&'static str] = &["wide_puppet"];
        const LANE: &'static str = WIDE;
        const TIMEOUT: Duration = Duration::from_secs(3_600);
        async fn run(&self, log: &Log, _attempt: &Attempt) -> Result<(), JobError> {
            log.add(format!("renamed {:?}", self.0));
            Ok(())
        }
    }
    let bench = Bench::new(kind).await;
    let id = bench.add(Puppet::Succeed("a".into())).await;
    let working = bench.work_with(Registry::new().with::<Renamed>(), Bench::config());
    bench.until_done(id).await;
    assert_eq!(bench.log.entries(), ["renamed Succeed(\"a\")"]);
    working.stop().await;
}

async fn a_payload_that_cannot_be_decoded_is_a_dead_letter_with_its_reason(kind: Kind) {
    let bench = Bench::new(kind).await;
    let id = bench.add(Puppet::Succeed("a".into())).await;
    bench.execute("UPDATE job SET payload = '{\"Vanished\": 1}'").await;
    let working = bench.work();
    let dead = bench.until_state(id, State::Discarded).await;
    assert!(dead.give_up_reason.unwrap().starts_with("the payload of \"wide_puppet\" cannot be decoded"));
    working.stop().await;
}

async fn an_owner_who_cannot_be_told_is_told_again_and_at_last_no_more(kind: Kind) {
    #[derive(Serialize, Deserialize)]
    struct Deaf;
    impl Job for Deaf {
        type Context = Log;
        const KIND: &'static str = "deaf";
        const LANE: &'static str = WIDE;
        const TIMEOUT: Duration = Duration::from_secs(3_600);
        async fn run(&self, _log: &Log, _attempt: &Attempt) -> Result<(), JobError> {
            Err(JobError::Discard(anyhow::anyhow!("hopeless")))
        }
        async fn given_up(&self, log: &Log, _: &mut Transaction, _reason: &str) -> Result<(), JobError> {
            log.add("told");
            Err(JobError::Retry(anyhow::anyhow!("nobody home")))
        }
    }
    let bench = Bench::new(kind).await;
    let working = bench.work_with(Registry::new().with::<Deaf>(), Bench::config());
    let id = bench.enqueue(NewJob::new(tenant(1), &Deaf)).await.id;
    for told in 1..5 {
        bench.until("told", || async { bench.log.count("told") == told }).await;
        bench.until_state(id, State::Scheduled).await;
        bench.advance(Duration::from_secs(60));
    }
    let dead = bench.until_state(id, State::Discarded).await;
    assert_eq!(bench.log.count("told"), 5);
    assert_eq!(dead.give_up_reason.as_deref(), Some("hopeless"));
    assert_eq!(dead.errors.last().unwrap().error, "nobody home");
    working.stop().await;
}

async fn effects_and_completion_commit_together(kind: Kind) {
    #[derive(Serialize, Deserialize)]
    struct Once;
    struct Effects(Database);
    impl Job for Once {
        type Context = Effects;
        const KIND: &'static str = "once";
        const LANE: &'static str = WIDE;
        const TIMEOUT: Duration = Duration::from_secs(3_600);
        async fn run(&self, effects: &Effects, attempt: &Attempt) -> Result<(), JobError> {
            let mut transaction = effects.0.begin().await.unwrap();
            execute(transaction.connection(), "INSERT INTO effect VALUES (1)").await;
            attempt.fence(transaction.connection()).await.unwrap();
            attempt.complete(transaction.connection()).await.unwrap();
            assert!(matches!(attempt.fence(transaction.connection()).await, Err(FenceError::Lost)));
            transaction.commit().await.unwrap();
            // The process may well die here, or worse:
            Err(JobError::Retry(anyhow::anyhow!("too late to matter")))
        }
    }
    let bench = Bench::new(kind).await;
    bench.execute("CREATE TABLE effect (x INTEGER)").await;
    let id = bench.enqueue(NewJob::new(tenant(1), &Once)).await.id;
    let working = bench.work_on(Registry::new().with::<Once>(), Effects(bench.database.clone()), Bench::config());
    bench.until_done(id).await;
    working.stop().await;
    assert!(bench.queue.list(&JobFilter::default()).await.unwrap().is_empty());
    assert_eq!(bench.number("SELECT count(*) FROM effect").await, 1);
}

async fn what_is_completed_is_kept_for_a_week_and_then_forgotten(kind: Kind) {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let bench = Bench::new(kind).await;
    let old = bench.add(Puppet::Succeed("old".into())).await;
    let working = bench.work();
    bench.until_done(old).await;
    working.stop().await;
    let job = WidePuppet(Puppet::Succeed("young".into()));
    let young = bench.enqueue(NewJob::new(tenant(1), &job).at(bench.clock.now() + 1.hour())).await.id;
    bench.advance(6 * DAY);
    let working = bench.work();
    // What is due is promoted after what is old was forgotten.
    bench.until_done(young).await;
    assert!(bench.done(old).await);
    working.stop().await;
    bench.advance(3 * DAY);
    let working = bench.work();
    bench.until("forgotten", || async { !bench.done(old).await }).await;
    assert!(bench.done(young).await);
    working.stop().await;
}

async fn lists_and_counts_tell_what_is_there(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.add(Puppet::Succeed("a".into())).await;
    let second = bench.add(Puppet::Succeed("b".into())).await;
    let cpu = NarrowPuppet(Puppet::Succeed("c".into()));
    let third = bench.enqueue(NewJob::new(tenant(2), &cpu).at(bench.clock.now() + 1.hour())).await.id;

    let ids =
        async |filter: JobFilter| bench.queue.list(&filter).await.unwrap().iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(JobFilter::default()).await, [third, second, first]);
    assert_eq!(ids(JobFilter { limit: 2, ..JobFilter::default() }).await, [third, second]);
    assert_eq!(ids(JobFilter { before: Some(second), ..JobFilter::default() }).await, [first]);
    assert_eq!(ids(JobFilter { state: Some(State::Scheduled), ..JobFilter::default() }).await, [third]);
    assert_eq!(ids(JobFilter { kind: Some("wide_puppet".into()), ..JobFilter::default() }).await, [second, first]);
    assert_eq!(ids(JobFilter { tenant: Some(tenant(2)), ..JobFilter::default() }).await, [third]);

    let stats = bench.queue.stats().await.unwrap();
    let stats: Vec<_> =
        stats.iter().map(|stat| (stat.lane.as_str(), stat.kind.as_str(), stat.state, stat.count)).collect();
    assert_eq!(stats, [(NARROW, "narrow_puppet", State::Scheduled, 1), (WIDE, "wide_puppet", State::Available, 2)]);
}

on_both![
    a_job_runs_and_leaves,
    a_job_of_a_rolled_back_transaction_was_never_there,
    a_failing_job_waits_longer_and_longer_and_its_owner_is_told_at_last,
    a_failing_job_does_not_burn_its_attempts_while_no_time_passes,
    a_discarded_job_is_tried_once,
    a_panic_ends_one_attempt_of_one_job,
    a_job_past_its_deadline_is_dropped_and_fails,
    work_on_another_thread_hears_that_it_is_over_and_keeps_its_slot_until_it_is,
    a_snooze_counts_no_attempt,
    a_delayed_job_waits_for_its_time,
    a_waiting_job_can_be_expedited_but_not_delayed,
    a_unique_job_stands_until_it_is_over,
    a_dead_letter_starts_anew_with_all_its_attempts,
    the_urgent_goes_before_the_bulk,
    a_waiting_job_is_cancelled_before_it_runs,
    cancellation_reaches_a_running_job,
    progress_is_shown,
    an_unknown_kind_is_left_for_a_worker_that_knows_it,
    a_job_enqueued_under_a_former_name_still_runs,
    a_payload_that_cannot_be_decoded_is_a_dead_letter_with_its_reason,
    an_owner_who_cannot_be_told_is_told_again_and_at_last_no_more,
    effects_and_completion_commit_together,
    what_is_completed_is_kept_for_a_week_and_then_forgotten,
    lists_and_counts_tell_what_is_there,
];
