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
    /// The mailbox's.
    extension: Option<String>,
    kind: PromptKind,
    name: String,
    origin: PromptOrigin,
    script: Option<String>,
    voice: Option<String>,
    /// Multiples of the voice's own, as the pauses are.
    speaking_rate: f64,
    pauses: f64,
    /// Whether it is the greeting that callers of its mailbox hear.
    active: bool,
    /// The version that is played, with the length, report, waveform and renditions given here; none as long as nothing can be.
    served_version: Option<i64>,
    /// The latest version, with its state; the script is that of the one that is served where the latest failed.
    version: i64,
    state: MediaState,
    failure: Option<Failure>,
    duration_ms: Option<i64>,
    phone_report: Option<PhoneReport>,
    created_at: Time,
}

/// One prompt with what was made of the version that is served.
#[derive(Debug, Serialize)]
pub(in crate::http) struct PromptDetails {
    #[serde(flatten)]
    prompt: Prompt,
    /// In base64: a byte a bin, the loudest peak in it on a scale of 0 to 255.
    #[serde(skip_serializing_if = "Option::is_none")]
    waveform: Option<String>,
    renditions: Vec<Rendition>,
    in_use_by: Vec<Use>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Outlook>,
}

/// One use of a prompt.
#[derive(Debug, Serialize)]
struct Use {
    /// `mailbox`, `service_number` or `playlist`.
    kind: String,
    /// Its extension, number or name.
    owner: String,
    /// `greeting`, a slot, `introduction`, `track` or `message`.
    place: String,
}

/// One version of a prompt.
#[derive(Debug, Serialize)]
pub(in crate::http) struct PromptVersion {
    version: i64,
    origin: PromptOrigin,
    script: Option<String>,
    voice: Option<String>,
    /// Multiples of the voice's own, as the pauses are.
    speaking_rate: f64,
    pauses: f64,
    state: MediaState,
    failure: Option<Failure>,
    duration_ms: Option<i64>,
    created_at: Time,
    /// Since when another is served in its place.
    retired_at: Option<Time>,
}

impl From<prompts::Use> for Use {
    fn from(one: prompts::Use) -> Self {
        Self { kind: one.kind, owner: one.owner, place: one.place }
    }
}

impl From<prompts::PromptVersion> for PromptVersion {
    fn from(version: prompts::PromptVersion) -> Self {
        Self {
            version: version.version,
            origin: version.origin,
            script: version.script,
            voice: version.voice,
            speaking_rate: version.manner.rate,
            pauses: version.manner.pauses,
            state: version.state,
            failure: version.failure.as_ref().map(Failure::from),
            duration_ms: version.duration_ms,
            created_at: version.created_at,
            retired_at: version.retired_at,
        }
    }
}

impl From<prompts::Prompt> for Prompt {
    fn from(prompt: prompts::Prompt) -> Self {
        Self {
            id: prompt.id,
            domain_id: prompt.domain_id,
            mailbox_id: prompt.mailbox_id,
            extension: prompt.extension,
            kind: prompt.kind,
            name: prompt.name,
            origin: prompt.origin,
            script: prompt.script,
            voice: prompt.voice,
            speaking_rate: prompt.manner.rate,
            pauses: prompt.manner.pauses,
            active: prompt.active,
            served_version: prompt.served_version,
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
            in_use_by: details.uses.into_iter().map(Use::from).collect(),
            queue: details.queue.map(Outlook::from),
        }
    }
}
