//! `voicemill jobs`: the queue as operators see it.

use std::io::Write;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use voicemill_queue::{JobId, JobInfo, Paused, Stat, State};
use voicemill_types::clock::Clock;

use crate::{
    app::App,
    config::Config,
    db::DatabaseUrl,
    jobs::operate::{self, Action, Filter, Overview, PauseRequest},
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
pub async fn run(mut config: Config, args: JobsArgs) -> anyhow::Result<()> {
    if let DatabaseUrl::Sqlite(file) = config.database.address(&config.storage.folder)
        && !file.exists()
    {
        bail!("there is no database {}; name the service's configuration with --config", file.display());
    }
    // Keys are none of its business, and operators look at the queue just when something else is wrong.
    config.links.keys.clear();
    config.http.operator_key = None;
    let app = App::new(config, Clock::system(), std::env::current_exe()?).await?;
    let mut output = std::io::stdout().lock();
    match args.command {
        JobsCommand::List { state, kind, domain, limit } => {
            let filter =
                Filter { state: state.map(State::from), kind, domain, limit: Some(limit), ..Filter::default() };
            let jobs = operate::list(&app, filter).await?;
            if args.json {
                writeln!(output, "{}", serde_json::to_string_pretty(&jobs)?)?;
            } else {
                list(&mut output, &jobs)?;
            }
        }
        JobsCommand::Show { id } => {
            let job = operate::show(&app, id).await.with_context(|| format!("job {id}"))?;
            writeln!(output, "{}", serde_json::to_string_pretty(&job)?)?;
        }
        JobsCommand::Stats => {
            let Overview { stats, paused } = operate::overview(&app).await?;
            if args.json {
                writeln!(output, "{}", serde_json::to_string_pretty(&stats)?)?;
            } else {
                overview(&mut output, &stats, &paused)?;
            }
        }
        JobsCommand::Retry(which) => {
            writeln!(output, "{} start anew.", change(&app, which, Action::Retry).await?)?;
        }
        JobsCommand::Discard(which) => {
            writeln!(output, "{} removed.", change(&app, which, Action::Discard).await?)?;
        }
        JobsCommand::Cancel(which) => {
            writeln!(output, "{} given up.", change(&app, which, Action::Cancel).await?)?;
        }
        JobsCommand::Pause(what) => {
            let what = PauseRequest::try_from(what)?;
            let fresh = operate::pause(&app, what.clone()).await?;
            writeln!(output, "The {what} {} paused.", if fresh { "is" } else { "was already" })?;
        }
        JobsCommand::Resume(what) => {
            let what = PauseRequest::try_from(what)?;
            let paused = operate::resume(&app, what.clone()).await?;
            writeln!(output, "The {what} {}.", if paused { "goes on" } else { "was not paused" })?;
        }
    }
    Ok(())
}

/// Does it to one job, or to all that the filter names; returns to how many, and how they are called.
async fn change(app: &App, which: Which, action: Action) -> anyhow::Result<String> {
    if let Some(id) = which.id {
        let advice = || format!("nothing can be done about job {id}; see `voicemill jobs show {id}`");
        operate::change(app, id, action).await.with_context(advice)?;
        return Ok(format!("Job {id}:"));
    }
    let mut filter = Filter { kind: which.kind, domain: which.domain, ..Filter::default() };
    let mut changed = 0;
    loop {
        let page = operate::change_all(app, filter.clone(), action).await?;
        changed += page.changed;
        match page.next {
            Some(oldest) => filter.before = Some(oldest),
            None => return Ok(format!("Jobs: {changed}")),
        }
    }
}

impl TryFrom<What> for PauseRequest {
    type Error = anyhow::Error;

    fn try_from(what: What) -> anyhow::Result<Self> {
        match (what.lane, what.kind, what.domain) {
            (Some(lane), _, _) => Ok(Self::Lane(lane)),
            (_, Some(kind), _) => Ok(Self::Kind(kind)),
            (_, _, Some(name)) => Ok(Self::Domain(name)),
            _ => bail!("name a lane, a kind or a domain"),
        }
    }
}

fn overview(output: &mut impl Write, stats: &[Stat], paused: &[Paused]) -> anyhow::Result<()> {
    if stats.is_empty() {
        writeln!(output, "The queue is empty.")?;
    }
    for paused in paused {
        writeln!(output, "paused since {}: {}", paused.since, paused.what)?;
    }
    for stat in stats {
        let Stat { lane, kind, count, oldest, .. } = stat;
        let state = name(stat.state);
        writeln!(output, "{lane:10} {kind:20} {state:10} {count:>8}  oldest {oldest}")?;
    }
    Ok(())
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
