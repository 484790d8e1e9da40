//! `voicemill transcribe`: the words in any audio file.

use std::{
    io::{self, IsTerminal, Write},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Mutex,
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;

use super::models::ModelsFolder;
use crate::{
    audio::decode,
    model::LegRole,
    speech::{
        models::{OwnModel, Sha256Digest},
        transcribe::{self, Engine, SpeechSource, TranscribeControl},
    },
};

/// How much audio passes from one line of progress to the next where there is no terminal, in seconds.
const LINE_EVERY_SECONDS: f64 = 300.0;

/// Write down what is said in an audio file.
#[derive(Debug, Args)]
pub struct TranscribeArgs {
    /// The file to listen to: WAV, MP3, M4A, FLAC, Ogg, Opus and more.
    input: PathBuf,
    /// Print segments, words, times and confidences as JSON.
    #[arg(long)]
    json: bool,
    /// Print captions with times, as WebVTT.
    #[arg(long, conflicts_with = "json")]
    vtt: bool,
    /// The model to listen with; `voicemill models list` shows those there are.
    #[arg(long, value_name = "NAME", default_value = "whisper-tiny.en")]
    model: String,
    /// A whisper model in ggml's form to listen with, from a file of yours.
    #[arg(long, value_name = "FILE", requires = "sha256", conflicts_with = "model")]
    model_file: Option<PathBuf>,
    /// The SHA-256 that the file of --model-file must have.
    #[arg(long, value_name = "HEX", requires = "model_file")]
    sha256: Option<Sha256Digest>,
    /// Hear the left channel as the caller and the right one as the callee, each by itself.
    #[arg(long)]
    roles: bool,
    /// What a headerless input is (ulaw, alaw, sln, sln16, gsm, g722), if its name doesn't say.
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<String>,
    /// The engine that runs the model.
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// The language that is spoken, such as "de"; heard from the audio if none is given.
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    #[command(flatten)]
    folder: ModelsFolder,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what to do.
pub fn run(args: TranscribeArgs) -> anyhow::Result<()> {
    let extension = args.input.extension().and_then(|extension| extension.to_str());
    let opened = decode::open(&args.input, args.input_format.as_deref().or(extension))
        .with_context(|| format!("{} cannot be transcribed", args.input.display()))?;
    if args.roles && opened.source.spec().channels != 2 {
        let channels = opened.source.spec().channels;
        anyhow::bail!("--roles needs a file with two channels, caller left and callee right; this one has {channels}");
    }
    let (store, model) = match args.model_file.zip(args.sha256) {
        Some((file, sha256)) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let own = vec![OwnModel { name: name.clone(), file, sha256 }];
            (args.folder.store()?.with_own(own)?, name)
        }
        None => (args.folder.store()?, args.model),
    };
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let transcriber = transcribe::open(&store, &model, args.engine, threads)?;

    let progress = Progress::begin();
    let control = TranscribeControl {
        progress: Some(&|seconds| progress.show(seconds)),
        language: args.language.as_deref(),
        ..TranscribeControl::default()
    };
    let transcript = if args.roles {
        let hint = args.input_format.as_deref().or(extension);
        let open = |role: LegRole| {
            let channel = SpeechSource::channel(decode::open(&args.input, hint)?.source, role.channel())?;
            Ok(Box::new(channel) as Box<_>)
        };
        transcribe::by_roles(&*transcriber, &open, &control)?
    } else {
        transcriber.transcribe(&mut SpeechSource::new(opened.source)?, &control)?
    };
    progress.end();

    let mut output = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut output, &transcript)?;
        writeln!(output)?;
    } else if args.vtt {
        write!(output, "{}", transcript.to_web_vtt())?;
    } else if transcript.no_speech {
        writeln!(io::stderr(), "nobody speaks in {}", args.input.display())?;
    } else if args.roles {
        writeln!(output, "{}", transcript.text)?;
    } else {
        for segment in &transcript.segments {
            writeln!(output, "{}", segment.text)?;
        }
    }
    Ok(())
}

/// Shows how far the work is: in place on a terminal, as a line now and then elsewhere.
struct Progress {
    spinner: Option<ProgressBar>,
    next_line_seconds: Mutex<f64>,
}

impl Progress {
    fn begin() -> Self {
        let spinner = io::stderr().is_terminal().then(ProgressBar::new_spinner);
        if let Some(spinner) = &spinner {
            spinner.enable_steady_tick(Duration::from_millis(120));
        }
        Self { spinner, next_line_seconds: Mutex::new(LINE_EVERY_SECONDS) }
    }

    fn show(&self, seconds: f64) {
        let heard = format!("heard {}:{:02}", seconds as u64 / 60, seconds as u64 % 60);
        if let Some(spinner) = &self.spinner {
            spinner.set_message(heard);
        } else if let Ok(mut next) = self.next_line_seconds.lock()
            && seconds >= *next
        {
            *next = seconds + LINE_EVERY_SECONDS;
            // Nobody reads a progress line that could not be written.
            let _ = writeln!(io::stderr(), "{heard}");
        }
    }

    fn end(self) {
        if let Some(spinner) = self.spinner {
            spinner.finish_and_clear();
        }
    }
}
