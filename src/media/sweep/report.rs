//! How store, spool and their comparing stand, for operators.

use voicemill_storage::Depth;
use voicemill_types::Time;

use crate::{
    app::App,
    error::ServiceError,
    media::{
        blobs::{self, Fault},
        sweep::{Counts, Kind, load},
    },
};

/// Most faults that a report lists.
const FAULTS: i64 = 100;

/// How things stand.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where blobs lie.
    pub store: String,
    /// What waits in the spool.
    pub spool: Depth,
    /// Seconds that the oldest of it has waited; 0 when nothing waits.
    pub spool_age_seconds: i64,
    /// Bytes free on the disk of the spool.
    pub free_bytes: u64,
    /// Bytes to be kept free there; with less, drops are answered 507.
    pub min_free_bytes: u64,
    /// How store and database were compared.
    pub passes: Vec<PassReport>,
    /// How many blobs are not as they should be.
    pub faults: i64,
    /// The first of them.
    pub first_faults: Vec<Fault>,
}

/// One way of comparing.
#[derive(Clone, Debug)]
pub struct PassReport {
    /// Which it is: `orphans`, `rows` or `originals`.
    pub name: &'static str,
    /// When the one under way, or else the last one, began.
    pub started_at: Option<Time>,
    /// When one last reached its end.
    pub finished_at: Option<Time>,
    /// What that one saw.
    pub last: Counts,
    /// What the one under way has seen.
    pub so_far: Option<Counts>,
}

impl Report {
    /// Whether nothing needs a person.
    pub fn is_well(&self) -> bool {
        self.faults == 0 && self.spool.set_aside == 0 && self.free_bytes >= self.min_free_bytes
    }
}

/// How store, spool and their comparing stand.
pub async fn report(app: &App) -> Result<Report, ServiceError> {
    app.spool.refresh().await?;
    let spool = app.spool.depth().await?;
    let now = Time::from(app.clock.now());
    let mut passes = Vec::new();
    for kind in Kind::ALL {
        let pass = load(app, kind).await?;
        let under_way = pass.as_ref().filter(|pass| pass.finished_at.is_none_or(|finished| finished < pass.started_at));
        passes.push(PassReport {
            name: kind.name(),
            started_at: pass.as_ref().map(|pass| pass.started_at),
            finished_at: pass.as_ref().and_then(|pass| pass.finished_at),
            last: pass.as_ref().and_then(|pass| serde_json::from_str(&pass.last_counts).ok()).unwrap_or_default(),
            so_far: under_way.and_then(|pass| serde_json::from_str(&pass.counts).ok()),
        });
    }
    let mut connection = app.database.read().await?;
    Ok(Report {
        store: match &app.config.storage.s3 {
            Some(s3) => format!("bucket {}", s3.bucket),
            None => format!("folder {}", app.config.storage.folder.join("store").display()),
        },
        spool_age_seconds: spool.oldest_at.map_or(0, |oldest| now.since(oldest).as_secs().max(0)),
        spool,
        free_bytes: app.landing.free_bytes().await?,
        min_free_bytes: app.config.storage.min_free_bytes,
        passes,
        faults: blobs::count_faults(&mut connection).await?,
        first_faults: blobs::faults(&mut connection, FAULTS).await?,
    })
}
