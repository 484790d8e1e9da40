//! `voicemill jobs`: the queue as operators see it.

use std::io::Write;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;
use voicemill_queue::{JobFilter, JobId, JobInfo, Pause, Queue, State};
use voicemill_types::clock::Clock;

use crate::{
    app,
    config::Config,
    db::{Database, DatabaseUrl},
    domains,
    lanes::Lane,
};

/// Options of `voicemill jobs`.
#[derive(Args, Debug)]
pub struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// List unfinished jobs, the newest first
    List {
        /// Only in this state; `discarded` are the dead letters, `blocked` wait for other jobs
        #[arg(long)]
        state: Option<StateArg>,
        /// Only of this kind, such as `render_media`
        #[arg(long)]
        kind: Option<String>,
        /// Only of this domain
        #[arg(long)]
        domain: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one job with its errors
    Show {
        /// Its number
        id: JobId,
    },
    /// Count unfinished jobs by lane, kind and state
    Stats,
    /// Let dead letters start anew from their originals, with all their attempts
    Retry(Which),
    /// Remove dead letters for good; jobs that wait for them are given up
    Discard(Which),
    /// Give jobs up: waiting ones at once, running ones as soon as their worker hears of it
    Cancel(Which),
    /// Start nothing more of a lane, a kind or a domain; what runs goes on
    Pause(What),
    /// Let a lane, a kind or a domain go on
    Resume(What),
}

/// One job, or those that a filter names.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
struct Which {
    /// Its number
    #[arg(group = "which", conflicts_with_all = ["kind", "domain"])]
    id: Option<JobId>,
    /// All of this kind
    #[arg(long, group = "which")]
    kind: Option<String>,
    /// All of this domain
    #[arg(long, group = "which")]
    domain: Option<String>,
}

/// What to pause.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct What {
    /// A lane: cpu, io or transcribe
    #[arg(long)]
    lane: Option<Lane>,
    /// A kind, such as `notify_message`
    #[arg(long)]
    kind: Option<String>,
    /// A domain
    #[arg(long)]
    domain: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateArg {
    Available,
    Scheduled,
    Blocked,
    Paused,
    Running,
    Discarded,
}

impl From<StateArg> for State {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Available => Self::Available,
            StateArg::Scheduled => Self::Scheduled,
            StateArg::Blocked => Self::Blocked,
            StateArg::Paused => Self::Paused,
            StateArg::Running => Self::Running,
            StateArg::Discarded => Self::Discarded,
        }
    }
}

/// Runs the command on the service's database, beside a service that may be running.
pub async fn run(config: Config, args: JobsArgs) -> anyhow::Result<()> {
    if let DatabaseUrl::Sqlite(file) = config.database.address(&config.storage.folder)
        && !file.exists()
    {
        bail!("there is no database {}; name the service's configuration with --config", file.display());
    }
    let database = app::open_database(&config).await?;
    let queue = Queue::new(&database, Clock::system());
    let mut output = std::io::stdout().lock();
    match args.command {
        JobsCommand::List { state, kind, domain, limit } => {
            let tenant = tenant(&database, domain).await?;
            let filter = JobFilter { state: state.map(State::from), kind, tenant, limit, ..JobFilter::default() };
            let jobs = queue.list(&filter).await?;
            if args.json {
                writeln!(output, "{}", serde_json::to_string_pretty(&jobs)?)?;
            } else {
                list(&mut output, &jobs)?;
            }
        }
        JobsCommand::Show { id } => {
            let job = queue.show(id).await?.with_context(|| format!("there is no unfinished job {id}"))?;
            writeln!(output, "{}", serde_json::to_string_pretty(&job)?)?;
        }
        JobsCommand::Stats => {
            let stats = queue.stats().await?;
            if args.json {
                writeln!(output, "{}", serde_json::to_string_pretty(&stats)?)?;
            } else if stats.is_empty() {
                writeln!(output, "The queue is empty.")?;
            }
            for paused in queue.pauses().await?.iter().filter(|_| !args.json) {
                writeln!(output, "paused since {}: {}", paused.since, paused.what)?;
            }
            for stat in stats.iter().filter(|_| !args.json) {
                let (lane, state) = (stat.lane.to_string(), name(stat.state));
                writeln!(output, "{lane:10} {:20} {state:10} {:>8}  oldest {}", stat.kind, stat.count, stat.oldest)?;
            }
        }
        JobsCommand::Retry(which) => {
            let changed = change(&database, &queue, which, Some(State::Discarded), Deed::Retry).await?;
            writeln!(output, "{changed} start anew.")?;
        }
        JobsCommand::Discard(which) => {
            let changed = change(&database, &queue, which, Some(State::Discarded), Deed::Discard).await?;
            writeln!(output, "{changed} removed.")?;
        }
        JobsCommand::Cancel(which) => {
            let changed = change(&database, &queue, which, None, Deed::Cancel).await?;
            writeln!(output, "{changed} given up.")?;
        }
        JobsCommand::Pause(what) => {
            let what = pause(&database, what).await?;
            let mut transaction = database.begin().await?;
            let fresh = queue.pause(transaction.connection(), &what).await?;
            transaction.commit().await?;
            writeln!(output, "The {what} {} paused.", if fresh { "is" } else { "was already" })?;
        }
        JobsCommand::Resume(what) => {
            let what = pause(&database, what).await?;
            let mut transaction = database.begin().await?;
            let paused = queue.resume(transaction.connection(), &what).await?;
            transaction.commit().await?;
            writeln!(output, "The {what} {}.", if paused { "goes on" } else { "was not paused" })?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Deed {
    Retry,
    Discard,
    Cancel,
}

/// Does it to one job, or to all that the filter names, some in a transaction; returns to how many, and how they are called.
async fn change(
    database: &Database,
    queue: &Queue,
    which: Which,
    state: Option<State>,
    deed: Deed,
) -> anyhow::Result<String> {
    let tenant = tenant(database, which.domain).await?;
    let mut filter = JobFilter { state, kind: which.kind, tenant, limit: 500, ..JobFilter::default() };
    let mut changed = 0;
    loop {
        let mut ids: Vec<JobId> = match which.id {
            Some(id) => vec![id],
            None => queue.list(&filter).await?.into_iter().map(|job| job.id).collect(),
        };
        // Whoever takes several rows takes them in this order, so that no two wait for each other.
        ids.sort_unstable();
        let mut transaction = database.begin().await?;
        for &id in &ids {
            let connection = transaction.connection();
            changed += usize::from(match deed {
                Deed::Retry => queue.retry(connection, id).await?,
                Deed::Discard => queue.forget(connection, id).await?,
                Deed::Cancel => queue.cancel(connection, id, "cancelled by an operator").await?,
            });
        }
        transaction.commit().await?;
        match (which.id, ids.first()) {
            (None, Some(&oldest)) => filter.before = Some(oldest),
            _ => break,
        }
    }
    match which.id {
        Some(id) if changed == 0 => bail!(
            "nothing can be done about job {id}: it is finished, not in that state, or another with its key is under way; \
             see `voicemill jobs show {id}`"
        ),
        Some(id) => Ok(format!("Job {id}:")),
        None => Ok(format!("Jobs: {changed}")),
    }
}

async fn tenant(database: &Database, domain: Option<String>) -> anyhow::Result<Option<Uuid>> {
    let Some(name) = domain else { return Ok(None) };
    let domain = domains::rows::by_name(&mut database.read().await?, &name).await?;
    Ok(Some(domain.with_context(|| format!("there is no domain {name}"))?.id.0))
}

async fn pause(database: &Database, what: What) -> anyhow::Result<Pause> {
    match (what.lane, what.kind, tenant(database, what.domain).await?) {
        (Some(lane), _, _) => Ok(Pause::Lane(lane.to_string())),
        (_, Some(kind), _) => Ok(Pause::Kind(kind)),
        (_, _, Some(tenant)) => Ok(Pause::Tenant(tenant)),
        _ => bail!("name a lane, a kind or a domain"),
    }
}

fn list(output: &mut impl Write, jobs: &[JobInfo]) -> anyhow::Result<()> {
    if jobs.is_empty() {
        writeln!(output, "There are no such jobs.")?;
        return Ok(());
    }
    writeln!(
        output,
        "{:>8}  {:10} {:20} {:>7}  {:25} last error, or what it waits for",
        "id", "state", "kind", "attempt", "run at"
    )?;
    for job in jobs {
        let tried = format!("{}/{}", job.attempt, job.max_attempts);
        let error = job.give_up_reason.as_deref().or(job.errors.last().map(|failure| failure.error.as_str()));
        let remark = match job.state {
            State::Blocked => waits_for(job),
            _ => error.unwrap_or("-").to_owned(),
        };
        let (state, run_at) = (name(job.state), job.run_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
        writeln!(output, "{:>8}  {state:10} {:20} {tried:>7}  {run_at:25} {remark}", job.id, job.kind)?;
    }
    Ok(())
}

/// What a blocked job waits for, dead letters first.
fn waits_for(job: &JobInfo) -> String {
    let mut some: Vec<String> =
        job.waits_for.iter().map(|awaited| format!("{} ({})", awaited.id, name(awaited.state))).collect();
    let more = (job.waits as usize).saturating_sub(some.len());
    if more > 0 {
        some.push(format!("{more} more"));
    }
    format!("waits for {}", some.join(", "))
}

fn name(state: State) -> &'static str {
    match state {
        State::Available => "available",
        State::Scheduled => "scheduled",
        State::Blocked => "blocked",
        State::Quarantined => "quarantined",
        State::Paused => "paused",
        State::Running => "running",
        State::Discarded => "discarded",
    }
}
