//! How long a domain keeps what it has, what must be kept all the same, and the proof of what went.
//!
//! Whoever removes something for good holds the lock of its domain's holds ([`holds::lock`]) before all others, and looks at
//! them under it: once a hold is set, nothing that it covers goes.

pub mod deletions;
pub mod holds;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_types::{DomainId, MessageId, RecordingId, Time};

use crate::{
    app::App,
    checks::check_range,
    db::{Connection, DbError, on, statements},
    domains::Domain,
    error::ServiceError,
    messages, recordings,
};

/// Why something was removed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Cause {
    /// It lay in the trash for long enough.
    Trash,
    /// It was older than its domain keeps such things.
    Retention,
    /// Somebody asked for it.
    Request,
}

/// How many days a domain keeps each thing, counted from when it came; for ever where none is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Retention {
    /// Messages, from when they were received.
    pub messages_days: Option<i64>,
    /// Recordings, from when the call began.
    pub recordings_days: Option<i64>,
}

/// Most days that may be asked for: a hundred years.
const MOST_DAYS: i64 = 36_525;

/// Most things that are looked up at once.
const BATCH: i64 = 100;

statements! {
    SAVE = "INSERT INTO retention (domain_id, messages_days, recordings_days) VALUES ($1, $2, $3) \
            ON CONFLICT (domain_id) DO UPDATE SET messages_days = excluded.messages_days, \
                recordings_days = excluded.recordings_days";
    OF = "SELECT messages_days, recordings_days FROM retention WHERE domain_id = $1";
    ALL = "SELECT domain_id, messages_days, recordings_days FROM retention ORDER BY domain_id";
    OLD_MESSAGES = "SELECT received_at, id FROM message WHERE domain_id = $1 AND received_at < $2 \
                        AND (received_at > $3 OR (received_at = $3 AND id > $4)) ORDER BY received_at, id LIMIT $5";
    OLD_RECORDINGS = "SELECT started_at, id FROM recording WHERE domain_id = $1 AND started_at < $2 \
                          AND (started_at > $3 OR (started_at = $3 AND id > $4)) ORDER BY started_at, id LIMIT $5";
}

/// How long the domain keeps things.
pub async fn of(app: &App, domain: &Domain) -> Result<Retention, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(find(&mut connection, domain.id).await?.unwrap_or_default())
}

/// Has the domain keep things so long from now on; what is older already goes within minutes.
pub async fn set(app: &App, domain: &Domain, retention: Retention) -> Result<Retention, ServiceError> {
    for (name, days) in [("messages_days", retention.messages_days), ("recordings_days", retention.recordings_days)] {
        days.map_or(Ok(()), |days| check_range(name, days, 1..=MOST_DAYS))?;
    }
    let mut tx = app.begin().await?;
    save(tx.connection(), domain.id, retention).await?;
    tx.commit().await?;
    Ok(retention)
}

/// Removes what is older than its domain keeps it, but for what is held.
pub async fn sweep(app: &App) -> Result<(), ServiceError> {
    let kept = all(&mut app.database.read().await?).await?;
    let now = Time::from(app.clock.now());
    for Kept { domain_id, retention } in kept {
        if let Some(before) = before(now, retention.messages_days) {
            let mut after = START;
            while let Some(old) = old(app, OLD_MESSAGES, domain_id, before, &mut after).await? {
                for id in old {
                    messages::purge::by_retention(app, MessageId(id)).await?;
                }
            }
        }
        if let Some(before) = before(now, retention.recordings_days) {
            let mut after = START;
            while let Some(old) = old(app, OLD_RECORDINGS, domain_id, before, &mut after).await? {
                for id in old {
                    recordings::purge(app, RecordingId(id)).await?;
                }
            }
        }
    }
    Ok(())
}

/// Before everything that is.
const START: (Time, Uuid) = (Time::from_microseconds(i64::MIN), Uuid::nil());

fn before(now: Time, days: Option<i64>) -> Option<Time> {
    let kept = Duration::from_secs(days?.unsigned_abs() * 86_400);
    let kept = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
    Some(Time::from_microseconds(now.microseconds().saturating_sub(kept)))
}

#[derive(sqlx::FromRow)]
struct Kept {
    domain_id: DomainId,
    #[sqlx(flatten)]
    retention: Retention,
}

async fn all(connection: &mut Connection) -> Result<Vec<Kept>, DbError> {
    Ok(on!(connection, sqlx::query_as(ALL).fetch_all(connection).await?))
}

async fn find(connection: &mut Connection, domain: DomainId) -> Result<Option<Retention>, DbError> {
    Ok(on!(connection, sqlx::query_as(OF).bind(domain).fetch_optional(connection).await?))
}

async fn save(connection: &mut Connection, domain: DomainId, retention: Retention) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SAVE)
            .bind(domain)
            .bind(retention.messages_days)
            .bind(retention.recordings_days)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Some of what came before that time, after the place that was come to; none at the end. What is held is passed over.
async fn old(
    app: &App,
    statement: &'static str,
    domain: DomainId,
    before: Time,
    after: &mut (Time, Uuid),
) -> Result<Option<Vec<Uuid>>, ServiceError> {
    let found = look(&mut app.database.read().await?, statement, domain, before, *after).await?;
    let Some(last) = found.last() else { return Ok(None) };
    *after = *last;
    Ok(Some(found.into_iter().map(|(_, id)| id).collect()))
}

async fn look(
    connection: &mut Connection,
    statement: &'static str,
    domain: DomainId,
    before: Time,
    after: (Time, Uuid),
) -> Result<Vec<(Time, Uuid)>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(statement)
            .bind(domain)
            .bind(before)
            .bind(after.0)
            .bind(after.1)
            .bind(BATCH)
            .fetch_all(connection)
            .await?
    ))
}
