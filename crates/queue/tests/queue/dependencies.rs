//! Jobs that wait until others are completed.

use std::{sync::Arc, time::Duration};

use jiff::ToSpan;
use serde::{Deserialize, Serialize};
use voicemill_queue::{
    Attempt, Enqueued, Job, JobError, JobId, NewJob, Outlook, QueueError, Registry, State, WorkerConfig,
};
use voicemill_sql::{Database, Kind};

use crate::harness::{Bench, Puppet, WIDE, WidePuppet, tenant};

async fn after(bench: &Bench, name: &str, jobs: &[JobId]) -> JobId {
    let job = WidePuppet(Puppet::Succeed(name.into()));
    bench.enqueue(NewJob::new(tenant(1), &job).after(jobs.iter().copied())).await.id
}

async fn forget(bench: &Bench, id: JobId) -> bool {
    let mut transaction = bench.database.begin().await.unwrap();
    let forgotten = bench.queue.forget(transaction.connection(), id).await.unwrap();
    transaction.commit().await.unwrap();
    bench.queue.wake();
    forgotten
}

async fn retry(bench: &Bench, id: JobId) -> bool {
    let mut transaction = bench.database.begin().await.unwrap();
    let retried = bench.queue.retry(transaction.connection(), id).await.unwrap();
    transaction.commit().await.unwrap();
    bench.queue.wake();
    retried
}

async fn state(bench: &Bench, id: JobId) -> State {
    bench.show(id).await.unwrap().state
}

async fn a_job_starts_when_all_that_it_waits_for_are_completed(kind: Kind) {
    let bench = Bench::new(kind).await;
    let job = WidePuppet(Puppet::Succeed("late".into()));
    let late = bench.enqueue(NewJob::new(tenant(2), &job).at(bench.clock.now() + 1.hour())).await.id;
    let early = bench.add(Puppet::Succeed("early".into())).await;
    let last = after(&bench, "last", &[late, early, late]).await;
    let blocked = bench.show(last).await.unwrap();
    assert_eq!((blocked.state, blocked.waits, blocked.attempt), (State::Blocked, 2, 0));
    let waits_for: Vec<_> = blocked.waits_for.iter().map(|awaited| (awaited.id, awaited.state)).collect();
    assert_eq!(waits_for, [(late, State::Scheduled), (early, State::Available)]);

    let working = bench.work();
    bench.until_done(early).await;
    tokio::time::sleep(Bench::config().poll * 5).await;
    let blocked = bench.show(last).await.unwrap();
    assert_eq!((blocked.state, blocked.waits), (State::Blocked, 1));
    bench.advance(Duration::from_secs(3_600));
    bench.until_done(last).await;
    let ended: Vec<_> = bench.log.entries().into_iter().filter(|entry| entry.starts_with("end")).collect();
    assert_eq!(ended, ["end early", "end late", "end last"]);
    assert_eq!(bench.number("SELECT count(*) FROM job_dep").await, 0);
    assert_eq!(bench.number(&format!("SELECT CAST(attempt AS BIGINT) FROM done WHERE id = {last}")).await, 1);
    working.stop().await;
}

async fn a_chain_and_a_fan_go_in_their_order(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.add(Puppet::Succeed("first".into())).await;
    let mut middle = Vec::new();
    for number in 0..20 {
        middle.push(after(&bench, &format!("middle {number}"), &[first]).await);
    }
    let last = after(&bench, "last", &middle).await;
    let working = bench.work();
    bench.until_done(last).await;
    let entries = bench.log.entries();
    assert_eq!(entries[0], "start first 1");
    assert_eq!(entries[1], "end first");
    assert_eq!(entries[42..], ["start last 1", "end last"]);
    working.stop().await;
}

/// Nobody looks of his own accord while the poll is that long.
async fn who_is_free_starts_at_once(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work_as(WorkerConfig { poll: Duration::from_secs(3_600), ..Bench::config() });
    let first = bench.add(Puppet::Sleep("first".into(), 200)).await;
    let second = after(&bench, "second", &[first]).await;
    bench.until_done(second).await;
    working.stop().await;
}

/// Completes itself, or says what it was asked to, in a transaction of its own.
#[derive(Serialize, Deserialize)]
struct Committing {
    and_rolls_back: bool,
}

impl Job for Committing {
    type Context = Database;
    const KIND: &'static str = "committing";
    const LANE: &'static str = WIDE;
    const TIMEOUT: Duration = Duration::from_secs(3_600);
    async fn run(&self, database: &Database, attempt: &Attempt) -> Result<(), JobError> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut transaction = database.begin().await.unwrap();
        attempt.complete(transaction.connection()).await.unwrap();
        if self.and_rolls_back && attempt.claim == 1 {
            return Ok(());
        }
        transaction.commit().await.unwrap();
        Ok(())
    }
}

async fn the_completion_within_a_transaction_frees_in_that_transaction(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.enqueue(NewJob::new(tenant(1), &Committing { and_rolls_back: false })).await.id;
    let second = after(&bench, "second", &[first]).await;
    // The one who works knows only the first kind.
    let config = WorkerConfig { poll: Duration::from_secs(3_600), ..Bench::config() };
    let working = bench.work_on(Registry::new().with::<Committing>(), bench.database.clone(), config);
    // It comes upon the second at once, and leaves it for those who know its kind.
    bench.until_state(second, State::Scheduled).await;
    assert!(bench.done(first).await);
    working.stop().await;
}

async fn a_completion_that_is_rolled_back_was_none(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.enqueue(NewJob::new(tenant(1), &Committing { and_rolls_back: true })).await.id;
    let second = after(&bench, "second", &[first]).await;
    let config = WorkerConfig { lease: Duration::from_secs(1), ..Bench::config() };
    let working = bench.work_on(Registry::new().with::<Committing>(), bench.database.clone(), config);
    bench.until_done(first).await;
    assert_eq!(bench.number(&format!("SELECT count(*) FROM done WHERE id = {first} AND attempt = 1")).await, 1);
    bench.until_state(second, State::Scheduled).await;
    working.stop().await;
}

async fn what_is_completed_counts_and_what_is_unknown_is_refused(kind: Kind) {
    let bench = Bench::new(kind).await;
    let working = bench.work();
    let done = bench.add(Puppet::Succeed("done".into())).await;
    bench.until_done(done).await;
    let next = after(&bench, "next", &[done]).await;
    bench.until_done(next).await;

    let dead = bench.add(Puppet::Discard("dead".into())).await;
    bench.until_state(dead, State::Discarded).await;
    assert!(forget(&bench, dead).await);
    let job = WidePuppet(Puppet::Succeed("never".into()));
    for unknown in [dead, 1_000_000] {
        let mut transaction = bench.database.begin().await.unwrap();
        let new = NewJob::new(tenant(1), &job).after([done, unknown]);
        let refused = bench.queue.enqueue(transaction.connection(), new).await.unwrap_err();
        assert!(matches!(refused, QueueError::UnknownJob(job) if job == unknown), "{refused}");
        assert!(!refused.is_transient());
    }
    let mut transaction = bench.database.begin().await.unwrap();
    let new = NewJob::new(tenant(1), &job).after(1..=1_001);
    let refused = bench.queue.enqueue(transaction.connection(), new).await.unwrap_err();
    assert!(refused.to_string().contains("1000 others, not for 1001"), "{refused}");
    drop(transaction);
    working.stop().await;
}

async fn who_waits_for_a_dead_letter_waits_until_it_was_retried(kind: Kind) {
    let bench = Bench::new(kind).await;
    let job = WidePuppet(Puppet::Fail("first".into()));
    let first = bench.enqueue(NewJob::new(tenant(1), &job).max_attempts(1)).await.id;
    let second = after(&bench, "second", &[first]).await;
    let working = bench.work();
    bench.until_state(first, State::Discarded).await;
    tokio::time::sleep(Bench::config().poll * 5).await;
    let blocked = bench.show(second).await.unwrap();
    assert_eq!(blocked.state, State::Blocked);
    let [awaited] = &blocked.waits_for[..] else { panic!("{blocked:?}") };
    assert_eq!((awaited.id, awaited.kind.as_str(), awaited.state), (first, "wide_puppet", State::Discarded));
    working.stop().await;

    bench.execute(&format!("UPDATE job SET payload = '{{\"Succeed\": \"first\"}}' WHERE id = {first}")).await;
    assert!(retry(&bench, first).await);
    let working = bench.work();
    bench.until_done(second).await;
    working.stop().await;
}

async fn who_waits_for_a_dead_letter_is_given_up_when_that_is_removed(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.add(Puppet::Discard("first".into())).await;
    let other = bench.add(Puppet::Hang("other".into())).await;
    let second = after(&bench, "second", &[first, other]).await;
    let third = after(&bench, "third", &[second]).await;
    let working = bench.work_as(WorkerConfig { grace: Duration::ZERO, ..Bench::config() });
    bench.until_state(first, State::Discarded).await;
    assert!(forget(&bench, first).await);
    let dead = bench.until_state(second, State::Discarded).await;
    let reason = format!("job {first} (wide_puppet), which it waited for, was given up and removed");
    assert_eq!((dead.give_up_reason.as_deref(), dead.attempt), (Some(reason.as_str()), 0));
    assert_eq!(bench.log.count(&format!("given up second: {reason}")), 1);
    assert_eq!(state(&bench, third).await, State::Blocked, "its own may still be retried");
    // Who retries it wants it done without the one that is gone, but not without the other.
    assert!(retry(&bench, second).await);
    let blocked = bench.show(second).await.unwrap();
    assert_eq!((blocked.state, blocked.waits_for[0].id, blocked.waits), (State::Blocked, other, 1));
    assert_eq!(bench.log.count("start second 1"), 0);
    working.stop().await;
}

async fn a_blocked_job_is_cancelled_at_once_and_waits_again_when_it_is_retried(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.add(Puppet::Sleep("first".into(), 1_000)).await;
    let second = after(&bench, "second", &[first]).await;
    let mut transaction = bench.database.begin().await.unwrap();
    assert!(bench.queue.cancel(transaction.connection(), second, "not wanted").await.unwrap());
    transaction.commit().await.unwrap();
    let working = bench.work();
    bench.until_state(second, State::Discarded).await;
    assert_eq!(bench.log.count("given up second: not wanted"), 1);
    assert_eq!(bench.log.count("end first"), 0, "the one that it waited for still runs");
    assert!(retry(&bench, second).await);
    assert_eq!(state(&bench, second).await, State::Blocked);
    bench.until_done(second).await;
    let ended: Vec<_> = bench.log.entries().into_iter().filter(|entry| entry.starts_with("end")).collect();
    assert_eq!(ended, ["end first", "end second"]);
    working.stop().await;
}

async fn a_blocked_job_is_unique_and_keeps_its_time(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.add(Puppet::Succeed("first".into())).await;
    let job = WidePuppet(Puppet::Succeed("second".into()));
    let due = bench.clock.now() + 2.hours();
    let new = || NewJob::new(tenant(1), &job).unique("second").after([first]).at(due);
    let Enqueued { id, fresh } = bench.enqueue(new()).await;
    assert!(fresh);
    assert_eq!(bench.enqueue(new()).await, Enqueued { id, fresh: false });
    let outlook = bench.queue.outlook::<WidePuppet>("second").await.unwrap().unwrap();
    assert!(matches!(outlook, Outlook { state: State::Blocked, position: None, expected_seconds: None, .. }));
    // It can come forward, but not before what it waits for.
    let mut transaction = bench.database.begin().await.unwrap();
    let sooner = bench.clock.now() + 1.hour();
    assert!(bench.queue.expedite::<WidePuppet>(transaction.connection(), "second", sooner).await.unwrap());
    transaction.commit().await.unwrap();
    assert_eq!(state(&bench, id).await, State::Blocked);
    let working = bench.work();
    let scheduled = bench.until_state(id, State::Scheduled).await;
    assert_eq!(scheduled.run_at, sooner);
    bench.advance(Duration::from_secs(3_600));
    bench.until_done(id).await;
    working.stop().await;
}

async fn several_at_once_may_wait_too(kind: Kind) {
    let bench = Bench::new(kind).await;
    let first = bench.add(Puppet::Succeed("first".into())).await;
    let jobs: Vec<_> = (0..4).map(|number| WidePuppet(Puppet::Succeed(format!("then {number}")))).collect();
    let mut transaction = bench.database.begin().await.unwrap();
    let new = |(number, job)| {
        let new = NewJob::new(tenant(1), job).unique(number);
        if number % 2 == 0 { new.after([first]) } else { new }
    };
    let new = jobs.iter().enumerate().map(new).collect();
    assert_eq!(bench.queue.enqueue_all(transaction.connection(), new).await.unwrap(), 4);
    transaction.commit().await.unwrap();
    let stats = bench.queue.stats().await.unwrap();
    let stats: Vec<_> = stats.iter().map(|stat| (stat.state, stat.count)).collect();
    assert_eq!(stats, [(State::Available, 3), (State::Blocked, 2)]);
    let working = bench.work();
    bench.until("all are done", || async { bench.number("SELECT count(*) FROM done").await == 5 }).await;
    working.stop().await;
}

/// The job is running, and about to be completed, while another is enqueued that waits for it.
async fn who_begins_to_wait_while_the_other_completes_misses_nothing(kind: Kind) {
    let bench = Arc::new(Bench::new(kind).await);
    let working = bench.work();
    let job = WidePuppet(Puppet::Succeed("second".into()));

    // Enqueued first, completed while that is not committed.
    let first = bench.add(Puppet::Sleep("first".into(), 300)).await;
    bench.log.wait_for("start first 1").await;
    let mut transaction = bench.database.begin().await.unwrap();
    let new = NewJob::new(tenant(1), &job).after([first]);
    let second = bench.queue.enqueue(transaction.connection(), new).await.unwrap().id;
    bench.log.wait_for("end first").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    transaction.commit().await.unwrap();
    bench.until_done(first).await;
    bench.until_done(second).await;
    working.stop().await;

    // Completed first, enqueued while that is not committed.
    let first = bench.add(Puppet::Succeed("first".into())).await;
    let mut transaction = bench.database.begin().await.unwrap();
    let leaves = format!(
        "INSERT INTO done (id, lane, kind, tenant, attempt, created_at, finished_at) \
         SELECT id, lane, kind, tenant, 1, created_at, created_at FROM job WHERE id = {first}"
    );
    crate::harness::execute(transaction.connection(), &leaves).await;
    crate::harness::execute(transaction.connection(), &format!("DELETE FROM job WHERE id = {first}")).await;
    let enqueuing = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move { after(&bench, "third", &[first]).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!enqueuing.is_finished(), "whether it is completed is not known yet");
    transaction.commit().await.unwrap();
    let third = enqueuing.await.unwrap();
    assert_eq!(state(&bench, third).await, State::Available);
}

/// Many complete side by side what many wait for, each for several.
async fn completions_side_by_side_free_everybody_once(kind: Kind) {
    const LAYERS: usize = 6;
    const WIDTH: usize = 12;
    let bench = Bench::new(kind).await;
    let mut other = bench.other_process().await;
    other.log = bench.log.clone();
    let mut above: Vec<JobId> = Vec::new();
    for layer in 0..LAYERS {
        let mut ids = Vec::new();
        for number in 0..WIDTH {
            let job = WidePuppet(Puppet::Sleep(format!("{layer}.{number}"), (number % 3) as u64));
            let new = NewJob::new(tenant(number as u128), &job).after(above.iter().copied());
            ids.push(bench.enqueue(new).await.id);
        }
        above = ids;
    }
    let workers = [bench.work(), other.work()];
    let all = i64::try_from(LAYERS * WIDTH).unwrap();
    bench.until("all done", || async { bench.number("SELECT count(*) FROM done").await == all }).await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(bench.number("SELECT count(*) FROM done WHERE attempt <> 1").await, 0);
    assert_eq!(bench.number("SELECT count(*) FROM job_dep").await, 0);
    // Nobody began before the whole layer above had ended.
    for (number, entries) in bench.log.entries().chunks(2 * WIDTH).enumerate() {
        let of_the_layer = |entry: &String| entry.contains(&format!(" {number}."));
        assert!(entries.iter().all(of_the_layer), "{entries:?}");
    }
}

on_both![
    a_job_starts_when_all_that_it_waits_for_are_completed,
    a_chain_and_a_fan_go_in_their_order,
    who_is_free_starts_at_once,
    the_completion_within_a_transaction_frees_in_that_transaction,
    a_completion_that_is_rolled_back_was_none,
    what_is_completed_counts_and_what_is_unknown_is_refused,
    who_waits_for_a_dead_letter_waits_until_it_was_retried,
    who_waits_for_a_dead_letter_is_given_up_when_that_is_removed,
    a_blocked_job_is_cancelled_at_once_and_waits_again_when_it_is_retried,
    a_blocked_job_is_unique_and_keeps_its_time,
    several_at_once_may_wait_too,
    who_begins_to_wait_while_the_other_completes_misses_nothing,
    completions_side_by_side_free_everybody_once,
];
