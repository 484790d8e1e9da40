//! The queue and its workers on a real database file, as a service uses them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "queue/behaviour.rs"]
mod behaviour;
#[path = "queue/crashes.rs"]
mod crashes;
#[path = "queue/fairness.rs"]
mod fairness;
#[path = "queue/harness.rs"]
mod harness;
