//! Requests that may be sent again without being done again: each under a key that its sender chose.
//!
//! A request first claims its key. Every transaction that commits for it says so in the claim's row, and fails if somebody else
//! claimed the key meanwhile: what is done is done once, whatever becomes of this process. Its answer is kept as soon as it is
//! there; should it get lost between the two, who asks again is told what was made.

pub(crate) mod rows;

use std::time::Duration;

use uuid::Uuid;
use voicemill_types::Time;

use crate::{app::App, error::ServiceError};

/// How long a key is remembered.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// How long nobody else may claim a key whose request has no answer. Whoever is slower than that does nothing after all.
const LEASE: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// Most keys that are forgotten at once.
const BATCH: i64 = 1_000;

/// How soon to ask again for a request that is under way.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

/// One request's hold on its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose key it is: keys of different senders have nothing to do with each other.
    pub bearer: Uuid,
    /// The key.
    pub key: String,
    /// When it was claimed; who claims it anew has another moment.
    pub(crate) claimed_at: Time,
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// Its status.
    pub status: u16,
    /// Its headers that say something of what was made, by name.
    pub headers: Vec<(String, String)>,
    /// Its body, which is text.
    pub body: String,
}

/// What a request with a key finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nobody did it: it is this request's to do.
    Claimed(Claim),
    /// It is under way.
    InFlight,
    /// It was done, and this was answered; `fingerprint` tells whether it was the same request.
    Answered {
        /// What the request was.
        fingerprint: String,
        /// What was answered.
        answer: Kept,
    },
    /// It was done, and the answer is not kept.
    Done {
        /// What was made or changed.
        effect: String,
    },
}

/// Claims a key, or tells what became of the request that did.
pub async fn claim(app: &App, bearer: Uuid, key: &str) -> Result<Found, ServiceError> {
    let now = Time::from(app.clock.now());
    let stale = before(now, LEASE);
    // What is older than a day is forgotten, whether it was removed or not.
    let forgotten = before(now, KEPT);
    let mut tx = app.begin_unasked().await?;
    tx.connection().lock(bearer).await?;
    let found = match rows::find(tx.connection(), bearer, key).await? {
        Some(row) if row.claimed_at >= forgotten => match row {
            rows::Row { answer: Some(answer), fingerprint, .. } => {
                Some(Found::Answered { fingerprint: fingerprint.unwrap_or_default(), answer: answer.0 })
            }
            rows::Row { effect: Some(effect), is_over, claimed_at, .. } => match is_over || claimed_at < stale {
                true => Some(Found::Done { effect }),
                false => Some(Found::InFlight),
            },
            rows::Row { claimed_at, .. } if claimed_at >= stale => Some(Found::InFlight),
            rows::Row { .. } => None,
        },
        _ => None,
    };
    if let Some(found) = found {
        return Ok(found);
    }
    let claim = Claim { bearer, key: key.to_owned(), claimed_at: now };
    rows::claim(tx.connection(), &claim).await?;
    tx.commit().await?;
    Ok(Found::Claimed(claim))
}

fn before(now: Time, span: jiff::SignedDuration) -> Time {
    now.timestamp().saturating_sub(span).map_or(Time::from_microseconds(0), Time::from)
}

/// Keeps what was answered.
pub async fn keep(app: &App, claim: &Claim, fingerprint: &str, answer: &Kept) -> Result<(), ServiceError> {
    let mut tx = app.begin_unasked().await?;
    rows::answer(tx.connection(), claim, fingerprint, answer).await?;
    Ok(tx.commit().await?)
}

/// Lets a key go: what changed nothing may be tried again, and of what did only that is kept.
pub async fn let_go(app: &App, claim: &Claim) -> Result<(), ServiceError> {
    let mut tx = app.begin_unasked().await?;
    if !rows::forget_without_effect(tx.connection(), claim).await? {
        rows::end(tx.connection(), claim).await?;
    }
    Ok(tx.commit().await?)
}

/// Forgets keys that are a day old.
pub(crate) async fn prune(app: &App) -> Result<(), ServiceError> {
    let forgotten = before(Time::from(app.clock.now()), KEPT);
    loop {
        let mut tx = app.begin().await?;
        let removed = rows::prune(tx.connection(), forgotten, BATCH).await?;
        tx.commit().await?;
        if removed < BATCH.unsigned_abs() {
            return Ok(());
        }
    }
}
