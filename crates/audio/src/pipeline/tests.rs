use std::path::PathBuf;

use super::*;
use crate::encode::OutputFormat;
use crate::g711::Law;
use crate::spec::{ChannelLayout, PhoneLine, Role, SourceSpec};
use crate::speech_activity::tests::{noise, voice};

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
            as_recorded: false,
            through: None,
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
        let tolerance_lu = if matches!(wanted.format, OutputFormat::Opus | OutputFormat::Mp3) { 1.0 } else { 0.5 };
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
    spec.outputs = OutputFormat::all()
        .map(|format| {
            let rate_hz = format.fixed_rate_hz().unwrap_or(8_000);
            bench.output(&format!("{format:?}.{}", format.extension()), format, rate_hz)
        })
        .collect();
    let report = render(&spec).unwrap();
    for (output, wanted) in report.outputs.iter().zip(&spec.outputs) {
        assert!(output.true_peak_dbtp.unwrap() <= -1.5, "{output:?}");
        let tolerance_lu = match wanted.format {
            OutputFormat::Wav | OutputFormat::Sln | OutputFormat::Sln16 => 0.1,
            // So loud, its peaks are worth more than its loudness.
            OutputFormat::Gsm | OutputFormat::WavGsm | OutputFormat::Opus | OutputFormat::Mp3 => 3.0,
            _ => 1.0,
        };
        assert!((output.loudness_lufs.unwrap() + 12.0).abs() <= tolerance_lu, "{output:?}");
    }
}

#[test]
fn rumble_is_taken_away_for_phones_and_kept_for_everything_else() {
    let bench = Bench::new();
    let tone = |hz: f32, n: u32| 0.2 * (n as f32 * hz * std::f32::consts::TAU / 48_000.0).sin();
    let rumbling: Vec<f32> = (0..96_000).map(|n| tone(20.0, n) + tone(1_000.0, n)).collect();
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 48_000, 1, &rumbling)]);
    spec.high_pass_hz = Some(80.0);
    let output = |rate_hz: u32| bench.output(&format!("{rate_hz}.wav"), OutputFormat::Wav, rate_hz);
    spec.outputs = [8_000, 16_000, 48_000].map(output).into();
    render(&spec).unwrap();
    // One tone has half the power of both.
    for (rate_hz, level) in [(8_000, 0.141), (16_000, 0.141), (48_000, 0.2)] {
        let heard = bench.read(&format!("{rate_hz}.wav"));
        let found = rms(&heard[heard.len() / 2..]);
        assert!((found - level).abs() < 0.005, "{rate_hz} Hz: {found}");
    }
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
fn a_brief_that_is_cut_within_a_sound_fades_out() {
    let bench = Bench::new();
    let tone: Vec<f32> = (0..48_000).map(|n| 0.5 * (n as f32 * 0.8).sin()).collect();
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 8_000, 1, &tone)]);
    spec.brief_limit_seconds = Some(3.0);
    let brief = OutputSpec { span: Span::Brief, ..bench.output("brief.wav", OutputFormat::Wav, 8_000) };
    spec.outputs = vec![bench.output("full.wav", OutputFormat::Wav, 8_000), brief];
    let report = render(&spec).unwrap();
    assert_eq!(report.brief.map(|brief| (brief.start_seconds, brief.end_seconds)), Some((0.0, 3.0)));
    let heard = bench.read("brief.wav");
    // Half of the power is gone after half of the 60 ms.
    let levels = [heard.len() - 800, heard.len() - 280, heard.len() - 40].map(|at| rms(&heard[at..at + 40]));
    assert!((levels[0] - 0.354).abs() < 0.02, "{levels:?}");
    assert!((0.3..0.8).contains(&(levels[1] / levels[0])) && levels[2] < 0.01, "{levels:?}");
    let whole = bench.read("full.wav");
    assert!(rms(&whole[whole.len() - 40..]) > 0.3, "what is whole ends as it came");
}

#[test]
fn trimming_takes_silence_and_no_speech() {
    let bench = Bench::new();
    let mut prompt = vec![0.0; 16_000];
    prompt.extend(voice(16_000, 2.0));
    prompt.extend(vec![0.0; 24_000]);
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 16_000, 1, &prompt)]);
    spec.waveform_bins = Some(10);
    spec.outputs = vec![bench.output("out.wav", OutputFormat::Wav, 8_000)];
    let report = render(&spec).unwrap();
    assert_eq!((report.duration_seconds, report.trimmed_seconds), (4.5, 0.0), "nobody asked for it");
    spec.trim_silence = true;
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
fn a_source_that_was_cut_is_rendered_and_reported() {
    let bench = Bench::new();
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 8_000, 1, &voice(8_000, 2.0))]);
    spec.phone_report = true;
    spec.outputs = vec![bench.output("out.wav", OutputFormat::Wav, 8_000)];
    let said = |report: &RenderReport| {
        (report.truncated, report.sources[0].truncated, report.phone.as_ref().is_some_and(|phone| phone.truncated))
    };
    assert_eq!(said(&render(&spec).unwrap()), (false, false, false));
    let whole = std::fs::read(bench.path("in.wav")).unwrap();
    std::fs::write(bench.path("in.wav"), &whole[..whole.len() / 2]).unwrap();
    let report = render(&spec).unwrap();
    assert_eq!(said(&report), (true, true, true));
    assert!((report.duration_seconds - 1.0).abs() < 0.01, "{report:?}");
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
    let report = render(&RenderSpec::of(vec![bench.source("a.wav", 8_000, 1, &clipped)])).unwrap();
    assert_eq!(report.clipped, Some(true));
    let fine: Vec<f32> = clipped.iter().map(|sample| sample * 0.9).collect();
    let report = render(&RenderSpec::of(vec![bench.source("b.wav", 8_000, 1, &fine)])).unwrap();
    assert_eq!(report.clipped, Some(false));
}

/// The decoded sample of that name.
fn sample(name: &str) -> (u32, Vec<f32>) {
    let path = voicemill_testing::checkout().join("samples").join(name);
    let mut source = crate::decode::open(&path, None).unwrap().source;
    let (mut samples, mut block) = (Vec::new(), crate::format::AudioBlock::default());
    while source.next_block(&mut block).unwrap() {
        samples.extend_from_slice(&block.samples);
    }
    (source.spec().rate_hz, samples)
}

fn with_noise(speech: &[f32], snr_db: f32) -> Vec<f32> {
    let raw = noise(speech.len(), 1.0);
    let gain = rms(speech) / rms(&raw) / 10f32.powf(snr_db / 20.0);
    speech.iter().zip(&raw).map(|(speech, noise)| speech + gain * noise).collect()
}

/// How far what is like `clean` stands above everything else, in dB, whatever the level.
fn likeness_db(heard: &[f32], clean: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let scale = product(heard, clean) / product(clean, clean);
    let rest: Vec<f32> = heard.iter().zip(clean).map(|(heard, clean)| heard - scale as f32 * clean).collect();
    10.0 * (scale * scale * product(clean, clean) / product(&rest, &rest)).log10()
}

/// What a voicemail is rendered as, into files whose names begin with `prefix`.
fn voicemail_spec(bench: &Bench, source: SourceSpec, prefix: &str, reduce_noise: bool) -> RenderSpec {
    let mut spec = RenderSpec::of(vec![source]);
    spec.loudness_lufs = Some(-16.0);
    spec.high_pass_hz = Some(80.0);
    spec.reduce_noise = reduce_noise;
    spec.phone_report = true;
    let output = |name: &str, format, rate_hz| bench.output(&format!("{prefix}-{name}"), format, rate_hz);
    let kept = OutputSpec { as_recorded: true, ..output("kept.wav", OutputFormat::Wav, 16_000) };
    spec.outputs = vec![
        output("phone.ulaw", OutputFormat::Ulaw, 8_000),
        output("wide.wav", OutputFormat::Wav, 16_000),
        output("browser.opus", OutputFormat::Opus, 16_000),
        kept,
    ];
    spec
}

#[test]
fn clean_speech_and_music_are_the_same_bits_with_noise_reduction_as_without() {
    let bench = Bench::new();
    let (rate_hz, speech) = sample("voicemail.wav");
    let noisy_but_fine = with_noise(&speech, 25.0);
    let sources = [
        bench.source("speech.wav", rate_hz, 1, &speech),
        bench.source("fine.wav", rate_hz, 1, &noisy_but_fine),
        bench.source("noise.wav", 8_000, 1, &noise(80_000, 0.1)),
        SourceSpec { path: voicemill_testing::checkout().join("samples/hold-music.mp3"), hint: None, role: None },
    ];
    for source in sources {
        let without = render(&voicemail_spec(&bench, source.clone(), "without", false)).unwrap();
        let with = render(&voicemail_spec(&bench, source.clone(), "with", true)).unwrap();
        let phone = with.phone.unwrap();
        assert!(!phone.noise_reduced, "{source:?}: {phone:?}");
        for (with, without) in with.outputs.iter().zip(&without.outputs) {
            assert_eq!(with.sha256, without.sha256, "{source:?}: {}", with.name);
        }
    }
}

#[test]
fn noisy_speech_becomes_clearer_and_what_is_kept_as_recorded_stays() {
    let bench = Bench::new();
    let (rate_hz, speech) = sample("voicemail.wav");
    for snr_db in [5.0, 10.0] {
        let source = bench.source("in.wav", rate_hz, 1, &with_noise(&speech, snr_db));
        let without = render(&voicemail_spec(&bench, source.clone(), "without", false)).unwrap();
        let with = render(&voicemail_spec(&bench, source, "with", true)).unwrap();
        let phone = with.phone.unwrap();
        assert!(phone.noise_reduced, "{snr_db} dB: {phone:?}");
        // The estimate is over the moments of speech, which stand above the mean.
        let estimate = phone.snr_db.unwrap();
        assert!((estimate - f64::from(snr_db) - 2.0).abs() < 4.0, "{estimate} dB instead of {snr_db}");
        assert_eq!(with.outputs[3].sha256, without.outputs[3].sha256, "kept as it was recorded");
        assert_eq!(with.outputs[1].duration_seconds, without.outputs[1].duration_seconds);
        let clean = bench.source("clean.wav", rate_hz, 1, &speech);
        render(&voicemail_spec(&bench, clean, "clean", false)).unwrap();
        let clean = bench.read("clean-wide.wav");
        let before_db = likeness_db(&bench.read("without-wide.wav"), &clean);
        let after_db = likeness_db(&bench.read("with-wide.wav"), &clean);
        assert!(after_db > before_db + 2.0, "{snr_db} dB: from {before_db:.1} to {after_db:.1}");
        for output in &with.outputs[..2] {
            assert!((output.loudness_lufs.unwrap() + 16.0).abs() <= 0.5, "{output:?}");
        }
    }
}

#[test]
fn a_preview_is_bit_for_bit_what_the_phone_hears() {
    let bench = Bench::new();
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 44_100, 1, &voice(44_100, 2.0))]);
    spec.loudness_lufs = Some(-16.0);
    let preview = OutputSpec { through: Some(PhoneLine::Ulaw), ..bench.output("p.wav", OutputFormat::Wav, 8_000) };
    spec.outputs = vec![bench.output("phone.ulaw", OutputFormat::Ulaw, 8_000), preview.clone()];
    render(&spec).unwrap();
    let codes = std::fs::read(bench.path("phone.ulaw")).unwrap();
    let heard: Vec<f32> = codes.iter().map(|code| f32::from(Law::Mu.expand(*code)) / 32_768.0).collect();
    assert_eq!(bench.read("p.wav"), heard);
    spec.outputs = vec![OutputSpec { rate_hz: 16_000, ..preview }];
    let refusal = render(&spec).unwrap_err().to_string();
    assert!(refusal.contains("8000 Hz"), "{refusal}");
}

#[test]
fn the_report_tells_what_a_phone_makes_of_a_file() {
    let bench = Bench::new();
    let mut loud: Vec<f32> = vec![0.0; 16_000];
    loud.extend((0..32_000).map(|n| {
        let t = n as f32 / 16_000.0;
        let tone = |hz: f32| (t * hz * std::f32::consts::TAU).sin();
        (0.9 * tone(500.0) + 0.9 * tone(6_000.0)).clamp(-1.0, 1.0)
    }));
    let mut spec = RenderSpec::of(vec![bench.source("in.wav", 16_000, 1, &loud)]);
    spec.loudness_lufs = Some(-20.0);
    spec.trim_silence = true;
    spec.outputs = vec![bench.output("out.ulaw", OutputFormat::Ulaw, 8_000)];
    assert_eq!(render(&spec).unwrap().phone, None, "only if it is asked for");
    spec.phone_report = true;
    let report = render(&spec).unwrap();
    let phone = report.phone.unwrap();
    assert!((0.4..0.6).contains(&phone.band_lost.unwrap()), "{phone:?}");
    assert!((phone.loudness_out_lufs.unwrap() + 20.0).abs() < 0.5, "{phone:?}");
    assert!(phone.loudness_in_lufs.unwrap() > -8.0, "{phone:?}");
    assert!((0.8..1.0).contains(&phone.trimmed_seconds), "{phone:?}");
    assert!(report.clipped == Some(phone.clipped_peaks > 0) && !phone.truncated && !phone.noise_reduced);
    assert_eq!(phone.snr_db, None, "tones are no speech");
}

#[test]
fn flat_peaks_are_counted() {
    let bench = Bench::new();
    // 50 Hz for a second: a hundred half waves, each with a flat top of about 5 ms.
    let square: Vec<f32> = (0..8_000)
        .map(|n| (3.0 * ((n as f32 + 0.5) * 50.0 * std::f32::consts::TAU / 8_000.0).sin()).clamp(-1.0, 1.0))
        .collect();
    let report = render(&RenderSpec::of(vec![bench.source("a.wav", 8_000, 1, &square)])).unwrap();
    assert_eq!(report.sources[0].clipped_peaks, Some(100));
}

#[test]
fn a_leg_whose_clock_runs_fast_is_as_much_longer_as_it_says() {
    let bench = Bench::new();
    // Sixty seconds of one call; the callee's device takes 8,008 samples for 8,000.
    let caller = SourceSpec { role: Some(Role::Caller), ..bench.source("a.wav", 8_000, 1, &voice(8_000, 60.0)) };
    let callee = SourceSpec { role: Some(Role::Callee), ..bench.source("b.wav", 8_000, 1, &voice(8_008, 60.0)) };
    let mut spec = RenderSpec::of(vec![caller, callee]);
    spec.outputs =
        vec![OutputSpec { channels: ChannelLayout::Stereo, ..bench.output("out.wav", OutputFormat::Wav, 8_000) }];
    let report = render(&spec).unwrap();
    assert!((report.skew_seconds.unwrap() - 0.060).abs() < 0.000_2, "{:?}", report.skew_seconds);
    assert!((report.skew_ppm.unwrap() - 1_000.0).abs() < 3.0, "{:?}", report.skew_ppm);
}
