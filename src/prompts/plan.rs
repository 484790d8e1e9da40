//! What is made of a prompt.

use voicemill_audio::{
    encode::{Content, EncoderOptions, OutputFormat},
    spec::RenderSpec,
};

use crate::{
    app::App,
    db::Connection,
    domains,
    error::ServiceError,
    media::{
        Media, Purpose,
        plan::{Plan, Planned, settings},
    },
    prompts::{PromptKind, rows},
};

/// A rendition that phones play.
pub(crate) const PHONE: &str = "phone-wav-16k";

/// Every rate that a core's hold-music classes ask for, and the two laws for those that fetch by extension.
const RENDITIONS: [Planned; 9] = [
    Planned::mono("phone-ulaw-8k", Purpose::Phone, OutputFormat::Ulaw, 8_000),
    Planned::mono("phone-alaw-8k", Purpose::Phone, OutputFormat::Alaw, 8_000),
    Planned::mono("phone-wav-8k", Purpose::Phone, OutputFormat::Wav, 8_000),
    Planned::mono(PHONE, Purpose::Phone, OutputFormat::Wav, 16_000),
    Planned::mono("phone-wav-32k", Purpose::Phone, OutputFormat::Wav, 32_000),
    Planned::mono("phone-wav-48k", Purpose::Phone, OutputFormat::Wav, 48_000),
    Planned::mono("browser-opus", Purpose::Browser, OutputFormat::Opus, 48_000),
    Planned::mono("browser-mp3", Purpose::Browser, OutputFormat::Mp3, 48_000),
    Planned::preview("preview-wav-8k"),
];

/// What is to be made of a prompt's sound; none when it is gone.
pub(crate) async fn plan(app: &App, connection: &mut Connection, media: &Media) -> Result<Option<Plan>, ServiceError> {
    let Some(prompt) = rows::of_media(connection, media.id).await? else { return Ok(None) };
    let prompt = rows::by_id(connection, prompt).await?;
    let domain = domains::rows::by_id(connection, media.domain_id).await?;
    let (Some(prompt), Some(domain)) = (prompt, domain) else { return Ok(None) };
    let music = prompt.kind.is_music();
    let loudness_lufs = match music {
        true => domain.music_lufs.unwrap_or(app.config.media.music_lufs),
        false => domain.speech_lufs.unwrap_or(app.config.media.speech_lufs),
    };
    let content = if music { Content::Music } else { Content::Speech };
    // An announcement is heard once or twice, and by phone only.
    let renditions = if prompt.kind == PromptKind::Announcement { &RENDITIONS[..4] } else { &RENDITIONS[..] };
    Ok(Some(Plan {
        renditions: renditions.to_vec(),
        settings: RenderSpec {
            loudness_lufs: Some(loudness_lufs),
            high_pass_hz: Some(80.0),
            trim_silence: !music,
            phone_report: true,
            encoder: EncoderOptions { content, ..EncoderOptions::default() },
            ..settings(app)
        },
        transcription: None,
    }))
}
