//! Where the jobs of busy tenants begin.
//!
//! A claimed job leaves its entry in the index behind until a vacuum comes, so that to find a tenant's oldest job one walks
//! over all that were taken lately: after a hundred thousand of them, that is what a claim does most of the time. A process
//! therefore remembers for a moment up to where it has taken a tenant's jobs, and seeks from there. What comes back below,
//! such as a retry, is seen when the moment is over. The moment is short once less is found above than there was room for, and
//! over as soon as nothing is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::{JobId, Priority, config::RECHECK};

/// How long a watermark is relied on, as long as there is more above it than can be taken.
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

/// The watermarks of one process.
#[derive(Debug, Default)]
pub(super) struct Watermarks(Mutex<ByLane>);

/// Of each lane and priority, the watermark of each tenant.
type ByLane = HashMap<(Arc<str>, Priority), HashMap<Uuid, Watermark>>;

#[derive(Clone, Copy, Debug)]
struct Watermark {
    id: JobId,
    until: Instant,
}

impl Watermarks {
    fn lock(&self) -> MutexGuard<'_, ByLane> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watermark of a tenant: all its jobs, but those that came back, have greater ids.
    pub(super) fn of(&self, lane: &Arc<str>, priority: Priority, tenant: Uuid) -> JobId {
        self.lock()
            .get(&(Arc::clone(lane), priority))
            .and_then(|watermarks| watermarks.get(&tenant))
            .map_or(0, |watermark| watermark.id)
    }

    /// Takes note of a claim: the tenants that were asked for up to `each` jobs, and the jobs that were found. Says whether each
    /// of them had less than that.
    pub(super) fn learn(
        &self,
        lane: &Arc<str>,
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
        let watermarks = all.entry((Arc::clone(lane), priority)).or_default();
        for tenant in tenants {
            let &(count, id) = highest.get(tenant).unwrap_or(&(0, 0));
            let until = now + if count < each { RECHECK } else { MOMENT };
            if count < each.min(BUSY) {
                watermarks.remove(tenant);
            } else if let Some(watermark) = watermarks.get_mut(tenant) {
                // Another claim, made at the same time, may have come further.
                *watermark = Watermark { id: watermark.id.max(id), until: watermark.until.min(until) };
            } else if count >= BUSY && watermarks.len() < MOST {
                watermarks.insert(*tenant, Watermark { id, until });
            }
        }
        highest.values().all(|(count, _)| *count < each)
    }

    /// Forgets the watermarks of a lane, in which nothing seems to wait; false if there were none.
    pub(super) fn forget(&self, lane: &Arc<str>) -> bool {
        let mut lifted = false;
        for (_, watermarks) in self.lock().iter_mut().filter(|((of, _), _)| of == lane) {
            lifted |= !watermarks.is_empty();
            watermarks.clear();
        }
        lifted
    }

    /// The stretches in which the tenants that wait lie, beginning after `cursor` and going round to it.
    pub(super) fn stretches(&self, lane: &Arc<str>, priority: Priority, cursor: Uuid) -> Vec<Stretch> {
        let mut all = self.lock();
        let watermarks = all.entry((Arc::clone(lane), priority)).or_default();
        let now = Instant::now();
        watermarks.retain(|_, watermark| now < watermark.until);
        let mut watermarks: Vec<(Uuid, JobId)> =
            watermarks.iter().map(|(tenant, watermark)| (*tenant, watermark.id)).collect();
        watermarks.sort_unstable();
        let mut stretches = between(&watermarks, (cursor, JobId::MAX), Uuid::max());
        stretches.extend(between(&watermarks, (Uuid::nil(), 0), cursor));
        stretches
    }
}

/// What lies behind `begin` and up to `end`, without what lies below watermarks.
fn between(watermarks: &[(Uuid, JobId)], begin: (Uuid, JobId), end: Uuid) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut behind = begin;
    for &(tenant, watermark) in
        watermarks.iter().filter(|(tenant, watermark)| (*tenant, *watermark) > begin && *tenant <= end)
    {
        // Up to the tenant before this one, of whatever name.
        if let Some(before) = tenant.as_u128().checked_sub(1).map(Uuid::from_u128)
            && behind.0 <= before
        {
            stretches.push(Stretch { behind, up_to: before });
        }
        behind = (tenant, watermark);
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
        let watermarks = [(tenant(3), 300), (tenant(7), 700), (tenant(8), 800)];
        let all = between(&watermarks, (tenant(0), 0), tenant(9));
        assert_eq!(all, [stretch(0, 0, 2), stretch(3, 300, 6), stretch(7, 700, 7), stretch(8, 800, 9)]);
        // The tenant of the cursor itself has had its turn.
        let after = between(&watermarks, (tenant(7), JobId::MAX), tenant(u128::MAX));
        assert_eq!(after, [stretch(7, JobId::MAX, 7), stretch(8, 800, u128::MAX)]);
    }

    fn jobs(tenant: Uuid, ids: std::ops::RangeInclusive<JobId>) -> impl Iterator<Item = (Uuid, JobId)> {
        ids.map(move |id| (tenant, id))
    }

    #[test]
    fn a_busy_tenant_has_a_watermark_until_little_is_found() {
        let watermarks = Watermarks::default();
        let (lane, priority) = (&"wide".into(), Priority::Normal);
        let tenants = [tenant(1), tenant(2)];
        let all =
            watermarks.learn(lane, priority, (&tenants, 40), jobs(tenant(1), 1..=40).chain(jobs(tenant(2), 1..=31)));
        assert!(!all, "the first may have more");
        assert_eq!((watermarks.of(lane, priority, tenant(1)), watermarks.of(lane, priority, tenant(2))), (40, 0));
        assert_eq!(watermarks.of(lane, Priority::Bulk, tenant(1)), 0);
        watermarks.learn(lane, priority, (&tenants, 2), jobs(tenant(1), 41..=42));
        assert_eq!(watermarks.of(lane, priority, tenant(1)), 42);
        watermarks.learn(lane, priority, (&tenants, 2), jobs(tenant(1), 38..=39));
        assert_eq!(watermarks.of(lane, priority, tenant(1)), 42, "a claim that began before ended after it");
        assert!(watermarks.learn(lane, priority, (&tenants, 2), jobs(tenant(1), 43..=43)));
        assert_eq!(watermarks.of(lane, priority, tenant(1)), 0);
        watermarks.learn(lane, priority, (&tenants, 31), jobs(tenant(1), 1..=31));
        assert_eq!(watermarks.of(lane, priority, tenant(1)), 0, "few jobs are no burden");
        watermarks.learn(lane, priority, (&tenants, 32), jobs(tenant(1), 1..=32));
        assert!(watermarks.forget(lane) && !watermarks.forget(lane));
        assert_eq!(watermarks.of(lane, priority, tenant(1)), 0);
    }

    #[test]
    fn where_less_was_found_the_watermark_is_soon_forgotten() {
        let watermarks = Watermarks::default();
        let (lane, priority) = (&"wide".into(), Priority::Normal);
        let tenants = [tenant(1), tenant(2)];
        watermarks.learn(lane, priority, (&tenants, 40), jobs(tenant(1), 1..=40).chain(jobs(tenant(2), 1..=39)));
        assert_eq!((watermarks.of(lane, priority, tenant(1)), watermarks.of(lane, priority, tenant(2))), (40, 39));
        std::thread::sleep(RECHECK);
        assert_eq!(watermarks.stretches(lane, priority, Uuid::nil())[1], stretch(1, 40, u128::MAX));
    }
}
