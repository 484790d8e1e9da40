//! The lease under which a worker holds its jobs.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Queue, QueueError,
    rows::WorkerId,
    store::{self, Store},
};
use voicemill_sql::Connection;
use voicemill_types::clock::Clock;

/// A worker's lease: one row, kept fresh by a heartbeat on a thread and a connection of its own, so that no amount of work
/// in the process can starve it. It ends when the handle is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) worker: WorkerId,
    /// Cancelled once the lease can no longer be relied on: everything done under it must stop.
    pub(super) lost: CancellationToken,
    _heart: DropGuard,
}

impl Lease {
    /// Registers a new worker that others may reap once it has not beaten for `ttl`.
    pub(super) async fn take(queue: &Queue, host: &str, ttl: Duration) -> Result<Self, QueueError> {
        // Before the row is written, because the row ages from then on.
        let granted = Instant::now();
        let worker = queue.store.join(host, queue.clock.now()).await?;
        let stop = CancellationToken::new();
        let lost = CancellationToken::new();
        let heart = Heart {
            store: queue.store.clone(),
            clock: queue.clock.clone(),
            connection: None,
            worker,
            ttl,
            stop: stop.clone(),
            lost: lost.clone(),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(QueueError::Heartbeat)?;
        thread::Builder::new()
            .name("queue-heartbeat".into())
            .spawn(move || runtime.block_on(heart.keep_beating(granted)))
            .map_err(QueueError::Heartbeat)?;
        Ok(Self { worker, lost, _heart: stop.drop_guard() })
    }
}

struct Heart {
    store: Store,
    clock: Clock,
    connection: Option<Connection>,
    worker: WorkerId,
    ttl: Duration,
    stop: CancellationToken,
    lost: CancellationToken,
}

impl Heart {
    /// Beats five times a TTL. At two thirds of it without a beat, by the monotonic clock, it declares the lease lost: the rest is
    /// the margin in which work stops before anybody else may take it over.
    async fn keep_beating(mut self, granted: Instant) {
        // However this ends, if only by a panic, nobody goes on working without a heartbeat.
        let _lost = self.lost.clone().drop_guard();
        let stop = self.stop.clone();
        let mut last = granted;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(self.ttl / 5) => {}
            }
            let begun = Instant::now();
            let expiry = last + self.ttl * 2 / 3;
            match timeout(expiry.saturating_duration_since(begun), self.beat()).await {
                Ok(Ok(true)) => last = begun,
                Ok(Ok(false)) => {
                    tracing::error!(worker = self.worker, "another worker has taken over our jobs; beginning anew");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::warn!(
                        worker = self.worker,
                        error = &error as &dyn std::error::Error,
                        "a heartbeat failed"
                    );
                    self.connection = None;
                }
                Err(_) => self.connection = None,
            }
            if Instant::now() >= last + self.ttl * 2 / 3 {
                tracing::error!(worker = self.worker, "no heartbeat for too long; stopping our jobs");
                return;
            }
        }
    }

    async fn beat(&mut self) -> Result<bool, QueueError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.store.connect_alone(self.ttl / 5).await?),
        };
        store::beat(connection, self.worker, self.clock.now()).await
    }
}
