//! Makes renditions for a phone and a browser of any file, leveled to -16 LUFS, and prints the report as JSON:
//! `cargo run --example transcode IN OUT.ulaw OUT.opus …`.

use std::path::PathBuf;

use voicemill_audio::encode::OutputFormat;
use voicemill_audio::pipeline;
use voicemill_audio::spec::{ChannelLayout, OutputSpec, RenderSpec, SourceSpec, Span};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args().skip(1).map(PathBuf::from);
    let source = SourceSpec { path: paths.next().ok_or("usage: transcode IN OUT…")?, hint: None, role: None };
    let output = |path: PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let format = OutputFormat::from_extension(extension).ok_or("an output has no extension that is written")?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let rate_hz = format.fixed_rate_hz().unwrap_or(16_000);
        let (channels, span) = (ChannelLayout::Mono, Span::Full);
        Ok::<_, &str>(OutputSpec { name, path, format, rate_hz, channels, span, as_recorded: false, through: None })
    };
    let outputs = paths.map(output).collect::<Result<_, _>>()?;
    let spec = RenderSpec {
        outputs,
        loudness_lufs: Some(-16.0),
        high_pass_hz: Some(80.0),
        reduce_noise: true,
        phone_report: true,
        trim_silence: true,
        ..RenderSpec::of(vec![source])
    };
    let report = pipeline::render(&spec)?;
    serde_json::to_writer_pretty(std::io::stdout().lock(), &report)?;
    Ok(())
}
