//! Calls that nobody took, as they are answered and reported.

use serde::{Deserialize, Serialize};
use voicemill_types::Time;

use crate::{http::fields::Moment, notices};

/// What is known of a caller who left no message.
#[derive(Debug, Serialize)]
pub(in crate::http) struct MissedCall {
    /// May be empty, as the name may be.
    caller_number: String,
    caller_name: String,
    called_at: Time,
}

/// What a core reports of such a call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct MissedCallReport {
    #[serde(default)]
    caller_number: String,
    #[serde(default)]
    caller_name: String,
    /// The present if it is left out or cannot be read.
    called_at: Option<Moment>,
}

impl MissedCallReport {
    /// The call; `time_zone` is that of times without one.
    pub(in crate::http) fn read(self, time_zone: &str, now: Time) -> notices::MissedCall {
        let called_at = self.called_at.and_then(|at| at.read("called_at", time_zone));
        notices::MissedCall {
            caller_number: self.caller_number,
            caller_name: self.caller_name,
            called_at: called_at.unwrap_or(now),
        }
    }
}

impl From<notices::MissedCall> for MissedCall {
    fn from(call: notices::MissedCall) -> Self {
        Self { caller_number: call.caller_number, caller_name: call.caller_name, called_at: call.called_at }
    }
}
