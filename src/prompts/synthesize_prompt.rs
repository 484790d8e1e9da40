//! A prompt's script becomes speech.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane, NewJob};
use voicemill_speech::{
    SpeechError,
    synthesize::{self, Pronunciations, Speech, VoiceId},
};
use voicemill_storage::BlobKey;
use voicemill_types::{PromptId, Time};

use crate::{
    app::App,
    db::Transaction,
    media::{self, Original},
    prompts::{Prompt, RenderPrompt, rows, spoken},
    pronunciations,
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
    const LANE: Lane = Lane::Cpu;
    // Five minutes of speech by a voice of twice the real time, on a machine that is busy.
    const TIMEOUT: Duration = Duration::from_secs(15 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let Some((prompt, pronunciations)) = self.load(app).await? else {
            return Ok(());
        };
        let Some(script) = prompt.script.clone() else {
            return Err(JobError::Discard(anyhow::anyhow!("the prompt has no script to speak")));
        };
        let voice = VoiceId::new(prompt.voice.clone().unwrap_or_else(|| app.config.speech.voice.clone()));
        let model = synthesize::find(&app.synthesizer.voices(), &voice).map(|voice| voice.model.clone()).discard()?;
        let digest = {
            let words =
                Speech { manner: prompt.manner, pronunciations: &pronunciations, ..Speech::new(&script, &voice) };
            words.digest(&model)
        };
        let known = {
            let mut connection = app.database.read().await.retry()?;
            spoken::find(&mut connection, prompt.domain_id, &digest).await.retry()?
        };
        let spoken = match known {
            Some(spoken) => spoken,
            None => speak(app, attempt, &prompt, script, voice, pronunciations).await?,
        };

        let now = Time::from(app.clock.now());
        let original = Original {
            owner_id: prompt.id.0,
            version: self.version,
            part: String::new(),
            key: spoken.key.clone(),
            bytes: spoken.bytes,
            sha256: spoken.sha256.clone(),
            hint: Some("wav".to_owned()),
            created_at: now,
        };
        let render = RenderPrompt { prompt: prompt.id, version: self.version };
        let new = NewJob::new(prompt.domain_id.0, &render).unique(format_args!("{}/{}", prompt.id, self.version));
        let mut transaction = app.begin().await.retry()?;
        spoken::insert(transaction.connection(), prompt.domain_id, &digest, &spoken, now).await.retry()?;
        media::rows::insert_original(transaction.connection(), &original).await.retry()?;
        transaction.enqueue(new).await.retry()?;
        transaction.finish(attempt).await.retry()?;
        Ok(())
    }

    async fn given_up(&self, _app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        rows::set_failed(transaction.connection(), self.prompt, self.version, reason).await.retry()
    }
}

impl SynthesizePrompt {
    /// The prompt and how its domain wants words said; none when a newer version has begun.
    async fn load(&self, app: &App) -> Result<Option<(Prompt, Pronunciations)>, JobError> {
        let mut connection = app.database.read().await.retry()?;
        let prompt = rows::by_id(&mut connection, self.prompt).await.retry()?;
        let Some(prompt) = prompt.filter(|prompt| prompt.version == self.version) else {
            return Ok(None);
        };
        let entries = pronunciations::rows::list(&mut connection, prompt.domain_id).await.retry()?;
        Ok(Some((prompt, Pronunciations::new(&entries).discard()?)))
    }
}

/// Speaks the script on a thread of its own, and stores what was said.
async fn speak(
    app: &App,
    attempt: &Attempt,
    prompt: &Prompt,
    script: String,
    voice: VoiceId,
    pronunciations: Pronunciations,
) -> Result<spoken::Spoken, JobError> {
    let engine = app.synthesizer.clone();
    let scratch = app.scratch().retry()?;
    let file: PathBuf = scratch.path().join("speech.wav");
    // The clone keeps the lane's slot until the thread is really done.
    let held = (attempt.clone(), file.clone());
    let manner = prompt.manner;
    let work = move || {
        let (slot, file) = held;
        let cancelled = || slot.cancellation().is_cancelled();
        let speech = Speech {
            manner,
            pronunciations: &pronunciations,
            cancelled: Some(&cancelled),
            ..Speech::new(&script, &voice)
        };
        let wav = engine.synthesize(&speech)?.to_wav()?;
        std::fs::write(file, wav).map_err(SpeechError::io("writing the speech"))
    };
    spawn_blocking(work).await.retry()?.map_err(|error: SpeechError| {
        if error.is_transient() { JobError::Retry(error.into()) } else { JobError::Discard(error.into()) }
    })?;
    let parts = [&*attempt.job_id.to_string(), &attempt.claim.to_string(), "speech"];
    let key = BlobKey::derive(prompt.domain_id, prompt.id.0, &parts, "wav").discard()?;
    let stored = app.store.put_file(&key, &file).await.retry()?;
    let bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
    Ok(spoken::Spoken { key: key.to_string(), bytes, sha256: stored.sha256 })
}
