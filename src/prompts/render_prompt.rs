//! A prompt as it came, or as it was spoken, becomes what phones play.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_audio::{
    encode::{Content, EncoderOptions, OutputFormat},
    spec::RenderSpec,
};
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane};
use voicemill_types::PromptId;

use crate::{
    app::App,
    db::Transaction,
    domains,
    media::{
        self, Purpose,
        render::{Owner, Planned, milliseconds},
    },
    messages::Message,
    prompts::{PromptKind, rows},
};

/// Renders one version of a prompt.
#[derive(Debug, Serialize, Deserialize)]
pub struct RenderPrompt {
    /// The prompt.
    pub prompt: PromptId,
    /// The version; a newer one makes this job void.
    pub version: i64,
}

/// Every rate that a core's hold-music classes ask for, and the two laws for those that fetch by extension.
const RENDITIONS: [Planned; 8] = [
    Planned::mono("phone-ulaw-8k", Purpose::Phone, OutputFormat::Ulaw, 8_000),
    Planned::mono("phone-alaw-8k", Purpose::Phone, OutputFormat::Alaw, 8_000),
    Planned::mono("phone-wav-8k", Purpose::Phone, OutputFormat::Wav, 8_000),
    Planned::mono("phone-wav-16k", Purpose::Phone, OutputFormat::Wav, 16_000),
    Planned::mono("phone-wav-32k", Purpose::Phone, OutputFormat::Wav, 32_000),
    Planned::mono("phone-wav-48k", Purpose::Phone, OutputFormat::Wav, 48_000),
    Planned::mono("browser-opus", Purpose::Browser, OutputFormat::Opus, 48_000),
    Planned::preview("preview-wav-8k"),
];

impl Job for RenderPrompt {
    type Context = App;
    const KIND: &'static str = "render_prompt";
    const LANE: Lane = Lane::Cpu;
    const TIMEOUT: Duration = Duration::from_secs(15 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let prompt = {
            let mut connection = app.database.read().await.retry()?;
            let prompt = rows::by_id(&mut connection, self.prompt).await.retry()?;
            match prompt.filter(|prompt| prompt.version == self.version) {
                Some(prompt) => domains::rows::by_id(&mut connection, prompt.domain_id)
                    .await
                    .retry()?
                    .map(|domain| (prompt, domain)),
                None => None,
            }
        };
        let Some((prompt, domain)) = prompt else {
            return Ok(());
        };
        let media = &app.config.media;
        let music = prompt.kind.is_music();
        let settings = RenderSpec {
            loudness_lufs: Some(if music {
                domain.music_lufs.unwrap_or(media.music_lufs)
            } else {
                domain.speech_lufs.unwrap_or(media.speech_lufs)
            }),
            ceiling_dbtp: media.ceiling_dbtp,
            high_pass_hz: Some(80.0),
            trim_silence: !music,
            phone_report: true,
            waveform_bins: Some(Message::WAVEFORM_BINS),
            max_duration_seconds: media.max_duration_seconds,
            encoder: EncoderOptions {
                content: if music { Content::Music } else { Content::Speech },
                ..EncoderOptions::default()
            },
            ..RenderSpec::of(Vec::new())
        };
        let owner = Owner { domain: prompt.domain_id, id: prompt.id.0, version: self.version };
        // An announcement is heard once or twice, and by phone only.
        let planned = if prompt.kind == PromptKind::Announcement { &RENDITIONS[..4] } else { &RENDITIONS[..] };
        let rendered = media::render::render(app, attempt, owner, planned, settings).await?;
        let mut transaction = app.begin().await.retry()?;
        media::render::insert(&mut transaction, &rendered).await.retry()?;
        let duration_ms = milliseconds(rendered.report.duration_seconds);
        let heard = rendered.report.phone.as_ref();
        rows::set_available(transaction.connection(), prompt.id, self.version, duration_ms, heard).await.retry()?;
        transaction.finish(attempt).await.retry()
    }

    async fn given_up(&self, _app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        rows::set_failed(transaction.connection(), self.prompt, self.version, reason).await.retry()
    }
}
