//! What is made of a recording: both parties side by side, as they were recorded.

use voicemill_audio::encode::OutputFormat;
use voicemill_queue::Priority;

use crate::{
    app::App,
    db::Connection,
    domains,
    error::ServiceError,
    media::{
        Media, Purpose,
        plan::{Plan, Planned, Transcription, settings},
    },
};

/// The rendition that phones play and the transcriber hears: caller left, callee right, as it was said.
pub(crate) const PHONE: &str = "phone-wav-8k";

const RENDITIONS: [Planned; 3] = [
    Planned::stereo(PHONE, Purpose::Phone, OutputFormat::Wav, 8_000),
    Planned::stereo("browser-opus", Purpose::Browser, OutputFormat::Opus, 16_000),
    Planned::stereo("browser-mp3", Purpose::Browser, OutputFormat::Mp3, 16_000),
];

/// What is to be made of a recording's sound. What was said is kept as it was said: no levelling, no filter.
pub(crate) async fn plan(app: &App, connection: &mut Connection, media: &Media) -> Result<Option<Plan>, ServiceError> {
    let Some(domain) = domains::rows::by_id(connection, media.domain_id).await? else { return Ok(None) };
    // Voicemail, which somebody waits for, goes first.
    let transcription = domain.transcribe_recordings.then_some(Transcription { priority: Priority::Bulk });
    Ok(Some(Plan { renditions: RENDITIONS.to_vec(), settings: settings(app), transcription }))
}
