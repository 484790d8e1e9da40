//! apalis-postgres: batches of 500, woken by LISTEN, with a short poll beside it.

use std::{sync::Arc, time::Duration};

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage, queries::push_tasks};
use sqlx::PgPool;

use crate::scenarios::{Contender, Payload, Probe};

const QUEUE: &str = "noop";
const BATCH: usize = 500;

pub struct Apalis(pub PgPool);

async fn noop(payload: Payload, probe: Data<Arc<Probe>>) -> Result<(), BoxDynError> {
    probe.start(&payload);
    Ok(())
}

impl Contender for Apalis {
    async fn prepare(&self) -> anyhow::Result<()> {
        Ok(PostgresStorage::setup(&self.0).await?)
    }

    async fn enqueue(&self, jobs: Vec<Payload>) -> anyhow::Result<()> {
        let tasks = jobs
            .iter()
            .map(|job| anyhow::Ok(TaskBuilder::new(serde_json::to_vec(job)?).build()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut transaction = self.0.begin().await?;
        push_tasks(&mut *transaction, QUEUE, tasks).await?;
        Ok(transaction.commit().await?)
    }

    async fn fill(&self, count: u64) -> anyhow::Result<()> {
        for _ in 0..count / 1_000 {
            self.enqueue(vec![Payload { t: 0, tenant: 1 }; 1_000]).await?;
        }
        Ok(())
    }

    async fn tidy(&self) -> anyhow::Result<()> {
        crate::tidy(&self.0, "apalis.jobs").await
    }

    async fn remaining(&self) -> anyhow::Result<u64> {
        crate::count(&self.0, "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'").await
    }

    async fn work(&self, probe: Arc<Probe>) -> anyhow::Result<()> {
        let config = Config::default().queue(QUEUE).batch_size(BATCH).lock_tasks(false);
        let backend = PostgresStorage::<Payload>::new(&self.0)
            .with_config(config)
            .with_pubsub()
            .poll_with_interval(Duration::from_millis(5));
        let worker = WorkerBuilder::new("bench").backend(backend).data(probe).concurrency(BATCH).build(noop);
        tokio::spawn(worker.run());
        Ok(())
    }
}
