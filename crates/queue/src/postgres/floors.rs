//! Where the jobs of busy tenants begin.
//!
//! A claimed job leaves its entry in the index behind until a vacuum comes, so that to find a tenant's oldest job one walks
//! over all that were taken lately: after a hundred thousand of them, that is what a claim does most of the time. A process
//! therefore remembers for a moment up to where it has taken a tenant's jobs, and seeks from there. What comes back below,
//! such as a retry, is seen when the moment is over. The moment is short once less is found above than there was room for, and
//! over as soon as nothing is.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::{JobId, Lane, Priority, claimer::AGAIN};

/// How long a floor is relied on, as long as there is more above it than can be taken.
const MOMENT: Duration = Duration::from_secs(2);

/// How many jobs of one tenant in one claim make it busy.
const BUSY: usize = 32;

/// The most tenants that are remembered, so that the stretches between them stay few.
const MOST: usize = 16;

/// A stretch of the index `job_ready` within a priority: what lies behind a job, up to and including a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) behind: (Uuid, JobId),
    pub(super) up_to: Uuid,
}

/// The floors of one process.
#[derive(Debug, Default)]
pub(super) struct Floors(Mutex<HashMap<(Lane, Priority), HashMap<Uuid, Floor>>>);

#[derive(Clone, Copy, Debug)]
struct Floor {
    id: JobId,
    until: Instant,
}

impl Floors {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Lane, Priority), HashMap<Uuid, Floor>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The floor of a tenant: all its jobs, but those that came back, have greater ids.
    pub(super) fn of(&self, lane: Lane, priority: Priority, tenant: Uuid) -> JobId {
        self.lock().get(&(lane, priority)).and_then(|floors| floors.get(&tenant)).map_or(0, |floor| floor.id)
    }

    /// Takes note of a claim: the tenants that were asked for up to `each` jobs, and the jobs that were found. Says whether each
    /// of them had less than that.
    pub(super) fn learn(
        &self,
        lane: Lane,
        priority: Priority,
        asked: (&[Uuid], usize),
        found: impl Iterator<Item = (Uuid, JobId)>,
    ) -> bool {
        let (tenants, each) = asked;
        let mut highest: HashMap<Uuid, (usize, JobId)> = HashMap::new();
        for (tenant, id) in found {
            let (count, max) = highest.entry(tenant).or_default();
            *count += 1;
            *max = id.max(*max);
        }
        let now = Instant::now();
        let mut all = self.lock();
        let floors = all.entry((lane, priority)).or_default();
        for tenant in tenants {
            let &(count, id) = highest.get(tenant).unwrap_or(&(0, 0));
            let until = now + if count < each { AGAIN } else { MOMENT };
            if count < each.min(BUSY) {
                floors.remove(tenant);
            } else if let Some(floor) = floors.get_mut(tenant) {
                // Another claim, made at the same time, may have come further.
                *floor = Floor { id: floor.id.max(id), until: floor.until.min(until) };
            } else if count >= BUSY && floors.len() < MOST {
                floors.insert(*tenant, Floor { id, until });
            }
        }
        highest.values().all(|(count, _)| *count < each)
    }

    /// Forgets the floors of a lane, in which nothing seems to wait; false if there were none.
    pub(super) fn lift(&self, lane: Lane) -> bool {
        let mut lifted = false;
        for (_, floors) in self.lock().iter_mut().filter(|((of, _), _)| *of == lane) {
            lifted |= !floors.is_empty();
            floors.clear();
        }
        lifted
    }

    /// The stretches in which the tenants that wait lie, beginning after `cursor` and going round to it.
    pub(super) fn stretches(&self, lane: Lane, priority: Priority, cursor: Uuid) -> Vec<Stretch> {
        let mut all = self.lock();
        let floors = all.entry((lane, priority)).or_default();
        let now = Instant::now();
        floors.retain(|_, floor| now < floor.until);
        let mut floors: Vec<(Uuid, JobId)> = floors.iter().map(|(tenant, floor)| (*tenant, floor.id)).collect();
        floors.sort_unstable();
        let mut stretches = between(&floors, (cursor, JobId::MAX), Uuid::max());
        stretches.extend(between(&floors, (Uuid::nil(), 0), cursor));
        stretches
    }
}

/// What lies behind `begin` and up to `end`, without what lies below floors.
fn between(floors: &[(Uuid, JobId)], begin: (Uuid, JobId), end: Uuid) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut behind = begin;
    for &(tenant, floor) in floors.iter().filter(|(tenant, floor)| (*tenant, *floor) > begin && *tenant <= end) {
        // Up to the tenant before this one, of whatever name.
        if let Some(before) = tenant.as_u128().checked_sub(1).map(Uuid::from_u128)
            && behind.0 <= before
        {
            stretches.push(Stretch { behind, up_to: before });
        }
        behind = (tenant, floor);
    }
    stretches.push(Stretch { behind, up_to: end });
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn stretch(behind: u128, id: JobId, up_to: u128) -> Stretch {
        Stretch { behind: (tenant(behind), id), up_to: tenant(up_to) }
    }

    #[test]
    fn stretches_leave_out_what_was_taken_and_nothing_else() {
        let floors = [(tenant(3), 300), (tenant(7), 700), (tenant(8), 800)];
        let all = between(&floors, (tenant(0), 0), tenant(9));
        assert_eq!(all, [stretch(0, 0, 2), stretch(3, 300, 6), stretch(7, 700, 7), stretch(8, 800, 9)]);
        // The tenant of the cursor itself has had its turn.
        let after = between(&floors, (tenant(7), JobId::MAX), tenant(u128::MAX));
        assert_eq!(after, [stretch(7, JobId::MAX, 7), stretch(8, 800, u128::MAX)]);
    }

    fn jobs(tenant: Uuid, ids: std::ops::RangeInclusive<JobId>) -> impl Iterator<Item = (Uuid, JobId)> {
        ids.map(move |id| (tenant, id))
    }

    #[test]
    fn a_floor_is_laid_for_the_busy_and_lifted_when_little_is_found() {
        let floors = Floors::default();
        let (lane, priority) = (Lane::Io, Priority::Normal);
        let tenants = [tenant(1), tenant(2)];
        let all = floors.learn(lane, priority, (&tenants, 40), jobs(tenant(1), 1..=40).chain(jobs(tenant(2), 1..=31)));
        assert!(!all, "the first may have more");
        assert_eq!((floors.of(lane, priority, tenant(1)), floors.of(lane, priority, tenant(2))), (40, 0));
        assert_eq!(floors.of(lane, Priority::Bulk, tenant(1)), 0);
        floors.learn(lane, priority, (&tenants, 2), jobs(tenant(1), 41..=42));
        assert_eq!(floors.of(lane, priority, tenant(1)), 42);
        floors.learn(lane, priority, (&tenants, 2), jobs(tenant(1), 38..=39));
        assert_eq!(floors.of(lane, priority, tenant(1)), 42, "a claim that began before ended after it");
        assert!(floors.learn(lane, priority, (&tenants, 2), jobs(tenant(1), 43..=43)));
        assert_eq!(floors.of(lane, priority, tenant(1)), 0);
        floors.learn(lane, priority, (&tenants, 31), jobs(tenant(1), 1..=31));
        assert_eq!(floors.of(lane, priority, tenant(1)), 0, "few jobs are no burden");
        floors.learn(lane, priority, (&tenants, 32), jobs(tenant(1), 1..=32));
        assert!(floors.lift(lane) && !floors.lift(lane));
        assert_eq!(floors.of(lane, priority, tenant(1)), 0);
    }

    #[test]
    fn where_less_was_found_the_floor_is_soon_forgotten() {
        let floors = Floors::default();
        let (lane, priority) = (Lane::Io, Priority::Normal);
        let tenants = [tenant(1), tenant(2)];
        floors.learn(lane, priority, (&tenants, 40), jobs(tenant(1), 1..=40).chain(jobs(tenant(2), 1..=39)));
        assert_eq!((floors.of(lane, priority, tenant(1)), floors.of(lane, priority, tenant(2))), (40, 39));
        std::thread::sleep(AGAIN);
        assert_eq!(floors.stretches(lane, priority, Uuid::nil())[1], stretch(1, 40, u128::MAX));
    }
}
