//! What leaves: at its loudness by ffmpeg's meter, flat in the telephone's band, and nothing folded into it.

use rustfft::num_complex::Complex;
use voicemill_audio::encode::OutputFormat;
use voicemill_audio::format::AudioSpec;
use voicemill_audio::pipeline;
use voicemill_audio::spec::{ChannelLayout, OutputSpec, RenderSpec, SourceSpec, Span};

use crate::workshop::{Workshop, noise};

fn spec(workshop: &Workshop, source: &str, outputs: &[(&str, OutputFormat, u32)]) -> RenderSpec {
    let mut spec = RenderSpec::of(vec![SourceSpec { path: workshop.path(source), hint: None, role: None }]);
    spec.outputs = outputs
        .iter()
        .map(|(name, format, rate_hz)| OutputSpec {
            name: (*name).into(),
            path: workshop.path(name),
            format: *format,
            rate_hz: *rate_hz,
            channels: ChannelLayout::Mono,
            span: Span::Full,
            as_recorded: false,
            through: None,
        })
        .collect();
    spec
}

/// Integrated loudness in LUFS, as ffmpeg measures it.
fn loudness(workshop: &Workshop, name: &str) -> f64 {
    let report =
        workshop.ffmpeg(&format!("-i {name} -af ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file=- -f null -"));
    let report = String::from_utf8(report).unwrap();
    report.lines().rev().find_map(|line| line.strip_prefix("lavfi.r128.I=")).unwrap().parse().unwrap()
}

#[test]
fn loudness_is_on_target_by_ffmpegs_meter() {
    let workshop = Workshop::new();
    workshop.ffmpeg("-stream_loop 5 -i music.wav -af volume=-14dB quiet.wav");
    workshop.ffmpeg("-stream_loop 5 -i music.wav -af volume=5dB -c:a libmp3lame -b:a 192k loud.mp3");
    let outputs = [
        ("phone.wav", OutputFormat::Wav, 8_000),
        ("wide.wav", OutputFormat::Wav, 16_000),
        ("full.wav", OutputFormat::Wav, 48_000),
        ("browser.opus", OutputFormat::Opus, 48_000),
        ("narrow.opus", OutputFormat::Opus, 16_000),
    ];
    for source in ["quiet.wav", "loud.mp3"] {
        for target in [-16.0, -24.0] {
            let mut spec = spec(&workshop, source, &outputs);
            spec.loudness_lufs = Some(target);
            pipeline::render(&spec).unwrap();
            for (name, format, _) in outputs {
                let off = loudness(&workshop, name) - target;
                let tolerance = if format == OutputFormat::Opus { 1.0 } else { 0.1 };
                println!("{source} {name} {target} LUFS: off by {off:+.3} LU");
                assert!(off.abs() <= tolerance, "{name} of {source} misses {target} LUFS by {off:+.3} LU");
            }
        }
    }
}

/// Amplitude at each Hz of the second from the middle of a WAV at `rate_hz`.
fn spectrum(workshop: &Workshop, name: &str, rate_hz: usize) -> Vec<f64> {
    let samples = workshop.reference("", name);
    let start = samples.len() / 2 - rate_hz / 2;
    let mut bins: Vec<Complex<f64>> =
        samples[start..start + rate_hz].iter().map(|sample| Complex::new(f64::from(*sample), 0.0)).collect();
    rustfft::FftPlanner::new().plan_fft_forward(rate_hz).process(&mut bins);
    bins.iter().map(|bin| 2.0 * bin.norm() / rate_hz as f64).collect()
}

/// Three seconds of tones on whole Hz, so that a second's spectrum has each in one bin.
fn tones(rate_hz: u32, tones: &[(u32, f64)]) -> Vec<f32> {
    let mut random = noise(3);
    let tones: Vec<(f64, f64, f64)> =
        tones.iter().map(|(hz, level)| (f64::from(*hz), *level, f64::from(random()))).collect();
    (0..3 * rate_hz)
        .map(|n| {
            let time = f64::from(n) / f64::from(rate_hz);
            tones
                .iter()
                .map(|(hz, level, phase)| level * ((hz * time + phase) * std::f64::consts::TAU).sin())
                .sum::<f64>() as f32
        })
        .collect()
}

#[test]
fn the_telephones_band_is_flat_and_free_of_aliases() {
    let workshop = Workshop::new();
    let (mut ripple, mut alias) = (0f64, f64::NEG_INFINITY);
    for rate_hz in [44_100, 48_000, 32_000, 16_000] {
        // In the band about every 100 Hz, so crooked that the rounding to 16 bits has no pattern that could swallow anything;
        // above it from just over what 8 kHz can hold to the top of what the source can.
        let below: Vec<(u32, f64)> = (1..=34).map(|n| (n * 100 - n * n % 13, 0.006)).collect();
        let top = rate_hz / 2 - 400;
        let above: Vec<(u32, f64)> = (0..4).map(|n| (4_210 + n * (top - 4_210) / 3 / 100 * 100 + 40, 0.15)).collect();
        workshop.write_wav("tones.wav", AudioSpec::mono(rate_hz), &tones(rate_hz, &[&below[..], &above[..]].concat()));
        pipeline::render(&spec(&workshop, "tones.wav", &[("out.wav", OutputFormat::Wav, 8_000)])).unwrap();
        let spectrum = spectrum(&workshop, "out.wav", 8_000);
        for (hz, level) in below {
            ripple = ripple.max((20.0 * (spectrum[hz as usize] / level).log10()).abs());
        }
        for (hz, level) in above {
            let folded = hz % 8_000;
            let folded = folded.min(8_000 - folded) as usize;
            assert!((20..80).contains(&(folded % 100)), "{hz} Hz would fold onto a tone");
            alias = alias.max(20.0 * (spectrum[folded] / level).log10());
        }
    }
    println!("ripple {ripple:.4} dB to 3.4 kHz, aliases {alias:.1} dB");
    assert!(ripple <= 0.05, "{ripple:.4} dB");
    assert!(alias <= -100.0, "{alias:.1} dB");
}
