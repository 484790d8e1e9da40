//! `voicemill transcode`: any audio file into any number of renditions, leveled and checked.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use voicemill_audio::{
    encode::{Content, EncoderOptions, OutputFormat},
    pipeline::{self, Progress},
    spec::{ChannelLayout, OutputSpec, PhoneLine, RenderReport, RenderSpec, Role, SourceSpec, Span},
};

/// Turn an audio file into renditions for phones, browsers and mail.
///
/// Each output's format follows from its extension: wav, ulaw, alaw, sln, sln16, gsm, g722, opus, mp3. Put another format in
/// front for the kinds of WAV: wav_ulaw:out.wav, wav_alaw:out.wav, wav_gsm:out.wav.
#[derive(Debug, clap::Args)]
pub struct TranscodeArgs {
    /// The file to read; two for the legs of a call, caller first.
    #[arg(required = true, num_args = 1..=2)]
    inputs: Vec<PathBuf>,

    /// A file to write; may be given several times. Without any, the input is only measured.
    #[arg(short, long = "output", value_name = "[FORMAT:]FILE")]
    outputs: Vec<String>,

    /// What a headerless input is (ulaw, alaw, sln, sln16, gsm, g722), if its name doesn't say.
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<String>,

    /// Bring the loudness to this many LUFS (-16 suits phones).
    #[arg(long, value_name = "LUFS", allow_negative_numbers = true)]
    loudness: Option<f64>,

    /// Let no peak pass this many dBTP.
    #[arg(long, value_name = "DBTP", default_value_t = RenderSpec::CEILING_DBTP, allow_negative_numbers = true)]
    ceiling: f64,

    /// Sampling rate in Hz of WAV, Opus and MP3 outputs [default: 8000 for WAV, 16000 for the others].
    #[arg(long, value_name = "HZ")]
    rate: Option<u32>,

    /// Bit rate of MP3 outputs, in kilobits per second and channel.
    #[arg(long, value_name = "KBPS", default_value_t = EncoderOptions::default().mp3_bits_per_second / 1_000)]
    mp3_bit_rate: u32,

    /// Say that the sound is music, which Opus codes otherwise than speech.
    #[arg(long)]
    music: bool,

    /// Keep two channels where the format can: of a call, caller left and callee right.
    #[arg(long)]
    stereo: bool,

    /// Leave out silence at both ends.
    #[arg(long)]
    trim: bool,

    /// Take away what lies below this many Hz from phone renditions (80 suits voices).
    #[arg(long, value_name = "HZ")]
    high_pass: Option<f64>,

    /// Reduce noise where speech barely stands above it.
    #[arg(long)]
    denoise: bool,

    /// Write outputs as they sound at the other end of a phone line (G.711 µ-law at 8 kHz).
    #[arg(long, conflicts_with_all = ["rate", "stereo"])]
    preview: bool,

    /// Write only the brief: from the first words to the pause nearest this many seconds.
    #[arg(long, value_name = "SECONDS")]
    brief: Option<f64>,

    /// Print the full report as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what to do.
pub fn run(args: TranscodeArgs) -> Result<()> {
    let spec = render_spec(&args)?;
    let bar = progress_bar();
    let report = pipeline::render_with(&spec, &|progress| match progress {
        Progress::Decoded { seconds } => bar.set_message(format!("decoded {}", clock(seconds))),
        Progress::Written { name } => bar.set_message(format!("wrote {name}")),
    });
    bar.finish_and_clear();
    let report = report.with_context(|| format!("{} was not converted", display_name(&args.inputs[0])))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(())
}

fn render_spec(args: &TranscodeArgs) -> Result<RenderSpec> {
    let roles = [Role::Caller, Role::Callee];
    let sources = args.inputs.iter().zip(roles).map(|(path, role)| SourceSpec {
        path: path.clone(),
        hint: args.input_format.clone(),
        role: (args.inputs.len() == 2).then_some(role),
    });
    let mut spec = RenderSpec::of(sources.collect());
    spec.loudness_lufs = args.loudness;
    spec.ceiling_dbtp = args.ceiling;
    spec.high_pass_hz = args.high_pass;
    spec.trim_silence = args.trim;
    spec.reduce_noise = args.denoise;
    spec.phone_report = args.json || args.denoise || args.preview;
    spec.brief_limit_seconds = args.brief;
    spec.encoder.mp3_bits_per_second = args.mp3_bit_rate.saturating_mul(1_000);
    spec.encoder.content = if args.music { Content::Music } else { Content::Speech };
    spec.outputs = args.outputs.iter().map(|output| output_spec(args, output)).collect::<Result<_>>()?;
    Ok(spec)
}

fn output_spec(args: &TranscodeArgs, output: &str) -> Result<OutputSpec> {
    let (format, path) = match output.split_once(':').map(|(name, path)| (OutputFormat::from_name(name), path)) {
        Some((Some(format), path)) => (format, PathBuf::from(path)),
        _ => {
            let path = PathBuf::from(output);
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            let Some(format) = OutputFormat::from_extension(extension) else {
                bail!("\"{output}\" does not end in a format that can be written. Use one of: {}.", extensions());
            };
            (format, path)
        }
    };
    let is_input =
        |input: &PathBuf| input == &path || std::fs::canonicalize(input).ok() == std::fs::canonicalize(&path).ok();
    ensure!(
        !(path.exists() && args.inputs.iter().any(is_input)),
        "\"{output}\" is also the input. Write to another file."
    );
    let default_rate_hz = if matches!(format, OutputFormat::Opus | OutputFormat::Mp3) { 16_000 } else { 8_000 };
    let rate_hz = format.fixed_rate_hz().or(args.rate).unwrap_or(if args.preview { 8_000 } else { default_rate_hz });
    let stereo = args.stereo && format.fixed_rate_hz().is_none();
    Ok(OutputSpec {
        name: display_name(&path),
        path,
        format,
        rate_hz,
        channels: if stereo { ChannelLayout::Stereo } else { ChannelLayout::Mono },
        span: if args.brief.is_some() { Span::Brief } else { Span::Full },
        as_recorded: false,
        through: args.preview.then_some(PhoneLine::Ulaw),
    })
}

fn extensions() -> String {
    let mut extensions: Vec<_> = OutputFormat::all().map(OutputFormat::extension).collect();
    extensions.dedup();
    extensions.join(", ")
}

fn display_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A spinner on a terminal, nothing elsewhere: the length of a file is not known before it is decoded.
fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn print(out: &mut impl Write, report: &RenderReport) -> std::io::Result<()> {
    for source in &report.sources {
        let channels = match source.channels {
            1 => "mono".to_owned(),
            2 => "stereo".to_owned(),
            n => format!("{n} channels"),
        };
        let (container, codec, rate_hz) = (&source.container, &source.codec, source.rate_hz);
        write!(out, "read    {container} {codec}, {rate_hz} Hz, {channels}, {}", clock(source.duration_seconds))?;
        writeln!(
            out,
            "{}{}",
            note(source.truncated, "cut short"),
            note(source.clipped_peaks > Some(0), "recorded too loud")
        )?;
    }
    if let Some(skew) = report.skew_seconds {
        writeln!(out, "skew    the callee's leg is {skew:+.3} s longer")?;
    }
    if let Some(lufs) = report.loudness_in_lufs {
        writeln!(out, "level   {lufs:.1} LUFS, gain {:+.1} dB", report.gain_db)?;
    }
    if let Some(brief) = report.brief {
        writeln!(out, "brief   {} to {}", clock(brief.start_seconds), clock(brief.end_seconds))?;
    }
    if report.trimmed_seconds > 0.0 {
        writeln!(out, "trimmed {:.2} s of silence", report.trimmed_seconds)?;
    }
    if let Some(phone) = &report.phone {
        let lost =
            phone.band_lost.map_or(String::new(), |lost| format!(", {:.1} % above 3.4 kHz is lost", lost * 100.0));
        let snr = phone.snr_db.map_or("no steady noise".to_owned(), |snr| format!("speech {snr:.0} dB above noise"));
        let reduced = note(phone.noise_reduced, "which was reduced");
        let hum = note(phone.hum_removed, "hum taken out");
        let phase = note(phone.opposite_phase, "channels in opposite phase");
        writeln!(out, "phone   {snr}{reduced}{lost}, {} clipped peaks{hum}{phase}", phone.clipped_peaks)?;
    }
    for omitted in &report.omitted {
        writeln!(out, "LEFT    {} out: {}", omitted.name, omitted.reason)?;
    }
    for output in &report.outputs {
        let lufs = output.loudness_lufs.map_or("silent".to_owned(), |lufs| format!("{lufs:.1} LUFS"));
        let peak = output.true_peak_dbtp.map_or(String::new(), |peak| format!(", peak {peak:.1} dBTP"));
        let (name, rate_hz, bytes) = (&output.name, output.rate_hz, output.bytes);
        writeln!(out, "wrote   {name}: {rate_hz} Hz, {}, {lufs}{peak}, {bytes} bytes", clock(output.duration_seconds))?;
    }
    Ok(())
}

fn note(applies: bool, words: &str) -> String {
    if applies { format!(", {words}") } else { String::new() }
}

/// Seconds as `m:ss.mmm`.
fn clock(seconds: f64) -> String {
    let milliseconds = (seconds * 1_000.0).round() as u64;
    format!("{}:{:02}.{:03}", milliseconds / 60_000, milliseconds / 1_000 % 60, milliseconds % 1_000)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: TranscodeArgs,
    }

    fn spec(line: &str) -> Result<RenderSpec> {
        render_spec(&Command::try_parse_from(line.split(' '))?.args)
    }

    #[test]
    fn formats_follow_from_names_and_prefixes() {
        let spec =
            spec("transcode in.mp3 -o a.wav -o b.ulaw -o c.opus -o wav_gsm:d.wav -o e.sln16 -o f.mp3 --loudness -16 --mp3-bit-rate 48").unwrap();
        let formats: Vec<_> = spec.outputs.iter().map(|output| (output.format, output.rate_hz)).collect();
        assert_eq!(
            formats,
            [
                (OutputFormat::Wav, 8_000),
                (OutputFormat::Ulaw, 8_000),
                (OutputFormat::Opus, 16_000),
                (OutputFormat::WavGsm, 8_000),
                (OutputFormat::Sln16, 16_000),
                (OutputFormat::Mp3, 16_000),
            ]
        );
        assert_eq!(spec.loudness_lufs, Some(-16.0));
        assert_eq!(spec.encoder.mp3_bits_per_second, 48_000);
        assert_eq!(spec.sources[0].role, None);
    }

    #[test]
    fn mistakes_are_explained() {
        let error = spec("transcode in.mp3 -o out.doc").unwrap_err().to_string();
        assert!(error.contains("out.doc") && error.contains("opus"), "{error}");
        let same = spec("transcode Cargo.toml -o wav:Cargo.toml").unwrap_err().to_string();
        assert!(same.contains("also the input"), "{same}");
    }

    #[test]
    fn clocks_read_as_people_read_them() {
        assert_eq!(clock(0.06), "0:00.060");
        assert_eq!(clock(3_725.499_6), "62:05.500");
    }
}
