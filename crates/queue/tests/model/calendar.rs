//! What comes again by the calendar.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{harness::Harness, job::Modelled, repeated::Repeated, requests::LANE};
use crate::{Attempt, Job, JobError, NewJob, Priority, State};

/// What comes again; nobody runs it here.
#[derive(Serialize, Deserialize)]
struct Recurring;

impl Job for Recurring {
    type Context = ();
    const KIND: &'static str = "recurring";
    const LANE: &'static str = LANE;
    const TIMEOUT: Duration = Duration::from_secs(1);
    const MAX_ATTEMPTS: u16 = 2;

    async fn run(&self, _context: &(), _attempt: &Attempt) -> Result<(), JobError> {
        Ok(())
    }
}

impl Harness {
    pub(super) async fn repeat(
        &mut self,
        name: u8,
        schedule: &'static str,
        zone: &'static str,
        tenant: u8,
        now: Timestamp,
    ) {
        let name = format!("calendar {name}");
        let tenant = Uuid::from_u128(tenant.into());
        let mut repeated = Repeated { schedule: schedule.parse().unwrap(), zone, tenant, next: now };
        let mut transaction = self.database.begin().await.unwrap();
        let new = NewJob::new(tenant, &Recurring);
        self.queue.repeat(transaction.connection(), &name, &repeated.schedule, zone, new).await.unwrap();
        transaction.commit().await.unwrap();
        let stands = |former: &&Repeated| former.schedule == repeated.schedule && former.zone == zone;
        repeated.next = match self.calendar.get(&name).filter(stands) {
            Some(former) => former.next,
            None => repeated.after(now),
        };
        self.calendar.insert(name, repeated);
    }

    pub(super) async fn no_longer(&mut self, name: u8) {
        let name = format!("calendar {name}");
        let mut transaction = self.database.begin().await.unwrap();
        let was_there = self.queue.no_longer(transaction.connection(), &name).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(was_there, self.calendar.remove(&name).is_some());
    }

    pub(super) async fn due(&mut self, now: Timestamp) {
        self.queue.enqueue_due().await.unwrap();
        let mut due = Vec::new();
        for (name, repeated) in self.calendar.iter_mut().filter(|(_, repeated)| repeated.next <= now) {
            repeated.next = repeated.after(now);
            due.push((name.clone(), repeated.tenant));
        }
        let rows = self.rows().await;
        for (name, tenant) in due {
            if self.with_key(Recurring::KIND, &name).is_some() {
                continue;
            }
            let is_it = |job: &Modelled| job.key.as_deref() == Some(&*name) && job.state != State::Discarded;
            let (id, _) = rows.iter().find(|(_, job)| is_it(job)).expect("it has come");
            let key = Some(name.clone());
            let mut job = Modelled::new(Recurring::KIND, tenant, Priority::Normal, key, Recurring::MAX_ATTEMPTS);
            job.begins(now, BTreeSet::new(), now);
            self.learn(*id, job);
        }
    }
}
