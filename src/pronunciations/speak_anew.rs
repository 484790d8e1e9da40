//! A word is said otherwise: every prompt that has it is spoken anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_speech::synthesize::{Phonetic, Pronunciation, Pronunciations};
use voicemill_types::{DomainId, PromptId};

use crate::{app::App, error::ServiceError, lanes::Lane, prompts};

/// Begins a new version of every spoken prompt that has a word whose pronunciation has changed.
///
/// Each in a transaction of its own, so that nobody waits for a domain of many prompts. If it is interrupted it begins again,
/// and a prompt may be spoken twice; the second time, its sound is known.
#[derive(Debug, Serialize, Deserialize)]
pub struct SpeakAnew {
    /// The domain.
    pub domain: DomainId,
    /// The word.
    pub word: String,
    /// How it is said, or was said until now.
    pub phonetic: Phonetic,
}

impl Job for SpeakAnew {
    type Context = App;
    const KIND: &'static str = "speak_anew";
    const LANE: &'static str = Lane::Io.name();
    const TIMEOUT: Duration = Duration::from_secs(30 * 60);

    async fn run(&self, app: &App, _attempt: &Attempt) -> Result<(), JobError> {
        Ok(self.speak(app).await?)
    }
}

impl SpeakAnew {
    async fn speak(&self, app: &App) -> Result<(), ServiceError> {
        let entry = Pronunciation { word: self.word.clone(), phonetic: self.phonetic.clone() };
        let changed = Pronunciations::new([&entry]).map_err(|error| ServiceError::Internal(error.into()))?;
        let mut after = PromptId(Uuid::nil());
        loop {
            let page = prompts::rows::spoken(&mut app.database.read().await?, self.domain, after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for prompt in page {
                if prompt.script.as_ref().is_some_and(|script| !changed.used_in(script).is_empty()) {
                    prompts::versions::speak_anew(app, prompt).await?;
                }
            }
        }
    }
}
