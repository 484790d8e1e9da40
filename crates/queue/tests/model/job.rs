//! A job as the model has it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    JobId, Priority, State,
    retry::QUARANTINED_AFTER,
    rows::{WorkerId, timestamp},
};

/// A job as the model has it, and as its row must look.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Modelled {
    pub(super) kind: String,
    pub(super) tenant: Uuid,
    pub(super) priority: Priority,
    pub(super) key: Option<String>,
    pub(super) state: State,
    pub(super) claim: i64,
    pub(super) attempt: u16,
    pub(super) max_attempts: u16,
    pub(super) crashes: u32,
    pub(super) lone_crashes: u32,
    pub(super) alone: bool,
    pub(super) aged: bool,
    pub(super) give_up_attempts: u32,
    pub(super) give_up_reason: Option<String>,
    pub(super) cancel: Option<String>,
    pub(super) worker: Option<WorkerId>,
    pub(super) run_at: Timestamp,
    pub(super) errors: usize,
    pub(super) waits_for: BTreeSet<JobId>,
    pub(super) awaited: bool,
}

impl Modelled {
    /// A job that has just been enqueued.
    pub(super) fn new(kind: &str, tenant: Uuid, priority: Priority, key: Option<String>, max_attempts: u16) -> Self {
        Self {
            kind: kind.to_owned(),
            tenant,
            priority,
            key,
            state: State::Available,
            claim: 0,
            attempt: 0,
            max_attempts,
            crashes: 0,
            lone_crashes: 0,
            alone: false,
            aged: false,
            give_up_attempts: 0,
            give_up_reason: None,
            cancel: None,
            worker: None,
            run_at: Timestamp::MIN,
            errors: 0,
            waits_for: BTreeSet::new(),
            awaited: false,
        }
    }

    /// Waits for others, for its time, or not at all.
    pub(super) fn begins(&mut self, run_at: Timestamp, waits_for: BTreeSet<JobId>, now: Timestamp) {
        self.run_at = run_at;
        self.waits_for = waits_for;
        self.state = match run_at <= now {
            _ if !self.waits_for.is_empty() => State::Blocked,
            true => State::Available,
            false => State::Scheduled,
        };
    }

    /// Waits for a slot, or to run alone.
    pub(super) fn is_ready(&mut self) {
        let suspect = self.crashes >= QUARANTINED_AFTER && self.give_up_reason.is_none();
        self.state = if suspect { State::Quarantined } else { State::Available };
    }

    /// Its worker died: it leaves `running`, to come back at `run_at`, unless it was cancelled meanwhile.
    pub(super) fn crashes(&mut self, run_at: Timestamp, lone: bool, now: Timestamp) {
        let (crashes, lone_crashes) = (self.crashes + 1, if lone { self.lone_crashes + 1 } else { 0 });
        self.errors += 1;
        self.goes_back(run_at, self.give_up_reason.is_some(), now);
        (self.crashes, self.lone_crashes) = (crashes, lone_crashes);
    }

    /// Leaves `running`, to come back at `run_at`, unless it was cancelled meanwhile.
    pub(super) fn goes_back(&mut self, run_at: Timestamp, counted: bool, now: Timestamp) {
        if counted {
            (self.crashes, self.lone_crashes) = (0, 0);
        }
        self.alone = false;
        if !counted {
            match self.give_up_reason {
                None => self.attempt -= 1,
                Some(_) => self.give_up_attempts -= 1,
            }
        }
        self.worker = None;
        self.run_at = run_at;
        if let Some(reason) = self.cancel.take() {
            self.run_at = now;
            self.give_up_reason.get_or_insert(reason);
            self.state = State::Available;
        } else if self.run_at > now {
            self.state = State::Scheduled;
        } else {
            self.is_ready();
        }
    }

    /// Leaves `running` because it is paused, unless it was cancelled meanwhile or only tells its owner why it was given up.
    pub(super) fn is_parked(&mut self, now: Timestamp) {
        if self.give_up_reason.is_some() {
            return;
        }
        self.attempt -= 1;
        self.alone = false;
        self.worker = None;
        self.state = State::Paused;
        if let Some(reason) = self.cancel.take() {
            self.run_at = now;
            self.give_up_reason = Some(reason);
            self.state = State::Available;
        }
    }

    pub(super) fn is_given_up(&mut self, reason: &str, now: Timestamp) {
        self.worker = None;
        self.alone = false;
        self.cancel = None;
        if self.give_up_reason.is_none() {
            self.give_up_reason = Some(reason.to_owned());
            self.state = State::Available;
            (self.crashes, self.lone_crashes) = (0, 0);
            self.run_at = now;
            self.errors += 1;
        } else {
            self.is_dead(reason);
        }
    }

    pub(super) fn is_dead(&mut self, reason: &str) {
        self.worker = None;
        self.alone = false;
        self.cancel = None;
        self.state = State::Discarded;
        self.errors += usize::from(self.give_up_reason.as_deref() != Some(reason));
        self.give_up_reason.get_or_insert(reason.to_owned());
    }

    /// A job that it may wait for is completed.
    pub(super) fn waits_no_more_for(&mut self, parent: JobId, now: Timestamp) {
        if self.waits_for.remove(&parent) && self.waits_for.is_empty() && self.state == State::Blocked {
            self.state = if self.run_at <= now { State::Available } else { State::Scheduled };
            self.run_at = self.run_at.max(now);
        }
    }

    /// A job that it may wait for is gone for good.
    pub(super) fn loses_dependency(&mut self, parent: JobId, reason: &str, now: Timestamp) {
        if self.waits_for.remove(&parent) && self.state == State::Blocked {
            self.give_up_reason = Some(reason.to_owned());
            self.state = State::Available;
            self.run_at = now;
        }
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: JobId,
    kind: String,
    tenant: Uuid,
    priority: Priority,
    unique_key: Option<String>,
    state: State,
    claim: i64,
    #[sqlx(try_from = "i32")]
    attempt: u16,
    #[sqlx(try_from = "i32")]
    max_attempts: u16,
    #[sqlx(try_from = "i32")]
    crashes: u32,
    #[sqlx(try_from = "i32")]
    lone_crashes: u32,
    alone: bool,
    aged: bool,
    #[sqlx(try_from = "i32")]
    give_up_attempts: u32,
    give_up_reason: Option<String>,
    cancel: Option<String>,
    worker: Option<WorkerId>,
    run_at: i64,
    #[sqlx(json)]
    errors: Vec<serde_json::Value>,
    pub(super) waits: i32,
    awaited: bool,
}

impl Row {
    pub(super) const QUERY: &str = "SELECT id, kind, tenant, priority, unique_key, state, claim, attempt, max_attempts, crashes, lone_crashes, alone, aged, \
        give_up_attempts, give_up_reason, cancel, worker, run_at, errors, waits, awaited FROM job";

    pub(super) fn modelled(self, waits_for: BTreeSet<JobId>) -> Modelled {
        Modelled {
            kind: self.kind,
            tenant: self.tenant,
            priority: self.priority,
            key: self.unique_key,
            state: self.state,
            claim: self.claim,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            crashes: self.crashes,
            lone_crashes: self.lone_crashes,
            alone: self.alone,
            aged: self.aged,
            give_up_attempts: self.give_up_attempts,
            give_up_reason: self.give_up_reason,
            cancel: self.cancel,
            worker: self.worker,
            run_at: timestamp(self.run_at),
            errors: self.errors.len(),
            waits_for,
            awaited: self.awaited,
        }
    }
}
