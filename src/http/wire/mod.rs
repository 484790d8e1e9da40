//! What answers look like. No row is an answer: what the database keeps for itself (keys of blobs, links' ids, texts with
//! tokens in them) has no field here, and a column may be renamed without anybody noticing.

mod message;
mod notice;
mod prompt;
mod recording;
mod rendition;
mod webhooks;

use base64::{Engine, prelude::BASE64_STANDARD};

pub(super) use self::{
    message::{DroppedMessage, Message, MessageDetails},
    notice::Notice,
    prompt::{Prompt, PromptDetails},
    recording::{Recording, RecordingDetails},
    webhooks::{Delivery, Webhook},
};
use crate::jobs::operate::Listed;

/// A list as it is answered.
pub(super) fn listed<T, W: From<T>>(items: Vec<Listed<T>>) -> Vec<Listed<W>> {
    items.into_iter().map(|one| Listed { item: one.item.into(), queue: one.queue }).collect()
}

/// A waveform, one byte a bin, in base64; none where there is none.
fn waveform(bins: &[u8]) -> Option<String> {
    (!bins.is_empty()).then(|| BASE64_STANDARD.encode(bins))
}

#[cfg(test)]
mod tests;
