//! Where the jobs of busy tenants begin.
//!
//! A claimed job leaves its entry in the index behind until a vacuum comes, so that to find a tenant's oldest job one walks
//! over all that were taken lately: after a hundred thousand of them, that is what a claim does most of the time. A process
//! therefore remembers for a moment up to where it has taken a tenant's jobs, and seeks from there. What comes back below,
//! such as a retry, is seen when the moment is over, or as soon as less is found above than there was room for.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::queue::{JobId, Lane, Priority};

/// How long a floor is relied on.
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
    since: Instant,
}

impl Floors {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Lane, Priority), HashMap<Uuid, Floor>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The floor of a tenant: all its jobs, but those that came back, have greater ids.
    pub(super) fn of(&self, lane: Lane, priority: Priority, tenant: Uuid) -> JobId {
        self.lock().get(&(lane, priority)).and_then(|floors| floors.get(&tenant)).map_or(0, |floor| floor.id)
    }

    /// Takes note of a claim: the tenants that were asked for up to `each` jobs, and the jobs that were found.
    pub(super) fn learn(
        &self,
        lane: Lane,
        priority: Priority,
        asked: (&[Uuid], usize),
        found: impl Iterator<Item = (Uuid, JobId)>,
    ) {
        let (tenants, each) = asked;
        let mut highest: HashMap<Uuid, (usize, JobId)> = HashMap::new();
        for (tenant, id) in found {
            let (count, max) = highest.entry(tenant).or_default();
            *count += 1;
            *max = id.max(*max);
        }
        let mut all = self.lock();
        let floors = all.entry((lane, priority)).or_default();
        for tenant in tenants {
            let &(count, id) = highest.get(tenant).unwrap_or(&(0, 0));
            if count < each {
                floors.remove(tenant);
            } else if let Some(floor) = floors.get_mut(tenant) {
                floor.id = id;
            } else if count >= BUSY && floors.len() < MOST {
                floors.insert(*tenant, Floor { id, since: Instant::now() });
            }
        }
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
        floors.retain(|_, floor| floor.since.elapsed() < MOMENT);
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

    #[test]
    fn a_floor_is_laid_for_the_busy_and_lifted_when_less_is_found() {
        let floors = Floors::default();
        let (lane, priority) = (Lane::Io, Priority::Normal);
        let jobs = |tenant: Uuid, count: i64| (1..=count).map(move |id| (tenant, id));
        let tenants = [tenant(1), tenant(2)];
        floors.learn(lane, priority, (&tenants, 40), jobs(tenant(1), 40).chain(jobs(tenant(2), 39)));
        assert_eq!((floors.of(lane, priority, tenant(1)), floors.of(lane, priority, tenant(2))), (40, 0));
        assert_eq!(floors.of(lane, Priority::Bulk, tenant(1)), 0);
        floors.learn(lane, priority, (&tenants, 2), [(tenant(1), 41), (tenant(1), 42)].into_iter());
        assert_eq!(floors.of(lane, priority, tenant(1)), 42);
        floors.learn(lane, priority, (&tenants, 2), [(tenant(1), 43)].into_iter());
        assert_eq!(floors.of(lane, priority, tenant(1)), 0);
        floors.learn(lane, priority, (&tenants, 31), jobs(tenant(1), 31));
        assert_eq!(floors.of(lane, priority, tenant(1)), 0, "few jobs are no burden");
        floors.learn(lane, priority, (&tenants, 32), jobs(tenant(1), 32));
        assert!(floors.lift(lane) && !floors.lift(lane));
        assert_eq!(floors.of(lane, priority, tenant(1)), 0);
    }
}
