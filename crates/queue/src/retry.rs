//! What becomes of a job after an attempt: the rules of retrying and giving up, without any I/O.

use std::time::Duration;

use jiff::Timestamp;

use super::{JobError, JobId};

/// From how many crashes on a job runs alone; the statements have it too.
#[cfg(test)]
pub(super) const QUARANTINED_AFTER: u32 = 2;

/// How often in a row a job may take its worker down with it while it is all that runs there.
pub(super) const MAX_LONE_CRASHES: u32 = 3;

/// How often telling the owner that a job was given up is tried.
pub(super) const MAX_GIVE_UP_ATTEMPTS: u32 = 5;

/// When a job comes back whose kind this worker does not know; a newer one may.
pub(super) const UNKNOWN_KIND_PAUSE: Duration = Duration::from_secs(60);

/// Errors are for people; the rest of a longer one is cut off.
const MAX_ERROR_CHARS: usize = 1_000;

/// A job as a worker holds it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Claimed {
    pub(super) id: JobId,
    pub(super) claim: i64,
    pub(super) kind: String,
    pub(super) tenant: uuid::Uuid,
    #[sqlx(try_from = "i32")]
    pub(super) attempt: u16,
    #[sqlx(try_from = "i32")]
    pub(super) max_attempts: u16,
    #[sqlx(try_from = "i32")]
    pub(super) give_up_attempts: u32,
    pub(super) give_up_reason: Option<String>,
    pub(super) payload: String,
}

impl Claimed {
    pub(super) fn settled(&self, settlement: Settlement) -> Settled {
        Settled { id: self.id, claim: self.claim, settlement }
    }
}

/// A job that a worker holds, and how often workers died under it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Held {
    #[sqlx(flatten)]
    pub(super) job: Claimed,
    #[sqlx(try_from = "i32")]
    pub(super) crashes: u32,
    #[sqlx(try_from = "i32")]
    pub(super) lone_crashes: u32,
    /// Nothing was started beside it.
    pub(super) alone: bool,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Outcome {
    Returned(Result<(), JobError>),
    Panicked(String),
    TimedOut(Duration),
    Cancelled(String),
    UnknownKind,
    Paused,
    Undecodable(String),
}

/// What is to be stored about it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Settlement {
    /// Done.
    Complete,
    /// Stored already, in a transaction of the job's own.
    Stored,
    /// Comes back.
    Reschedule { run_at: Timestamp, counted: bool, crash: Option<Crash>, error: Option<String> },
    /// Waits until its kind and its tenant go on.
    Park,
    /// The owner is to be told why it will not happen.
    GiveUp { reason: String },
    /// A dead letter.
    DeadLetter { reason: String },
}

/// How a job's worker ended under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    /// The job was all that the worker ran.
    Alone,
    /// Others ran beside it.
    Beside,
}

/// A settlement, fenced by the claim that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) id: JobId,
    pub(super) claim: i64,
    pub(super) settlement: Settlement,
}

/// The pause before the next attempt: doubling from two seconds up to an hour, times `jitter` (0.5 to 1.5), so that what failed
/// together does not come back together.
pub(super) fn backoff(attempts: u32, jitter: f64) -> Duration {
    let doubled = Duration::from_secs(1) * 2_u32.saturating_pow(attempts.clamp(1, 12));
    doubled.min(Duration::from_secs(3_600)).mul_f64(jitter)
}

/// A random factor for [`backoff`].
pub(super) fn jitter() -> f64 {
    rand::random_range(0.5..1.5)
}

/// Decides what becomes of the job.
pub(super) fn settle(job: &Claimed, outcome: Outcome, now: Timestamp, jitter: f64) -> Settlement {
    let failure = match outcome {
        Outcome::Returned(Ok(())) => {
            return match &job.give_up_reason {
                None => Settlement::Complete,
                // It became a dead letter in the transaction that recorded why.
                Some(_) => Settlement::Stored,
            };
        }
        Outcome::Returned(Err(JobError::Snooze(pause))) => return uncounted(now, pause),
        Outcome::UnknownKind => return uncounted(now, UNKNOWN_KIND_PAUSE),
        Outcome::Paused => return Settlement::Park,
        Outcome::Undecodable(reason) => {
            return Settlement::DeadLetter { reason: storable(reason) };
        }
        Outcome::Returned(Err(error @ JobError::Discard(_))) => return given_up(job, error.to_string()),
        Outcome::Cancelled(reason) => return given_up(job, reason),
        Outcome::Returned(Err(error @ JobError::Retry(_))) => error.to_string(),
        Outcome::Panicked(message) => format!("panicked: {message}"),
        Outcome::TimedOut(limit) => format!("took longer than {limit:?}"),
    };
    let (attempts, used_up) = match job.give_up_reason {
        None => (u32::from(job.attempt), job.attempt >= job.max_attempts),
        Some(_) => (job.give_up_attempts, job.give_up_attempts >= MAX_GIVE_UP_ATTEMPTS),
    };
    if used_up {
        return given_up(job, failure);
    }
    Settlement::Reschedule {
        run_at: later(now, backoff(attempts, jitter)),
        counted: true,
        crash: None,
        error: Some(storable(failure)),
    }
}

/// Whether a worker that held these died while it ran one suspect and nothing else.
pub(super) fn died_of_one(held: &[Held]) -> bool {
    matches!(held, [only] if only.alone)
}

/// Decides what becomes of a job whose worker died, or lost its lease.
///
/// A crash is not held against a job that merely ran there: its attempt does not count. What crashed again runs alone, and only
/// what then takes its worker down again and again is given up. A worker that dies of anything else meanwhile
/// starts that count anew.
pub(super) fn settle_crash(held: &Held, lone: bool, now: Timestamp, jitter: f64) -> Settlement {
    let job = &held.job;
    let failure = "its worker died or lost its lease".to_owned();
    let telling = job.give_up_reason.is_some();
    if telling && job.give_up_attempts >= MAX_GIVE_UP_ATTEMPTS {
        return given_up(job, failure);
    }
    if lone && held.lone_crashes + 1 >= MAX_LONE_CRASHES {
        return given_up(job, format!("{failure} {MAX_LONE_CRASHES} times in a row while nothing else ran there"));
    }
    Settlement::Reschedule {
        run_at: later(now, backoff(held.crashes + 1, jitter)),
        counted: telling,
        crash: Some(if lone { Crash::Alone } else { Crash::Beside }),
        error: Some(failure),
    }
}

fn uncounted(now: Timestamp, pause: Duration) -> Settlement {
    Settlement::Reschedule { run_at: later(now, pause), counted: false, crash: None, error: None }
}

/// A job that was given up before, and whose owner could not be told, is a dead letter now.
fn given_up(job: &Claimed, reason: String) -> Settlement {
    let reason = storable(reason);
    match job.give_up_reason {
        None => Settlement::GiveUp { reason },
        Some(_) => Settlement::DeadLetter { reason },
    }
}

/// A text that either database can keep: of bounded length, and without the character of value zero.
pub(super) fn storable(mut text: String) -> String {
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}");
    }
    if let Some((end, _)) = text.char_indices().nth(MAX_ERROR_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

pub(super) fn later(now: Timestamp, pause: Duration) -> Timestamp {
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_an_hour() {
        let seconds: Vec<_> = (0..14).map(|attempts| backoff(attempts, 1.0).as_secs()).collect();
        assert_eq!(seconds, [2, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600, 3_600]);
        assert_eq!(backoff(u32::MAX, 1.5), Duration::from_secs(5_400));
    }

    #[test]
    fn a_random_factor_stays_within_half() {
        assert!((0..1_000).map(|_| jitter()).all(|jitter| (0.5..1.5).contains(&jitter)));
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let cut = storable("é".repeat(MAX_ERROR_CHARS + 1));
        assert_eq!(cut.chars().count(), MAX_ERROR_CHARS + 1);
        assert!(cut.ends_with("é…"));
        assert_eq!(storable("short".to_owned()), "short");
        assert_eq!(storable("no\0ll".to_owned()), "no\u{fffd}ll");
    }
}
