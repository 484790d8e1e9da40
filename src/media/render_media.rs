//! Sound as it came, or as it was spoken, becomes what phones, browsers and mails play.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_queue::{Attempt, Job, JobError, NewJob};
use voicemill_types::MediaId;

use crate::{
    app::App,
    db::Transaction,
    error::ServiceError,
    lanes::Lane,
    media::{
        Media, TranscribeMedia, TranscriptState,
        owners::{self, Outcome},
        render, rows, state,
    },
    refusal::Failure,
};

/// Renders one version of a message's, prompt's or recording's sound.
#[derive(Debug, Serialize, Deserialize)]
pub struct RenderMedia {
    /// The media.
    pub media: MediaId,
    /// The version; a newer one makes this job void.
    pub version: i64,
}

impl RenderMedia {
    /// The work on the latest version of media.
    pub(crate) fn of(media: &Media) -> Self {
        Self { media: media.id, version: media.version }
    }
}

impl Job for RenderMedia {
    type Context = App;
    const KIND: &'static str = "render_media";
    const LANE: &'static str = Lane::Cpu.name();
    const TIMEOUT: Duration = Duration::from_secs(30 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let outcome = self.render(app, attempt).await;
        if let Err(ServiceError::Audio(fault)) = &outcome {
            self.note(app, attempt, &Failure::Audio(fault.clone())).await?;
        }
        Ok(outcome?)
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, _reason: &str) -> Result<(), JobError> {
        Ok(self.fail(app, transaction).await?)
    }
}

impl RenderMedia {
    async fn render(&self, app: &App, attempt: &Attempt) -> Result<(), ServiceError> {
        let (media, plan) = {
            let mut connection = app.database.read().await?;
            let Some(media) = state::by_id(&mut connection, self.media).await? else { return Ok(()) };
            // One that had failed is made anew from its original when an operator asks for it.
            if media.version != self.version || !media.is_unfinished() {
                return Ok(());
            }
            let Some(plan) = owners::plan(app, &mut connection, &media).await? else { return Ok(()) };
            (media, plan)
        };
        let rendered = render::render(app, attempt, &media, &plan.renditions, plan.settings).await?;

        let mut tx = app.begin().await?;
        // Whoever copies it meanwhile comes before, and is told of here, or after, and sees what was made.
        tx.connection().lock(media.id.0).await?;
        let transcription = owners::plan(app, tx.connection(), &media).await?.and_then(|plan| plan.transcription);
        let transcript = if transcription.is_some() { TranscriptState::Pending } else { TranscriptState::Off };
        let which = (media.id, media.version);
        if !state::rendered(tx.connection(), which, &(&rendered.report).into(), transcript).await? {
            // Purged, replaced or made meanwhile: what was rendered here is nobody's, and goes with the sweep.
            return Ok(());
        }
        for rendition in &rendered.renditions {
            rows::insert_rendition(tx.connection(), media.domain_id, rendition).await?;
        }
        if let Some(transcription) = transcription {
            let job = TranscribeMedia { media: media.id, version: media.version };
            let new = NewJob::new(media.domain_id.0, &job).unique(media.job_key()).priority(transcription.priority);
            tx.enqueue(new).await?;
        }
        owners::tell(&mut tx, &media, &Outcome::Available).await?;
        Ok(tx.finish(attempt).await?)
    }

    async fn note(&self, app: &App, attempt: &Attempt, failure: &Failure) -> Result<(), ServiceError> {
        let mut tx = app.begin().await?;
        state::note_failure(tx.connection(), (self.media, self.version), failure).await?;
        Ok(tx.commit_under(attempt).await?)
    }

    async fn fail(&self, app: &App, transaction: &mut Transaction) -> Result<(), ServiceError> {
        let mut tx = app.join(transaction);
        tx.connection().lock(self.media.0).await?;
        if let Some(reason) = state::failed(tx.connection(), (self.media, self.version)).await?
            && let Some(media) = state::by_id(tx.connection(), self.media).await?
        {
            owners::tell(&mut tx, &media, &Outcome::Failed(reason)).await?;
        }
        Ok(())
    }
}
