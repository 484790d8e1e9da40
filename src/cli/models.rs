//! `voicemill models`: list, fetch and verify the models for speech.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use voicemill_speech::models::{FetchProgress, FetchStage, Manifest, ModelState, ModelStore, default_folder};

use crate::config::Config;

/// List, fetch and verify the models for speech.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
    #[command(flatten)]
    folder: ModelsFolder,
}

/// Where the fetched models lie.
#[derive(Clone, Debug, Args)]
pub struct ModelsFolder {
    /// Folder of the fetched models [default: speech.models_folder of the configuration; without it models/fetched if it is
    /// there, else ~/.local/share/voicemill/models].
    #[arg(long, global = true, value_name = "FOLDER")]
    models_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Show every model, what it is for and whether it is here.
    List,
    /// Fetch models from the first source that works, check them and put them in place.
    Fetch {
        /// Models to fetch [default: all].
        names: Vec<String>,
        /// A folder laid out like a models folder, tried before any package.
        #[arg(long, env = "VOICEMILL_MODELS_MIRROR", value_name = "FOLDER")]
        mirror: Option<PathBuf>,
    },
    /// Hash the fetched models and compare them with the manifest.
    Verify {
        /// Models to verify [default: all that are here].
        names: Vec<String>,
    },
}

impl ModelsFolder {
    /// The store in the chosen folder, with the manifest of this binary.
    pub fn store(&self) -> anyhow::Result<ModelStore> {
        let named = match &self.models_dir {
            Some(folder) => Some(folder.clone()),
            None => Config::load(None)?.speech.models_folder,
        };
        let folder = named
            .or_else(default_folder)
            .context("there is no home folder to keep models in: name a folder with --models-dir")?;
        Ok(ModelStore::new(folder, Manifest::built_in()?))
    }
}

/// Runs the command.
pub fn run(args: ModelsArgs) -> anyhow::Result<()> {
    let store = args.folder.store()?;
    match args.command {
        ModelsCommand::List => list(&store),
        ModelsCommand::Fetch { names, mirror } => fetch(&store, &names, mirror.as_deref()),
        ModelsCommand::Verify { names } => verify(&store, &names),
    }
}

fn list(store: &ModelStore) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "models in {}:", store.folder().display())?;
    for (model, state) in store.status() {
        let state = match state {
            ModelState::Present => "here",
            ModelState::Missing => "missing",
        };
        let megabytes = model.bytes() as f64 / 1e6;
        writeln!(output, "  {:<16} {state:<8} {megabytes:>6.1} MB  {:<11} {}", model.name, model.licence, model.about)?;
    }
    Ok(())
}

fn fetch(store: &ModelStore, names: &[String], mirror: Option<&Path>) -> anyhow::Result<()> {
    for name in chosen(store, names, |_| true) {
        let mut reporter = Reporter::new(name);
        store.fetch(name, mirror, &mut |progress| reporter.show(progress))?;
        reporter.finish(store)?;
    }
    Ok(())
}

fn verify(store: &ModelStore, names: &[String]) -> anyhow::Result<()> {
    let names = chosen(store, names, |state| state == ModelState::Present);
    anyhow::ensure!(!names.is_empty(), "no model is in {}: run `voicemill models fetch`", store.folder().display());
    for name in names {
        store
            .verify(name)
            .with_context(|| format!("{name} is not whole; `voicemill models fetch {name}` replaces it"))?;
        writeln!(io::stdout(), "{name}: every byte is right")?;
    }
    Ok(())
}

/// The names given, or those of all models in a fitting state.
fn chosen<'a>(store: &'a ModelStore, names: &'a [String], fits: impl Fn(ModelState) -> bool) -> Vec<&'a str> {
    if !names.is_empty() {
        return names.iter().map(String::as_str).collect();
    }
    let fitting = store.status().into_iter().filter(|(_, state)| fits(*state));
    fitting.map(|(model, _)| model.name.as_str()).collect()
}

/// Shows a fetch as a bar on a terminal, and as a line a stage elsewhere.
struct Reporter<'a> {
    name: &'a str,
    bar: Option<ProgressBar>,
    stage: Option<FetchStage>,
}

impl<'a> Reporter<'a> {
    fn new(name: &'a str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{msg:<32} {bar:32} {bytes:>10} of {total_bytes}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { name, bar, stage: None }
    }

    fn show(&mut self, progress: FetchProgress<'_>) {
        let what = match progress.stage {
            FetchStage::Downloading => "downloading",
            FetchStage::Making => "making",
        };
        let message = format!("{}: {what}", progress.model);
        match &self.bar {
            Some(bar) => {
                bar.set_message(message);
                bar.set_length(progress.total_bytes);
                bar.set_position(progress.done_bytes);
            }
            None if self.stage != Some(progress.stage) => {
                // Nobody reads a progress line that could not be written.
                let _ = writeln!(io::stderr(), "{message} ({:.1} MB)", progress.total_bytes as f64 / 1e6);
            }
            None => {}
        }
        self.stage = Some(progress.stage);
    }

    fn finish(self, store: &ModelStore) -> io::Result<()> {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let word = if self.stage.is_some() { "fetched into" } else { "already in" };
        writeln!(io::stdout(), "{}: {word} {}", self.name, store.folder().display())
    }
}
