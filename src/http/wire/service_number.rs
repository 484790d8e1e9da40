//! Service numbers as they are answered and asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use voicemill_types::{PromptId, ServiceNumberId, Time};

use super::whole::Whole;
use crate::{
    mailboxes::EmailMode,
    service_numbers::{self, Slot},
};

/// A service number, its addresses, and what its callers hear.
#[derive(Debug, Serialize)]
pub(in crate::http) struct ServiceNumber {
    id: ServiceNumberId,
    number: String,
    recipients: Vec<String>,
    email_mode: EmailMode,
    /// Every slot, with the prompt in it.
    messages: BTreeMap<&'static str, Option<PromptId>>,
    announce_position: bool,
    announce_waiting_time: bool,
    announce_seconds: i64,
    playlist: Option<String>,
    created_at: Time,
}

/// Settings of a service number; what is left out has a default, and its messages stay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewServiceNumber {
    recipients: Vec<String>,
    email_mode: Option<EmailMode>,
    announce_position: Option<bool>,
    announce_waiting_time: Option<bool>,
    announce_seconds: Option<Whole<i64>>,
    playlist: Option<String>,
}

/// What is to be put into a slot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct FilledSlot {
    pub(in crate::http) prompt: PromptId,
}

impl From<service_numbers::Details> for ServiceNumber {
    fn from(details: service_numbers::Details) -> Self {
        Self {
            messages: Slot::ALL.map(|slot| (slot.name(), details.prompt(slot))).into_iter().collect(),
            id: details.number.id,
            number: details.number.number,
            recipients: details.number.recipients,
            email_mode: details.number.email_mode,
            announce_position: details.number.announce_position,
            announce_waiting_time: details.number.announce_waiting_time,
            announce_seconds: details.number.announce_seconds,
            playlist: details.playlist,
            created_at: details.number.created_at,
        }
    }
}

impl From<NewServiceNumber> for service_numbers::NewServiceNumber {
    fn from(new: NewServiceNumber) -> Self {
        Self {
            recipients: new.recipients,
            email_mode: new.email_mode,
            announce_position: new.announce_position,
            announce_waiting_time: new.announce_waiting_time,
            announce_seconds: new.announce_seconds.map(|whole| whole.0),
            playlist: new.playlist,
        }
    }
}
