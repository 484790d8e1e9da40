//! Jobs as they are answered and asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_queue::{self, JobId, JobInfo, Pause, Priority, State};

use super::whole::Whole;
use crate::{
    jobs::operate::{self, Overview, PauseRequest},
    lanes::Lane,
};

/// One unfinished job.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Job {
    id: JobId,
    lane: String,
    kind: String,
    tenant: Uuid,
    priority: Priority,
    state: State,
    attempt: u16,
    max_attempts: u16,
    crashes: u32,
    /// From 0 to 1.
    progress: f64,
    run_at: Timestamp,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    unique_key: Option<String>,
    give_up_reason: Option<String>,
    cancel: Option<String>,
    errors: Vec<FailedAttempt>,
    waits: u32,
    waits_for: Vec<AwaitedJob>,
}

#[derive(Debug, Serialize)]
struct FailedAttempt {
    attempt: u16,
    at: Timestamp,
    error: String,
}

#[derive(Debug, Serialize)]
struct AwaitedJob {
    id: JobId,
    kind: String,
    state: State,
}

/// The queue as a whole.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Queue {
    stats: Vec<Stat>,
    paused: Vec<Paused>,
}

#[derive(Debug, Serialize)]
struct Stat {
    lane: String,
    kind: String,
    state: State,
    count: u64,
    oldest: Timestamp,
}

/// What is paused: one of the three is there.
#[derive(Debug, Serialize)]
struct Paused {
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Uuid>,
    since: Timestamp,
}

/// When the work on something that is pending should be done.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Outlook {
    job: JobId,
    state: State,
    /// Its place in the queue: 1 is the next; none if it does not wait for its turn.
    position: Option<i64>,
    /// From 0 to 1.
    progress: f64,
    /// In how many seconds it should be done; none while nothing like it was done.
    expected_seconds: Option<f64>,
}

/// Which jobs; what is left out does not matter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct JobFilter {
    state: Option<State>,
    kind: Option<String>,
    /// The domain's name.
    domain: Option<String>,
    /// Older than this one: for the next page, the last of the page before.
    before: Option<Whole<JobId>>,
    limit: Option<Whole<u32>>,
}

/// What is to pause, or to go on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum WhatToPause {
    Lane(Lane),
    Kind(String),
    /// The domain's name.
    Domain(String),
}

/// To how many jobs it was done.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Changed {
    changed: usize,
}

impl From<operate::Changed> for Changed {
    fn from(changed: operate::Changed) -> Self {
        Self { changed: changed.changed }
    }
}

impl From<JobInfo> for Job {
    fn from(job: JobInfo) -> Self {
        let errors = job.errors.into_iter();
        let awaited = job.waits_for.into_iter();
        Self {
            id: job.id,
            lane: job.lane,
            kind: job.kind,
            tenant: job.tenant,
            priority: job.priority,
            state: job.state,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            progress: job.progress,
            run_at: job.run_at,
            created_at: job.created_at,
            started_at: job.started_at,
            unique_key: job.unique_key,
            give_up_reason: job.give_up_reason,
            cancel: job.cancel,
            errors: errors.map(|one| FailedAttempt { attempt: one.attempt, at: one.at, error: one.error }).collect(),
            waits: job.waits,
            waits_for: awaited.map(|one| AwaitedJob { id: one.id, kind: one.kind, state: one.state }).collect(),
        }
    }
}

impl From<Overview> for Queue {
    fn from(overview: Overview) -> Self {
        let stats = overview.stats.into_iter().map(|stat| Stat {
            lane: stat.lane,
            kind: stat.kind,
            state: stat.state,
            count: stat.count,
            oldest: stat.oldest,
        });
        Self { stats: stats.collect(), paused: overview.paused.into_iter().map(Paused::from).collect() }
    }
}

impl From<voicemill_queue::Paused> for Paused {
    fn from(paused: voicemill_queue::Paused) -> Self {
        let (lane, kind, tenant) = match paused.what {
            Pause::Lane(lane) => (Some(lane), None, None),
            Pause::Kind(kind) => (None, Some(kind), None),
            Pause::Tenant(tenant) => (None, None, Some(tenant)),
        };
        Self { lane, kind, tenant, since: paused.since }
    }
}

impl From<voicemill_queue::Outlook> for Outlook {
    fn from(outlook: voicemill_queue::Outlook) -> Self {
        Self {
            job: outlook.job,
            state: outlook.state,
            position: outlook.position,
            progress: outlook.progress,
            expected_seconds: outlook.expected_seconds,
        }
    }
}

impl From<JobFilter> for operate::Filter {
    fn from(filter: JobFilter) -> Self {
        Self {
            state: filter.state,
            kind: filter.kind,
            domain: filter.domain,
            before: filter.before.map(|id| id.0),
            limit: filter.limit.map(|limit| limit.0),
        }
    }
}

impl From<WhatToPause> for PauseRequest {
    fn from(what: WhatToPause) -> Self {
        match what {
            WhatToPause::Lane(lane) => Self::Lane(lane),
            WhatToPause::Kind(kind) => Self::Kind(kind),
            WhatToPause::Domain(name) => Self::Domain(name),
        }
    }
}
