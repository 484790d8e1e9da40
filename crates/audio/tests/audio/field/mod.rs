//! Files as the field makes them, each with the value that is right; the numbers are those of `docs/field.md`.

mod containers;
mod levels;
mod wav;

use voicemill_audio::decode;
use voicemill_audio::encode::OutputFormat;
use voicemill_audio::format::{AudioBlock, AudioError, AudioSpec};
use voicemill_audio::pipeline;
use voicemill_audio::spec::{ChannelLayout, OutputSpec, RenderReport, RenderSpec, SourceSpec, Span};

use crate::workshop::{Decoded, Workshop};

/// Seconds of the voicemail that everything is made of.
const SECONDS: f64 = 10.775;
/// Its rate in Hz.
const RATE_HZ: u32 = 8_000;

/// A voicemail of one channel at 8 kHz: 22 words, and silence before and after them.
fn voicemail() -> Vec<f32> {
    let path = voicemill_testing::checkout().join("samples/voicemail-short.wav");
    let mut source = decode::open(&path, None).unwrap().source;
    let (mut samples, mut block) = (Vec::new(), AudioBlock::default());
    while source.next_block(&mut block).unwrap() {
        samples.extend_from_slice(&block.samples);
    }
    assert!((samples.len() as f64 / f64::from(RATE_HZ) - SECONDS).abs() < 0.001);
    samples
}

fn pcm(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| ((sample * 32_768.0).round() as i16).to_le_bytes()).collect()
}

fn write_voice(workshop: &Workshop, name: &str, samples: &[f32]) {
    workshop.write_wav(name, AudioSpec::mono(RATE_HZ), samples);
}

fn sine(n: usize, hz: f32) -> f32 {
    (n as f32 * hz / RATE_HZ as f32 * std::f32::consts::TAU).sin()
}

fn seconds(decoded: &Decoded) -> f64 {
    decoded.samples.len() as f64 / f64::from(decoded.spec.channels) / f64::from(decoded.spec.rate_hz)
}

/// Renders as the service renders a voicemail (or a greeting, where silence is trimmed).
fn render(workshop: &Workshop, source: &str, trim_silence: bool) -> RenderReport {
    let spec = spec(workshop, source, trim_silence);
    pipeline::render(&spec).unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// Measures a file, which may be refused.
fn try_render(workshop: &Workshop, source: &str) -> Result<RenderReport, AudioError> {
    pipeline::render(&RenderSpec::of(vec![SourceSpec { path: workshop.path(source), hint: None, role: None }]))
}

fn spec(workshop: &Workshop, source: &str, trim_silence: bool) -> RenderSpec {
    let output = |name: &str, format: OutputFormat, rate_hz, span| OutputSpec {
        name: name.into(),
        path: workshop.path(name),
        format,
        rate_hz,
        channels: ChannelLayout::Mono,
        span,
        as_recorded: name == "archive",
        through: None,
    };
    RenderSpec {
        loudness_lufs: Some(-16.0),
        high_pass_hz: Some(80.0),
        reduce_noise: true,
        phone_report: true,
        trim_silence,
        brief_limit_seconds: Some(30.0),
        waveform_bins: Some(100),
        outputs: vec![
            output("phone", OutputFormat::Ulaw, 8_000, Span::Full),
            output("mail", OutputFormat::WavGsm, 8_000, Span::Full),
            output("archive", OutputFormat::Wav, 16_000, Span::Full),
            output("opus", OutputFormat::Opus, 16_000, Span::Full),
            output("mp3", OutputFormat::Mp3, 16_000, Span::Full),
            output("brief", OutputFormat::Opus, 16_000, Span::Brief),
        ],
        ..RenderSpec::of(vec![SourceSpec { path: workshop.path(source), hint: None, role: None }])
    }
}
