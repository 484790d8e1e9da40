//! The commands, one file each: arguments, and a `run` that answers in sentences.

pub mod bounce;
pub mod demo;
pub mod doctor;
pub mod jobs;
pub mod migrate;
pub mod models;
pub mod say;
pub mod serve;
pub mod transcode;
pub mod transcribe;
pub mod voices;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{config::Config, telemetry};

/// The media side of a hosted phone system: voicemail, prompts, hold music and call recordings.
///
/// `transcode`, `transcribe` and `say` work on plain files; `serve` runs the whole service on one machine with no other
/// server; `demo` shows it at work.
#[derive(Debug, Parser)]
#[command(name = "voicemill", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where a command that works on the service's data takes its settings from.
#[derive(Debug, Args)]
struct Settings {
    /// The configuration file [default: voicemill.toml if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Settings {
    fn load(&self) -> anyhow::Result<Config> {
        Config::load(self.config.as_deref())
    }
}

/// The arguments of a command, with the configuration file beside them.
#[derive(Debug, Args)]
struct With<A: Args> {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    args: A,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests and do the jobs, until a signal; a second one ends it at once
    Serve(With<serve::ServeArgs>),
    /// Do the jobs only, beside a `serve` that shares the database and the storage folder
    Worker(With<serve::WorkerArgs>),
    /// Bring the database's schema up to date; `serve` and `worker` do so when they start
    Migrate(Settings),
    /// Run the whole service on this machine and show the main job on real input
    Demo(With<demo::DemoArgs>),
    /// Convert an audio file, levelled and checked
    Transcode(transcode::TranscodeArgs),
    /// Write down what is said in an audio file
    Transcribe(transcribe::TranscribeArgs),
    /// Speak a text into an audio file
    Say(say::SayArgs),
    /// List the voices, and write a sample of each
    Voices(voices::VoicesArgs),
    /// Look at the job queue, and retry or cancel jobs
    Jobs(With<jobs::JobsArgs>),
    /// Take in a mail that came back, from standard input: for a mail server's pipe
    Bounce(Settings),
    /// List, fetch and verify the models for speech
    Models(models::ModelsArgs),
    /// Check this machine and its configuration
    Doctor(With<doctor::DoctorArgs>),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // What was being done, then why not, in one line.
            eprintln!("voicemill: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Transcode(args) => transcode::run(args)?,
        Command::Transcribe(args) => transcribe::run(args)?,
        Command::Say(args) => say::run(args)?,
        Command::Voices(args) => voices::run(args)?,
        Command::Models(args) => models::run(args)?,
        Command::Serve(With { settings, args }) => {
            telemetry::start("info");
            block_on(serve::serve(settings.load()?, settings.config, args))?;
        }
        Command::Worker(With { settings, args }) => {
            telemetry::start("info");
            block_on(serve::worker(settings.load()?, settings.config, args))?;
        }
        Command::Migrate(settings) => {
            telemetry::start("warn");
            block_on(migrate::run(settings.load()?))?;
        }
        Command::Jobs(With { settings, args }) => {
            telemetry::start("warn");
            block_on(jobs::run(settings.load()?, args))?;
        }
        Command::Bounce(settings) => {
            telemetry::start("error");
            return block_on(bounce::run(settings.load()?));
        }
        Command::Doctor(With { settings, args }) => {
            telemetry::start("error");
            return Ok(exit_code(block_on(doctor::run(settings.load()?, args))?));
        }
        Command::Demo(With { settings, args }) => {
            telemetry::start("error");
            return Ok(exit_code(block_on(demo::run(settings.load()?, args))?));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn exit_code(all_well: bool) -> ExitCode {
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}
