//! Mailboxes: made, changed, found.

pub mod counts;
pub mod groups;
mod mailbox;
mod playback;
pub(crate) mod rows;
mod sms_settings;
pub(crate) mod usage;

use voicemill_types::{BadNumber, MailboxId, PhoneNumber, Time};

use crate::{
    app::App,
    checks::{check_address, check_locale, check_name, check_range, check_time_zone},
    domains::Domain,
    error::ServiceError,
    events::Event,
    messages::trash,
    notices::remind_mailbox::remind_by,
    precondition::Precondition,
    refusal::{Rule, Thing},
    transaction::Tx,
};

pub use self::{
    counts::Counts,
    mailbox::{AfterEmail, EmailMode, Mailbox},
    playback::Playback,
    sms_settings::{BadQuietHours, QuietHours, SmsSettings},
    usage::Usage,
};

/// Settings of a mailbox; what is left out has a default.
#[derive(Clone, Debug, Default)]
pub struct MailboxSettings {
    /// The owner's name.
    pub name: Option<String>,
    /// What is mailed for a message.
    pub email_mode: Option<EmailMode>,
    /// Where it is mailed.
    pub recipients: Option<Vec<String>>,
    /// What happens to a message after its mail was accepted.
    pub after_email: Option<AfterEmail>,
    /// Whether the addresses are told of missed calls.
    pub mail_missed_calls: Option<bool>,
    /// Numbers that are told by SMS.
    pub sms_recipients: Option<Numbers>,
    /// Minutes between reminders by SMS; none if left out.
    pub reminder_minutes: Option<i64>,
    /// When no SMS is sent, such as `22:00-07:00` in the domain's time zone.
    pub quiet_hours: Option<String>,
    /// Whether messages are transcribed.
    pub transcribe: Option<bool>,
    /// How long a mail waits for the transcript.
    pub transcript_wait_seconds: Option<i64>,
    /// Limit of the brief clip.
    pub brief_seconds: Option<i64>,
    /// Most bytes of stored messages.
    pub quota_bytes: Option<i64>,
    /// IANA time zone of its owner; the domain's if left out.
    pub time_zone: Option<String>,
    /// Whether cores are to offer it to callers.
    pub enabled: Option<bool>,
    /// The extensions that get a copy of every message left there.
    pub copy_to: Option<Vec<String>>,
    /// BCP 47 tag of the language that is spoken to its owner; the domain's if left out.
    pub locale: Option<String>,
    /// Whether the time of its arrival is said before a message.
    pub announce_time: Option<bool>,
    /// Whether its caller is said before a message.
    pub announce_caller: Option<bool>,
    /// Whether the newest message is played first.
    pub newest_first: Option<bool>,
}

/// Telephone numbers, as a list or in the form of classic portals: `4155550132,+14155550133`.
#[derive(Clone, Debug)]
pub enum Numbers {
    /// With commas between them.
    Joined(String),
    /// One by one.
    Listed(Vec<String>),
}

impl Numbers {
    fn read(&self) -> Result<Vec<PhoneNumber>, BadNumber> {
        let mut numbers = match self {
            Self::Joined(text) => PhoneNumber::parse_list(text)?,
            Self::Listed(texts) => texts.iter().map(|text| PhoneNumber::parse(text)).collect::<Result<_, _>>()?,
        };
        let mut seen = std::collections::HashSet::new();
        numbers.retain(|number| seen.insert(number.clone()));
        Ok(numbers)
    }
}

/// What is changed of a mailbox: what is left out stays, and what is none is the default again.
#[derive(Clone, Debug, Default)]
pub struct MailboxChanges {
    /// The owner's name.
    pub name: Option<Option<String>>,
    /// What is mailed for a message.
    pub email_mode: Option<Option<EmailMode>>,
    /// Where it is mailed.
    pub recipients: Option<Option<Vec<String>>>,
    /// What happens to a message after its mail was accepted.
    pub after_email: Option<Option<AfterEmail>>,
    /// Whether the addresses are told of missed calls.
    pub mail_missed_calls: Option<Option<bool>>,
    /// Numbers that are told by SMS.
    pub sms_recipients: Option<Option<Numbers>>,
    /// Minutes between reminders by SMS.
    pub reminder_minutes: Option<Option<i64>>,
    /// When no SMS is sent.
    pub quiet_hours: Option<Option<String>>,
    /// Whether messages are transcribed.
    pub transcribe: Option<Option<bool>>,
    /// How long a mail waits for the transcript.
    pub transcript_wait_seconds: Option<Option<i64>>,
    /// Limit of the brief clip.
    pub brief_seconds: Option<Option<i64>>,
    /// Most bytes of stored messages.
    pub quota_bytes: Option<Option<i64>>,
    /// IANA time zone of its owner.
    pub time_zone: Option<Option<String>>,
    /// Whether cores are to offer it to callers.
    pub enabled: Option<Option<bool>>,
    /// The extensions that get a copy of every message left there.
    pub copy_to: Option<Option<Vec<String>>>,
    /// The language its owner is spoken to in.
    pub locale: Option<Option<String>>,
    /// Whether a message's time is said before it.
    pub announce_time: Option<Option<bool>>,
    /// Whether a message's caller is said before it.
    pub announce_caller: Option<Option<bool>>,
    /// Whether the newest message is heard first.
    pub newest_first: Option<Option<bool>>,
}

impl MailboxChanges {
    /// The settings that a mailbox has with these changes.
    fn of(self, mailbox: &Mailbox) -> MailboxSettings {
        let numbers = || mailbox.sms.sms_recipients.iter().map(ToString::to_string).collect();
        MailboxSettings {
            name: self.name.unwrap_or_else(|| Some(mailbox.name.clone())),
            email_mode: self.email_mode.unwrap_or(Some(mailbox.email_mode)),
            recipients: self.recipients.unwrap_or_else(|| Some(mailbox.recipients.clone())),
            after_email: self.after_email.unwrap_or(Some(mailbox.after_email)),
            mail_missed_calls: self.mail_missed_calls.unwrap_or(Some(mailbox.mail_missed_calls)),
            sms_recipients: self.sms_recipients.unwrap_or_else(|| Some(Numbers::Listed(numbers()))),
            reminder_minutes: self.reminder_minutes.unwrap_or(mailbox.sms.reminder_minutes),
            quiet_hours: self.quiet_hours.unwrap_or_else(|| mailbox.sms.quiet_hours.map(|hours| hours.to_string())),
            transcribe: self.transcribe.unwrap_or(Some(mailbox.transcribe)),
            transcript_wait_seconds: self.transcript_wait_seconds.unwrap_or(Some(mailbox.transcript_wait_seconds)),
            brief_seconds: self.brief_seconds.unwrap_or(Some(mailbox.brief_seconds)),
            quota_bytes: self.quota_bytes.unwrap_or(Some(mailbox.quota_bytes)),
            time_zone: self.time_zone.unwrap_or_else(|| mailbox.time_zone.clone()),
            enabled: self.enabled.unwrap_or(Some(mailbox.enabled)),
            copy_to: self.copy_to.unwrap_or_else(|| Some(mailbox.copy_to.clone())),
            locale: self.locale.unwrap_or_else(|| mailbox.playback.locale.clone()),
            announce_time: self.announce_time.unwrap_or(Some(mailbox.playback.announce_time)),
            announce_caller: self.announce_caller.unwrap_or(Some(mailbox.playback.announce_caller)),
            newest_first: self.newest_first.unwrap_or(Some(mailbox.playback.newest_first)),
        }
    }
}

/// Makes a mailbox or gives the one that stands new settings, all of them.
///
/// # Errors
/// A setting may not be, or what stands is not as `wanted`; of one that stands something must be wanted.
pub async fn save(
    app: &App,
    domain: &Domain,
    extension: &str,
    settings: MailboxSettings,
    wanted: &Precondition,
) -> Result<Mailbox, ServiceError> {
    check_name(extension, "", Thing::Mailbox {})?;
    check_recipients(app, settings.recipients.as_deref().unwrap_or_default()).await?;
    check_copies(app, domain, extension, settings.copy_to.as_deref().unwrap_or_default()).await?;
    let new = checked(app, domain, extension, settings)?;
    let mut tx = begin(app, domain).await?;
    let standing = rows::by_extension(tx.connection(), domain.id, extension).await?;
    wanted.check_replacement(standing.as_ref().map(|mailbox| mailbox.version))?;
    write(tx, domain, new, standing).await
}

/// Gives a mailbox some other settings; what is left out stays.
///
/// # Errors
/// There is no such mailbox, it is not as `wanted`, or a setting may not be.
pub async fn change(
    app: &App,
    domain: &Domain,
    extension: &str,
    changes: MailboxChanges,
    wanted: &Precondition,
) -> Result<Mailbox, ServiceError> {
    // Before the transaction, for a mail server may be asked; those that stand were checked when they were saved.
    check_recipients(app, changes.recipients.as_ref().and_then(Option::as_deref).unwrap_or_default()).await?;
    let copy_to = changes.copy_to.as_ref().and_then(Option::as_deref).unwrap_or_default();
    check_copies(app, domain, extension, copy_to).await?;
    let mut tx = begin(app, domain).await?;
    let standing = rows::by_extension(tx.connection(), domain.id, extension).await?;
    let standing = standing.ok_or(ServiceError::NotFound(Thing::Mailbox {}))?;
    wanted.check(Some(standing.version))?;
    let new = checked(app, domain, extension, changes.of(&standing))?;
    write(tx, domain, new, Some(standing)).await
}

/// Begins to change a mailbox of the domain; who changes another meanwhile waits.
async fn begin<'a>(app: &'a App, domain: &Domain) -> Result<Tx<'a>, ServiceError> {
    let mut tx = app.begin().await?;
    tx.connection().lock(domain.id.0).await?;
    Ok(tx)
}

/// A mailbox with these settings, which are checked but for addresses and other mailboxes.
fn checked(app: &App, domain: &Domain, extension: &str, settings: MailboxSettings) -> Result<Mailbox, ServiceError> {
    let brief_seconds = settings.brief_seconds.unwrap_or(Mailbox::DEFAULT_BRIEF_SECONDS);
    check_range("brief_seconds", brief_seconds, 5..=300)?;
    let wait = settings.transcript_wait_seconds.unwrap_or(Mailbox::DEFAULT_TRANSCRIPT_WAIT_SECONDS);
    check_range("transcript_wait_seconds", wait, 0..=3600)?;
    let quota_bytes = settings.quota_bytes.unwrap_or(Mailbox::DEFAULT_QUOTA_BYTES);
    check_range("quota_bytes", quota_bytes, 0..=1_000_000_000_000)?;
    let sms = sms_settings(settings.sms_recipients, settings.reminder_minutes, settings.quiet_hours.as_deref())?;
    settings.time_zone.as_deref().map_or(Ok(()), check_time_zone)?;
    settings.locale.as_deref().map_or(Ok(()), check_locale)?;
    let usual = Playback::default();
    let playback = Playback {
        locale: settings.locale,
        announce_time: settings.announce_time.unwrap_or(usual.announce_time),
        announce_caller: settings.announce_caller.unwrap_or(usual.announce_caller),
        newest_first: settings.newest_first.unwrap_or(usual.newest_first),
    };
    let now = Time::from(app.clock.now());
    Ok(Mailbox {
        id: MailboxId::new(),
        domain_id: domain.id,
        extension: extension.to_owned(),
        name: settings.name.unwrap_or_else(|| extension.to_owned()),
        email_mode: settings.email_mode.unwrap_or_default(),
        recipients: settings.recipients.unwrap_or_default(),
        after_email: settings.after_email.unwrap_or_default(),
        mail_missed_calls: settings.mail_missed_calls.unwrap_or(false),
        sms,
        transcribe: settings.transcribe.unwrap_or(true),
        transcript_wait_seconds: wait,
        brief_seconds,
        quota_bytes,
        time_zone: settings.time_zone,
        enabled: settings.enabled.unwrap_or(true),
        copy_to: settings.copy_to.unwrap_or_default(),
        playback,
        version: now.microseconds(),
        created_at: now,
    })
}

/// Stores a mailbox in the place of the one that stands, and ends the transaction.
async fn write(
    mut transaction: Tx<'_>,
    domain: &Domain,
    mut mailbox: Mailbox,
    standing: Option<Mailbox>,
) -> Result<Mailbox, ServiceError> {
    let app = transaction.app();
    if let Some(standing) = standing {
        mailbox.version = standing.version + 1;
    }
    let saved = rows::save(transaction.connection(), &mailbox).await?;
    usage::open(transaction.connection(), saved.id).await?;
    usage::tell_of_room(&mut transaction, domain.id, saved.id).await?;
    trash::follow_clock(transaction.connection(), &saved, domain, app.clock.now()).await?;
    if let Some(interval) = saved.sms.reminder_interval() {
        // What is unread already is reminded of too, and a shorter interval holds at once.
        let due = Time::from(app.clock.now()).after(interval);
        remind_by(&mut transaction, &saved, due).await?;
    }
    let event = match saved.id == mailbox.id {
        true => Event::MailboxCreated { mailbox: saved.id },
        false => Event::MailboxChanged { mailbox: saved.id },
    };
    transaction.emit(domain.id, event).await?;
    transaction.commit().await?;
    Ok(saved)
}

/// Refuses copies for mailboxes that there are not, or for the one that they are of.
async fn check_copies(app: &App, domain: &Domain, own: &str, copy_to: &[String]) -> Result<(), ServiceError> {
    if copy_to.len() > Mailbox::MAX_COPIES {
        let rule = Rule::TooMany { field: "mailboxes that get copies".to_owned(), most: Mailbox::MAX_COPIES };
        return Err(ServiceError::invalid("/copy_to", rule));
    }
    let mut connection = app.database.read().await?;
    for (index, extension) in copy_to.iter().enumerate() {
        let rule = if copy_to[..index].contains(extension) {
            Rule::NamedTwice {}
        } else if extension == own || rows::by_extension(&mut connection, domain.id, extension).await?.is_none() {
            Rule::UnknownMailbox { value: extension.clone() }
        } else {
            continue;
        };
        return Err(ServiceError::invalid(&format!("/copy_to/{index}"), rule));
    }
    Ok(())
}

fn sms_settings(
    numbers: Option<Numbers>,
    reminder_minutes: Option<i64>,
    quiet_hours: Option<&str>,
) -> Result<SmsSettings, ServiceError> {
    let sms_recipients = match numbers {
        Some(numbers) => numbers
            .read()
            .map_err(|error| ServiceError::invalid("/sms_recipients", Rule::BadNumber { cause: error.to_string() }))?,
        None => Vec::new(),
    };
    if sms_recipients.len() > SmsSettings::MAX_RECIPIENTS {
        let rule = Rule::TooMany { field: "numbers for SMS".to_owned(), most: SmsSettings::MAX_RECIPIENTS };
        return Err(ServiceError::invalid("/sms_recipients", rule));
    }
    if let Some(minutes) = reminder_minutes {
        check_range("reminder_minutes", minutes, SmsSettings::REMINDER_MINUTES)?;
    }
    let quiet_hours = quiet_hours
        .map(|hours| {
            hours.parse().map_err(|error: BadQuietHours| {
                ServiceError::invalid("/quiet_hours", Rule::BadQuietHours { cause: error.to_string() })
            })
        })
        .transpose()?;
    Ok(SmsSettings { sms_recipients, reminder_minutes, quiet_hours })
}

/// The mailbox `extension` of the domain.
pub async fn by_extension(app: &App, domain: &Domain, extension: &str) -> Result<Mailbox, ServiceError> {
    let mut connection = app.database.read().await?;
    rows::by_extension(&mut connection, domain.id, extension).await?.ok_or(ServiceError::NotFound(Thing::Mailbox {}))
}

/// The mailbox `extension` of the domain, and what it holds.
pub async fn with_usage(app: &App, domain: &Domain, extension: &str) -> Result<(Mailbox, Usage), ServiceError> {
    let mut connection = app.database.read().await?;
    let mailbox = rows::by_extension(&mut connection, domain.id, extension).await?;
    let mailbox = mailbox.ok_or(ServiceError::NotFound(Thing::Mailbox {}))?;
    let usage = usage::of(&mut connection, mailbox.id).await?.ok_or(ServiceError::NotFound(Thing::Mailbox {}))?;
    Ok((mailbox, usage))
}

/// The mailbox with that id.
pub async fn by_id(app: &App, id: MailboxId) -> Result<Mailbox, ServiceError> {
    let mut connection = app.database.read().await?;
    rows::by_id(&mut connection, id).await?.ok_or(ServiceError::NotFound(Thing::Mailbox {}))
}

/// The domain's mailboxes by extension.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Mailbox>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(rows::list(&mut connection, domain.id).await?)
}

pub(crate) async fn check_recipients(app: &App, recipients: &[String]) -> Result<(), ServiceError> {
    if recipients.len() > Mailbox::MAX_RECIPIENTS {
        let rule = Rule::TooMany { field: "recipients".to_owned(), most: Mailbox::MAX_RECIPIENTS };
        return Err(ServiceError::invalid("/recipients", rule));
    }
    for (index, address) in recipients.iter().enumerate() {
        check_address(address, &format!("/recipients/{index}"), &*app.mail).await?;
    }
    Ok(())
}
