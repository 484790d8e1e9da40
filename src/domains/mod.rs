//! Domains: made and changed.

mod domain;
pub(crate) mod rows;

pub use self::domain::{Domain, MailAudio};

use voicemill_speech::transcribe;
use voicemill_types::{DomainId, PhoneNumber, Time};

use crate::{
    app::App,
    checks::{check_brand, check_locale, check_name, check_range, check_sender, check_time_zone, out_of_range},
    config::LUFS_RANGE,
    error::ServiceError,
    messages::trash,
    precondition::Precondition,
    refusal::{Conflict, Rule, Thing},
};

/// What a new domain needs; what is left out has a default.
#[derive(Clone, Debug, Default)]
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
    pub transcribe_recordings: bool,
}

/// New settings of a domain; what is left out stays. What is null, where it may be, is as configured again, and a language
/// of null is heard from the audio.
#[derive(Clone, Debug, Default)]
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
    pub speech_lufs: Option<Option<f64>>,
    /// Loudness of hold music.
    pub music_lufs: Option<Option<f64>>,
    /// Sender of SMS.
    pub sms_sender: Option<Option<String>>,
    /// Most parts of SMS a day.
    pub sms_daily_limit: Option<Option<i64>>,
    /// ISO 639-1 code of the language that is spoken.
    pub language: Option<Option<String>>,
    /// Whether call recordings are transcribed.
    pub transcribe_recordings: Option<bool>,
}

/// Makes a domain.
pub async fn create(app: &App, new: NewDomain) -> Result<Domain, ServiceError> {
    check_name(&new.name, "/name", Thing::Domain {})?;
    let now = Time::from(app.clock.now());
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
        version: now.microseconds(),
        created_at: now,
    };
    check_settings(&domain)?;
    let mut transaction = app.begin().await?;
    match rows::insert(transaction.connection(), &domain).await {
        Err(error) if error.is_conflict() => {
            return Err(ServiceError::Conflict(Conflict::DomainExists { name: domain.name }));
        }
        result => result?,
    }
    transaction.about(Some(domain.id), format!("domains/{}", domain.name)).await?;
    transaction.commit().await?;
    Ok(domain)
}

/// Gives a domain other settings: they hold for what is rendered and mailed from now on.
///
/// # Errors
/// There is no such domain, it is not as `wanted`, or a setting may not be.
pub async fn change(
    app: &App,
    name: &str,
    changes: DomainChanges,
    wanted: &Precondition,
) -> Result<Domain, ServiceError> {
    let id = by_name(app, name).await?.id;
    let mut transaction = app.begin().await?;
    transaction.connection().lock(id.0).await?;
    let domain = rows::by_id(transaction.connection(), id).await?;
    let mut domain = domain.ok_or(ServiceError::NotFound(Thing::Domain {}))?;
    wanted.check(Some(domain.version))?;
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
    domain.version += 1;
    rows::update(transaction.connection(), &domain).await?;
    trash::follow_domains_clock(transaction.connection(), &domain, app.clock.now()).await?;
    transaction.commit().await?;
    Ok(domain)
}

/// The domain of that name.
pub async fn by_name(app: &App, name: &str) -> Result<Domain, ServiceError> {
    let mut connection = app.database.read().await?;
    rows::by_name(&mut connection, name).await?.ok_or(ServiceError::NotFound(Thing::Domain {}))
}

fn check_settings(domain: &Domain) -> Result<(), ServiceError> {
    check_time_zone(&domain.time_zone)?;
    if let Some(language) = domain.language.as_deref().filter(|language| !transcribe::is_language(language)) {
        let rule = Rule::UnknownLanguage { value: language.to_owned() };
        return Err(ServiceError::invalid("/language", rule));
    }
    check_brand(&domain.brand)?;
    check_locale(&domain.locale)?;
    check_sender(&domain.mail_from)?;
    if let Some(sender) = &domain.sms_sender {
        let is_name = (1..=11).contains(&sender.len()) && sender.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name && PhoneNumber::parse(sender).is_err() {
            return Err(ServiceError::invalid("/sms_sender", Rule::BadSmsSender { value: sender.clone() }));
        }
    }
    if let Some(limit) = domain.sms_daily_limit {
        check_range("sms_daily_limit", limit, 0..=1_000_000_000)?;
    }
    for (name, lufs) in [("speech_lufs", domain.speech_lufs), ("music_lufs", domain.music_lufs)] {
        if let Some(lufs) = lufs.filter(|lufs| !LUFS_RANGE.contains(lufs)) {
            return Err(out_of_range(name, lufs, (*LUFS_RANGE.start(), *LUFS_RANGE.end())));
        }
    }
    Ok(())
}
