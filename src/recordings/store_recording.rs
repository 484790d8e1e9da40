//! The legs of a call become one recording.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_audio::{encode::OutputFormat, spec::RenderSpec};
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane, NewJob, Priority};
use voicemill_types::RecordingId;

use crate::{
    app::App,
    db::Transaction,
    domains,
    media::{
        self, Purpose,
        render::{Owner, Planned, milliseconds},
    },
    messages::{
        Message, TranscriptState,
        renditions::{RECORDING, VERSION},
    },
    recordings::{RecordingState, TranscribeRecording, rows, transcripts},
};

/// Joins and stores one recording.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoreRecording {
    /// The recording.
    pub recording: RecordingId,
}

const RENDITIONS: [Planned; 2] = [
    Planned::stereo(RECORDING, Purpose::Phone, OutputFormat::Wav, 8_000),
    Planned::stereo("browser-opus", Purpose::Browser, OutputFormat::Opus, 16_000),
];

impl Job for StoreRecording {
    type Context = App;
    const KIND: &'static str = "store_recording";
    const LANE: Lane = Lane::Cpu;
    const TIMEOUT: Duration = Duration::from_secs(30 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let (recording, transcribe) = {
            let mut connection = app.database.read().await.retry()?;
            let recording = rows::by_id(&mut connection, self.recording).await.retry()?;
            let domain = match &recording {
                Some(recording) => domains::rows::by_id(&mut connection, recording.domain_id).await.retry()?,
                None => None,
            };
            (recording, domain.is_some_and(|domain| domain.transcribe_recordings))
        };
        // One that had failed is made anew from its legs when an operator asks for it.
        let is_due = |state| matches!(state, RecordingState::Pending | RecordingState::Failed);
        let Some(recording) = recording.filter(|recording| is_due(recording.state)) else {
            return Ok(());
        };
        let owner = Owner { domain: recording.domain_id, id: recording.id.0, version: VERSION };
        // What was said is kept as it was said: no levelling, no filter.
        let settings = RenderSpec {
            ceiling_dbtp: app.config.media.ceiling_dbtp,
            waveform_bins: Some(Message::WAVEFORM_BINS),
            max_duration_seconds: app.config.media.max_duration_seconds,
            ..RenderSpec::of(Vec::new())
        };
        let rendered = media::render::render(app, attempt, owner, &RENDITIONS, settings).await?;
        let mut transaction = app.begin().await.retry()?;
        media::render::insert(&mut transaction, &rendered).await.retry()?;
        let duration_ms = milliseconds(rendered.report.duration_seconds);
        let skew_ms = rendered.report.skew_seconds.map(milliseconds);
        rows::set_available(transaction.connection(), recording.id, duration_ms, skew_ms).await.retry()?;
        if transcribe {
            let pending = TranscriptState::Pending;
            transcripts::set_state(transaction.connection(), recording.id, pending).await.retry()?;
            // Voicemail, which somebody waits for, goes first.
            let job = TranscribeRecording { recording: recording.id };
            let new = NewJob::new(recording.domain_id.0, &job).unique(recording.id).priority(Priority::Bulk);
            transaction.enqueue(new).await.retry()?;
        }
        transaction.finish(attempt).await.retry()?;
        Ok(())
    }

    async fn given_up(&self, _app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        let failed = RecordingState::Failed;
        rows::set_state(transaction.connection(), self.recording, failed, Some(reason)).await.retry()
    }
}
