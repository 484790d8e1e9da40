//! The sweep: store and database compared in the background, page by page.
//!
//! Three passes, each of which remembers where it is: from the store to the database for blobs that no row names, from the
//! database to the store for blobs that are not there, and through the originals, which are read and measured. Load is
//! bounded by small pages with pauses between them.

mod identity;
mod originals;
mod orphans;
mod pages;
mod report;
mod rows;

use std::time::{Duration, Instant};

use pages::Page;
use voicemill_types::Time;

use crate::{
    app::App,
    error::ServiceError,
    media::blobs::{self, Pass},
};

pub use pages::Counts;
pub use report::{PassReport, Report, report};

/// Ways of comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Blobs that no row names.
    Orphans,
    /// Rows whose blobs are not there.
    Rows,
    /// Originals whose bytes are not those that came.
    Originals,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Orphans, Self::Rows, Self::Originals];

    fn name(self) -> &'static str {
        match self {
            Self::Orphans => "orphans",
            Self::Rows => "rows",
            Self::Originals => "originals",
        }
    }

    /// How long after it began a pass begins anew.
    fn every(self) -> Duration {
        const DAY: Duration = Duration::from_secs(86_400);
        match self {
            Self::Orphans => DAY,
            Self::Rows => DAY.saturating_mul(7),
            Self::Originals => DAY.saturating_mul(30),
        }
    }

    async fn page(self, app: &App, after: &str, counts: &mut Counts) -> Result<Page, ServiceError> {
        match self {
            Self::Orphans => orphans::page(app, after, counts).await,
            Self::Rows => rows::page(app, after, counts).await,
            Self::Originals => originals::page(app, after, counts).await,
        }
    }
}

/// The name of the lease to sweep.
const LEASE: &str = "sweep";

/// Compares what is due, for at most `budget`, with `pause` between pages. False when another process does so.
pub async fn run(app: &App, budget: Duration, pause: Duration) -> Result<bool, ServiceError> {
    let due = async {
        identity::check(app).await?;
        let began = Instant::now();
        for kind in Kind::ALL {
            while is_due(app, kind).await? {
                step(app, kind).await?;
                if began.elapsed() + pause >= budget {
                    return Ok(());
                }
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    };
    with_lease(app, budget, Box::pin(due)).await
}

/// Compares everything from the beginning, due or not. False when another process compares right now.
pub async fn whole(app: &App) -> Result<bool, ServiceError> {
    const LONGEST: Duration = Duration::from_secs(6 * 3_600);
    let all = async {
        identity::check(app).await?;
        for kind in Kind::ALL {
            let fresh = fresh(app, kind, load(app, kind).await?)?;
            save(app, &fresh).await?;
            while !step(app, kind).await? {}
        }
        Ok(())
    };
    with_lease(app, LONGEST, Box::pin(all)).await
}

async fn with_lease(
    app: &App,
    budget: Duration,
    work: impl Future<Output = Result<(), ServiceError>>,
) -> Result<bool, ServiceError> {
    // The lease of a process that is killed runs out a little after its work would have been done.
    const SPARE: Duration = Duration::from_secs(60);
    let now = Time::from(app.clock.now());
    let mut transaction = app.begin().await?;
    let taken = blobs::take_lease(transaction.connection(), LEASE, now.after(budget + SPARE), now).await?;
    transaction.commit().await?;
    if !taken {
        return Ok(false);
    }
    let outcome = work.await;
    let mut transaction = app.begin().await?;
    blobs::end_lease(transaction.connection(), LEASE).await?;
    transaction.commit().await?;
    outcome.map(|()| true)
}

async fn load(app: &App, kind: Kind) -> Result<Option<Pass>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(blobs::load_pass(&mut connection, kind.name()).await?)
}

async fn save(app: &App, pass: &Pass) -> Result<(), ServiceError> {
    let mut transaction = app.begin().await?;
    blobs::save_pass(transaction.connection(), pass).await?;
    Ok(transaction.commit().await?)
}

/// A pass at its beginning, which remembers how the last one ended.
fn fresh(app: &App, kind: Kind, last: Option<Pass>) -> Result<Pass, ServiceError> {
    let counts = serde_json::to_string(&Counts::default()).map_err(|error| ServiceError::Internal(error.into()))?;
    Ok(Pass {
        name: kind.name().to_owned(),
        place: String::new(),
        started_at: Time::from(app.clock.now()),
        finished_at: last.as_ref().and_then(|last| last.finished_at),
        last_counts: last.map_or_else(|| counts.clone(), |last| last.last_counts),
        counts,
    })
}

/// Whether a pass is under way, or its time has come again.
async fn is_due(app: &App, kind: Kind) -> Result<bool, ServiceError> {
    let now = Time::from(app.clock.now());
    Ok(load(app, kind).await?.is_none_or(|pass| {
        let finished = pass.finished_at.is_some_and(|finished| finished >= pass.started_at);
        !finished || pass.started_at.after(kind.every()) <= now
    }))
}

/// Works on one page; true when the pass is at its end.
async fn step(app: &App, kind: Kind) -> Result<bool, ServiceError> {
    let last = load(app, kind).await?;
    let under_way = last.filter(|pass| pass.finished_at.is_none_or(|finished| finished < pass.started_at));
    let mut pass = match under_way {
        Some(pass) => pass,
        None => fresh(app, kind, load(app, kind).await?)?,
    };
    let mut counts: Counts = serde_json::from_str(&pass.counts).unwrap_or_default();
    let page = kind.page(app, &pass.place, &mut counts).await?;
    pass.counts = serde_json::to_string(&counts).map_err(|error| ServiceError::Internal(error.into()))?;
    let ended = page.next.is_none();
    pass.place = page.next.unwrap_or_default();
    if ended {
        // Never before its beginning, whatever the clock does.
        pass.finished_at = Some(Time::from(app.clock.now()).max(pass.started_at));
        pass.last_counts.clone_from(&pass.counts);
        tracing::info!(pass = pass.name, counts = pass.counts, "store and database were compared");
    }
    let mut transaction = app.begin().await?;
    for fault in &page.faults {
        tracing::error!(key = fault.key, fault = fault.fault, "a blob of the store is not as it should be");
        blobs::add_fault(transaction.connection(), fault).await?;
    }
    for (key, fault) in &page.mended {
        blobs::clear_fault(transaction.connection(), key, fault).await?;
    }
    blobs::save_pass(transaction.connection(), &pass).await?;
    transaction.commit().await?;
    Ok(ended)
}
