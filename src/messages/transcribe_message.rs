//! The words of a message.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_audio::decode;
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane};
use voicemill_speech::transcribe::TranscribeControl;
use voicemill_storage::BlobKey;
use voicemill_types::{MessageId, Time};

use crate::{
    app::App,
    db::Transaction,
    domains,
    media::{self, listening},
    messages::{TranscriptState, renditions, rows},
    notices::{self, NoticeState, NotifyMessage},
    transaction::Tx,
};

/// Transcribes one message.
#[derive(Debug, Serialize, Deserialize)]
pub struct TranscribeMessage {
    /// The message.
    pub message: MessageId,
}

impl Job for TranscribeMessage {
    type Context = App;
    const KIND: &'static str = "transcribe_message";
    const LANE: Lane = Lane::Transcribe;
    const TIMEOUT: Duration = Duration::from_secs(60 * 60);
    const MAX_ATTEMPTS: u16 = 5;

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let Some((message, _)) = renditions::load(app, self.message).await? else {
            return Ok(());
        };
        let (rendition, language) = {
            let mut connection = app.database.read().await.retry()?;
            let domain = domains::rows::by_id(&mut connection, message.domain_id).await.retry()?;
            let version = renditions::VERSION;
            let rendition =
                media::rows::by_name(&mut connection, message.id.0, version, renditions::ARCHIVE).await.retry()?;
            (rendition, domain.and_then(|domain| domain.language))
        };
        let Some(rendition) = rendition else {
            return Err(JobError::Discard(anyhow::anyhow!("the message has no rendition to listen to")));
        };
        let scratch = app.scratch().retry()?;
        let file = scratch.path().join("message.wav");
        let key: BlobKey = rendition.key.parse().discard()?;
        app.store.fetch_to(&key, &file).await.retry()?;
        let engine = app.transcriber(language.as_deref()).retry()?;
        let seconds = rendition.duration_ms as f64 / 1000.0;
        let hear =
            move |control: &TranscribeControl<'_>| engine.transcribe(&mut *decode::open(&file, None)?.source, control);
        let transcript = listening::transcribe(attempt, seconds, language, hear).await?;
        let mut transaction = app.begin().await.retry()?;
        let now = Time::from(app.clock.now());
        rows::save_transcript(transaction.connection(), self.message, &transcript, now).await.retry()?;
        self.settle(&mut transaction, listening::state(&transcript)).await?;
        transaction.commit_under(attempt).await.retry()
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, _reason: &str) -> Result<(), JobError> {
        self.settle(&mut app.join(transaction), TranscriptState::Failed).await
    }
}

impl TranscribeMessage {
    /// Records how it ended and lets the mails that waited for it go.
    async fn settle(&self, transaction: &mut Tx<'_>, state: TranscriptState) -> Result<(), JobError> {
        let now = transaction.app().clock.now();
        rows::set_transcript_state(transaction.connection(), self.message, state).await.retry()?;
        for notice in notices::rows::of_message(transaction.connection(), self.message).await.retry()? {
            if notice.state == NoticeState::Queued {
                let key = notice.id.to_string();
                transaction.hasten::<NotifyMessage>(&key, now).await.retry()?;
            }
        }
        Ok(())
    }
}
