//! Service numbers as they are answered and asked for.

use serde::{Deserialize, Serialize};
use voicemill_types::Time;

use crate::{mailboxes::EmailMode, service_numbers};

/// A service number and its addresses.
#[derive(Debug, Serialize)]
pub(in crate::http) struct ServiceNumber {
    number: String,
    recipients: Vec<String>,
    email_mode: EmailMode,
    created_at: Time,
}

/// Settings of a service number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewServiceNumber {
    recipients: Vec<String>,
    email_mode: Option<EmailMode>,
}

impl From<service_numbers::ServiceNumber> for ServiceNumber {
    fn from(number: service_numbers::ServiceNumber) -> Self {
        Self {
            number: number.number,
            recipients: number.recipients,
            email_mode: number.email_mode,
            created_at: number.created_at,
        }
    }
}

impl From<NewServiceNumber> for service_numbers::NewServiceNumber {
    fn from(new: NewServiceNumber) -> Self {
        Self { recipients: new.recipients, email_mode: new.email_mode }
    }
}
