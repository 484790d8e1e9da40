//! `voicemill demo`: the whole service on this machine, and the main job run through it as its users would.

mod client;
mod memory;
mod report;
mod steps;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;
use voicemill_types::clock::Clock;

use self::{client::Client, memory::PeakMemory, report::Report};
use crate::{app::App, cli::serve, config::Config, lanes::Lane, upkeep};

/// Options of `voicemill demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Check every step's result and exit: 0 only if all hold
    #[arg(long)]
    pub once: bool,
    /// The folder with the sample recordings
    #[arg(long, value_name = "FOLDER", default_value = "samples")]
    pub samples: PathBuf,
    /// Send the mails to this address, through the server in `[smtp]` of the configuration
    #[arg(long, value_name = "ADDRESS")]
    pub mail_to: Option<String>,
}

/// How long a step may take before it counts as failed.
const STEP: Duration = Duration::from_secs(120);

/// Runs the demo; false when a step failed.
pub async fn run(mut config: Config, args: DemoArgs) -> anyhow::Result<bool> {
    anyhow::ensure!(
        args.samples.join("expected.json").exists(),
        "there are no samples in {}; run this from the project's folder, or name theirs with --samples",
        args.samples.display()
    );
    anyhow::ensure!(
        args.mail_to.is_some() == config.smtp.is_some(),
        "to send the mails, name both an address with --mail-to and a server with [smtp] in the configuration, or by \
         VOICEMILL_SMTP__HOST and VOICEMILL_SMTP__SECURITY; with neither they go to an outbox folder"
    );
    let listener = match serve::listen(config.http.listen).await {
        Ok(listener) => listener,
        Err(_) => serve::listen(([127, 0, 0, 1], 0).into()).await?,
    };
    let address = listener.local_addr()?;
    config.http.public_url = format!("http://{address}");
    // Every run begins with nothing in its way.
    config.storage.folder = tempfile::Builder::new()
        .prefix("demo-")
        .tempdir_in(make(&config.storage.folder)?)
        .context("cannot make a folder for the demo's data")?
        .keep();
    let operator_key = uuid::Uuid::new_v4().simple().to_string();
    config.http.operator_key = Some(operator_key.clone());
    let folder = config.storage.folder.clone();

    let memory = PeakMemory::watch();
    let app = App::new(config, Clock::system(), std::env::current_exe()?).await?;
    let shutdown = serve::stop_on_signal()?;
    let service = tokio::spawn(run_service(app.clone(), listener, shutdown.clone()));

    let client = Client::new(format!("http://{address}"), operator_key)?;
    let mut report = Report::begin();
    let ran = tokio::select! {
        ran = steps::run(&app, &client, &args, &mut report) => ran,
        () = shutdown.cancelled() => Ok(()),
    };
    if let Err(error) = ran {
        report.failed("the demo", format!("{error:#}"));
    }
    let peak_mb = memory.peak_mb();
    report.check("peak memory, service and decoders", peak_mb < 600.0, format!("{peak_mb:.0} MB (at most 600)"));
    report.print();
    if !args.once && !shutdown.is_cancelled() {
        report::addresses(&client, &folder);
        shutdown.cancelled().await;
    }
    shutdown.cancel();
    service.await??;
    if args.once {
        std::fs::remove_dir_all(&folder).context("cannot remove the demo's data")?;
    }
    Ok(report.all_hold())
}

fn make(folder: &std::path::Path) -> anyhow::Result<&std::path::Path> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(folder)
}

async fn run_service(
    app: Arc<App>,
    listener: tokio::net::TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let ((), worked, ()) = tokio::join!(
        serve::answer(app.clone(), listener, shutdown.clone()),
        serve::work(app.clone(), &Lane::ALL, shutdown.clone()),
        upkeep::run(app, shutdown)
    );
    worked
}
