//! `voicemill say`: a text as spoken audio, in any form that phones and people play.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, bail};
use clap::Args;
use voicemill_audio::{
    encode::OutputFormat,
    pipeline,
    spec::{ChannelLayout, OutputSpec, RenderSpec, SourceSpec, Span},
};
use voicemill_speech::synthesize::{LocalVoices, Manner, Speech, Synthesizer, VoiceId};

use crate::cli::models::ModelsFolder;

/// Speak a text with a neural voice.
#[derive(Debug, Args)]
pub struct SayArgs {
    /// What to say, as you would write it.
    text: String,
    /// The voice to say it with; `voicemill voices` lists them.
    #[arg(long, value_name = "NAME", default_value = "heart")]
    voice: String,
    /// How fast to speak, as a multiple of the voice's own rate: 0.5 to 2.
    #[arg(long, value_name = "FACTOR")]
    speaking_rate: Option<f64>,
    /// How long to pause between sentences, as a multiple of the usual: 0 to 5.
    #[arg(long, value_name = "FACTOR")]
    pauses: Option<f64>,
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
    let voice = VoiceId::new(args.voice);
    let manner = Manner::new(args.speaking_rate, args.pauses).map_err(anyhow::Error::msg)?;
    let voices = LocalVoices::new(Arc::new(args.folder.store()?));
    let speech = voices.synthesize(&Speech { manner, ..Speech::new(&args.text, &voice) })?;

    let spoken = tempfile::Builder::new().suffix(".wav").tempfile().context("there is no room for a temporary file")?;
    std::fs::write(spoken.path(), speech.to_wav()?).context("the speech was not written")?;
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use voicemill_audio::{decode, format::AudioSpec};

    use super::*;

    #[derive(Parser)]
    struct Say {
        #[command(flatten)]
        args: SayArgs,
    }

    #[test]
    fn the_say_command_writes_what_phones_play() {
        let folder = tempfile::tempdir().unwrap();
        for (file, rate_hz) in [("out.wav", 24_000), ("out.ulaw", 8_000)] {
            let path = folder.path().join(file);
            let models = std::path::PathBuf::from(
                std::env::var_os("VOICEMILL_MODELS_DIR")
                    .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/models/fetched").into()),
            );
            let line = ["say", "Hello there.", "-o", path.to_str().unwrap(), "--models-dir", models.to_str().unwrap()];
            run(Say::try_parse_from(line).unwrap().args).unwrap();
            let opened = decode::open(&path, Some("ulaw")).unwrap();
            assert_eq!(opened.source.spec(), AudioSpec::mono(rate_hz), "{file}");
        }
        let line = ["say", "Hello.", "-o", "out.doc"];
        let error = run(Say::try_parse_from(line).unwrap().args).unwrap_err().to_string();
        assert!(error.contains("out.doc") && error.contains("ulaw"), "{error}");
    }
}
