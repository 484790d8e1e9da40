use std::path::PathBuf;

use super::*;
use crate::audio::encode::OutputFormat;
use crate::audio::spec::{ChannelLayout, Role, SourceSpec};
use crate::audio::speech_activity::tests::{noise, voice};

/// A scratch directory with WAV sources and wanted outputs.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn source(&self, name: &str, rate_hz: u32, channels: u16, samples: &[f32]) -> SourceSpec {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(self.path(name), spec).unwrap();
        samples.iter().for_each(|sample| writer.write_sample((sample * 32_767.0) as i16).unwrap());
        writer.finalize().unwrap();
        SourceSpec { path: self.path(name), hint: None, role: None }
    }

    fn output(&self, name: &str, format: OutputFormat, rate_hz: u32) -> OutputSpec {
        OutputSpec {
            name: name.to_owned(),
            path: self.path(name),
            format,
            rate_hz,
            channels: ChannelLayout::Mono,
            span: Span::Full,
        }
    }

    fn read(&self, name: &str) -> Vec<f32> {
        let mut reader = hound::WavReader::open(self.path(name)).unwrap();
        reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
    }
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn every_rendition_reaches_the_target_and_keeps_the_length() {
    let bench = Bench::new();
    let quiet: Vec<f32> = voice(44_100, 6.0).iter().map(|sample| sample * 0.1).collect();
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 44_100, 1, &quiet)]);
    spec.loudness_lufs = Some(-20.0);
    spec.high_pass_hz = Some(80.0);
    spec.outputs = OutputFormat::all()
        .map(|format| {
            let rate_hz = format.fixed_rate_hz().unwrap_or(16_000);
            bench.output(&format!("{format:?}.{}", format.extension()), format, rate_hz)
        })
        .collect();
    let report = render(&spec).unwrap();
    assert_eq!(report.outputs.len(), spec.outputs.len());
    for (output, wanted) in report.outputs.iter().zip(&spec.outputs) {
        let tolerance_lu = if matches!(wanted.format, OutputFormat::Opus) { 1.0 } else { 0.5 };
        let lufs = output.loudness_lufs.unwrap();
        assert!((lufs + 20.0).abs() <= tolerance_lu, "{}: {lufs}", output.name);
        assert!((output.duration_seconds - 6.0).abs() <= 0.04, "{}: {}", output.name, output.duration_seconds);
        assert_eq!(output.bytes, std::fs::metadata(&wanted.path).unwrap().len());
        assert_eq!(output.sha256.len(), 64);
    }
    assert!(report.gain_db > 5.0);
}

#[test]
fn loud_targets_stay_under_the_ceiling() {
    let bench = Bench::new();
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 16_000, 1, &voice(16_000, 6.0))]);
    spec.loudness_lufs = Some(-12.0);
    spec.outputs = vec![bench.output("out.wav", OutputFormat::Wav, 8_000)];
    let report = render(&spec).unwrap();
    let output = &report.outputs[0];
    assert!(output.true_peak_dbtp.unwrap() <= -1.5, "{output:?}");
    assert!((output.loudness_lufs.unwrap() + 12.0).abs() <= 0.5, "{output:?}");
}

#[test]
fn silence_is_left_alone() {
    let bench = Bench::new();
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 8_000, 1, &[0.0; 16_000])]);
    spec.loudness_lufs = Some(-16.0);
    spec.trim_silence = true;
    spec.outputs = vec![bench.output("out.wav", OutputFormat::Wav, 8_000)];
    let report = render(&spec).unwrap();
    assert_eq!((report.loudness_in_lufs, report.gain_db, report.trimmed_seconds), (None, 0.0, 0.0));
    assert!(bench.read("out.wav").iter().all(|sample| *sample == 0.0));
}

#[test]
fn without_any_wish_the_samples_pass_unchanged() {
    let bench = Bench::new();
    let signal = voice(8_000, 1.0);
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 8_000, 1, &signal)]);
    spec.outputs = vec![bench.output("out.wav", OutputFormat::Wav, 8_000)];
    render(&spec).unwrap();
    assert_eq!(bench.read("out.wav"), bench.read("in.wav"));
}

#[test]
fn two_legs_become_caller_left_and_callee_right() {
    let bench = Bench::new();
    let callee = SourceSpec { role: Some(Role::Callee), ..bench.source("b.wav", 16_000, 1, &vec![0.25; 32_000]) };
    let caller = SourceSpec { role: Some(Role::Caller), ..bench.source("a.wav", 8_000, 1, &vec![0.5; 12_000]) };
    let mut spec = RenderSpec::of(vec![callee, caller]);
    let stereo = OutputSpec { channels: ChannelLayout::Stereo, ..bench.output("out.wav", OutputFormat::Wav, 8_000) };
    spec.outputs = vec![stereo, bench.output("mono.wav", OutputFormat::Wav, 8_000)];
    let report = render(&spec).unwrap();
    assert_eq!(report.duration_seconds, 2.0);
    assert!((report.skew_seconds.unwrap() - 0.5).abs() < 1e-9, "{:?}", report.skew_seconds);
    let frames = bench.read("out.wav");
    assert_eq!(frames.len(), 32_000);
    let at = |frame: usize| (frames[2 * frame], frames[2 * frame + 1]);
    assert!((at(8_000).0 - 0.5).abs() < 0.01 && (at(8_000).1 - 0.25).abs() < 0.01, "{:?}", at(8_000));
    assert!(at(14_000).0.abs() < 0.01 && (at(14_000).1 - 0.25).abs() < 0.01, "{:?}", at(14_000));
    let mono = bench.read("mono.wav");
    assert!((mono[8_000] - 0.375).abs() < 0.01 && (mono[14_000] - 0.125).abs() < 0.01);
}

#[test]
fn legs_of_the_same_role_are_refused() {
    let bench = Bench::new();
    let leg = |name| SourceSpec { role: Some(Role::Caller), ..bench.source(name, 8_000, 1, &[0.1; 800]) };
    let error = render(&RenderSpec::of(vec![leg("a.wav"), leg("b.wav")])).unwrap_err();
    assert!(error.to_string().contains("same role"), "{error}");
}

#[test]
fn a_brief_ends_in_a_pause_and_begins_with_speech() {
    let bench = Bench::new();
    let mut talk = noise(2 * 16_000, 0.0005);
    for _ in 0..4 {
        talk.extend(voice(16_000, 3.0));
        talk.extend(noise(16_000, 0.0005));
    }
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 16_000, 1, &talk)]);
    spec.brief_limit_seconds = Some(8.0);
    spec.waveform_bins = Some(100);
    let brief_output = OutputSpec { span: Span::Brief, ..bench.output("brief.wav", OutputFormat::Wav, 8_000) };
    spec.outputs = vec![bench.output("full.wav", OutputFormat::Wav, 8_000), brief_output];
    let report = render(&spec).unwrap();
    let brief = report.brief.unwrap();
    assert!((1.5..2.1).contains(&brief.start_seconds), "{brief:?}");
    // Sentences lie at 2–5, 6–9, 10–13 and 14–17 s; 8 s after the start lies in the pause from 9 to 10 s.
    assert!((8.9..10.0).contains(&brief.end_seconds), "{brief:?}");
    assert!((report.outputs[1].duration_seconds - brief.seconds()).abs() < 0.001);
    assert_eq!(report.waveform.len(), 100);
    assert_eq!(report.waveform.iter().max(), Some(&255));
    let tail = bench.read("brief.wav");
    assert!(rms(&tail[tail.len() - 80..]) < 0.001, "fades out");
}

#[test]
fn trimming_takes_silence_and_no_speech() {
    let bench = Bench::new();
    let mut prompt = vec![0.0; 16_000];
    prompt.extend(voice(16_000, 2.0));
    prompt.extend(vec![0.0; 24_000]);
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 16_000, 1, &prompt)]);
    spec.trim_silence = true;
    spec.outputs = vec![bench.output("out.wav", OutputFormat::Wav, 8_000)];
    let report = render(&spec).unwrap();
    assert!((1.9..2.3).contains(&report.trimmed_seconds), "{report:?}");
    assert!((report.outputs[0].duration_seconds - report.duration_seconds).abs() < 0.001);
    let speech = rms(&prompt[16_000..48_000]);
    let kept: f32 = bench.read("out.wav").iter().map(|sample| sample * sample).sum::<f32>() * 2.0;
    assert!((kept / (speech * speech * 32_000.0) - 1.0).abs() < 0.05, "energy was lost");
}

#[test]
fn a_bound_on_the_length_is_kept_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 8_000, 1, &vec![0.1; 80_000])]);
    spec.max_duration_seconds = 5.0;
    spec.outputs = vec![bench.output("out.wav", OutputFormat::Wav, 8_000)];
    assert!(matches!(render(&spec), Err(AudioError::Limit(_))));
    assert!(!bench.path("out.wav").exists());
}

#[test]
fn a_bad_input_does_not_cost_an_older_output() {
    let bench = Bench::new();
    std::fs::write(bench.path("in.mp3"), "not sound but words, many of them").unwrap();
    std::fs::write(bench.path("out.wav"), "older").unwrap();
    let mut spec = RenderSpec::of(vec![SourceSpec { path: bench.path("in.mp3"), hint: None, role: None }]);
    spec.outputs = vec![bench.output("out.wav", OutputFormat::Wav, 8_000)];
    assert!(matches!(render(&spec), Err(AudioError::Unsupported(_))));
    assert_eq!(std::fs::read(bench.path("out.wav")).unwrap(), b"older");
}

#[test]
fn flat_peaks_are_reported() {
    let bench = Bench::new();
    let clipped: Vec<f32> = (0..8_000).map(|n| (3.0 * (n as f32 * 0.05).sin()).clamp(-1.0, 1.0)).collect();
    assert!(render(&RenderSpec::of(vec![bench.source("a.wav", 8_000, 1, &clipped)])).unwrap().clipped);
    let fine: Vec<f32> = clipped.iter().map(|sample| sample * 0.9).collect();
    assert!(!render(&RenderSpec::of(vec![bench.source("b.wav", 8_000, 1, &fine)])).unwrap().clipped);
}
