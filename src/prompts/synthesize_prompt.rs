//! A prompt's script becomes speech.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_speech::{
    SpeechError,
    synthesize::{self, Pronunciations, Speech, VoiceId},
};
use voicemill_storage::BlobKey;
use voicemill_types::{PromptId, Time};

use crate::{
    app::App,
    db::Transaction,
    domains,
    error::ServiceError,
    lanes::Lane,
    mailboxes::{self, usage},
    media::{
        self, Original,
        owners::{self, Outcome},
        state,
    },
    prompts::{Prompt, rows, spoken},
    pronunciations,
    refusal::{Failure, WorkFailure},
};

/// Speaks one version of a prompt and hands it on to be rendered.
#[derive(Debug, Serialize, Deserialize)]
pub struct SynthesizePrompt {
    /// The prompt.
    pub prompt: PromptId,
    /// The version; a newer one makes this job void.
    pub version: i64,
}

impl Job for SynthesizePrompt {
    type Context = App;
    const KIND: &'static str = "synthesize_prompt";
    const LANE: &'static str = Lane::Cpu.name();
    // Five minutes of speech by a voice of twice the real time, on a machine that is busy.
    const TIMEOUT: Duration = Duration::from_secs(15 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let outcome = self.synthesize(app, attempt).await;
        if let Err(ServiceError::Invalid { rule, .. }) = &outcome {
            self.note(app, attempt, &WorkFailure::NotSpoken { cause: rule.to_string() }.into()).await?;
        }
        Ok(outcome?)
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, _reason: &str) -> Result<(), JobError> {
        Ok(self.fail(app, transaction).await?)
    }
}

impl SynthesizePrompt {
    async fn synthesize(&self, app: &App, attempt: &Attempt) -> Result<(), ServiceError> {
        let Some((prompt, pronunciations, locale)) = self.load(app).await? else { return Ok(()) };
        // Whoever begins a version writes what it is made of: one without a script is not for us.
        let Some(script) = prompt.script.clone() else { return Ok(()) };
        let voice = VoiceId::new(prompt.voice.clone().unwrap_or_else(|| app.config.speech.voice.clone()));
        let model = synthesize::find(&app.synthesizer.voices(), &voice).map(|voice| voice.model.clone())?;
        let digest = {
            let words = Speech {
                manner: prompt.manner,
                locale: &locale,
                pronunciations: &pronunciations,
                ..Speech::new(&script, &voice)
            };
            words.digest(&model)
        };
        let known = spoken::find(&mut app.database.read().await?, prompt.domain_id, &digest).await?;
        let spoken = match known {
            Some(spoken) => spoken,
            None => speak(app, attempt, &prompt, Wanted { script, voice, locale, pronunciations }).await?,
        };

        let now = Time::from(app.clock.now());
        let original = Original {
            media_id: prompt.media_id,
            version: self.version,
            part: String::new(),
            key: spoken.key.clone(),
            bytes: spoken.bytes,
            sha256: spoken.sha256.clone(),
            hint: Some("wav".to_owned()),
            created_at: now,
        };
        let mut tx = app.begin().await?;
        let latest = state::look(tx.connection(), prompt.media_id).await?;
        if latest.is_none_or(|(version, _)| version != self.version) {
            return Ok(());
        }
        spoken::insert(tx.connection(), prompt.domain_id, &digest, &spoken, now).await?;
        media::rows::insert_original(tx.connection(), prompt.domain_id, &original).await?;
        if let Some(mailbox) = prompt.mailbox_id {
            // The words were taken, and with them what they sound like.
            usage::count_greetings(&mut tx, prompt.domain_id, mailbox, false).await?;
        }
        media::enqueue_render(&mut tx, &prompt.media()).await?;
        Ok(tx.finish(attempt).await?)
    }

    async fn note(&self, app: &App, attempt: &Attempt, failure: &Failure) -> Result<(), ServiceError> {
        let mut tx = app.begin().await?;
        if let Some(prompt) = rows::by_id(tx.connection(), self.prompt).await? {
            state::note_failure(tx.connection(), (prompt.media_id, self.version), failure).await?;
        }
        Ok(tx.commit_under(attempt).await?)
    }

    async fn fail(&self, app: &App, transaction: &mut Transaction) -> Result<(), ServiceError> {
        let mut tx = app.join(transaction);
        let Some(prompt) = rows::by_id(tx.connection(), self.prompt).await? else { return Ok(()) };
        if let Some(reason) = state::failed(tx.connection(), (prompt.media_id, self.version)).await? {
            let media = state::by_id(tx.connection(), prompt.media_id).await?;
            if let Some(media) = media {
                owners::tell(&mut tx, &media, &Outcome::Failed(reason)).await?;
            }
        }
        Ok(())
    }

    /// The prompt, how its domain wants words said, and in which locale; none when a newer version has begun.
    async fn load(&self, app: &App) -> Result<Option<(Prompt, Pronunciations, String)>, ServiceError> {
        let mut connection = app.database.read().await?;
        let prompt = rows::by_id(&mut connection, self.prompt).await?;
        let Some(prompt) = prompt.filter(|prompt| prompt.version == self.version) else {
            return Ok(None);
        };
        let Some(domain) = domains::rows::by_id(&mut connection, prompt.domain_id).await? else {
            return Ok(None);
        };
        let entries = pronunciations::rows::list(&mut connection, prompt.domain_id).await?;
        let pronunciations = Pronunciations::new(&entries).map_err(|error| ServiceError::Internal(error.into()))?;
        let mailbox = match prompt.mailbox_id {
            Some(mailbox) => mailboxes::rows::by_id(&mut connection, mailbox).await?,
            None => None,
        };
        let locale = mailbox.as_ref().map_or(&*domain.locale, |mailbox| mailbox.language(&domain)).to_owned();
        Ok(Some((prompt, pronunciations, locale)))
    }
}

/// What is spoken, and how.
struct Wanted {
    script: String,
    voice: VoiceId,
    locale: String,
    pronunciations: Pronunciations,
}

/// Speaks the script on a thread of its own, and stores what was said.
async fn speak(app: &App, attempt: &Attempt, prompt: &Prompt, wanted: Wanted) -> Result<spoken::Spoken, ServiceError> {
    let engine = app.synthesizer.clone();
    let scratch = app.scratch()?;
    let file: PathBuf = scratch.path().join("speech.wav");
    // The clone keeps the lane's slot until the thread is really done.
    let held = (attempt.clone(), file.clone());
    let manner = prompt.manner;
    let work = move || {
        let (slot, file) = held;
        let cancelled = || slot.cancellation().is_cancelled();
        let speech = Speech {
            manner,
            locale: &wanted.locale,
            pronunciations: &wanted.pronunciations,
            cancelled: Some(&cancelled),
            ..Speech::new(&wanted.script, &wanted.voice)
        };
        let wav = engine.synthesize(&speech)?.to_wav()?;
        std::fs::write(file, wav).map_err(SpeechError::io("writing the speech"))
    };
    spawn_blocking(work).await??;
    let parts = [&*attempt.job_id.to_string(), &attempt.claim.to_string(), "speech"];
    let key = BlobKey::derive(prompt.domain_id, prompt.id.0, &parts, "wav")
        .map_err(|error| ServiceError::Internal(error.into()))?;
    let stored = app.store.put_file(&key, &file).await?;
    let bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
    Ok(spoken::Spoken { key: key.to_string(), bytes, sha256: stored.sha256 })
}
