//! Hum, rumble, an offset and opposite phases: what disturbs a recording and must not cost it.

use voicemill_audio::format::AudioSpec;
use voicemill_audio::spec::RenderReport;

use super::{RATE_HZ, render, sine, voicemail, write_voice};
use crate::workshop::{Workshop, noise};

/// Everything was made, and what phones get is as loud as it should be.
#[track_caller]
fn is_whole(what: &str, report: &RenderReport) {
    assert_eq!(report.omitted, [], "{what}");
    assert_eq!(report.outputs.len(), 6, "{what}");
    for output in report.outputs.iter().filter(|output| output.name != "archive") {
        let lufs = output.loudness_lufs.unwrap_or(f64::NEG_INFINITY);
        // GSM overshoots peaks by so much that it can be limited to less; Opus and MP3 leave out some of what lies beneath a voice.
        let off = match &*output.name {
            "mail" => 4.0,
            "phone" => 1.0,
            _ => 2.0,
        };
        assert!((lufs + 16.0).abs() < off, "{what}: {} is at {lufs:.1} LUFS", output.name);
    }
}

fn under(disturbance: impl Fn(usize) -> f32) -> Vec<f32> {
    voicemail().iter().enumerate().map(|(n, sample)| sample + disturbance(n)).collect()
}

/// Noise below `corner_hz`, at `level` (linear, RMS) or thereabouts.
fn rumble(length: usize, corner_hz: f32, level: f32) -> Vec<f32> {
    let (mut white, mut slow, mut slower) = (noise(3), 0.0, 0.0);
    let pace = corner_hz / RATE_HZ as f32 * std::f32::consts::TAU;
    let samples: Vec<f32> = (0..length)
        .map(|_| {
            slow += pace * (white() - slow);
            slower += pace * (slow - slower);
            slower
        })
        .collect();
    let rms = (samples.iter().map(|sample| sample * sample).sum::<f32>() / length as f32).sqrt();
    samples.iter().map(|sample| sample * level / rms).collect()
}

#[test]
fn k01_no_hum_costs_a_message() {
    let workshop = Workshop::new();
    for hz in [16.7, 25.0, 45.0, 50.0, 60.0, 70.0, 100.0, 120.0] {
        for level in [0.03, 0.1, 0.25] {
            write_voice(&workshop, "hum.wav", &under(|n| level * sine(n, hz)));
            is_whole(&format!("{hz} Hz at {level}"), &render(&workshop, "hum.wav", false));
        }
    }
    for hz in [50.0, 60.0] {
        write_voice(&workshop, "hum.wav", &under(|n| (1..8).map(|k| 0.1 / k as f32 * sine(n, hz * k as f32)).sum()));
        is_whole(&format!("harmonics of {hz} Hz"), &render(&workshop, "hum.wav", false));
    }
}

#[test]
fn k01_no_rumble_offset_or_bass_costs_a_message() {
    let workshop = Workshop::new();
    let length = voicemail().len();
    for level in [0.03, 0.1, 0.2] {
        let road = rumble(length, 40.0, level);
        write_voice(&workshop, "road.wav", &under(|n| road[n]));
        is_whole(&format!("rumble at {level}"), &render(&workshop, "road.wav", false));
    }
    write_voice(&workshop, "offset.wav", &under(|_| 0.3));
    is_whole("an offset", &render(&workshop, "offset.wav", false));
    // A kick drum twice a second and a bass beneath.
    let bass = |n: usize| {
        let beat = n % 4_000;
        0.3 * sine(beat, 55.0) * (-(beat as f32) / 800.0).exp() + 0.1 * sine(n, 45.0)
    };
    write_voice(&workshop, "bass.wav", &under(bass));
    is_whole("bass", &render(&workshop, "bass.wav", true));
}

#[test]
fn k01_what_is_nothing_but_bass_is_made_all_the_same() {
    let workshop = Workshop::new();
    let kick: Vec<f32> = (0..80_000)
        .map(|n| {
            let beat = n % 4_000;
            0.6 * sine(beat, 50.0) * (-(beat as f32) / 800.0).exp()
        })
        .collect();
    write_voice(&workshop, "kick.wav", &kick);
    let hum: Vec<f32> = (0..80_000).map(|n| 0.2 * sine(n, 50.0)).collect();
    write_voice(&workshop, "hum.wav", &hum);
    for source in ["kick.wav", "hum.wav"] {
        let report = render(&workshop, source, false);
        let has = |name: &str| report.outputs.iter().any(|output| output.name == name);
        assert!(["phone", "mail", "archive", "mp3"].iter().all(|name| has(name)), "{source}: {:?}", report.omitted);
    }
}

#[test]
fn k01_a_voice_is_as_loud_with_hum_as_without() {
    let workshop = Workshop::new();
    // Above the hum and its filter, the voice alone.
    let voice_level = |name: &str| {
        let bytes = workshop.run("sox", &format!("{name} -t f32 -r 8000 - sinc 300"));
        let sum: f64 = bytes.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)).powi(2)).sum();
        10.0 * (sum / (bytes.len() / 4) as f64).log10()
    };
    let mut levels = Vec::new();
    for level in [0.0, 0.1] {
        write_voice(&workshop, "hum.wav", &under(|n| level * sine(n, 60.0)));
        let report = render(&workshop, "hum.wav", false);
        assert_eq!(report.phone.unwrap().hum_removed, level > 0.0);
        workshop.run("sox", "-t ul -r 8000 -c 1 phone phone.wav");
        levels.push(voice_level("phone.wav"));
    }
    assert!((levels[0] - levels[1]).abs() < 1.0, "{levels:.1?} dB");
}

#[test]
fn k05_channels_in_opposite_phase_are_heard_on_a_phone() {
    let workshop = Workshop::new();
    let voice = voicemail();
    let spec = AudioSpec { rate_hz: RATE_HZ, channels: 2 };
    for (what, gain) in [("opposite", -1.0), ("nearly opposite", -0.97), ("one weaker", -0.5), ("the same", 1.0)] {
        let stereo: Vec<f32> = voice.iter().flat_map(|sample| [*sample, gain * sample]).collect();
        workshop.write_wav("phase.wav", spec, &stereo);
        workshop.ffmpeg("-i phase.wav -ar 44100 -c:a libmp3lame -b:a 128k -joint_stereo 1 joint.mp3");
        workshop.ffmpeg("-i phase.wav -ar 44100 -c:a libmp3lame -b:a 128k -joint_stereo 0 apart.mp3");
        workshop.ffmpeg("-i phase.wav -ar 44100 -c:a aac -b:a 128k phase.m4a");
        for source in ["phase.wav", "joint.mp3", "apart.mp3", "phase.m4a"] {
            let report = render(&workshop, source, false);
            is_whole(&format!("{what}, {source}"), &report);
            assert_eq!(report.phone.unwrap().opposite_phase, gain < 0.0, "{what}, {source}");
        }
    }
}

#[test]
fn k05_opposite_phases_are_found_where_a_decoder_adds_the_channels() {
    use voicemill_audio::encode::OutputFormat;
    use voicemill_audio::pipeline;
    use voicemill_audio::spec::{ChannelLayout, OutputSpec, RenderSpec, SourceSpec, Span};
    let workshop = Workshop::new();
    let stereo: Vec<f32> = voicemail().iter().flat_map(|sample| [*sample, -sample]).collect();
    workshop.write_wav("phase.wav", AudioSpec { rate_hz: RATE_HZ, channels: 2 }, &stereo);
    for joint in [0, 1] {
        workshop.ffmpeg(&format!("-i phase.wav -ar 44100 -c:a libmp3lame -b:a 128k -joint_stereo {joint} phase.mp3"));
        let output = OutputSpec {
            name: "phone".into(),
            path: workshop.path("phone"),
            format: OutputFormat::Ulaw,
            rate_hz: 8_000,
            channels: ChannelLayout::Mono,
            span: Span::Full,
            as_recorded: false,
            through: None,
        };
        let source = SourceSpec { path: workshop.path("phase.mp3"), hint: None, role: None };
        let spec = RenderSpec { outputs: vec![output], ..RenderSpec::of(vec![source]) };
        let report = pipeline::render(&spec).unwrap();
        assert!(report.outputs[0].loudness_lufs > Some(-35.0), "joint {joint}: {:?}", report.outputs);
        assert!(report.sources[0].opposite_phase);
    }
}

#[test]
fn k06_silence_is_trimmed_under_an_offset_and_under_hum() {
    let workshop = Workshop::new();
    write_voice(&workshop, "plain.wav", &voicemail());
    let plain = render(&workshop, "plain.wav", true);
    assert!((plain.trimmed_seconds - 1.63).abs() < 0.15, "{} s", plain.trimmed_seconds);
    for (what, disturbed) in [
        ("an offset of 0.2 %", under(|_| 0.002)),
        ("an offset of 1 %", under(|_| 0.01)),
        ("an offset of 10 %", under(|_| 0.1)),
        ("a negative offset", under(|_| -0.1)),
        ("an offset that drifts", under(|n| 0.1 * (n as f32 / 86_200.0))),
        ("hum of 50 Hz at 1 %", under(|n| 0.01 * sine(n, 50.0))),
        ("hum of 60 Hz at 1 %", under(|n| 0.01 * sine(n, 60.0))),
        ("hum of 100 Hz at 1 %", under(|n| 0.01 * sine(n, 100.0))),
    ] {
        write_voice(&workshop, "disturbed.wav", &disturbed);
        let report = render(&workshop, "disturbed.wav", true);
        let off = report.trimmed_seconds - plain.trimmed_seconds;
        assert!(off.abs() < 0.2, "{what}: {:.2} s trimmed", report.trimmed_seconds);
    }
}

#[test]
fn k06_speech_is_found_under_an_offset() {
    let workshop = Workshop::new();
    write_voice(&workshop, "plain.wav", &voicemail());
    let plain = render(&workshop, "plain.wav", false);
    for offset in [0.002, 0.01, 0.05, 0.1, 0.3, -0.3] {
        write_voice(&workshop, "offset.wav", &under(|_| offset));
        let report = render(&workshop, "offset.wav", false);
        let (plain, brief) = (plain.brief.unwrap(), report.brief.unwrap());
        assert!((plain.start_seconds - brief.start_seconds).abs() < 0.1, "{offset}: {brief:?} instead of {plain:?}");
        assert!(report.phone.unwrap().snr_db.is_some(), "{offset}");
    }
}

#[test]
fn a15_noise_that_is_hardly_heard_is_not_drawn_like_speech() {
    let workshop = Workshop::new();
    let mut random = noise(7);
    let hiss: Vec<f32> = (0..80_000).map(|_| 0.001 * random()).collect();
    write_voice(&workshop, "hiss.wav", &hiss);
    write_voice(&workshop, "voice.wav", &voicemail());
    let highest = |name: &str| render(&workshop, name, false).waveform.into_iter().max();
    assert!(highest("hiss.wav") < Some(128), "{:?} of 255", highest("hiss.wav"));
    assert_eq!(highest("voice.wav"), Some(255));
}
