//! The trash: until when something lies in it, and what happens then.
//!
//! A message that a person put there goes at the end of the day in its mailbox's time zone. One that went there because its
//! mail was accepted leaves its owner's sight then, and stays five days more: a bounce may be late, and brings it back.

use std::time::Duration;

use jiff::Timestamp;
use voicemill_types::{MailboxId, MessageId, Time};

use crate::{
    app::App,
    db::{Connection, DbError, on, statements},
    domains::Domain,
    error::ServiceError,
    mailboxes::{Mailbox, counts},
    messages::{Folder, purge},
};

/// How long after it left its owner's sight a late bounce can bring back what an accepted mail put into the trash.
const BOUNCE_MAY_COME: Duration = Duration::from_secs(5 * 86_400);

/// Most messages that are looked up, or hidden, at once.
const BATCH: i64 = 100;

statements! {
    MOVE = "UPDATE message SET folder = $2, trash_until = $3, purge_at = $4, hidden_at = NULL WHERE id = $1";
    // What is due already is not brought back by a change of clocks.
    EXTEND = "UPDATE message SET purge_at = purge_at + ($2 - trash_until), trash_until = $2 \
              WHERE mailbox_id = $1 AND folder = 'trash' AND hidden_at IS NULL AND trash_until > $3 AND trash_until < $2";
    EXTEND_DOMAIN = "UPDATE message SET purge_at = purge_at + ($2 - trash_until), trash_until = $2 \
                     WHERE mailbox_id IN (SELECT id FROM mailbox WHERE domain_id = $1 AND time_zone IS NULL) \
                         AND folder = 'trash' AND hidden_at IS NULL AND trash_until > $3 AND trash_until < $2";
    DUE = "SELECT purge_at, id FROM message WHERE purge_at <= $1 AND (purge_at > $2 OR (purge_at = $2 AND id > $3)) \
           ORDER BY purge_at, id LIMIT $4";
    HIDE = "UPDATE message SET hidden_at = $1 WHERE folder = 'trash' AND hidden_at IS NULL AND trash_until <= $1 \
                AND id IN (SELECT id FROM message WHERE folder = 'trash' AND hidden_at IS NULL AND trash_until <= $1 \
                           ORDER BY trash_until LIMIT $2) \
            RETURNING mailbox_id";
}

/// When the day that it is there ends: the start of the next civil day.
///
/// Where that day has no midnight it begins at the first moment it has; where midnight comes twice, at the first.
fn end_of_day(now: Timestamp, time_zone: &str) -> Result<Time, ServiceError> {
    let begin = || Ok(now.in_tz(time_zone)?.tomorrow()?.start_of_day()?.timestamp());
    let begin: Result<Timestamp, jiff::Error> = begin();
    begin.map(Time::from).map_err(|error| ServiceError::Internal(error.into()))
}

/// Why a message moves to another folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Because {
    /// A person wants it.
    Asked,
    /// Its mail was accepted.
    Mailed,
    /// Its mail came back.
    Bounced,
}

/// Moves a message to another folder, and writes until when it lies there.
pub(crate) async fn set_folder(
    connection: &mut Connection,
    id: MessageId,
    (to, because): (Folder, Because),
    (now, clock): (Timestamp, &str),
) -> Result<(), ServiceError> {
    let until = if to == Folder::Trash { Some(end_of_day(now, clock)?) } else { None };
    let stays = if because == Because::Mailed { BOUNCE_MAY_COME } else { Duration::ZERO };
    let purge_at = until.map(|until| until.after(stays));
    Ok(write(connection, id, to, (until, purge_at)).await?)
}

async fn write(
    connection: &mut Connection,
    id: MessageId,
    to: Folder,
    (until, purge_at): (Option<Time>, Option<Time>),
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(MOVE).bind(id).bind(to).bind(until).bind(purge_at).execute(connection).await?.rows_affected()
    );
    Ok(())
}

/// Lets what lies in the mailbox's trash stay to the end of the day by its clock, if that is later than by the one before.
pub(crate) async fn follow_clock(
    connection: &mut Connection,
    mailbox: &Mailbox,
    domain: &Domain,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let until = end_of_day(now, mailbox.clock(domain))?;
    Ok(extend(connection, EXTEND, mailbox.id.0, until, now).await?)
}

/// The same for all mailboxes that go by their domain's clock.
pub(crate) async fn follow_domains_clock(
    connection: &mut Connection,
    domain: &Domain,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let until = end_of_day(now, &domain.time_zone)?;
    Ok(extend(connection, EXTEND_DOMAIN, domain.id.0, until, now).await?)
}

async fn extend(
    connection: &mut Connection,
    statement: &'static str,
    whose: uuid::Uuid,
    until: Time,
    now: Timestamp,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(statement).bind(whose).bind(until).bind(Time::from(now)).execute(connection).await?.rows_affected()
    );
    Ok(())
}

/// Removes what has lain in the trash for long enough, and takes from sight what a bounce may still bring back.
pub async fn sweep(app: &App) -> Result<(), ServiceError> {
    let now = Time::from(app.clock.now());
    let mut after = (Time::from_microseconds(0), MessageId(uuid::Uuid::nil()));
    loop {
        let due = due(&mut app.database.read().await?, now, after).await?;
        let Some(last) = due.last() else { break };
        after = *last;
        for (_, id) in due {
            purge::if_due(app, id, now).await?;
        }
    }
    loop {
        let mut tx = app.begin().await?;
        let hidden = hide(tx.connection(), now).await?;
        for mailbox in &hidden {
            counts::note(tx.connection(), *mailbox, now).await?;
        }
        tx.commit().await?;
        if hidden.len() < BATCH.unsigned_abs() as usize {
            return Ok(());
        }
    }
}

async fn due(
    connection: &mut Connection,
    now: Time,
    after: (Time, MessageId),
) -> Result<Vec<(Time, MessageId)>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(DUE).bind(now).bind(after.0).bind(after.1).bind(BATCH).fetch_all(connection).await?
    ))
}

async fn hide(connection: &mut Connection, now: Time) -> Result<Vec<MailboxId>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(HIDE).bind(now).bind(BATCH).fetch_all(connection).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_where_the_next_begins_by_the_clock_over_there() {
        for (now, zone, ends) in [
            ("2026-11-30T04:59:59Z", "America/New_York", "2026-11-30T05:00:00Z"),
            ("2026-11-30T05:00:00Z", "America/New_York", "2026-12-01T05:00:00Z"),
            // Havana's clocks go from midnight to one: the day begins at one.
            ("2027-03-14T04:59:00Z", "America/Havana", "2027-03-14T05:00:00Z"),
            // And from one back to midnight: the first of both.
            ("2027-11-07T03:30:00Z", "America/Havana", "2027-11-07T04:00:00Z"),
            ("2027-11-07T04:30:00Z", "America/Havana", "2027-11-08T05:00:00Z"),
            ("2027-11-07T05:30:00Z", "America/Havana", "2027-11-08T05:00:00Z"),
            // The first clock of the world.
            ("2026-11-30T09:59:59Z", "Pacific/Kiritimati", "2026-11-30T10:00:00Z"),
            // Samoa left out a whole day.
            ("2011-12-30T09:00:00Z", "Pacific/Apia", "2011-12-30T10:00:00Z"),
        ] {
            let ended = end_of_day(now.parse().unwrap(), zone).unwrap();
            assert_eq!(ended.to_string(), ends, "{zone} at {now}");
        }
    }
}
