//! What people who enqueue jobs rely on.

use std::time::Duration;

use voicemill::queue::State;

use crate::harness::{Bench, Puppet};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_and_leaves() {
    let bench = Bench::new().await;
    let working = bench.work();
    let id = bench.add(Puppet::Succeed("a".into())).await;
    bench.until_done(id).await;
    assert!(bench.show(id).await.is_none());
    assert_eq!(bench.log.entries(), ["start a 1", "end a"]);
    working.stop().await;
    assert_eq!(bench.workers().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_waits_longer_and_longer_and_its_owner_is_told_at_last() {
    let bench = Bench::new().await;
    let working = bench.work();
    let id = bench.add(Puppet::Fail("a".into())).await;

    let first = bench.until_state(id, State::Scheduled).await;
    let pause = first.run_at.duration_since(bench.clock.now()).unsigned_abs();
    assert!(
        (Duration::from_secs(1)..=Duration::from_secs(3)).contains(&pause),
        "{pause:?}"
    );

    bench.advance(Duration::from_secs(3));
    bench
        .until("second failure", || async {
            bench.show(id).await.is_some_and(|job| job.errors.len() == 2)
        })
        .await;
    let second = bench.show(id).await.unwrap();
    let pause = second.run_at.duration_since(bench.clock.now()).unsigned_abs();
    assert!(
        (Duration::from_secs(2)..=Duration::from_secs(6)).contains(&pause),
        "{pause:?}"
    );

    bench.advance(Duration::from_secs(6));
    let dead = bench.until_state(id, State::Discarded).await;
    assert_eq!(dead.verdict.as_deref(), Some("no luck"));
    assert_eq!(dead.attempt, 3);
    assert_eq!(
        dead.errors.iter().map(|failure| failure.attempt).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(
        bench.log.entries(),
        ["start a 1", "start a 2", "start a 3", "given up a: no luck"]
    );
    working.stop().await;
}
