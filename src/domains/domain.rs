//! One customer of the provider.

use voicemill_types::{DomainId, Time};

/// The form of the audio in a domain's mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum MailAudio {
    /// WAV with 16-bit PCM, which everything plays.
    #[default]
    Wav,
    /// WAV with µ-law: half the size, and what Outlook's voicemail form takes.
    WavUlaw,
    /// WAV with GSM: a tenth of the size, and what Outlook's voicemail form takes; phones do not play it.
    WavGsm,
    /// MP3, which phones and programs play, in twice the bandwidth.
    Mp3,
}

/// The tenant: owns mailboxes, prompts and recordings.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Domain {
    /// Identity, and the tenant of every job done for it.
    pub id: DomainId,
    /// The name that cores and portals use, as in `extension@domain`; unique.
    pub name: String,
    /// IANA time zone for everything said or written to the domain's people.
    pub time_zone: String,
    /// BCP 47 language tag.
    pub locale: String,
    /// The name shown on mails and pages.
    pub brand: String,
    /// The address mails are sent from.
    pub mail_from: String,
    /// The form of the audio in mails.
    pub mail_audio: MailAudio,
    /// Integrated loudness of voicemail and prompts in LUFS; the configured one if none.
    pub speech_lufs: Option<f64>,
    /// Integrated loudness of hold music in LUFS; the configured one if none.
    pub music_lufs: Option<f64>,
    /// The number or name that its SMS come from; the configured one if none.
    pub sms_sender: Option<String>,
    /// Most parts of SMS a day; the configured number if none.
    pub sms_daily_limit: Option<i64>,
    /// The language spoken to its mailboxes and in its calls, as ISO 639-1 calls it; none if the model is to hear it.
    pub language: Option<String>,
    /// Whether its call recordings are transcribed.
    pub transcribe_recordings: bool,
    /// Grows with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Time,
}
