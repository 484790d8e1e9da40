//! A prompt's script becomes speech.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::RenderPrompt;
use crate::{
    app::App,
    audio::{
        encode::{self, EncoderOptions, OutputFormat},
        format::{AudioBlock, AudioSpec},
    },
    db::{prompts, renditions},
    model::{Original, PromptId, Time},
    queue::{Attempt, Decide, Job, JobError, Lane, NewJob},
    speech::{SpeechError, synthesize::VoiceId},
    storage::BlobKey,
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
    const TIMEOUT: Duration = Duration::from_secs(5 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let prompt = {
            let mut connection = app.database.read().await.retry()?;
            prompts::by_id(&mut connection, self.prompt).await.retry()?
        };
        let Some(prompt) = prompt.filter(|prompt| prompt.version == self.version) else {
            return Ok(());
        };
        let Some(script) = prompt.script else {
            return Err(JobError::Discard(anyhow::anyhow!("the prompt has no script to speak")));
        };
        let voice = VoiceId::new(prompt.voice.unwrap_or_else(|| app.config.speech.voice.clone()));
        let engine = app.synthesizer().retry()?;
        let scratch = app.scratch().retry()?;
        let file = scratch.path().join("speech.wav");
        let held = (attempt.clone(), file.clone());
        let spoken = spawn_blocking(move || {
            let (_slot, file) = held;
            let pcm = engine.synthesize(&script, &voice)?;
            let spec = AudioSpec::mono(pcm.rate_hz);
            let mut wav = encode::create(&file, OutputFormat::Wav, spec, &EncoderOptions::default())?;
            wav.write(&AudioBlock { samples: pcm.samples })?;
            wav.finish()?;
            Ok::<_, SpeechError>(())
        });
        spoken.await.retry()?.map_err(|error| {
            if error.is_transient() { JobError::Retry(error.into()) } else { JobError::Discard(error.into()) }
        })?;

        let parts = [&*attempt.job_id.to_string(), &attempt.claim.to_string(), "speech"];
        let key = BlobKey::derive(prompt.domain_id, prompt.id.0, &parts, "wav").discard()?;
        let stored = app.store.put_file(&key, &file).await.retry()?;
        let original = Original {
            owner_id: prompt.id.0,
            version: self.version,
            part: String::new(),
            key: key.to_string(),
            bytes: i64::try_from(stored.bytes).unwrap_or(i64::MAX),
            sha256: stored.sha256,
            hint: Some("wav".to_owned()),
            created_at: Time::from(app.clock.now()),
        };
        let render = RenderPrompt { prompt: prompt.id, version: self.version };
        let new = NewJob::new(prompt.domain_id.0, &render).unique(format_args!("{}/{}", prompt.id, self.version));
        let mut transaction = app.database.begin().await.retry()?;
        renditions::insert_original(transaction.connection(), &original).await.retry()?;
        app.queue.enqueue(transaction.connection(), new).await.retry()?;
        attempt.complete(transaction.connection()).await.retry()?;
        transaction.commit().await.retry()?;
        app.queue.wake();
        Ok(())
    }

    async fn given_up(&self, app: &App, _attempt: &Attempt, reason: &str) -> Result<(), JobError> {
        let mut transaction = app.database.begin().await.retry()?;
        prompts::set_failed(transaction.connection(), self.prompt, self.version, reason).await.retry()?;
        transaction.commit().await.retry()
    }
}
