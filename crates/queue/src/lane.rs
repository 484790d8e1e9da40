//! Lanes: pools of slots, each with a name and a width of its own.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A lane as a worker serves it: so many jobs of this name side by side.
///
/// The name is what [`crate::Job::LANE`] says and what is stored with each job. Which lanes there are is the service's to
/// decide; jobs of a lane that no worker serves wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    pub(super) name: Arc<str>,
    pub(super) slots: usize,
    pub(super) per_tenant: usize,
    /// The share holds even while nobody else waits.
    pub(super) strict: bool,
}

impl Lane {
    /// A lane of so many slots, all of which one tenant may hold; with no slots it is left to other workers.
    pub fn new(name: impl Into<Arc<str>>, slots: usize) -> Self {
        let slots = slots.min(Semaphore::MAX_PERMITS);
        Self { name: name.into(), slots, per_tenant: slots.max(1), strict: false }
    }

    /// How many slots one tenant may hold while others wait, at least one. For lanes that are so narrow, and work that takes so
    /// long, that taking turns at the free slots is not enough.
    #[must_use]
    pub fn per_tenant(mut self, slots: usize) -> Self {
        self.per_tenant = slots.clamp(1, self.slots.max(1));
        self
    }

    /// How many slots one tenant may hold at any time, at least one: the others are kept free for who comes next. For work whose
    /// time a tenant's own counterpart decides, such as an endpoint that does not answer.
    #[must_use]
    pub fn at_most_per_tenant(self, slots: usize) -> Self {
        Self { strict: true, ..self.per_tenant(slots) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many jobs it runs side by side.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Whether a tenant may be held back although slots are free.
    pub(super) fn is_shared(&self) -> bool {
        self.per_tenant < self.slots
    }
}
