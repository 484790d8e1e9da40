//! What every queue is put through, and how it tells: one scenario a process, one line of JSON on its end.
//!
//! Before and after what is to be measured it prints `begin` and `end`, so that whoever started it can read the CPU time of
//! the database. `node/scenarios.js` is the same for the peers on Node.

use std::{
    future::Future,
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// What a job carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// Microseconds since 1970 at which its enqueueing began; 0 where nobody asks.
    pub t: u64,
    /// Whose job it is.
    pub tenant: u64,
}

/// A queue under test.
pub trait Contender: Send + Sync + 'static {
    /// Makes its tables.
    fn prepare(&self) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// Adds jobs in one transaction, as its users would.
    fn enqueue(&self, jobs: Vec<Payload>) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// Adds jobs of tenant 1 in whatever way is quickest.
    fn fill(&self, count: u64) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// Tidies the tables up after a fill, as time would.
    fn tidy(&self) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// How many jobs are not completed.
    fn remaining(&self) -> impl Future<Output = anyhow::Result<u64>> + Send;
    /// Begins to work, until the process ends.
    fn work(&self, probe: Arc<Probe>) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// What the jobs tell as they start.
#[derive(Debug, Default)]
pub struct Probe {
    started: AtomicU64,
    before_second: Mutex<Option<u64>>,
    latencies: Mutex<Vec<u64>>,
}

impl Probe {
    /// Every job's only deed.
    pub fn start(&self, payload: &Payload) {
        let before = self.started.fetch_add(1, Ordering::Relaxed);
        if payload.t > 0 {
            self.latencies.lock().expect("nobody panics").push(now().saturating_sub(payload.t));
        }
        if payload.tenant == 2 {
            self.before_second.lock().expect("nobody panics").get_or_insert(before);
        }
    }

    fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // Nobody is left to tell of a broken pipe.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

const GLANCE: Duration = Duration::from_millis(2);

/// Runs the scenario that the arguments name.
pub async fn run<C: Contender>(contender: C, arguments: &[String]) -> anyhow::Result<()> {
    let contender = Arc::new(contender);
    let number = |place: usize| -> anyhow::Result<u64> {
        let text = arguments.get(place).ok_or_else(|| anyhow::anyhow!("the scenario lacks a number"))?;
        Ok(text.parse()?)
    };
    contender.prepare().await?;
    let result = match arguments.first().map(String::as_str) {
        Some("drain") => drain(&*contender, number(1)?).await?,
        Some("sustained") => sustained(&contender, number(1)?, number(2)?).await?,
        Some("latency") => latency(&contender, number(1)?, number(2)?, number(3)?).await?,
        Some("second") => second(&*contender, number(1)?, number(2)?).await?,
        _ => anyhow::bail!(
            "scenarios: drain N | sustained BACKLOG SECONDS | latency RATE BATCH SECONDS | second BACKLOG LIMIT"
        ),
    };
    say(&result.to_string());
    Ok(())
}

/// Jobs a second, from the worker's start until the last of `count` waiting jobs is completed.
async fn drain<C: Contender>(contender: &C, count: u64) -> anyhow::Result<serde_json::Value> {
    contender.fill(count).await?;
    contender.tidy().await?;
    let probe = Arc::new(Probe::default());
    say("begin");
    let begun = Instant::now();
    contender.work(Arc::clone(&probe)).await?;
    while probe.started() < count {
        tokio::time::sleep(GLANCE).await;
    }
    while contender.remaining().await? > 0 {
        tokio::time::sleep(GLANCE).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    say("end");
    Ok(serde_json::json!({ "jobs": count, "seconds": seconds, "rate": count as f64 / seconds }))
}

/// Jobs a second while `backlog` jobs wait all the time, because what leaves is replaced, 1,000 in a transaction.
async fn sustained<C: Contender>(contender: &Arc<C>, backlog: u64, seconds: u64) -> anyhow::Result<serde_json::Value> {
    const BATCH: u64 = 1_000;
    contender.fill(backlog).await?;
    contender.tidy().await?;
    let probe = Arc::new(Probe::default());
    contender.work(Arc::clone(&probe)).await?;
    let feeder = {
        let (contender, probe) = (Arc::clone(contender), Arc::clone(&probe));
        tokio::spawn(async move {
            let mut enqueued = backlog;
            loop {
                if enqueued - probe.started().min(enqueued) < backlog {
                    let jobs = vec![Payload { t: 0, tenant: 1 }; usize::try_from(BATCH).unwrap_or(usize::MAX)];
                    if let Err(error) = contender.enqueue(jobs).await {
                        return error;
                    }
                    enqueued += BATCH;
                } else {
                    tokio::time::sleep(GLANCE).await;
                }
            }
        })
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    say("begin");
    let (before, begun) = (probe.started(), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (jobs, elapsed) = (probe.started() - before, begun.elapsed().as_secs_f64());
    say("end");
    anyhow::ensure!(!feeder.is_finished(), "the feeder failed: {:#}", feeder.await?);
    feeder.abort();
    Ok(serde_json::json!({ "jobs": jobs, "seconds": elapsed, "rate": jobs as f64 / elapsed }))
}

/// From before the enqueueing transaction to the start of its jobs, at `rate` jobs a second in transactions of `batch`.
async fn latency<C: Contender>(
    contender: &Arc<C>,
    rate: u64,
    batch: u64,
    seconds: u64,
) -> anyhow::Result<serde_json::Value> {
    const PRODUCERS: u64 = 4;
    let probe = Arc::new(Probe::default());
    contender.work(Arc::clone(&probe)).await?;
    // A first job, so that connections and plans are there.
    contender.enqueue(vec![Payload { t: 0, tenant: 1 }]).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    say("begin");
    let pause = Duration::from_secs_f64((batch * PRODUCERS) as f64 / rate as f64);
    let begun = tokio::time::Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let mut producers = tokio::task::JoinSet::new();
    for producer in 0..PRODUCERS {
        let contender = Arc::clone(contender);
        let first = begun + pause.mul_f64(producer as f64 / PRODUCERS as f64);
        producers.spawn(async move {
            let mut ticks = tokio::time::interval_at(first, pause);
            let mut sent = 0;
            while ticks.tick().await < end && tokio::time::Instant::now() < end {
                let payload = Payload { t: now(), tenant: 1 };
                contender.enqueue(vec![payload; usize::try_from(batch)?]).await?;
                sent += batch;
            }
            anyhow::Ok(sent)
        });
    }
    let mut sent = 0;
    while let Some(producer) = producers.join_next().await {
        sent += producer??;
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let patience = Instant::now();
    while probe.started() < sent + 1 && patience.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(GLANCE).await;
    }
    say("end");
    let mut latencies = std::mem::take(&mut *probe.latencies.lock().expect("nobody panics"));
    anyhow::ensure!(!latencies.is_empty(), "no job started");
    latencies.sort_unstable();
    let quantile = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize] as f64 / 1_000.0;
    Ok(serde_json::json!({
        "jobs": sent, "started": latencies.len(), "seconds": elapsed, "rate": sent as f64 / elapsed,
        "p50_ms": quantile(0.5), "p99_ms": quantile(0.99), "max_ms": quantile(1.0),
    }))
}

/// How long, and how many jobs, until the only job of tenant 2 starts that was enqueued after `backlog` jobs of tenant 1.
async fn second<C: Contender>(contender: &C, backlog: u64, limit: u64) -> anyhow::Result<serde_json::Value> {
    contender.fill(backlog).await?;
    contender.enqueue(vec![Payload { t: 0, tenant: 2 }]).await?;
    contender.tidy().await?;
    let probe = Arc::new(Probe::default());
    say("begin");
    let begun = Instant::now();
    contender.work(Arc::clone(&probe)).await?;
    let before = || *probe.before_second.lock().expect("nobody panics");
    while before().is_none() && begun.elapsed() < Duration::from_secs(limit) {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    say("end");
    Ok(serde_json::json!({ "before": before(), "started": probe.started(), "seconds": seconds }))
}
