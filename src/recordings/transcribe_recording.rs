//! What was said in a call.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_audio::decode;
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane};
use voicemill_speech::transcribe::{SpeechSource, TranscribeControl, by_roles};
use voicemill_storage::BlobKey;
use voicemill_types::{LegRole, RecordingId, Time};

use crate::{
    app::App,
    db::Transaction,
    domains,
    media::{self, listening},
    messages::{
        TranscriptState,
        renditions::{RECORDING, VERSION},
    },
    recordings::{rows, transcripts},
};

/// Transcribes one recording, each leg by itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct TranscribeRecording {
    /// The recording.
    pub recording: RecordingId,
}

impl Job for TranscribeRecording {
    type Context = App;
    const KIND: &'static str = "transcribe_recording";
    const LANE: Lane = Lane::Transcribe;
    /// Two channels of four hours of nothing but speech take about half an hour of one core.
    const TIMEOUT: Duration = Duration::from_secs(3 * 60 * 60);
    const MAX_ATTEMPTS: u16 = 5;

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let (rendition, language) = {
            let mut connection = app.database.read().await.retry()?;
            let Some(recording) = rows::by_id(&mut connection, self.recording).await.retry()? else {
                return Ok(());
            };
            let domain = domains::rows::by_id(&mut connection, recording.domain_id).await.retry()?;
            let rendition = media::rows::by_name(&mut connection, recording.id.0, VERSION, RECORDING).await.retry()?;
            (rendition, domain.and_then(|domain| domain.language))
        };
        let Some(rendition) = rendition else {
            return Err(JobError::Discard(anyhow::anyhow!("the recording has no rendition to listen to")));
        };
        let scratch = app.scratch().retry()?;
        let file = scratch.path().join("recording.wav");
        let key: BlobKey = rendition.key.parse().discard()?;
        app.store.fetch_to(&key, &file).await.retry()?;
        let engine = app.transcriber(language.as_deref()).retry()?;
        let seconds = rendition.duration_ms as f64 / 1000.0;
        let hear = move |control: &TranscribeControl<'_>| {
            let open = |role: LegRole| {
                let channel = SpeechSource::channel(decode::open(&file, None)?.source, role.channel())?;
                Ok(Box::new(channel) as Box<_>)
            };
            by_roles(&*engine, &open, control)
        };
        let transcript = listening::transcribe(attempt, seconds, language, hear).await?;

        let mut transaction = app.begin().await.retry()?;
        let (connection, now) = (transaction.connection(), Time::from(app.clock.now()));
        transcripts::save(connection, self.recording, &transcript, now).await.retry()?;
        transcripts::set_state(connection, self.recording, listening::state(&transcript)).await.retry()?;
        transaction.finish(attempt).await.retry()
    }

    async fn given_up(&self, _app: &App, transaction: &mut Transaction, _reason: &str) -> Result<(), JobError> {
        transcripts::set_state(transaction.connection(), self.recording, TranscriptState::Failed).await.retry()
    }
}
