//! What comes again, as the model has it.

use jiff::{Timestamp, tz::TimeZone};
use uuid::Uuid;

use crate::Schedule;

/// A job that comes again, as the model has it.
pub(super) struct Repeated {
    pub(super) schedule: Schedule,
    pub(super) zone: &'static str,
    pub(super) tenant: Uuid,
    pub(super) next: Timestamp,
}

impl Repeated {
    pub(super) fn after(&self, now: Timestamp) -> Timestamp {
        self.schedule.next(now, &TimeZone::get(self.zone).unwrap()).unwrap()
    }
}
