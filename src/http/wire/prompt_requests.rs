//! What is asked for of prompts.

use serde::Deserialize;

use crate::{
    error::ServiceError,
    prompts::{self, NewPrompt, PromptKind, Source, manner},
};

/// A prompt to be spoken by a voice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewSpokenPrompt {
    kind: PromptKind,
    name: String,
    /// The mailbox it belongs to, for greetings and recorded names.
    extension: Option<String>,
    script: String,
    voice: Option<String>,
    speaking_rate: Option<f64>,
    pauses: Option<f64>,
}

/// Words for a voice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Script {
    script: String,
    voice: Option<String>,
    speaking_rate: Option<f64>,
    pauses: Option<f64>,
}

/// Words to be heard before they are saved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Trial {
    /// The mailbox in whose language they are; the domain's if none is named.
    pub(in crate::http) extension: Option<String>,
    script: String,
    voice: Option<String>,
    speaking_rate: Option<f64>,
    pauses: Option<f64>,
}

/// Which prompts are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PromptFilter {
    extension: Option<String>,
    kind: Option<PromptKind>,
}

/// Changes of a prompt, as a merge patch (RFC 7396): what is left out stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PromptChanges {
    name: Option<String>,
    script: Option<String>,
    voice: Option<String>,
    speaking_rate: Option<f64>,
    pauses: Option<f64>,
}

impl TryFrom<NewSpokenPrompt> for (NewPrompt, Source) {
    type Error = ServiceError;

    fn try_from(new: NewSpokenPrompt) -> Result<Self, ServiceError> {
        let manner = manner(new.speaking_rate, new.pauses)?;
        let prompt = NewPrompt { kind: new.kind, name: new.name, extension: new.extension };
        Ok((prompt, Source::Text { script: new.script, voice: new.voice, manner }))
    }
}

impl TryFrom<Script> for Source {
    type Error = ServiceError;

    fn try_from(words: Script) -> Result<Self, ServiceError> {
        let manner = manner(words.speaking_rate, words.pauses)?;
        Ok(Self::Text { script: words.script, voice: words.voice, manner })
    }
}

impl From<PromptChanges> for prompts::Changes {
    fn from(changes: PromptChanges) -> Self {
        Self {
            name: changes.name,
            script: changes.script,
            voice: changes.voice,
            speaking_rate: changes.speaking_rate,
            pauses: changes.pauses,
        }
    }
}

impl TryFrom<Trial> for prompts::scripts::Trial {
    type Error = ServiceError;

    fn try_from(trial: Trial) -> Result<Self, ServiceError> {
        let manner = manner(trial.speaking_rate, trial.pauses)?;
        Ok(Self { script: trial.script, voice: trial.voice, manner })
    }
}

impl From<PromptFilter> for prompts::Filter {
    fn from(filter: PromptFilter) -> Self {
        Self { extension: filter.extension, kind: filter.kind }
    }
}
