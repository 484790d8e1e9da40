//! How workers hear at once that there may be something to do.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::{log::log_failure, postgres, store::Store};

/// The shortest time between two nudges of one process. A nudge is a commit that takes a lock of the whole server, so it is
/// neither part of anybody's transaction nor as frequent as they are.
const NUDGE_EVERY: Duration = Duration::from_millis(2);

/// A bell for the workers of this process and, on PostgreSQL, of all others. Who does not hear it looks within its poll interval.
#[derive(Clone, Debug)]
pub(super) struct Wake {
    here: watch::Sender<()>,
    elsewhere: Option<Arc<Elsewhere>>,
}

/// Rings in other processes, as long as anybody holds it.
#[derive(Debug)]
struct Elsewhere {
    store: postgres::Store,
    /// By this name a process knows its own nudges.
    me: String,
    wanted: Arc<Notify>,
    _nudging: DropGuard,
}

impl Wake {
    pub(super) fn new(store: &Store) -> Self {
        let elsewhere = match store {
            Store::Sqlite(_) => None,
            Store::Postgres(store) => {
                let (me, wanted, stop) =
                    (Uuid::new_v4().to_string(), Arc::new(Notify::new()), CancellationToken::new());
                let nudging = nudge(store.clone(), me.clone(), Arc::clone(&wanted));
                tokio::spawn(stop.clone().run_until_cancelled_owned(nudging));
                Some(Arc::new(Elsewhere { store: store.clone(), me, wanted, _nudging: stop.drop_guard() }))
            }
        };
        Self { here: watch::Sender::new(()), elsewhere }
    }

    pub(super) fn ring(&self) {
        self.here.send_replace(());
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.wanted.notify_one();
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.here.subscribe()
    }

    /// Rings here whenever another process does. `retry_pause` is the pause before it tries again to hear.
    pub(super) async fn hear_others(self, retry_pause: Duration) {
        let Some(elsewhere) = self.elsewhere else { return };
        loop {
            match elsewhere.store.listen().await {
                Ok(mut listener) => {
                    // What was rung while nobody listened.
                    self.here.send_replace(());
                    while let Ok(Some(nudge)) = listener.try_recv().await {
                        if nudge.payload() != elsewhere.me {
                            self.here.send_replace(());
                        }
                    }
                }
                Err(error) => {
                    log_failure("cannot hear of others' jobs at the moment; looking for them instead", &error);
                }
            }
            sleep(retry_pause).await;
        }
    }
}

async fn nudge(store: postgres::Store, me: String, wanted: Arc<Notify>) {
    loop {
        wanted.notified().await;
        // Whoever misses it looks soon.
        if let Err(error) = store.nudge(&me).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "no nudge");
        }
        sleep(NUDGE_EVERY).await;
    }
}
