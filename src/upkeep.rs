//! What goes on beside requests and jobs: the spool is worked off, and store and database are compared.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{app::App, arrivals::drain::drain, media::sweep};

/// How long an empty spool is left alone, unless something is added.
const IDLE: Duration = Duration::from_secs(30);
/// The pauses between tries while something is down.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long store and database are compared at a time, with how long between pages, and how long until then.
const SWEEP_BUDGET: Duration = Duration::from_secs(300);
const SWEEP_PAUSE: Duration = Duration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Works until `shutdown`.
pub async fn run(app: Arc<App>, shutdown: CancellationToken) {
    let work = async { tokio::join!(drain_for_ever(&app), sweep_for_ever(&app)) };
    shutdown.run_until_cancelled(work).await;
}

/// Works the spool off whenever something is in it.
pub async fn drain_for_ever(app: &App) -> std::convert::Infallible {
    let mut pause = FIRST_PAUSE;
    loop {
        match Box::pin(drain(app)).await {
            Ok(0) => app.spool.filled(IDLE).await,
            Ok(count) => {
                tracing::info!(count, "the spool is worked off");
                pause = FIRST_PAUSE;
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, ?pause, "the spool has to wait");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Compares store and database from time to time.
async fn sweep_for_ever(app: &App) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = sweep::run(app, SWEEP_BUDGET, SWEEP_PAUSE).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "store and database could not be compared");
        }
    }
}
