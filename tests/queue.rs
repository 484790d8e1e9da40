//! The queue and its workers on real databases, as a service uses them: every behaviour on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Makes a test for either database of functions that take its kind.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(voicemill::db::Kind::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(voicemill::db::Kind::Postgres).await;
            })+
        }
    };
}

#[path = "queue/behaviour.rs"]
mod behaviour;
#[path = "queue/crashes.rs"]
mod crashes;
#[path = "queue/dependencies.rs"]
mod dependencies;
#[path = "queue/fairness.rs"]
mod fairness;
#[path = "queue/harness.rs"]
mod harness;
#[path = "queue/operators.rs"]
mod operators;
#[path = "support/postgres.rs"]
mod postgres_server;
