//! Taking jobs: two statements for a full batch, however many wait.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use uuid::Uuid;

use super::{Store, watermarks::Stretch};
use crate::{
    Priority, QueueError,
    retry::Claimed,
    round_robin::{RoundRobin, Share},
    rows::{Wanted, WorkerId},
};

pub(super) const WAITING: &str = include_str!("waiting.sql");
pub(super) const CLAIM: &str = include_str!("claim.sql");

impl Store {
    pub(crate) async fn claim(
        &self,
        wanted: &Wanted<'_>,
        round_robin: &mut RoundRobin,
        hand_over: &mut (dyn FnMut(Claimed) + Send),
    ) -> Result<usize, QueueError> {
        let mut held = wanted.held.clone();
        let mut count = 0;
        while count < wanted.count {
            let (jobs, dry) = self.round(wanted, wanted.count - count, round_robin, &held).await?;
            for job in jobs {
                *held.entry(job.tenant).or_default() += 1;
                count += 1;
                // At once: the next round takes its time.
                hand_over(job);
            }
            if dry {
                break;
            }
        }
        Ok(count)
    }

    /// One look at who waits, and a share of the jobs of the most urgent of them; of less urgent ones too, as far as there is
    /// room left. Says whether that was all there is.
    async fn round(
        &self,
        wanted: &Wanted<'_>,
        free: usize,
        round_robin: &mut RoundRobin,
        held: &HashMap<Uuid, usize>,
    ) -> Result<(Vec<Claimed>, bool), QueueError> {
        let &Wanted { worker, lane, now, .. } = wanted;
        let limit = free + round_robin.at_cap(held);
        let mut waiting = self.waiting(lane, round_robin, limit).await?;
        if waiting.is_empty() && self.watermarks.forget(lane) {
            waiting = self.waiting(lane, round_robin, limit).await?;
        }
        for priority in Priority::ALL {
            let tenants: Vec<Uuid> =
                waiting.iter().filter(|(rank, _)| *rank == priority).map(|(_, tenant)| *tenant).collect();
            if tenants.is_empty() {
                continue;
            }
            let share = round_robin.share(&tenants, held, free);
            if share.tenants.is_empty() {
                continue;
            }
            let (jobs, all) = self.take(worker, lane, priority, &share, now).await?;
            round_robin.served(priority, &share);
            if !jobs.is_empty() {
                let all_served = share.tenants.len() == waiting.len() && waiting.len() < limit;
                return Ok((jobs, all && all_served));
            }
        }
        Ok((Vec::new(), true))
    }

    /// The tenants that wait, at most `limit`, the most urgent first and in the order of their turns.
    async fn waiting(
        &self,
        lane: &Arc<str>,
        round_robin: &RoundRobin,
        limit: usize,
    ) -> sqlx::Result<Vec<(Priority, Uuid)>> {
        let stretches: Vec<(Priority, Stretch)> = Priority::ALL
            .into_iter()
            .flat_map(|priority| {
                let stretches = self.watermarks.stretches(lane, priority, round_robin.cursor(priority));
                stretches.into_iter().map(move |stretch| (priority, stretch))
            })
            .collect();
        let each =
            |field: fn(&Stretch) -> Uuid| stretches.iter().map(|(_, stretch)| field(stretch)).collect::<Vec<_>>();
        sqlx::query_as(WAITING)
            .bind(&**lane)
            .bind(stretches.iter().map(|(priority, _)| *priority as i32).collect::<Vec<_>>())
            .bind(each(|stretch| stretch.behind.0))
            .bind(stretches.iter().map(|(_, stretch)| stretch.behind.1).collect::<Vec<_>>())
            .bind(each(|stretch| stretch.up_to))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
    }

    /// Takes a share; says whether that was all that its tenants had.
    async fn take(
        &self,
        worker: WorkerId,
        lane: &Arc<str>,
        priority: Priority,
        share: &Share,
        now: Timestamp,
    ) -> sqlx::Result<(Vec<Claimed>, bool)> {
        let watermarks: Vec<_> =
            share.tenants.iter().map(|tenant| self.watermarks.of(lane, priority, *tenant)).collect();
        let jobs: Vec<Claimed> = sqlx::query_as(CLAIM)
            .bind(worker)
            .bind(&**lane)
            .bind(priority)
            .bind(&share.tenants)
            .bind(watermarks)
            .bind(i64::try_from(share.each).unwrap_or(i64::MAX))
            .bind(now.as_microsecond())
            .fetch_all(&self.pool)
            .await?;
        let found = jobs.iter().map(|job| (job.tenant, job.id));
        let all = self.watermarks.learn(lane, priority, (&share.tenants, share.each), found);
        Ok((jobs, all))
    }
}
