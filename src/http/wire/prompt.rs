//! Prompts as they are answered.

use serde::Serialize;
use voicemill_types::{DomainId, MailboxId, PromptId, Time};

use super::{Failure, Outlook, phone_report::PhoneReport, rendition::Rendition, waveform};
use crate::{
    media::MediaState,
    prompts::{self, PromptKind, PromptOrigin},
};

/// One prompt.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Prompt {
    id: PromptId,
    domain_id: DomainId,
    mailbox_id: Option<MailboxId>,
    kind: PromptKind,
    name: String,
    origin: PromptOrigin,
    script: Option<String>,
    voice: Option<String>,
    /// Multiples of the voice's own, as the pauses are.
    speaking_rate: f64,
    pauses: f64,
    version: i64,
    state: MediaState,
    failure: Option<Failure>,
    duration_ms: Option<i64>,
    phone_report: Option<PhoneReport>,
    created_at: Time,
}

/// One prompt with what was made of its latest version.
#[derive(Debug, Serialize)]
pub(in crate::http) struct PromptDetails {
    #[serde(flatten)]
    prompt: Prompt,
    /// In base64: a byte a bin, the loudest peak in it on a scale of 0 to 255.
    #[serde(skip_serializing_if = "Option::is_none")]
    waveform: Option<String>,
    renditions: Vec<Rendition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Outlook>,
}

impl From<prompts::Prompt> for Prompt {
    fn from(prompt: prompts::Prompt) -> Self {
        Self {
            id: prompt.id,
            domain_id: prompt.domain_id,
            mailbox_id: prompt.mailbox_id,
            kind: prompt.kind,
            name: prompt.name,
            origin: prompt.origin,
            script: prompt.script,
            voice: prompt.voice,
            speaking_rate: prompt.manner.rate,
            pauses: prompt.manner.pauses,
            version: prompt.version,
            state: prompt.state,
            failure: prompt.failure.as_ref().map(Failure::from),
            duration_ms: prompt.duration_ms,
            phone_report: prompt.phone_report.map(PhoneReport::from),
            created_at: prompt.created_at,
        }
    }
}

impl From<prompts::Details> for PromptDetails {
    fn from(details: prompts::Details) -> Self {
        Self {
            waveform: waveform(&details.prompt.waveform),
            prompt: details.prompt.into(),
            renditions: details.renditions.iter().map(Rendition::from).collect(),
            queue: details.queue.map(Outlook::from),
        }
    }
}
