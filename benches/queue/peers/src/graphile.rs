//! graphile_worker, with the settings of its own `benches/perf_test.rs`: a local queue, and completion in batches.

use std::{sync::Arc, time::Duration};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler, WorkerContext, WorkerOptions,
    WorkerUtils,
};
use sqlx::PgPool;

use crate::scenarios::{Contender, Payload, Probe};

const SCHEMA: &str = "graphile_worker";

pub struct Graphile(pub PgPool);

#[derive(Clone, Debug)]
struct Shared(Arc<Probe>);

impl TaskHandler for Payload {
    const IDENTIFIER: &'static str = "noop";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(shared) = context.get_ext::<Shared>() {
            shared.0.start(&self);
        }
        Ok::<(), String>(())
    }
}

impl Graphile {
    fn utils(&self) -> WorkerUtils {
        WorkerUtils::new(self.0.clone(), SCHEMA)
    }
}

impl Contender for Graphile {
    async fn prepare(&self) -> anyhow::Result<()> {
        Ok(self.utils().migrate().await?)
    }

    async fn enqueue(&self, jobs: Vec<Payload>) -> anyhow::Result<()> {
        let jobs: Vec<RawJobSpec> = jobs
            .iter()
            .map(|job| RawJobSpec {
                identifier: Payload::IDENTIFIER.to_owned(),
                payload: serde_json::json!(job),
                spec: JobSpec::default(),
            })
            .collect();
        match jobs.as_slice() {
            [one] => drop(self.utils().add_raw_job(&one.identifier, one.payload.clone(), one.spec.clone()).await?),
            many => drop(self.utils().add_raw_jobs(many).await?),
        }
        Ok(())
    }

    async fn fill(&self, count: u64) -> anyhow::Result<()> {
        for _ in 0..count / 1_000 {
            self.enqueue(vec![Payload { t: 0, tenant: 1 }; 1_000]).await?;
        }
        Ok(())
    }

    async fn tidy(&self) -> anyhow::Result<()> {
        crate::tidy(&self.0, "graphile_worker._private_jobs").await
    }

    async fn remaining(&self) -> anyhow::Result<u64> {
        crate::count(&self.0, "SELECT count(*) FROM graphile_worker._private_jobs").await
    }

    async fn work(&self, probe: Arc<Probe>) -> anyhow::Result<()> {
        let worker = WorkerOptions::default()
            .schema(SCHEMA)
            .pg_pool(self.0.clone())
            .concurrency(500)
            .poll_interval(Duration::from_millis(5))
            .complete_job_batch_delay(Duration::from_millis(5))
            .local_queue(LocalQueueConfig::default().with_size(5_000))
            .add_extension(Shared(probe))
            .define_job::<Payload>()
            .init()
            .await?;
        tokio::spawn(async move { worker.run().await });
        Ok(())
    }
}
