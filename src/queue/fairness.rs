//! Whose turn it is: tenants take turns within a priority, and none holds more than its share of a lane while others wait.

use std::collections::HashMap;

use uuid::Uuid;

use super::Priority;

/// The turns of one lane. Each priority has its own cursor, so that what happens in one does not skip anybody in another.
#[derive(Debug)]
pub(super) struct Turns {
    last_served: [Uuid; Priority::ALL.len()],
    /// How many slots one tenant may hold while others wait.
    cap: usize,
}

/// What to claim: up to `each` of the oldest jobs of each tenant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) tenants: Vec<Uuid>,
    pub(super) each: usize,
}

impl Turns {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            last_served: [Uuid::nil(); Priority::ALL.len()],
            cap: cap.max(1),
        }
    }

    /// The tenant after which the next round begins.
    pub(super) fn cursor(&self, priority: Priority) -> Uuid {
        self.last_served[priority as usize]
    }

    /// The tenants that hold their cap already and stand back while others wait.
    pub(super) fn sated(&self, held: &HashMap<Uuid, usize>) -> usize {
        held.values().filter(|&&count| count >= self.cap).count()
    }

    /// Divides `slots` among the tenants that wait, given in the order of their turns.
    ///
    /// Everybody gets the same, so a round never exceeds the slots and reaches as many tenants as there are slots. What a tenant
    /// with little to do leaves over goes to the next round, which follows at once.
    pub(super) fn share(&self, waiting: &[Uuid], held: &HashMap<Uuid, usize>, slots: usize) -> Share {
        let room = |tenant: &Uuid| self.cap.saturating_sub(held.get(tenant).copied().unwrap_or(0));
        let mut tenants: Vec<Uuid> = waiting.iter().copied().filter(|tenant| room(tenant) > 0).collect();
        let contended = waiting.len() > 1 && !tenants.is_empty();
        if !contended {
            tenants = waiting.to_vec();
        }
        tenants.truncate(slots);
        let mut each = slots / tenants.len().max(1);
        if contended {
            let least_room = tenants.iter().map(room).min().unwrap_or(1);
            each = each.clamp(1, least_room.max(1));
        }
        Share { tenants, each }
    }

    /// Remembers who was served last.
    pub(super) fn served(&mut self, priority: Priority, share: &Share) {
        if let Some(last) = share.tenants.last() {
            self.last_served[priority as usize] = *last;
        }
    }
}
