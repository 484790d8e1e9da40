//! Whose turn it is: tenants take turns within a priority, and none holds more than its share of a lane while others wait.

use std::collections::HashMap;

use uuid::Uuid;

use super::Priority;

/// The order in which the tenants of one lane are served. Each priority has its own cursor, so that what happens in one does not skip anybody in another.
#[derive(Debug)]
pub(super) struct RoundRobin {
    last_served: [Uuid; Priority::ALL.len()],
    /// How many slots one tenant may hold while others wait.
    cap: usize,
    /// Nor while nobody else waits.
    strict: bool,
}

/// What to claim: up to `each` of the oldest jobs of each tenant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) tenants: Vec<Uuid>,
    pub(super) each: usize,
}

impl RoundRobin {
    pub(super) fn new(cap: usize, strict: bool) -> Self {
        Self { last_served: [Uuid::nil(); Priority::ALL.len()], cap: cap.max(1), strict }
    }

    /// The tenant after which the next round begins.
    pub(super) fn cursor(&self, priority: Priority) -> Uuid {
        self.last_served[priority as usize]
    }

    /// The tenants that hold their cap already and stand back while others wait.
    pub(super) fn at_cap(&self, held: &HashMap<Uuid, usize>) -> usize {
        held.values().filter(|&&count| count >= self.cap).count()
    }

    /// Divides `slots` among the tenants that wait, given in the order of their turns.
    ///
    /// Everybody gets the same, so a round never exceeds the slots and reaches as many tenants as there are slots. What a tenant
    /// with little to do leaves over goes to the next round of the same claim. Where the cap is strict and all who wait hold
    /// it, nobody gets anything.
    pub(super) fn share(&self, waiting: &[Uuid], held: &HashMap<Uuid, usize>, slots: usize) -> Share {
        let room = |tenant: &Uuid| self.cap.saturating_sub(held.get(tenant).copied().unwrap_or(0));
        let mut tenants: Vec<Uuid> = waiting.iter().copied().filter(|tenant| room(tenant) > 0).collect();
        let contended = self.strict || waiting.len() > 1 && !tenants.is_empty();
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant(number: u8) -> Uuid {
        Uuid::from_u128(u128::from(number))
    }

    fn tenants(numbers: &[u8]) -> Vec<Uuid> {
        numbers.iter().copied().map(tenant).collect()
    }

    fn share(cap: usize, waiting: &[u8], held: &[(u8, usize)], slots: usize) -> Share {
        let held = held.iter().map(|&(number, count)| (tenant(number), count)).collect();
        RoundRobin::new(cap, false).share(&tenants(waiting), &held, slots)
    }

    #[test]
    fn one_alone_gets_everything() {
        assert_eq!(share(1, &[1], &[(1, 5)], 4), Share { tenants: tenants(&[1]), each: 4 });
    }

    #[test]
    fn all_get_the_same() {
        assert_eq!(share(9, &[1, 2, 3], &[], 7), Share { tenants: tenants(&[1, 2, 3]), each: 2 });
    }

    #[test]
    fn with_few_slots_the_first_in_turn_get_one() {
        assert_eq!(share(9, &[3, 1, 2], &[], 2), Share { tenants: tenants(&[3, 1]), each: 1 });
    }

    #[test]
    fn who_holds_its_cap_stands_back() {
        assert_eq!(share(2, &[1, 2], &[(1, 2)], 2), Share { tenants: tenants(&[2]), each: 2 });
        assert_eq!(share(2, &[1, 2], &[(1, 2), (2, 1)], 2), Share { tenants: tenants(&[2]), each: 1 });
    }

    #[test]
    fn slots_are_not_left_empty_when_all_hold_their_cap() {
        assert_eq!(share(1, &[1, 2], &[(1, 1), (2, 1)], 2), Share { tenants: tenants(&[1, 2]), each: 1 });
    }

    #[test]
    fn a_strict_cap_holds_for_one_alone() {
        let share =
            |held: usize, slots| RoundRobin::new(2, true).share(&tenants(&[1]), &[(tenant(1), held)].into(), slots);
        assert_eq!(share(0, 9), Share { tenants: tenants(&[1]), each: 2 });
        assert_eq!(share(1, 9), Share { tenants: tenants(&[1]), each: 1 });
        assert_eq!(share(2, 9), Share { tenants: Vec::new(), each: 1 });
    }

    proptest! {
        #[test]
        fn a_share_fits_the_slots_and_serves_somebody(
            cap in 1_usize..5,
            waiting in proptest::collection::btree_set(0_u8..20, 1..10),
            held in proptest::collection::btree_map(0_u8..20, 0_usize..6, 0..10),
            slots in 1_usize..20,
        ) {
            let waiting: Vec<u8> = waiting.into_iter().collect();
            let held: Vec<_> = held.into_iter().collect();
            let share = share(cap, &waiting, &held, slots);
            prop_assert!(!share.tenants.is_empty());
            prop_assert!(share.each >= 1);
            prop_assert!(share.tenants.len() * share.each <= slots);
        }
    }
}
