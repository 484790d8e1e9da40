//! What happened: an outbox that is written with the facts themselves, and read by whoever must not miss one.
//!
//! [`Tx::emit`](crate::transaction::Tx::emit) writes an event in the transaction that makes it true, and tells the subscribers
//! in `subscribers.rs`, which write in the same transaction: what they do happens exactly once. Others read afterwards by a
//! cursor ([`read`], [`advance`]).
//!
//! On PostgreSQL, transactions do not commit in the order in which they take numbers from a sequence, so a reader that remembers
//! the highest number it saw can miss a row. Here an event gets its position only when a reader sees it committed, under a
//! lock: positions have no gaps, and whatever is committed later gets a higher one. Facts about one subject are written under
//! the lock of its row, so that their order is that of their commits.

mod event;
pub(crate) mod rows;
mod subscribers;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sqlx::types::Json;
use tokio::sync::broadcast;
use uuid::Uuid;
use voicemill_types::{DomainId, Time};

pub use self::event::Event;
pub(crate) use self::subscribers::tell;
use crate::{app::App, error::ServiceError, transaction::Tx};

/// How long events are kept. A reader that stays away for longer misses some.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Most events that are given a position, or removed, at once.
const BATCH: i64 = 500;

/// The lock of those who give positions.
const PLACING: Uuid = Uuid::from_u128(0x6576_656e_7473_2070_6c61_6365_6421_2121);

/// An event that is committed, with its place among all others.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Recorded {
    /// Grows from event to event, without gaps.
    pub position: i64,
    /// Whose it is.
    pub domain_id: DomainId,
    /// What happened.
    #[sqlx(rename = "body")]
    event: Json<Event>,
    /// When it was written.
    pub at: Time,
}

impl Recorded {
    /// What happened.
    pub fn event(&self) -> &Event {
        &self.event.0
    }
}

/// Tells those of this process who wait for something what was committed here.
#[derive(Clone, Debug)]
pub struct Committed(broadcast::Sender<Event>);

impl Default for Committed {
    fn default() -> Self {
        Self(broadcast::channel(256).0)
    }
}

impl Committed {
    /// Every event that this process commits from now on; those who fall behind are told so.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    pub(crate) fn send(&self, events: Vec<Event>) {
        for event in events {
            // Nobody waits.
            let _ = self.0.send(event);
        }
    }
}

/// Up to `limit` events after a position, in order: 0 is before the first. None is ever missed by a reader that goes on after
/// the position of the last it got.
pub async fn read(app: &App, after: i64, limit: u16) -> Result<Vec<Recorded>, ServiceError> {
    let limit = i64::from(limit);
    let placed = rows::after(&mut app.database.read().await?, after, limit).await?;
    if !placed.is_empty() || !rows::any_unplaced(&mut app.database.read().await?).await? {
        return Ok(placed);
    }
    let mut tx = app.begin().await?;
    tx.connection().lock(PLACING).await?;
    rows::place(tx.connection(), BATCH).await?;
    let placed = rows::after(tx.connection(), after, limit).await?;
    tx.commit().await?;
    Ok(placed)
}

/// The position that the reader of that name has come to; 0 if it never read.
pub async fn position(app: &App, reader: &str) -> Result<i64, ServiceError> {
    Ok(rows::cursor(&mut app.database.read().await?, reader).await?.unwrap_or(0))
}

/// Remembers, in the transaction of what the reader does about an event, that it has come so far.
pub async fn advance(tx: &mut Tx<'_>, reader: &str, position: i64) -> Result<(), ServiceError> {
    Ok(rows::save_cursor(tx.connection(), reader, position).await?)
}

/// Removes what is too old to be kept; returns how many events that were.
pub async fn prune(app: &App) -> Result<u64, ServiceError> {
    let kept = i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX);
    let before = Time::from_microseconds(Time::from(app.clock.now()).microseconds().saturating_sub(kept));
    let mut removed = 0;
    loop {
        let mut tx = app.begin().await?;
        let some = rows::prune(tx.connection(), before, BATCH).await?;
        tx.commit().await?;
        removed += some;
        if some < BATCH.unsigned_abs() {
            return Ok(removed);
        }
    }
}
