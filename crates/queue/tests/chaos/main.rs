//! The queue in processes that are killed, stopped and cut off, and on databases that crash.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and one of these shows a table"
)]
#![expect(clippy::disallowed_methods, reason = "a worker process is told by its environment what to do")]

mod cluster;
mod kill;
mod outage;
mod storm;
mod work;

use voicemill_sql::{Database, DatabaseUrl};

/// Opens a database and makes the queue's tables in it.
async fn open(address: &DatabaseUrl, connections: u32) -> Database {
    let database = Database::connect(address, connections).await.unwrap();
    voicemill_queue::migrate(&database).await.unwrap();
    database
}
