//! Mailboxes as they are answered and asked for.

use serde::{Deserialize, Serialize};
use voicemill_types::{DomainId, MailboxId, PhoneNumber, Time};

use super::{domain::null_or_value, whole::Whole};
use crate::mailboxes::{self, AfterEmail, EmailMode, QuietHours};

/// One mailbox.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Mailbox {
    id: MailboxId,
    domain_id: DomainId,
    extension: String,
    name: String,
    email_mode: EmailMode,
    recipients: Vec<String>,
    after_email: AfterEmail,
    mail_missed_calls: bool,
    sms_recipients: Vec<PhoneNumber>,
    reminder_minutes: Option<i64>,
    quiet_hours: Option<QuietHours>,
    transcribe: bool,
    transcript_wait_seconds: i64,
    brief_seconds: i64,
    quota_bytes: i64,
    time_zone: Option<String>,
    enabled: bool,
    copy_to: Vec<String>,
    locale: Option<String>,
    announce_time: bool,
    announce_caller: bool,
    newest_first: bool,
    created_at: Time,
}

/// What a mailbox holds, for lamps and badges.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Counts {
    /// Nobody has played them.
    new: i64,
    /// The others in new, and those in saved.
    old: i64,
    /// Those of `new` that are urgent.
    urgent_new: i64,
    trash: i64,
    /// What counts against the quota.
    bytes: i64,
}

/// Settings of a mailbox; what is left out has a default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct MailboxSettings {
    name: Option<String>,
    email_mode: Option<EmailMode>,
    recipients: Option<Vec<String>>,
    after_email: Option<AfterEmail>,
    mail_missed_calls: Option<bool>,
    sms_recipients: Option<Numbers>,
    reminder_minutes: Option<Whole<i64>>,
    quiet_hours: Option<String>,
    transcribe: Option<bool>,
    transcript_wait_seconds: Option<Whole<i64>>,
    brief_seconds: Option<Whole<i64>>,
    quota_bytes: Option<Whole<i64>>,
    time_zone: Option<String>,
    enabled: Option<bool>,
    copy_to: Option<Vec<String>>,
    locale: Option<String>,
    announce_time: Option<bool>,
    announce_caller: Option<bool>,
    newest_first: Option<bool>,
}

/// Changes of a mailbox, as a merge patch (RFC 7396): what is left out stays, and null is the default again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct MailboxChanges {
    #[serde(default, deserialize_with = "null_or_value")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "null_or_value")]
    email_mode: Option<Option<EmailMode>>,
    #[serde(default, deserialize_with = "null_or_value")]
    recipients: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "null_or_value")]
    after_email: Option<Option<AfterEmail>>,
    #[serde(default, deserialize_with = "null_or_value")]
    mail_missed_calls: Option<Option<bool>>,
    #[serde(default, deserialize_with = "null_or_value")]
    sms_recipients: Option<Option<Numbers>>,
    #[serde(default, deserialize_with = "null_or_value")]
    reminder_minutes: Option<Option<Whole<i64>>>,
    #[serde(default, deserialize_with = "null_or_value")]
    quiet_hours: Option<Option<String>>,
    #[serde(default, deserialize_with = "null_or_value")]
    transcribe: Option<Option<bool>>,
    #[serde(default, deserialize_with = "null_or_value")]
    transcript_wait_seconds: Option<Option<Whole<i64>>>,
    #[serde(default, deserialize_with = "null_or_value")]
    brief_seconds: Option<Option<Whole<i64>>>,
    #[serde(default, deserialize_with = "null_or_value")]
    quota_bytes: Option<Option<Whole<i64>>>,
    #[serde(default, deserialize_with = "null_or_value")]
    time_zone: Option<Option<String>>,
    #[serde(default, deserialize_with = "null_or_value")]
    enabled: Option<Option<bool>>,
    #[serde(default, deserialize_with = "null_or_value")]
    copy_to: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "null_or_value")]
    locale: Option<Option<String>>,
    #[serde(default, deserialize_with = "null_or_value")]
    announce_time: Option<Option<bool>>,
    #[serde(default, deserialize_with = "null_or_value")]
    announce_caller: Option<Option<bool>>,
    #[serde(default, deserialize_with = "null_or_value")]
    newest_first: Option<Option<bool>>,
}

/// Telephone numbers, as a list or in the form of classic portals: `4155550132,+14155550133`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Numbers {
    Joined(String),
    Listed(Vec<String>),
}

impl From<mailboxes::Mailbox> for Mailbox {
    fn from(mailbox: mailboxes::Mailbox) -> Self {
        Self {
            id: mailbox.id,
            domain_id: mailbox.domain_id,
            extension: mailbox.extension,
            name: mailbox.name,
            email_mode: mailbox.email_mode,
            recipients: mailbox.recipients,
            after_email: mailbox.after_email,
            mail_missed_calls: mailbox.mail_missed_calls,
            sms_recipients: mailbox.sms.sms_recipients,
            reminder_minutes: mailbox.sms.reminder_minutes,
            quiet_hours: mailbox.sms.quiet_hours,
            transcribe: mailbox.transcribe,
            transcript_wait_seconds: mailbox.transcript_wait_seconds,
            brief_seconds: mailbox.brief_seconds,
            quota_bytes: mailbox.quota_bytes,
            time_zone: mailbox.time_zone,
            enabled: mailbox.enabled,
            copy_to: mailbox.copy_to,
            locale: mailbox.playback.locale,
            announce_time: mailbox.playback.announce_time,
            announce_caller: mailbox.playback.announce_caller,
            newest_first: mailbox.playback.newest_first,
            created_at: mailbox.created_at,
        }
    }
}

impl From<mailboxes::Counts> for Counts {
    fn from(counts: mailboxes::Counts) -> Self {
        let mailboxes::Counts { new, old, urgent_new, trash, bytes } = counts;
        Self { new, old, urgent_new, trash, bytes }
    }
}

impl From<MailboxSettings> for mailboxes::MailboxSettings {
    fn from(settings: MailboxSettings) -> Self {
        Self {
            name: settings.name,
            email_mode: settings.email_mode,
            recipients: settings.recipients,
            after_email: settings.after_email,
            mail_missed_calls: settings.mail_missed_calls,
            sms_recipients: settings.sms_recipients.map(mailboxes::Numbers::from),
            reminder_minutes: settings.reminder_minutes.map(|number| number.0),
            quiet_hours: settings.quiet_hours,
            transcribe: settings.transcribe,
            transcript_wait_seconds: settings.transcript_wait_seconds.map(|number| number.0),
            brief_seconds: settings.brief_seconds.map(|number| number.0),
            quota_bytes: settings.quota_bytes.map(|number| number.0),
            time_zone: settings.time_zone,
            enabled: settings.enabled,
            copy_to: settings.copy_to,
            locale: settings.locale,
            announce_time: settings.announce_time,
            announce_caller: settings.announce_caller,
            newest_first: settings.newest_first,
        }
    }
}

impl From<Numbers> for mailboxes::Numbers {
    fn from(numbers: Numbers) -> Self {
        match numbers {
            Numbers::Joined(text) => Self::Joined(text),
            Numbers::Listed(texts) => Self::Listed(texts),
        }
    }
}

impl From<MailboxChanges> for mailboxes::MailboxChanges {
    fn from(changes: MailboxChanges) -> Self {
        let number = |changed: Option<Option<Whole<i64>>>| changed.map(|number| number.map(|number| number.0));
        Self {
            name: changes.name,
            email_mode: changes.email_mode,
            recipients: changes.recipients,
            after_email: changes.after_email,
            mail_missed_calls: changes.mail_missed_calls,
            sms_recipients: changes.sms_recipients.map(|numbers| numbers.map(mailboxes::Numbers::from)),
            reminder_minutes: number(changes.reminder_minutes),
            quiet_hours: changes.quiet_hours,
            transcribe: changes.transcribe,
            transcript_wait_seconds: number(changes.transcript_wait_seconds),
            brief_seconds: number(changes.brief_seconds),
            quota_bytes: number(changes.quota_bytes),
            time_zone: changes.time_zone,
            enabled: changes.enabled,
            copy_to: changes.copy_to,
            locale: changes.locale,
            announce_time: changes.announce_time,
            announce_caller: changes.announce_caller,
            newest_first: changes.newest_first,
        }
    }
}
