//! The queue and its workers on real databases, as a service uses them: every behaviour on SQLite and on PostgreSQL.
//!
//! Known failures of other queues, and the tests that would show them here:
//!
//! - a saturated worker lives, and its job is run twice: `crashes::a_saturated_worker_keeps_its_jobs`
//! - a restart under the same name leaves a job running for ever: `crashes::a_restart_leaves_nothing_running_for_ever`, and in
//!   every order of events `protocol::a_restart_under_the_same_id_leaves_a_job_running_for_ever`
//! - a failing job burns all its attempts in seconds:
//!   `behaviour::a_failing_job_does_not_burn_its_attempts_while_no_time_passes`
//! - a lost heartbeat frees a slot, and the work that went on frees it again: `crashes::a_lost_lease_frees_no_slot_twice`

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Makes a test for either database of functions that take its kind.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(voicemill_sql::Kind::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(voicemill_sql::Kind::Postgres).await;
            })+
        }
    };
}

mod behaviour;
mod crashes;
mod dependencies;
mod fairness;
mod harness;
mod operators;
mod protocol;
