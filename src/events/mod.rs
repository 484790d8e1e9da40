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

mod cloud_event;
mod event;
pub(crate) mod rows;
mod subscribers;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sqlx::types::Json;
use tokio::sync::broadcast;
use uuid::Uuid;
use voicemill_types::{DomainId, EventId, Time};

pub(crate) use self::subscribers::tell;
pub use self::{
    cloud_event::CloudEvent,
    event::{Event, TYPES},
};
use crate::{app::App, db::Connection, error::ServiceError, keys::Boxes, refusal::Rule, transaction::Tx};

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
    /// Identity, the same for everybody who is told.
    pub event_id: EventId,
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

    pub(crate) fn send(&self, event: Event) {
        // Nobody may be waiting.
        let _ = self.0.send(event);
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
    let mut tx = app.begin_unasked().await?;
    place(&mut tx).await?;
    let placed = rows::after(tx.connection(), after, limit).await?;
    tx.commit().await?;
    Ok(placed)
}

/// Gives positions to some of what is committed; until the end of the transaction, others that would do so wait.
async fn place(tx: &mut Tx<'_>) -> Result<(), ServiceError> {
    tx.connection().lock(PLACING).await?;
    Ok(rows::place(tx.connection(), BATCH).await?)
}

/// What comes after the position that the reader of that name has come to, for a transaction that advances it: readers of one
/// name take turns.
pub(crate) async fn take(tx: &mut Tx<'_>, reader: &str, limit: i64) -> Result<Vec<Recorded>, ServiceError> {
    place(tx).await?;
    let after = rows::cursor(tx.connection(), reader).await?.unwrap_or(0);
    Ok(rows::after(tx.connection(), after, limit).await?)
}

/// Gives a position to whatever is committed, and returns the last one given: who asks sees what it wrote.
pub async fn last(app: &App) -> Result<i64, ServiceError> {
    while rows::any_unplaced(&mut app.database.read().await?).await? {
        let mut tx = app.begin_unasked().await?;
        place(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(rows::last(&mut app.database.read().await?).await?)
}

/// Whether there is anything after the position that the reader of that name has come to.
pub(crate) async fn any_for(app: &App, reader: &str) -> Result<bool, ServiceError> {
    let mut connection = app.database.read().await?;
    let read = rows::cursor(&mut connection, reader).await?.unwrap_or(0);
    Ok(rows::last(&mut connection).await? > read || rows::any_unplaced(&mut connection).await?)
}

/// Up to `limit` of a domain's events after a position, as they are told to others, of these types and mailboxes; of every
/// type if none is named.
///
/// # Errors
/// A type that there is not.
pub async fn page(
    app: &App,
    domain: DomainId,
    after: i64,
    (types, boxes): (&[String], &Boxes),
    limit: u16,
) -> Result<Vec<CloudEvent>, ServiceError> {
    check_types(types)?;
    last(app).await?;
    let told = rows::page(&mut app.database.read().await?, domain, after, (types, boxes), i64::from(limit)).await?;
    Ok(told.into_iter().map(CloudEvent::from).collect())
}

/// The domain's event with that id, as it is told to others; none if it is not kept any more.
pub(crate) async fn by_id(
    connection: &mut Connection,
    domain: DomainId,
    id: EventId,
) -> Result<Option<CloudEvent>, ServiceError> {
    Ok(rows::by_id(connection, domain, id).await?.map(CloudEvent::from))
}

/// Refuses types that there are not, by name.
pub(crate) fn check_types(types: &[String]) -> Result<(), ServiceError> {
    match types.iter().find(|name| !TYPES.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(ServiceError::invalid("/types", Rule::UnknownEventType { value: unknown.clone() })),
    }
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
