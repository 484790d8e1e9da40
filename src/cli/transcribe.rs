//! `voicemill transcribe`: the words in any audio files.

use std::{
    io::{self, IsTerminal, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;
use voicemill_audio::{decode, format::AudioSource};
use voicemill_speech::{
    models::{OwnModel, Sha256Digest},
    transcribe::{self, Engine, SpeechSource, TranscribeControl, Transcriber, Transcript},
};
use voicemill_types::LegRole;

use crate::cli::models::ModelsFolder;

/// How much audio passes from one line of progress to the next where there is no terminal, in seconds.
const LINE_EVERY_SECONDS: f64 = 300.0;

/// Write down what is said in audio files.
#[derive(Debug, Args)]
pub struct TranscribeArgs {
    /// The files to listen to: WAV, MP3, M4A, FLAC, Ogg, Opus and more. Of several, each is a line: its name, a tab and its
    /// words; or its JSON.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
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
    /// How many threads listen; as many as the machine has, if not given.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what to do.
pub fn run(args: TranscribeArgs) -> anyhow::Result<()> {
    anyhow::ensure!(args.inputs.len() == 1 || !args.vtt, "--vtt writes captions for one file; give one");
    if let [input] = &args.inputs[..] {
        // What cannot be read is known before a model is loaded.
        open(input, &args)?;
    }
    let transcriber = open_engine(&args)?;
    let mut failed = 0;
    for input in &args.inputs {
        match hear(&*transcriber, input, &args) {
            Ok(transcript) => show(&transcript, input, &args)?,
            Err(error) if args.inputs.len() == 1 => return Err(error),
            Err(error) => {
                failed += 1;
                writeln!(io::stderr(), "{error:#}")?;
            }
        }
    }
    anyhow::ensure!(failed == 0, "{failed} of {} files could not be transcribed", args.inputs.len());
    Ok(())
}

fn open_engine(args: &TranscribeArgs) -> anyhow::Result<Arc<dyn Transcriber>> {
    let (store, model) = match args.model_file.as_ref().zip(args.sha256) {
        Some((file, sha256)) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let own = vec![OwnModel { name: name.clone(), file: file.clone(), sha256 }];
            (args.folder.store()?.with_own(own)?, name)
        }
        None => (args.folder.store()?, args.model.clone()),
    };
    let threads = args.threads.or(std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    Ok(transcribe::open(&store, &model, args.engine, threads)?)
}

/// The file's sound, if it can be read and has the channels that are asked for.
fn open(input: &Path, args: &TranscribeArgs) -> anyhow::Result<Box<dyn AudioSource>> {
    let source = decode::open(input, hint(input, args))
        .with_context(|| format!("{} cannot be transcribed", input.display()))?
        .source;
    let channels = source.spec().channels;
    anyhow::ensure!(
        !args.roles || channels == 2,
        "--roles needs a file with two channels, caller left and callee right; {} has {channels}",
        input.display()
    );
    Ok(source)
}

/// What a headerless file is.
fn hint<'a>(input: &'a Path, args: &'a TranscribeArgs) -> Option<&'a str> {
    args.input_format.as_deref().or(input.extension().and_then(|extension| extension.to_str()))
}

fn hear(transcriber: &dyn Transcriber, input: &Path, args: &TranscribeArgs) -> anyhow::Result<Transcript> {
    let source = open(input, args)?;
    let progress = Progress::begin();
    let control = TranscribeControl {
        progress: Some(&|seconds| progress.show(seconds)),
        language: args.language.as_deref(),
        ..TranscribeControl::default()
    };
    let transcript = if args.roles {
        let channel = |role: LegRole| {
            let source = decode::open(input, hint(input, args))?.source;
            Ok(Box::new(SpeechSource::channel(source, role.channel())?) as Box<_>)
        };
        transcribe::by_roles(transcriber, &channel, &control)?
    } else {
        transcriber.transcribe(&mut SpeechSource::new(source)?, &control)?
    };
    progress.end();
    Ok(transcript)
}

fn show(transcript: &Transcript, input: &Path, args: &TranscribeArgs) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut output, transcript)?;
        writeln!(output)?;
    } else if args.vtt {
        write!(output, "{}", transcript.to_web_vtt())?;
    } else if args.inputs.len() > 1 {
        writeln!(output, "{}\t{}", input.display(), transcript.text.replace('\n', " "))?;
    } else if transcript.not_understood {
        writeln!(io::stderr(), "somebody speaks in {}, and no words were understood", input.display())?;
    } else if transcript.no_speech {
        writeln!(io::stderr(), "nobody speaks in {}", input.display())?;
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
