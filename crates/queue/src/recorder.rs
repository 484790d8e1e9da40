//! Stores how attempts ended, in batches: as many as have come in while the last batch was written.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Queue,
    log::log_failure,
    retry::{Settled, Settlement},
    running::Running,
};

/// The most results in one transaction, and the most that wait for the next.
const BATCH: usize = 1_024;

/// The pause after a failed write.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Recorder {
    task: JoinHandle<()>,
    finish: CancellationToken,
}

impl Recorder {
    /// Records until the lease is lost, for then no result counts any more.
    pub(super) fn start(queue: Queue, running: Arc<Running>, lost: CancellationToken) -> (Self, mpsc::Sender<Settled>) {
        let (sender, receiver) = mpsc::channel(BATCH);
        let finish = CancellationToken::new();
        let recording = Box::pin(record(queue, running, receiver, finish.clone()));
        let task = tokio::spawn(async move {
            lost.run_until_cancelled(recording).await;
        });
        (Self { task, finish }, sender)
    }

    /// Stores what has come in, takes nothing more, and ends.
    pub(super) async fn finish(self) {
        self.finish.cancel();
        let _ = self.task.await;
    }
}

async fn record(queue: Queue, running: Arc<Running>, mut results: mpsc::Receiver<Settled>, finish: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        tokio::select! {
            biased;
            () = finish.cancelled(), if !results.is_closed() => results.close(),
            received = results.recv_many(&mut batch, BATCH) => match received {
                0 => return,
                _ => {
                    store(&queue, &batch).await;
                    running.forget(&batch);
                }
            },
        }
    }
}

async fn store(queue: &Queue, batch: &[Settled]) {
    let news = |result: &Settled| result.settlement != Settlement::Stored;
    if !batch.iter().any(news) {
        return;
    }
    let freed = loop {
        match queue.store.settle(batch, queue.clock.now()).await {
            Ok(freed) => break freed,
            Err(error) => log_failure("could not store how jobs ended; trying again", &error),
        }
        sleep(PAUSE).await;
    };
    if freed > 0 || batch.iter().any(|result| news(result) && result.settlement != Settlement::Complete) {
        queue.wake();
    }
}
