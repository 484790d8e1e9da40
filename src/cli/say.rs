//! `voicemill say`: a text as spoken audio, in any form that phones and people play.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;

use super::models::ModelsFolder;
use crate::{
    audio::{
        encode::OutputFormat,
        pipeline,
        spec::{ChannelLayout, OutputSpec, RenderSpec, SourceSpec, Span},
    },
    speech::synthesize::{HeartSynthesizer, Pcm, Synthesizer, VoiceId},
};

/// Speak a text with a neural voice.
#[derive(Debug, Args)]
pub struct SayArgs {
    /// What to say, as you would write it.
    text: String,
    /// The voice to say it with.
    #[arg(long, value_name = "NAME", default_value = "heart")]
    voice: String,
    /// The file to write; its extension tells the format (wav, ulaw, alaw, sln, gsm, g722, opus…).
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Sampling rate in Hz, where the format leaves a choice [default: the voice's own, 24000].
    #[arg(long, value_name = "HZ")]
    rate: Option<u32>,
    #[command(flatten)]
    folder: ModelsFolder,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what to do.
pub fn run(args: SayArgs) -> anyhow::Result<()> {
    let extension = args.output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let Some(format) = OutputFormat::from_extension(extension) else {
        let known: Vec<_> = OutputFormat::all().map(OutputFormat::extension).collect();
        let output = args.output.display();
        bail!("{output} does not end in a format that can be written; use one of {}", known.join(", "));
    };
    let store = args.folder.store()?;
    let speech = HeartSynthesizer::open(&store)?.synthesize(&args.text, &VoiceId::new(args.voice))?;

    let spoken = tempfile::Builder::new().suffix(".wav").tempfile().context("there is no room for a temporary file")?;
    write_wav(spoken.path(), &speech)?;
    let mut spec = RenderSpec::of(vec![SourceSpec { path: spoken.path().to_owned(), hint: None, role: None }]);
    spec.outputs.push(OutputSpec {
        name: args.output.display().to_string(),
        path: args.output.clone(),
        format,
        rate_hz: format.fixed_rate_hz().or(args.rate).unwrap_or(speech.rate_hz),
        channels: ChannelLayout::Mono,
        span: Span::Full,
        as_recorded: false,
        through: None,
    });
    let report = pipeline::render(&spec).with_context(|| format!("{} was not written", args.output.display()))?;
    for output in report.outputs {
        let (name, seconds, rate_hz) = (output.name, output.duration_seconds, output.rate_hz);
        writeln!(io::stdout(), "wrote {name}: {seconds:.1} s at {rate_hz} Hz")?;
    }
    Ok(())
}

fn write_wav(path: &Path, speech: &Pcm) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: speech.rate_hz,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for &sample in &speech.samples {
        writer.write_sample(sample)?;
    }
    writer.finalize()?;
    Ok(())
}
