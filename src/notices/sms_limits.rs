//! What limits SMS: numbers that asked us to stop, and a domain's day.

use voicemill_types::{DomainId, Time};

use crate::db::{Connection, DbError, on, statements};

statements! {
    STOP = "INSERT INTO sms_stop (sender, recipient, stopped_at) VALUES ($1, $2, $3) \
            ON CONFLICT (sender, recipient) DO NOTHING";
    START = "DELETE FROM sms_stop WHERE sender = $1 AND recipient = $2";
    STOPPED_AT = "SELECT stopped_at FROM sms_stop WHERE sender = $1 AND recipient = $2";
    // One statement, so that two workers never pass the limit together.
    CHARGE = "INSERT INTO sms_day (domain_id, day, parts) VALUES ($1, $2, $3) \
              ON CONFLICT (domain_id, day) DO UPDATE SET parts = sms_day.parts + excluded.parts \
              WHERE sms_day.parts + excluded.parts <= $4";
    FORGET_DAYS = "DELETE FROM sms_day WHERE domain_id = $1 AND day < $2";
}

/// Remembers that `recipient` wants nothing from `sender` any more; both by their digits.
pub(crate) async fn stop(connection: &mut Connection, sender: &str, recipient: &str, at: Time) -> Result<(), DbError> {
    on!(connection, sqlx::query(STOP).bind(sender).bind(recipient).bind(at).execute(connection).await?.rows_affected());
    Ok(())
}

/// Forgets it again.
pub(crate) async fn start(connection: &mut Connection, sender: &str, recipient: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(START).bind(sender).bind(recipient).execute(connection).await?.rows_affected());
    Ok(())
}

/// Since when `recipient` wants nothing from `sender`.
pub async fn stopped_at(connection: &mut Connection, sender: &str, recipient: &str) -> Result<Option<Time>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(STOPPED_AT).bind(sender).bind(recipient).fetch_optional(connection).await?))
}

/// Counts `parts` on the domain's `day`, such as `2026-11-26`; false if that would pass `limit`, and nothing is counted.
pub(crate) async fn charge(
    connection: &mut Connection,
    domain: DomainId,
    day: &str,
    parts: i64,
    limit: i64,
) -> Result<bool, DbError> {
    if parts > limit {
        return Ok(false);
    }
    on!(connection, sqlx::query(FORGET_DAYS).bind(domain).bind(day).execute(&mut *connection).await?.rows_affected());
    let rows = on!(
        connection,
        sqlx::query(CHARGE).bind(domain).bind(day).bind(parts).bind(limit).execute(connection).await?.rows_affected()
    );
    Ok(rows == 1)
}
