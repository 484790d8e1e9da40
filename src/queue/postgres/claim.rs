//! Taking jobs: two statements for a full batch, however many wait.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::Store;
use crate::queue::{
    Lane, Priority, QueueError,
    fairness::{Share, Turns},
    retry::Claimed,
    store::WorkerId,
};

pub(super) const WAITING: &str = include_str!("waiting.sql");
pub(super) const CLAIM: &str = include_str!("claim.sql");

impl Store {
    pub(in crate::queue) async fn claim(
        &self,
        worker: WorkerId,
        lane: Lane,
        wanted: usize,
        turns: &mut Turns,
        held: &HashMap<Uuid, usize>,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, QueueError> {
        let mut held = held.clone();
        let mut claimed: Vec<Claimed> = Vec::new();
        while claimed.len() < wanted {
            let round = self.round(worker, lane, wanted - claimed.len(), turns, &held, now).await;
            match round {
                Ok(jobs) if jobs.is_empty() => break,
                Ok(jobs) => {
                    for job in &jobs {
                        *held.entry(job.tenant).or_default() += 1;
                    }
                    claimed.extend(jobs);
                }
                // What was taken before is ours, and must run.
                Err(error) if !claimed.is_empty() => {
                    crate::queue::maintenance::complain("could not claim as many jobs as there was room for", &error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    /// One look at who waits, and a share of the jobs of the most urgent of them; of less urgent ones too, as far as there is
    /// room left.
    async fn round(
        &self,
        worker: WorkerId,
        lane: Lane,
        free: usize,
        turns: &mut Turns,
        held: &HashMap<Uuid, usize>,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, QueueError> {
        let waiting = self.waiting(lane, turns, free + turns.sated(held)).await?;
        for priority in Priority::ALL {
            let tenants: Vec<Uuid> =
                waiting.iter().filter(|(rank, _)| *rank == priority).map(|(_, tenant)| *tenant).collect();
            if tenants.is_empty() {
                continue;
            }
            let share = turns.share(&tenants, held, free);
            let jobs = self.take(worker, lane, priority, &share, now).await?;
            turns.served(priority, &share);
            if !jobs.is_empty() {
                return Ok(jobs);
            }
        }
        Ok(Vec::new())
    }

    /// The tenants that wait, at most `limit` for each priority, in the order of their turns.
    async fn waiting(&self, lane: Lane, turns: &Turns, limit: usize) -> sqlx::Result<Vec<(Priority, Uuid)>> {
        let priorities: Vec<i32> = Priority::ALL.iter().map(|priority| *priority as i32).collect();
        let cursors: Vec<Uuid> = Priority::ALL.iter().map(|priority| turns.cursor(*priority)).collect();
        sqlx::query_as(WAITING)
            .bind(lane)
            .bind(priorities)
            .bind(cursors)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
    }

    async fn take(
        &self,
        worker: WorkerId,
        lane: Lane,
        priority: Priority,
        share: &Share,
        now: Timestamp,
    ) -> sqlx::Result<Vec<Claimed>> {
        sqlx::query_as(CLAIM)
            .bind(worker)
            .bind(lane)
            .bind(priority)
            .bind(&share.tenants)
            .bind(i64::try_from(share.each).unwrap_or(i64::MAX))
            .bind(now.as_microsecond())
            .fetch_all(&self.pool)
            .await
    }
}
