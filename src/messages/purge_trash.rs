//! The trash of a domain's mailboxes, emptied at the end of their day.

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use voicemill_queue::{Attempt, Job, JobError, NewJob, Priority, QueueError, Schedule};
use voicemill_types::{DomainId, MessageId, Time};

use crate::{
    app::App,
    domains::{self, Domain},
    error::ServiceError,
    events::Event,
    lanes::Lane,
    media,
    messages::{rows, trash},
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
    const LANE: &'static str = Lane::Io.name();
    const TIMEOUT: Duration = Duration::from_secs(60 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        Ok(self.purge(app, attempt).await?)
    }
}

impl PurgeTrash {
    async fn purge(&self, app: &App, attempt: &Attempt) -> Result<(), ServiceError> {
        let Some(domain) = domains::rows::by_id(&mut app.database.read().await?, self.domain).await? else {
            return Ok(());
        };
        let time_zone = self.time_zone.as_deref();
        let today = beginning_of_today(time_zone.unwrap_or(&domain.time_zone), app).map_err(ServiceError::Internal)?;
        loop {
            let which = (domain.id, time_zone);
            let messages = trash::before(&mut app.database.read().await?, which, today, BATCH).await?;
            if messages.is_empty() {
                return Ok(());
            }
            for message in messages {
                purge(app, attempt, message, today).await?;
            }
        }
    }
}

/// Removes a message for good, with whatever nothing else has, if it still lies in the trash since before `today`.
async fn purge(app: &App, attempt: &Attempt, id: MessageId, today: Time) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    tx.connection().lock(id.0).await?;
    let Some(message) = rows::by_id(tx.connection(), id).await? else { return Ok(()) };
    // Of two messages that share their sound, the last to go takes it along.
    tx.connection().lock(message.media_id.0).await?;
    if let Some(mails) = trash::remove(tx.connection(), id, today).await? {
        media::release(&mut tx, message.domain_id, message.media_id, mails).await?;
        let gone = Event::MessagePurged { message: id, mailbox: message.mailbox_id };
        tx.emit(message.domain_id, gone).await?;
    }
    Ok(tx.commit_under(attempt).await?)
}

/// When the present day began in a time zone.
fn beginning_of_today(time_zone: &str, app: &App) -> anyhow::Result<Time> {
    let now = app.clock.now().in_tz(time_zone).with_context(|| format!("the time zone {time_zone:?} is unknown"))?;
    Ok(Time::from(now.start_of_day()?.timestamp()))
}
