//! Domains as they are answered and asked for.

use serde::{Deserialize, Serialize};
use voicemill_types::{DomainId, Time};

use super::whole::Whole;
use crate::domains::{self, MailAudio};

/// One domain.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Domain {
    id: DomainId,
    name: String,
    time_zone: String,
    locale: String,
    brand: String,
    mail_from: String,
    mail_audio: MailAudio,
    speech_lufs: Option<f64>,
    music_lufs: Option<f64>,
    sms_sender: Option<String>,
    sms_daily_limit: Option<i64>,
    language: Option<String>,
    transcribe_recordings: bool,
    created_at: Time,
}

/// A new domain; what is left out has a default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewDomain {
    name: String,
    time_zone: Option<String>,
    locale: Option<String>,
    brand: Option<String>,
    mail_from: Option<String>,
    #[serde(default)]
    mail_audio: MailAudio,
    speech_lufs: Option<f64>,
    music_lufs: Option<f64>,
    sms_sender: Option<String>,
    sms_daily_limit: Option<Whole<i64>>,
    language: Option<String>,
    #[serde(default)]
    transcribe_recordings: bool,
}

/// Changes of a domain, as a merge patch (RFC 7396): what is left out stays, and null, where it may be, is the default again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DomainChanges {
    time_zone: Option<String>,
    locale: Option<String>,
    brand: Option<String>,
    mail_from: Option<String>,
    mail_audio: Option<MailAudio>,
    #[serde(default, deserialize_with = "null_or_value")]
    speech_lufs: Option<Option<f64>>,
    #[serde(default, deserialize_with = "null_or_value")]
    music_lufs: Option<Option<f64>>,
    #[serde(default, deserialize_with = "null_or_value")]
    sms_sender: Option<Option<String>>,
    #[serde(default, deserialize_with = "null_or_value")]
    sms_daily_limit: Option<Option<Whole<i64>>>,
    #[serde(default, deserialize_with = "null_or_value")]
    language: Option<Option<String>>,
    transcribe_recordings: Option<bool>,
}

/// Tells a value that is null from one that is left out.
pub(super) fn null_or_value<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

impl From<domains::Domain> for Domain {
    fn from(domain: domains::Domain) -> Self {
        Self {
            id: domain.id,
            name: domain.name,
            time_zone: domain.time_zone,
            locale: domain.locale,
            brand: domain.brand,
            mail_from: domain.mail_from,
            mail_audio: domain.mail_audio,
            speech_lufs: domain.speech_lufs,
            music_lufs: domain.music_lufs,
            sms_sender: domain.sms_sender,
            sms_daily_limit: domain.sms_daily_limit,
            language: domain.language,
            transcribe_recordings: domain.transcribe_recordings,
            created_at: domain.created_at,
        }
    }
}

impl From<NewDomain> for domains::NewDomain {
    fn from(new: NewDomain) -> Self {
        Self {
            name: new.name,
            time_zone: new.time_zone,
            locale: new.locale,
            brand: new.brand,
            mail_from: new.mail_from,
            mail_audio: new.mail_audio,
            speech_lufs: new.speech_lufs,
            music_lufs: new.music_lufs,
            sms_sender: new.sms_sender,
            sms_daily_limit: new.sms_daily_limit.map(|limit| limit.0),
            language: new.language,
            transcribe_recordings: new.transcribe_recordings,
        }
    }
}

impl From<DomainChanges> for domains::DomainChanges {
    fn from(changes: DomainChanges) -> Self {
        Self {
            time_zone: changes.time_zone,
            locale: changes.locale,
            brand: changes.brand,
            mail_from: changes.mail_from,
            mail_audio: changes.mail_audio,
            speech_lufs: changes.speech_lufs,
            music_lufs: changes.music_lufs,
            sms_sender: changes.sms_sender,
            sms_daily_limit: changes.sms_daily_limit.map(|limit| limit.map(|limit| limit.0)),
            language: changes.language,
            transcribe_recordings: changes.transcribe_recordings,
        }
    }
}
