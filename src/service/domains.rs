//! Domains, their keys and their mailboxes.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ServiceError;
use crate::{
    app::App,
    config::LUFS_RANGE,
    db::{domains, mailboxes},
    jobs::PurgeTrash,
    model::{AfterEmail, ApiKey, ApiKeyId, Domain, DomainId, EmailMode, KeyScope, MailAudio, Mailbox, MailboxId, Time},
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
}

/// New settings of a domain; what is left out stays. A loudness of null is the configured one again.
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
}

/// Tells a value that is null from one that is left out.
fn null_or_value<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
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
    /// Whether messages are transcribed.
    pub transcribe: Option<bool>,
    /// How long a mail waits for the transcript.
    pub transcript_wait_seconds: Option<i64>,
    /// Limit of the brief clip.
    pub brief_seconds: Option<i64>,
    /// Most bytes of stored messages.
    pub quota_bytes: Option<i64>,
}

/// Who a key acts for.
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
    let DomainChanges { time_zone, locale, brand, mail_from, mail_audio, speech_lufs, music_lufs } = changes;
    domain.time_zone = time_zone.unwrap_or(domain.time_zone);
    domain.locale = locale.unwrap_or(domain.locale);
    domain.brand = brand.unwrap_or(domain.brand);
    domain.mail_from = mail_from.unwrap_or(domain.mail_from);
    domain.mail_audio = mail_audio.unwrap_or(domain.mail_audio);
    domain.speech_lufs = speech_lufs.unwrap_or(domain.speech_lufs);
    domain.music_lufs = music_lufs.unwrap_or(domain.music_lufs);
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
pub async fn authenticate(app: &App, secret: &str) -> Result<Option<Caller>, ServiceError> {
    let hash = hash(secret);
    if bool::from(hash.ct_eq(&app.operator_key_hash)) {
        return Ok(Some(Caller::Operator));
    }
    let mut connection = app.database.read().await?;
    let Some(key) = domains::key_by_hash(&mut connection, &hash).await? else {
        return Ok(None);
    };
    let Some(domain) = key.domain_id else { return Ok(None) };
    let domain = domains::by_id(&mut connection, domain).await?;
    Ok(domain.map(|domain| Caller::Domain { domain, scope: key.scope }))
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
    if recipients.len() > Mailbox::MAX_RECIPIENTS {
        return Err(ServiceError::Invalid(format!(
            "a mailbox has at most {} recipients, not {}",
            Mailbox::MAX_RECIPIENTS,
            recipients.len()
        )));
    }
    recipients.iter().try_for_each(|address| check_address(address))?;
    let brief_seconds = settings.brief_seconds.unwrap_or(Mailbox::DEFAULT_BRIEF_SECONDS);
    check_range("brief_seconds", brief_seconds, 5..=300)?;
    let wait = settings.transcript_wait_seconds.unwrap_or(Mailbox::DEFAULT_TRANSCRIPT_WAIT_SECONDS);
    check_range("transcript_wait_seconds", wait, 0..=3600)?;
    let quota_bytes = settings.quota_bytes.unwrap_or(Mailbox::DEFAULT_QUOTA_BYTES);
    check_range("quota_bytes", quota_bytes, 0..=1_000_000_000_000)?;
    let mailbox = Mailbox {
        id: MailboxId::new(),
        domain_id: domain.id,
        extension: extension.to_owned(),
        name: settings.name.unwrap_or_else(|| extension.to_owned()),
        email_mode: settings.email_mode.unwrap_or_default(),
        recipients,
        after_email: settings.after_email.unwrap_or_default(),
        transcribe: settings.transcribe.unwrap_or(true),
        transcript_wait_seconds: wait,
        brief_seconds,
        quota_bytes,
        created_at: Time::from(app.clock.now()),
    };
    let mut transaction = app.database.begin().await?;
    let saved = mailboxes::save(transaction.connection(), &mailbox).await?;
    transaction.commit().await?;
    Ok(saved)
}

/// The mailbox `extension` of the domain.
pub async fn mailbox(app: &App, domain: &Domain, extension: &str) -> Result<Mailbox, ServiceError> {
    let mut connection = app.database.read().await?;
    mailboxes::by_extension(&mut connection, domain.id, extension).await?.ok_or(ServiceError::NotFound("mailbox"))
}

/// The domain's mailboxes by extension.
pub async fn mailboxes(app: &App, domain: &Domain) -> Result<Vec<Mailbox>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(mailboxes::list(&mut connection, domain.id).await?)
}

fn check_name(name: &str, what: &str) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*' | b'#' | b'+');
    if (1..=100).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(ServiceError::Invalid(format!("{name:?} is no {what}: use 1 to 100 letters, digits or . - _ * # +")))
}

fn check_settings(domain: &Domain) -> Result<(), ServiceError> {
    if jiff::tz::TimeZone::get(&domain.time_zone).is_err() {
        return Err(ServiceError::Invalid(format!(
            "{:?} is no IANA time zone; use one such as America/New_York",
            domain.time_zone
        )));
    }
    check_address(&domain.mail_from)?;
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
