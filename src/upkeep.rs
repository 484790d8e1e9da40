//! What goes on beside requests and jobs: the spool is worked off, store and database are compared, the trash is emptied,
//! and events are handed on.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    arrivals::drain::drain,
    audit, events, idempotency, keys,
    media::sweep,
    messages::trash,
    prompts::removal,
    retention,
    webhooks::{self, dispatch},
};

/// How long an empty spool is left alone, unless something is added.
const IDLE: Duration = Duration::from_secs(30);
/// The pauses between tries while something is down.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long store and database are compared at a time, with how long between pages, and how long until then.
const SWEEP_BUDGET: Duration = Duration::from_secs(300);
const SWEEP_PAUSE: Duration = Duration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How often uploads that could not be used are looked through for those that were kept for long enough.
const SWEEP_PROMPTS_EVERY: Duration = Duration::from_secs(60);

/// How often events are looked through for those that are too old.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);

/// How often is looked for what has lain in the trash for long enough.
const EMPTY_EVERY: Duration = Duration::from_secs(60);

/// How often keys are looked at that others changed, and in which of those rounds their uses are written.
const KEYS_EVERY: Duration = Duration::from_millis(500);
const USES_EVERY: u32 = 10;

/// How often the database's files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Works until `shutdown`.
pub async fn run(app: Arc<App>, shutdown: CancellationToken) {
    let work = async {
        tokio::join!(
            drain_for_ever(&app),
            sweep_for_ever(&app),
            prune_for_ever(&app),
            empty_for_ever(&app),
            sweep_prompts_for_ever(&app),
            look_for_ever(&app),
            look_at_keys_for_ever(&app),
            dispatch::run(&app),
        );
    };
    shutdown.run_until_cancelled(Box::pin(work)).await;
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

/// Learns of keys that others changed, and writes down which were used here. While the database is down, neither can be.
async fn look_at_keys_for_ever(app: &App) -> std::convert::Infallible {
    for round in 0_u32.. {
        tokio::time::sleep(KEYS_EVERY).await;
        let looked = keys::look_for_changes(app).await;
        let written = match round.is_multiple_of(USES_EVERY) {
            true => keys::write_uses(app).await,
            false => Ok(()),
        };
        if let Err(error) = looked.and(written) {
            tracing::debug!(error = &error as &dyn std::error::Error, "keys could not be looked at");
        }
    }
    std::future::pending().await
}

/// Removes what is too old: events, deliveries of them, entries of the audit log, tokens, and idempotency keys.
async fn prune_for_ever(app: &App) -> std::convert::Infallible {
    loop {
        if let Err(error) = events::prune(app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old events could not be removed");
        }
        if let Err(error) = audit::prune(app).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old entries of the audit log could not be removed"
            );
        }
        if let Err(error) = idempotency::prune(app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old idempotency keys could not be removed");
        }
        if let Err(error) = keys::tokens::prune(app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old tokens could not be removed");
        }
        if let Err(error) = webhooks::prune(app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old deliveries could not be removed");
        }
        tokio::time::sleep(PRUNE_EVERY).await;
    }
}

/// Empties the trash, and removes what domains do not keep any longer: at the start, and then once a minute.
async fn empty_for_ever(app: &App) -> std::convert::Infallible {
    loop {
        if let Err(error) = trash::sweep(app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the trash could not be emptied");
        }
        if let Err(error) = retention::sweep(app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what is too old could not be removed");
        }
        tokio::time::sleep(EMPTY_EVERY).await;
    }
}

/// Removes prompts of which nothing could be made, and versions in whose place others are served: at the start, and then once a
/// minute.
async fn sweep_prompts_for_ever(app: &App) -> std::convert::Infallible {
    loop {
        if let Err(error) = removal::sweep(app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old versions of prompts could not be removed");
        }
        tokio::time::sleep(SWEEP_PROMPTS_EVERY).await;
    }
}

/// Notices a database that vanishes while nobody writes.
pub async fn look_for_ever(app: &App) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // An error ends the service.
        drop(app.check_database());
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
