//! `voicemill jobs`: the queue as operators see it.

use std::io::Write;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::{
    app,
    clock::Clock,
    config::Config,
    db::DatabaseUrl,
    queue::{JobFilter, JobId, JobInfo, Queue, State},
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
        /// Only in this state; `discarded` are the dead letters
        #[arg(long)]
        state: Option<StateArg>,
        /// Only of this kind, such as `render_message`
        #[arg(long)]
        kind: Option<String>,
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
    /// Let a dead letter start anew, with all its attempts
    Retry {
        /// Its number
        id: JobId,
    },
    /// Give a job up: a waiting one at once, a running one as soon as its worker hears of it
    Cancel {
        /// Its number
        id: JobId,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateArg {
    Available,
    Scheduled,
    Running,
    Discarded,
}

impl From<StateArg> for State {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Available => Self::Available,
            StateArg::Scheduled => Self::Scheduled,
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
        JobsCommand::List { state, kind, limit } => {
            let filter = JobFilter { state: state.map(State::from), kind, limit, ..JobFilter::default() };
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
            for stat in stats.iter().filter(|_| !args.json) {
                let (lane, state) = (stat.lane.to_string(), name(stat.state));
                writeln!(output, "{lane:4} {:20} {state:10} {:>8}  oldest {}", stat.kind, stat.count, stat.oldest)?;
            }
        }
        JobsCommand::Retry { id } => {
            let mut transaction = database.begin().await?;
            if !queue.retry(transaction.connection(), id).await? {
                bail!(
                    "job {id} is no dead letter, or another with its key is under way; see `voicemill jobs show {id}`"
                );
            }
            transaction.commit().await?;
            writeln!(output, "Job {id} starts anew.")?;
        }
        JobsCommand::Cancel { id } => {
            let mut transaction = database.begin().await?;
            if !queue.cancel(transaction.connection(), id, "cancelled by an operator").await? {
                bail!("there is no job {id} to cancel; it is finished or given up already");
            }
            transaction.commit().await?;
            writeln!(output, "Job {id} is given up.")?;
        }
    }
    Ok(())
}

fn list(output: &mut impl Write, jobs: &[JobInfo]) -> anyhow::Result<()> {
    if jobs.is_empty() {
        writeln!(output, "There are no such jobs.")?;
        return Ok(());
    }
    writeln!(output, "{:>8}  {:10} {:20} {:>7}  {:25} last error", "id", "state", "kind", "attempt", "run at")?;
    for job in jobs {
        let tried = format!("{}/{}", job.attempt, job.max_attempts);
        let error = job.verdict.as_deref().or(job.errors.last().map(|failure| failure.error.as_str()));
        let (state, run_at) = (name(job.state), job.run_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
        writeln!(output, "{:>8}  {state:10} {:20} {tried:>7}  {run_at:25} {}", job.id, job.kind, error.unwrap_or("-"))?;
    }
    Ok(())
}

fn name(state: State) -> &'static str {
    match state {
        State::Available => "available",
        State::Scheduled => "scheduled",
        State::Running => "running",
        State::Discarded => "discarded",
    }
}
