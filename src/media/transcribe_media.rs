//! What was said.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use voicemill_audio::decode;
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_speech::{
    SpeechError,
    transcribe::{SpeechSource, TranscribeControl, by_roles},
};
use voicemill_storage::{BlobKey, StorageError};
use voicemill_types::{LegRole, MediaId, Time, Transcript};

use crate::{
    app::App,
    db::Transaction,
    domains,
    error::ServiceError,
    lanes::Lane,
    media::{
        OwnerKind, TranscriptState,
        owners::{self, Outcome},
        rows, state,
    },
};

/// Transcribes one version of a message's or recording's sound; of a recording each leg by itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct TranscribeMedia {
    /// The media.
    pub media: MediaId,
    /// The version.
    pub version: i64,
}

impl Job for TranscribeMedia {
    type Context = App;
    const KIND: &'static str = "transcribe_media";
    const LANE: &'static str = Lane::Transcribe.name();
    /// Two channels of four hours of nothing but speech take about half an hour of one core.
    const TIMEOUT: Duration = Duration::from_secs(3 * 60 * 60);
    const MAX_ATTEMPTS: u16 = 5;

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        Ok(self.transcribe(app, attempt).await?)
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, _reason: &str) -> Result<(), JobError> {
        Ok(self.fail(app, transaction).await?)
    }
}

impl TranscribeMedia {
    async fn transcribe(&self, app: &App, attempt: &Attempt) -> Result<(), ServiceError> {
        let (media, rendition, language) = {
            let mut connection = app.database.read().await?;
            let media = state::by_id(&mut connection, self.media).await?;
            let Some(media) = media.filter(|media| media.version == self.version) else { return Ok(()) };
            let domain = domains::rows::by_id(&mut connection, media.domain_id).await?;
            let name = owners::heard(media.owner_kind);
            let rendition = rows::by_name(&mut connection, media.id, media.version, name).await?;
            (media, rendition, domain.and_then(|domain| domain.language))
        };
        let Some(rendition) = rendition else {
            return Err(ServiceError::Internal(anyhow::anyhow!("there is no rendition to listen to")));
        };
        let scratch = app.scratch()?;
        let file = scratch.path().join("heard.wav");
        let key: BlobKey = rendition.key.parse().map_err(StorageError::from)?;
        app.store.fetch_to(&key, &file).await?;
        let engine = app.transcribers.for_language(language.as_deref()).await?;
        let in_roles = media.owner_kind == OwnerKind::Recording;
        let seconds = rendition.duration_ms as f64 / 1000.0;
        let hear = move |control: &TranscribeControl<'_>| {
            if !in_roles {
                return engine.transcribe(&mut *decode::open(&file, None)?.source, control);
            }
            let open = |role: LegRole| {
                let channel = SpeechSource::channel(decode::open(&file, None)?.source, role.channel())?;
                Ok(Box::new(channel) as Box<_>)
            };
            by_roles(&*engine, &open, control)
        };
        let transcript = listen(attempt, seconds, language, hear).await?;

        let mut tx = app.begin().await?;
        tx.connection().lock(media.id.0).await?;
        let (which, now) = ((media.id, media.version), Time::from(app.clock.now()));
        if !state::transcribed(tx.connection(), which, &transcript, now).await? {
            return Ok(());
        }
        owners::tell(&mut tx, &media, &Outcome::Transcribed(TranscriptState::of(&transcript))).await?;
        Ok(tx.finish(attempt).await?)
    }

    async fn fail(&self, app: &App, transaction: &mut Transaction) -> Result<(), ServiceError> {
        let mut tx = app.join(transaction);
        tx.connection().lock(self.media.0).await?;
        if state::not_transcribed(tx.connection(), (self.media, self.version)).await?
            && let Some(media) = state::by_id(tx.connection(), self.media).await?
        {
            owners::tell(&mut tx, &media, &Outcome::Transcribed(TranscriptState::Failed)).await?;
        }
        Ok(())
    }
}

/// Runs `work`, which hears so many seconds, on a thread of its own; when the attempt ends early, it is told to stop.
async fn listen(
    attempt: &Attempt,
    seconds: f64,
    language: Option<String>,
    work: impl FnOnce(&TranscribeControl<'_>) -> Result<Transcript, SpeechError> + Send + 'static,
) -> Result<Transcript, ServiceError> {
    // The clone keeps the lane's slot until the thread is really done.
    let held = attempt.clone();
    let work = move || {
        let progress = |done: f64| held.report(done / seconds);
        let cancelled = || held.cancellation().is_cancelled();
        work(&TranscribeControl {
            cancelled: Some(&cancelled),
            deadline: Some(held.deadline()),
            progress: Some(&progress),
            language: language.as_deref(),
        })
    };
    Ok(spawn_blocking(work).await??)
}
