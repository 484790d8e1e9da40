//! The trash of a domain's mailboxes, emptied at the end of their day.

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane, NewJob, Priority, QueueError, Schedule};
use voicemill_types::{DomainId, Time};

use crate::{
    app::App,
    domains::{self, Domain},
    media::ForgetBlobs,
    messages::trash,
    transaction::Tx,
};

/// Removes for good what was put into the trash on a day that is over where the mailboxes' owners are.
#[derive(Debug, Serialize, Deserialize)]
pub struct PurgeTrash {
    /// The domain.
    pub domain: DomainId,
    /// The time zone of the mailboxes that have this one of their own; those that have none if it is none.
    #[serde(default)]
    pub time_zone: Option<String>,
}

/// The most messages looked up at once; each goes in a transaction of its own.
const BATCH: i64 = 100;

impl PurgeTrash {
    /// Has it come at each midnight of the domain, inside the caller's transaction; again after its time zone has changed.
    pub async fn plan(tx: &mut Tx<'_>, domain: &Domain) -> Result<(), QueueError> {
        let job = Self { domain: domain.id, time_zone: None };
        let name = format!("purge_trash {}", domain.id);
        let new = NewJob::new(domain.id.0, &job).priority(Priority::Bulk);
        tx.repeat(&name, &Schedule::midnight(), &domain.time_zone, new).await
    }

    /// Has it come at each midnight of the domain's mailboxes in this time zone, inside the caller's transaction.
    pub async fn plan_for_zone(tx: &mut Tx<'_>, domain: DomainId, time_zone: &str) -> Result<(), QueueError> {
        let job = Self { domain, time_zone: Some(time_zone.to_owned()) };
        let name = format!("purge_trash {domain} {time_zone}");
        let new = NewJob::new(domain.0, &job).priority(Priority::Bulk);
        tx.repeat(&name, &Schedule::midnight(), time_zone, new).await
    }
}

impl Job for PurgeTrash {
    type Context = App;
    const KIND: &'static str = "purge_trash";
    const LANE: Lane = Lane::Io;
    const TIMEOUT: Duration = Duration::from_secs(60 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let mut connection = app.database.read().await.retry()?;
        let Some(domain) = domains::rows::by_id(&mut connection, self.domain).await.retry()? else {
            return Ok(());
        };
        drop(connection);
        let time_zone = self.time_zone.as_deref();
        let today = beginning_of_today(time_zone.unwrap_or(&domain.time_zone), app).discard()?;
        loop {
            let mut connection = app.database.read().await.retry()?;
            let messages = trash::before(&mut connection, (domain.id, time_zone), today, BATCH).await.retry()?;
            drop(connection);
            if messages.is_empty() {
                return Ok(());
            }
            for message in messages {
                let mut transaction = app.begin().await.retry()?;
                transaction.connection().lock(message.0).await.retry()?;
                if let Some(keys) = trash::remove(transaction.connection(), message, today).await.retry()? {
                    let forget = ForgetBlobs { keys };
                    let new = NewJob::new(domain.id.0, &forget).priority(Priority::Bulk);
                    transaction.enqueue(new).await.retry()?;
                }
                transaction.commit_under(attempt).await.retry()?;
            }
        }
    }
}

/// When the present day began in a time zone.
fn beginning_of_today(time_zone: &str, app: &App) -> anyhow::Result<Time> {
    let now = app.clock.now().in_tz(time_zone).with_context(|| format!("the time zone {time_zone:?} is unknown"))?;
    Ok(Time::from(now.start_of_day()?.timestamp()))
}
