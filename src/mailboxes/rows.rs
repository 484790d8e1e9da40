//! Mailboxes and their settings.

use sqlx::types::Json;
use voicemill_types::{DomainId, MailboxId};

use crate::{
    db::{Connection, DbError, on, statements},
    mailboxes::Mailbox,
};

statements! {
    // The id and the time of making stay those of the row that stands.
    SAVE = "INSERT INTO mailbox (id, domain_id, extension, name, email_mode, recipients, after_email, transcribe, \
                transcript_wait_seconds, brief_seconds, quota_bytes, created_at, mail_missed_calls, sms_recipients, \
                reminder_minutes, quiet_hours, time_zone, enabled, copy_to, locale, announce_time, announce_caller, \
                newest_first, version) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
                $23, $24) \
            ON CONFLICT (domain_id, extension) DO UPDATE SET name = excluded.name, email_mode = excluded.email_mode, \
                recipients = excluded.recipients, after_email = excluded.after_email, transcribe = excluded.transcribe, \
                transcript_wait_seconds = excluded.transcript_wait_seconds, brief_seconds = excluded.brief_seconds, \
                quota_bytes = excluded.quota_bytes, mail_missed_calls = excluded.mail_missed_calls, \
                sms_recipients = excluded.sms_recipients, reminder_minutes = excluded.reminder_minutes, \
                quiet_hours = excluded.quiet_hours, time_zone = excluded.time_zone, enabled = excluded.enabled, \
                copy_to = excluded.copy_to, locale = excluded.locale, announce_time = excluded.announce_time, \
                announce_caller = excluded.announce_caller, newest_first = excluded.newest_first, \
                version = excluded.version \
            RETURNING *";
    BY_EXTENSION = "SELECT * FROM mailbox WHERE domain_id = $1 AND extension = $2";
    BY_ID = "SELECT * FROM mailbox WHERE id = $1";
    LIST = "SELECT * FROM mailbox WHERE domain_id = $1 ORDER BY extension LIMIT 1000";
}

/// Stores a mailbox, or new settings for the one with the same extension; returns what stands.
pub(crate) async fn save(connection: &mut Connection, mailbox: &Mailbox) -> Result<Mailbox, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(SAVE)
            .bind(mailbox.id)
            .bind(mailbox.domain_id)
            .bind(&mailbox.extension)
            .bind(&mailbox.name)
            .bind(mailbox.email_mode)
            .bind(Json(&mailbox.recipients))
            .bind(mailbox.after_email)
            .bind(mailbox.transcribe)
            .bind(mailbox.transcript_wait_seconds)
            .bind(mailbox.brief_seconds)
            .bind(mailbox.quota_bytes)
            .bind(mailbox.created_at)
            .bind(mailbox.mail_missed_calls)
            .bind(Json(&mailbox.sms.sms_recipients))
            .bind(mailbox.sms.reminder_minutes)
            .bind(mailbox.sms.quiet_hours.as_ref().map(Json))
            .bind(&mailbox.time_zone)
            .bind(mailbox.enabled)
            .bind(Json(&mailbox.copy_to))
            .bind(&mailbox.playback.locale)
            .bind(mailbox.playback.announce_time)
            .bind(mailbox.playback.announce_caller)
            .bind(mailbox.playback.newest_first)
            .bind(mailbox.version)
            .fetch_one(connection)
            .await?
    ))
}

/// The mailbox `extension` of the domain.
pub(crate) async fn by_extension(
    connection: &mut Connection,
    domain: DomainId,
    extension: &str,
) -> Result<Option<Mailbox>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_EXTENSION).bind(domain).bind(extension).fetch_optional(connection).await?))
}

/// The mailbox with that id.
pub(crate) async fn by_id(connection: &mut Connection, id: MailboxId) -> Result<Option<Mailbox>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// The domain's mailboxes by extension, the first thousand.
pub(crate) async fn list(connection: &mut Connection, domain: DomainId) -> Result<Vec<Mailbox>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(domain).fetch_all(connection).await?))
}
