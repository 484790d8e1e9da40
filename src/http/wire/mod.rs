//! What requests and answers look like. No row is an answer: what the database keeps for itself (keys of blobs, links' ids, texts with
//! tokens in them) has no field here, and a column may be renamed without anybody noticing.

mod announcement;
mod audit;
mod domain;
mod events;
mod failure;
mod group;
mod job;
mod keys;
mod mail_template;
mod mailbox;
mod mailbox_state;
mod message;
mod missed_call;
mod notice;
mod phone_report;
mod playback;
mod playlist;
mod prompt;
mod prompt_requests;
mod recording;
mod rendition;
mod retention;
mod service_number;
mod speech;
mod storage;
mod transcript;
mod webhooks;
mod whole;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;

pub(super) use self::{
    announcement::Announcement,
    audit::AuditEntry,
    domain::{Domain, DomainChanges, NewDomain},
    events::EventPage,
    failure::Failure,
    group::{AllCounts, Members},
    job::{Changed, Job, JobFilter, Outlook, Queue, WhatToPause},
    keys::{Key, NewKey, NewToken, Revoked, Rotation, Token},
    mail_template::{MailTemplate, NewMailTemplate},
    mailbox::{Mailbox, MailboxChanges, MailboxSettings},
    mailbox_state::MailboxState,
    message::{DroppedMessage, Forwarded, Forwarding, Message, MessageChanges, MessageDetails, Removed},
    missed_call::MissedCallReport,
    notice::Notice,
    playback::{HeardName, NumberPlayback, Playback, RecordedName, Sound, file_name},
    playlist::{ListedPlaylist, NewPlaylist, PlayedList},
    prompt::{Prompt, PromptDetails, PromptVersion},
    prompt_requests::{NewSpokenPrompt, PromptChanges, PromptFilter, Script, Trial},
    recording::{AddedLeg, Recording, RecordingDetails},
    retention::{Deletion, Hold, NewHold, NewRetention, Retention},
    service_number::{FilledSlot, NewServiceNumber, ServiceNumber},
    speech::{NewPronunciation, Pronunciation, Voice},
    storage::{SpooledDrop, Storage},
    webhooks::{Delivery, NewWebhook, Replay, Replayed, Webhook, WebhookChanges},
};
use crate::jobs::operate;

/// One of a list, with what can be said of the work on it while it is pending.
#[derive(Debug, Serialize)]
pub(super) struct Listed<T> {
    #[serde(flatten)]
    item: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Outlook>,
}

/// A page of a list as it is answered.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Where the next page begins; null after the last.
    pub(super) next_cursor: Option<String>,
}

/// A list as it is answered.
pub(super) fn listed<T, W: From<T>>(items: Vec<operate::Listed<T>>) -> Vec<Listed<W>> {
    items.into_iter().map(|one| Listed { item: one.item.into(), queue: one.queue.map(Outlook::from) }).collect()
}

/// A waveform, one byte a bin, in base64; none where there is none.
fn waveform(bins: &[u8]) -> Option<String> {
    (!bins.is_empty()).then(|| BASE64_STANDARD.encode(bins))
}

#[cfg(test)]
mod tests;
