//! Pages of events. An event itself is what CloudEvents has it be, here and in webhooks.

use serde::Serialize;

use crate::events::CloudEvent;

/// A page, oldest first.
#[derive(Debug, Serialize)]
pub(in crate::http) struct EventPage {
    pub(in crate::http) items: Vec<CloudEvent>,
    /// Where to go on, now or when more has happened.
    pub(in crate::http) next_cursor: Option<String>,
}
