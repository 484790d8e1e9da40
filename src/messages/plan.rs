//! What is made of a voicemail.

use voicemill_audio::{encode::OutputFormat, spec::RenderSpec};
use voicemill_queue::Priority;

use crate::{
    app::App,
    db::Connection,
    domains::{self, MailAudio},
    error::ServiceError,
    mailboxes,
    media::{
        Media, Purpose,
        plan::{Plan, Planned, Transcription, settings},
    },
    messages::{
        renditions::{ARCHIVE, BRIEF, BRIEF_BROWSER, BRIEF_MP3, BROWSER, BROWSER_MP3, MAIL},
        rows,
    },
};

fn renditions(mail_audio: MailAudio) -> [Planned; 8] {
    let (mail, mail_rate_hz) = match mail_audio {
        MailAudio::Wav => (OutputFormat::Wav, 8_000),
        MailAudio::WavUlaw => (OutputFormat::WavUlaw, 8_000),
        MailAudio::WavGsm => (OutputFormat::WavGsm, 8_000),
        MailAudio::Mp3 => (OutputFormat::Mp3, 16_000),
    };
    [
        Planned::mono("phone-ulaw-8k", Purpose::Phone, OutputFormat::Ulaw, 8_000),
        Planned::mono(MAIL, Purpose::Mail, mail, mail_rate_hz),
        Planned::mono(ARCHIVE, Purpose::Archive, OutputFormat::Wav, 16_000).as_recorded(),
        Planned::mono(BROWSER, Purpose::Browser, OutputFormat::Opus, 16_000),
        Planned::mono(BROWSER_MP3, Purpose::Browser, OutputFormat::Mp3, 16_000),
        Planned::brief(BRIEF, mail, mail_rate_hz),
        Planned::brief(BRIEF_BROWSER, OutputFormat::Opus, 16_000),
        Planned::brief(BRIEF_MP3, OutputFormat::Mp3, 16_000),
    ]
}

/// What is to be made of a message's sound; none when no message has it any more. Of several messages that share it, the
/// mailbox of the first decides how long the clip is, and it is transcribed once if any wants that.
pub(crate) async fn plan(app: &App, connection: &mut Connection, media: &Media) -> Result<Option<Plan>, ServiceError> {
    let mut sharing = Vec::new();
    for (_, mailbox) in rows::of_media(connection, media.id).await? {
        sharing.extend(mailboxes::rows::by_id(connection, mailbox).await?);
    }
    let domain = domains::rows::by_id(connection, media.domain_id).await?;
    let (Some(mailbox), Some(domain)) = (sharing.first(), domain) else { return Ok(None) };
    Ok(Some(Plan {
        renditions: renditions(domain.mail_audio).to_vec(),
        settings: RenderSpec {
            loudness_lufs: Some(domain.speech_lufs.unwrap_or(app.config.media.speech_lufs)),
            high_pass_hz: Some(80.0),
            reduce_noise: true,
            phone_report: true,
            brief_limit_seconds: Some(mailbox.brief_seconds as f64),
            ..settings(app)
        },
        transcription: sharing
            .iter()
            .any(|mailbox| mailbox.transcribe)
            .then_some(Transcription { priority: Priority::Normal }),
    }))
}
