//! `voicemill serve` and `voicemill worker`: the service, until a signal ends it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use voicemill_queue::Worker;
use voicemill_types::clock::Clock;

use crate::{app::App, config::Config, http, jobs, lanes::Lane, notices, telemetry, upkeep};

/// Options of `voicemill serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Answer requests only; the jobs are for `voicemill worker` processes.
    #[arg(long)]
    pub no_workers: bool,
}

/// Answers requests and, unless told otherwise, does the jobs. A SIGHUP has `config_file` read anew.
pub async fn serve(config: Config, config_file: Option<PathBuf>, args: ServeArgs) -> anyhow::Result<()> {
    let hangup = signal(SignalKind::hangup())?;
    telemetry::set_level(&config.log.level)?;
    open_files();
    let listener = listen(config.http.listen).await?;
    let app = App::new(config, Clock::system(), std::env::current_exe()?).await?;
    let shutdown = stop_on_signal()?;
    tracing::info!(address = %listener.local_addr()?, public_url = app.config.http.public_url, "serving");
    let workers = async {
        match args.no_workers {
            true => Ok(()),
            false => work(app.clone(), &Lane::ALL, shutdown.clone()).await,
        }
    };
    let upkeep = upkeep::run(app.clone(), shutdown.clone());
    let serving = async { tokio::join!(answer(app.clone(), listener, shutdown.clone()), workers, upkeep).1 };
    let serving = with_reloads(&app, config_file, hangup, serving);
    Box::pin(unless_broken(&app, &shutdown, serving)).await
}

/// Runs the service to its end, and at every SIGHUP takes over what can be changed meanwhile.
async fn with_reloads<T>(
    app: &App,
    config_file: Option<PathBuf>,
    mut hangup: Signal,
    service: impl Future<Output = T>,
) -> T {
    let reloads = async {
        // The stream of a signal never ends.
        while hangup.recv().await.is_some() {
            match Config::load(config_file.as_deref()).and_then(|config| app.reload(&config)) {
                Ok(()) => tracing::info!("keys and log level are read anew; other settings need a restart"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "nothing is changed"),
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        ended = service => ended,
        never = reloads => never,
    }
}

/// How long the database gets to bring its log into its file at the end.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Runs the service to its end; when it cannot go on, has it stop and says why.
async fn unless_broken(
    app: &App,
    shutdown: &CancellationToken,
    service: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut service = std::pin::pin!(service);
    tokio::select! {
        ended = &mut service => {
            // A connection that hangs keeps nobody from ending.
            drop(tokio::time::timeout(LAST_WRITES, app.database.close()).await);
            ended
        }
        reason = app.broken() => {
            shutdown.cancel();
            // How it ended does not matter beside why it had to.
            drop(service.await);
            anyhow::bail!(reason)
        }
    }
}

/// Options of `voicemill worker`.
#[derive(Args, Debug)]
pub struct WorkerArgs {
    /// Do only jobs of this lane (may be given more than once): `transcribe` makes a machine for transcription only
    #[arg(long, value_name = "LANE")]
    lane: Vec<Lane>,
}

/// Does jobs only. A SIGHUP has `config_file` read anew.
pub async fn worker(config: Config, config_file: Option<PathBuf>, args: WorkerArgs) -> anyhow::Result<()> {
    let hangup = signal(SignalKind::hangup())?;
    telemetry::set_level(&config.log.level)?;
    let app = App::new(config, Clock::system(), std::env::current_exe()?).await?;
    let shutdown = stop_on_signal()?;
    let lanes = if args.lane.is_empty() { Lane::ALL.to_vec() } else { args.lane };
    let working = async {
        tokio::select! {
            worked = work(app.clone(), &lanes, shutdown.clone()) => worked,
            never = upkeep::look_for_ever(&app) => match never {},
        }
    };
    let working = with_reloads(&app, config_file, hangup, working);
    Box::pin(unless_broken(&app, &shutdown, working)).await
}

/// Takes the address, or says who to ask.
pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another voicemill running? Choose another with http.listen")
    })
}

/// Answers requests until told to stop; requests in hand get a few seconds more.
pub(super) async fn answer(app: Arc<App>, listener: TcpListener, shutdown: CancellationToken) {
    let most = app.config.http.connections;
    http::serve(listener, http::router(app), most, shutdown).await;
}

/// Lets this process hold as many connections and files open as the system allows it to.
fn open_files() {
    let allowed = getrlimit(Resource::Nofile);
    // What cannot be raised is enough for fewer connections.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed });
}

/// Does jobs, and hears what comes back from the provider of SMS, until told to stop.
pub(super) async fn work(app: Arc<App>, lanes: &[Lane], shutdown: CancellationToken) -> anyhow::Result<()> {
    let config = app.worker_config(lanes);
    for lane in config.lanes.iter().filter(|lane| lane.slots() > 0) {
        tracing::info!(lane = lane.name(), slots = lane.slots(), "jobs at once");
    }
    let worker = Worker::new(app.queue.clone(), jobs::registry(), app.clone(), config);
    let (worked, ()) = tokio::join!(worker.run(shutdown.clone()), notices::replies::listen(&app, shutdown));
    worked.context("the workers stopped")
}

/// A token that the first SIGINT or SIGTERM cancels; the second ends the process at once, with the status that shells give a
/// process that died of it. What it held then comes back when its lease has run out.
pub(super) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping; a second signal stops at once");
        stop.cancel();
        let second = either(&mut interrupt, &mut terminate).await;
        tracing::warn!("stopped at once; what was under way comes back when its lease has run out");
        std::process::exit(128 + second.as_raw_value());
    });
    Ok(token)
}

/// The one of two signals that comes first.
async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
    }
}
