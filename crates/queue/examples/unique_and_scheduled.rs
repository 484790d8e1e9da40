//! Jobs that are there once, that come later, and that come again: `cargo run -p voicemill-queue --example unique_and_scheduled`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_queue::{Attempt, Job, JobError, JobFilter, NewJob, Queue, Schedule};
use voicemill_sql::{Database, DatabaseUrl};
use voicemill_types::clock::Clock;

#[derive(Serialize, Deserialize)]
struct Remind {
    mailbox: u32,
}

impl Job for Remind {
    type Context = ();
    const KIND: &'static str = "remind";
    const LANE: &'static str = "io";
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn run(&self, _context: &(), _attempt: &Attempt) -> Result<(), JobError> {
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let database = Database::connect(&DatabaseUrl::Sqlite(folder.path().join("queue.db")), 4).await?;
    voicemill_queue::migrate(&database).await?;
    let clock = Clock::fixed(Timestamp::from_second(1_800_000_000)?);
    let queue = Queue::new(&database, clock.clone());
    let tenant = Uuid::from_u128(1);
    let job = Remind { mailbox: 7 };

    let mut transaction = database.begin().await?;
    let in_an_hour = clock.now() + SignedDuration::from_hours(1);
    let new = || NewJob::new(tenant, &job).unique("mailbox 7").at(in_an_hour);
    let first = queue.enqueue(transaction.connection(), new()).await?;
    // While it waits or works, the same kind and key is the same job.
    let again = queue.enqueue(transaction.connection(), new()).await?;
    assert_eq!((again.id, again.fresh), (first.id, false));
    // What waits can be brought forward, never put off.
    let soon = clock.now() + SignedDuration::from_mins(5);
    assert!(queue.expedite::<Remind>(transaction.connection(), "mailbox 7", soon).await?);
    // Every weekday at half past eight, by the clocks of a place.
    let schedule: Schedule = "30 8 * * 1-5".parse()?;
    queue
        .repeat(transaction.connection(), "morning reminder", &schedule, "America/New_York", NewJob::new(tenant, &job))
        .await?;
    transaction.commit().await?;

    for job in queue.list(&JobFilter::default()).await? {
        println!("job {} of kind {} is {:?} until {}", job.id, job.kind, job.state, job.run_at);
    }
    Ok(())
}
