//! Domains, their keys and their mailboxes.

use std::sync::PoisonError;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{ServiceError, patience::promptly};
use crate::{
    app::App,
    config::LUFS_RANGE,
    db::{domains, mailboxes},
    jobs::{PurgeTrash, remind_mailbox::remind_by},
    model::{
        AfterEmail, ApiKey, ApiKeyId, BadNumber, BadQuietHours, Domain, DomainId, EmailMode, KeyScope, MailAudio,
        Mailbox, MailboxId, PhoneNumber, SmsSettings, Time,
    },
    speech::transcribe,
};

/// What a new domain needs; what is left out has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDomain {
    /// The name after the `@`.
    pub name: String,
    /// IANA time zone; UTC if left out.
    pub time_zone: Option<String>,
    /// BCP 47 tag; en-US if left out.
    pub locale: Option<String>,
    /// Name on mails and pages; the domain's name if left out.
    pub brand: Option<String>,
    /// Sender of mails; voicemail@ the domain's name if left out.
    pub mail_from: Option<String>,
    /// Form of the audio in mails; WAV with PCM if left out.
    #[serde(default)]
    pub mail_audio: MailAudio,
    /// Loudness of voicemail and prompts; the configured one if left out.
    pub speech_lufs: Option<f64>,
    /// Loudness of hold music; the configured one if left out.
    pub music_lufs: Option<f64>,
    /// Sender of SMS; the configured one if left out.
    pub sms_sender: Option<String>,
    /// Most parts of SMS a day; the configured number if left out.
    pub sms_daily_limit: Option<i64>,
    /// ISO 639-1 code of the language that is spoken; heard from the audio if left out.
    pub language: Option<String>,
    /// Whether call recordings are transcribed; they are not if left out.
    #[serde(default)]
    pub transcribe_recordings: bool,
}

/// New settings of a domain; what is left out stays. What is null, where it may be, is as configured again, and a language
/// of null is heard from the audio.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainChanges {
    /// IANA time zone.
    pub time_zone: Option<String>,
    /// BCP 47 tag.
    pub locale: Option<String>,
    /// Name on mails and pages.
    pub brand: Option<String>,
    /// Sender of mails.
    pub mail_from: Option<String>,
    /// Form of the audio in mails.
    pub mail_audio: Option<MailAudio>,
    /// Loudness of voicemail and prompts.
    #[serde(default, deserialize_with = "null_or_value")]
    pub speech_lufs: Option<Option<f64>>,
    /// Loudness of hold music.
    #[serde(default, deserialize_with = "null_or_value")]
    pub music_lufs: Option<Option<f64>>,
    /// Sender of SMS.
    #[serde(default, deserialize_with = "null_or_value")]
    pub sms_sender: Option<Option<String>>,
    /// Most parts of SMS a day.
    #[serde(default, deserialize_with = "null_or_value")]
    pub sms_daily_limit: Option<Option<i64>>,
    /// ISO 639-1 code of the language that is spoken.
    #[serde(default, deserialize_with = "null_or_value")]
    pub language: Option<Option<String>>,
    /// Whether call recordings are transcribed.
    pub transcribe_recordings: Option<bool>,
}

/// Tells a value that is null from one that is left out.
fn null_or_value<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// Settings of a mailbox; what is left out has a default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
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
}

/// Telephone numbers, as a list or in the form of classic portals: `4155550132,+14155550133`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
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

/// Who a key acts for.
#[expect(clippy::large_enum_variant, reason = "there is one a request, nearly always the large one")]
#[derive(Clone, Debug)]
pub enum Caller {
    /// The provider's operators.
    Operator,
    /// A core or portal of one domain.
    Domain {
        /// The domain.
        domain: Domain,
        /// What it may do there.
        scope: KeyScope,
    },
}

/// Makes a domain.
pub async fn create(app: &App, new: NewDomain) -> Result<Domain, ServiceError> {
    check_name(&new.name, "domain name")?;
    let domain = Domain {
        id: DomainId::new(),
        brand: new.brand.unwrap_or_else(|| new.name.clone()),
        mail_from: new.mail_from.unwrap_or_else(|| format!("voicemail@{}", new.name)),
        name: new.name,
        time_zone: new.time_zone.unwrap_or_else(|| "UTC".to_owned()),
        locale: new.locale.unwrap_or_else(|| "en-US".to_owned()),
        mail_audio: new.mail_audio,
        speech_lufs: new.speech_lufs,
        music_lufs: new.music_lufs,
        sms_sender: new.sms_sender,
        sms_daily_limit: new.sms_daily_limit,
        language: new.language,
        transcribe_recordings: new.transcribe_recordings,
        created_at: Time::from(app.clock.now()),
    };
    check_settings(&domain)?;
    let mut transaction = app.database.begin().await?;
    match domains::insert(transaction.connection(), &domain).await {
        Err(error) if error.is_conflict() => {
            return Err(ServiceError::Conflict(format!("there is a domain {} already", domain.name)));
        }
        result => result?,
    }
    PurgeTrash::plan(app, transaction.connection(), &domain).await?;
    transaction.commit().await?;
    Ok(domain)
}

/// Gives a domain other settings: they hold for what is rendered and mailed from now on.
pub async fn change(app: &App, name: &str, changes: DomainChanges) -> Result<Domain, ServiceError> {
    let id = by_name(app, name).await?.id;
    let mut transaction = app.database.begin().await?;
    transaction.connection().lock(id.0).await?;
    let domain = domains::by_id(transaction.connection(), id).await?;
    let mut domain = domain.ok_or(ServiceError::NotFound("domain"))?;
    let DomainChanges {
        time_zone,
        locale,
        brand,
        mail_from,
        mail_audio,
        speech_lufs,
        music_lufs,
        sms_sender,
        sms_daily_limit,
        language,
        transcribe_recordings,
    } = changes;
    domain.time_zone = time_zone.unwrap_or(domain.time_zone);
    domain.locale = locale.unwrap_or(domain.locale);
    domain.brand = brand.unwrap_or(domain.brand);
    domain.mail_from = mail_from.unwrap_or(domain.mail_from);
    domain.mail_audio = mail_audio.unwrap_or(domain.mail_audio);
    domain.speech_lufs = speech_lufs.unwrap_or(domain.speech_lufs);
    domain.music_lufs = music_lufs.unwrap_or(domain.music_lufs);
    domain.sms_sender = sms_sender.unwrap_or(domain.sms_sender);
    domain.sms_daily_limit = sms_daily_limit.unwrap_or(domain.sms_daily_limit);
    domain.language = language.unwrap_or(domain.language);
    domain.transcribe_recordings = transcribe_recordings.unwrap_or(domain.transcribe_recordings);
    check_settings(&domain)?;
    domains::update(transaction.connection(), &domain).await?;
    PurgeTrash::plan(app, transaction.connection(), &domain).await?;
    transaction.commit().await?;
    Ok(domain)
}

/// The domain of that name.
pub async fn by_name(app: &App, name: &str) -> Result<Domain, ServiceError> {
    let mut connection = app.database.read().await?;
    domains::by_name(&mut connection, name).await?.ok_or(ServiceError::NotFound("domain"))
}

/// Makes a key for a core or portal of the domain and returns its secret, which is shown this once.
pub async fn create_key(app: &App, domain: &Domain, scope: KeyScope, name: &str) -> Result<String, ServiceError> {
    if scope == KeyScope::Operator {
        return Err(ServiceError::Invalid("an operator's key is set in the configuration, not made here".into()));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| ServiceError::Internal(anyhow::anyhow!("{error}")))?;
    let secret = format!("vm_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let key = ApiKey {
        id: ApiKeyId::new(),
        scope,
        domain_id: Some(domain.id),
        name: name.to_owned(),
        created_at: Time::from(app.clock.now()),
    };
    let mut transaction = app.database.begin().await?;
    domains::insert_key(transaction.connection(), &key, &hash(&secret)).await?;
    transaction.commit().await?;
    Ok(secret)
}

/// Tells who a key acts for; none when nobody was given it.
///
/// While the database is down, a key counts that was good when it last answered, so that cores can go on dropping.
pub async fn authenticate(app: &App, secret: &str) -> Result<Option<Caller>, ServiceError> {
    let hash = hash(secret);
    if bool::from(hash.ct_eq(&app.operator_key_hash)) {
        return Ok(Some(Caller::Operator));
    }
    let known = || app.known_keys.lock().unwrap_or_else(PoisonError::into_inner);
    let found = match promptly(&app.breakers.reads, owner(app, &hash)).await {
        Ok(found) => {
            let mut known = known();
            if known.len() >= MAX_KNOWN_KEYS {
                known.clear();
            }
            match &found {
                Some(owner) => known.insert(hash, owner.clone()),
                None => known.remove(&hash),
            };
            found
        }
        Err(error) if error.is_transient() => Some(known().get(&hash).cloned().ok_or(error)?),
        Err(error) => return Err(error),
    };
    Ok(found.map(|(domain, scope)| Caller::Domain { domain, scope }))
}

/// Most keys remembered for when the database is down.
const MAX_KNOWN_KEYS: usize = 10_000;

async fn owner(app: &App, hash: &[u8; 32]) -> Result<Option<(Domain, KeyScope)>, ServiceError> {
    let mut connection = app.database.read().await?;
    let Some(key) = domains::key_by_hash(&mut connection, hash).await? else {
        return Ok(None);
    };
    let Some(domain) = key.domain_id else { return Ok(None) };
    Ok(domains::by_id(&mut connection, domain).await?.map(|domain| (domain, key.scope)))
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Makes a mailbox or gives the one that stands new settings.
pub async fn save_mailbox(
    app: &App,
    domain: &Domain,
    extension: &str,
    settings: MailboxSettings,
) -> Result<Mailbox, ServiceError> {
    check_name(extension, "extension")?;
    let recipients = settings.recipients.unwrap_or_default();
    check_recipients(&recipients)?;
    let brief_seconds = settings.brief_seconds.unwrap_or(Mailbox::DEFAULT_BRIEF_SECONDS);
    check_range("brief_seconds", brief_seconds, 5..=300)?;
    let wait = settings.transcript_wait_seconds.unwrap_or(Mailbox::DEFAULT_TRANSCRIPT_WAIT_SECONDS);
    check_range("transcript_wait_seconds", wait, 0..=3600)?;
    let quota_bytes = settings.quota_bytes.unwrap_or(Mailbox::DEFAULT_QUOTA_BYTES);
    check_range("quota_bytes", quota_bytes, 0..=1_000_000_000_000)?;
    let sms = sms_settings(settings.sms_recipients, settings.reminder_minutes, settings.quiet_hours.as_deref())?;
    settings.time_zone.as_deref().map_or(Ok(()), check_time_zone)?;
    let mailbox = Mailbox {
        id: MailboxId::new(),
        domain_id: domain.id,
        extension: extension.to_owned(),
        name: settings.name.unwrap_or_else(|| extension.to_owned()),
        email_mode: settings.email_mode.unwrap_or_default(),
        recipients,
        after_email: settings.after_email.unwrap_or_default(),
        mail_missed_calls: settings.mail_missed_calls.unwrap_or(false),
        sms,
        transcribe: settings.transcribe.unwrap_or(true),
        transcript_wait_seconds: wait,
        brief_seconds,
        quota_bytes,
        time_zone: settings.time_zone,
        created_at: Time::from(app.clock.now()),
    };
    let mut transaction = app.database.begin().await?;
    let saved = mailboxes::save(transaction.connection(), &mailbox).await?;
    if let Some(time_zone) = &saved.time_zone {
        PurgeTrash::plan_for_zone(app, transaction.connection(), domain.id, time_zone).await?;
    }
    if let Some(interval) = saved.sms.reminder_interval() {
        // What is unread already is reminded of too, and a shorter interval holds at once.
        let due = Time::from(app.clock.now()).after(interval);
        remind_by(app, transaction.connection(), &saved, due).await?;
    }
    transaction.commit().await?;
    app.queue.wake();
    Ok(saved)
}

fn sms_settings(
    numbers: Option<Numbers>,
    reminder_minutes: Option<i64>,
    quiet_hours: Option<&str>,
) -> Result<SmsSettings, ServiceError> {
    let sms_recipients = match numbers {
        Some(numbers) => numbers.read().map_err(|error| ServiceError::Invalid(error.to_string()))?,
        None => Vec::new(),
    };
    if sms_recipients.len() > SmsSettings::MAX_RECIPIENTS {
        return Err(ServiceError::Invalid(format!(
            "a mailbox has at most {} numbers for SMS, not {}",
            SmsSettings::MAX_RECIPIENTS,
            sms_recipients.len()
        )));
    }
    if let Some(minutes) = reminder_minutes {
        check_range("reminder_minutes", minutes, SmsSettings::REMINDER_MINUTES)?;
    }
    let quiet_hours = quiet_hours
        .map(|hours| hours.parse().map_err(|error: BadQuietHours| ServiceError::Invalid(error.to_string())))
        .transpose()?;
    Ok(SmsSettings { sms_recipients, reminder_minutes, quiet_hours })
}

/// The mailbox `extension` of the domain.
pub async fn mailbox(app: &App, domain: &Domain, extension: &str) -> Result<Mailbox, ServiceError> {
    let mut connection = app.database.read().await?;
    mailboxes::by_extension(&mut connection, domain.id, extension).await?.ok_or(ServiceError::NotFound("mailbox"))
}

/// The mailbox with that id.
pub async fn mailbox_by_id(app: &App, id: MailboxId) -> Result<Mailbox, ServiceError> {
    let mut connection = app.database.read().await?;
    mailboxes::by_id(&mut connection, id).await?.ok_or(ServiceError::NotFound("mailbox"))
}

/// The domain's mailboxes by extension.
pub async fn mailboxes(app: &App, domain: &Domain) -> Result<Vec<Mailbox>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(mailboxes::list(&mut connection, domain.id).await?)
}

pub(super) fn check_recipients(recipients: &[String]) -> Result<(), ServiceError> {
    if recipients.len() > Mailbox::MAX_RECIPIENTS {
        return Err(ServiceError::Invalid(format!(
            "there may be at most {} recipients, not {}",
            Mailbox::MAX_RECIPIENTS,
            recipients.len()
        )));
    }
    recipients.iter().try_for_each(|address| check_address(address))
}

pub(super) fn check_name(name: &str, what: &str) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*' | b'#' | b'+');
    if (1..=100).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(ServiceError::Invalid(format!("{name:?} is no {what}: use 1 to 100 letters, digits or . - _ * # +")))
}

fn check_settings(domain: &Domain) -> Result<(), ServiceError> {
    check_time_zone(&domain.time_zone)?;
    if let Some(language) = domain.language.as_deref().filter(|language| !transcribe::is_language(language)) {
        return Err(ServiceError::Invalid(format!(
            "{language:?} is no language that can be transcribed; use an ISO 639-1 code such as en, es or de, or null to \
             have it heard from the audio"
        )));
    }
    check_address(&domain.mail_from)?;
    if let Some(sender) = &domain.sms_sender {
        let is_name = (1..=11).contains(&sender.len()) && sender.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name && PhoneNumber::parse(sender).is_err() {
            return Err(ServiceError::Invalid(format!(
                "{sender:?} can send no SMS: use a number in E.164 form, a short code, or a name of at most 11 letters and digits"
            )));
        }
    }
    if let Some(limit) = domain.sms_daily_limit {
        check_range("sms_daily_limit", limit, 0..=1_000_000_000)?;
    }
    for (name, lufs) in [("speech_lufs", domain.speech_lufs), ("music_lufs", domain.music_lufs)] {
        if lufs.is_some_and(|lufs| !LUFS_RANGE.contains(&lufs)) {
            return Err(ServiceError::Invalid(format!(
                "{name} must lie between {} and {}, or be null for the usual loudness",
                LUFS_RANGE.start(),
                LUFS_RANGE.end()
            )));
        }
    }
    Ok(())
}

fn check_time_zone(name: &str) -> Result<(), ServiceError> {
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err(ServiceError::Invalid(format!("{name:?} is no IANA time zone; use one such as America/New_York")))
        }
    }
}

fn check_address(address: &str) -> Result<(), ServiceError> {
    match address.parse::<lettre::Address>() {
        Ok(_) => Ok(()),
        Err(error) => Err(ServiceError::Invalid(format!("{address:?} is no mail address: {error}"))),
    }
}

fn check_range(name: &str, value: i64, range: std::ops::RangeInclusive<i64>) -> Result<(), ServiceError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ServiceError::Invalid(format!("{name} is {value}; it must lie between {} and {}", range.start(), range.end())))
}
