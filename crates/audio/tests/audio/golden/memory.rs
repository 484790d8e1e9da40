//! Memory is the same for ten minutes as for four seconds.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use voicemill_audio::encode::OutputFormat;
use voicemill_audio::sandbox::Sandbox;
use voicemill_audio::spec::{ChannelLayout, OutputSpec, RenderSpec, SourceSpec, Span};

use crate::workshop::Workshop;

/// What a long file may need beyond a short one: the allocator's grain, not a buffer that grows.
const SLACK_KIB: u64 = 1_536;

/// Runs what it is told, and notes the most memory that this took in KiB.
const METER: &str = r#"#!/usr/bin/env python3
import resource, subprocess, sys
status = subprocess.call([PROGRAM] + sys.argv[1:])
with open(NOTE, "w") as note:
    note.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"#;

#[tokio::test]
async fn a_long_recording_needs_no_more_memory_than_a_short_one() {
    let workshop = Workshop::new();
    workshop
        .ffmpeg("-stream_loop 1 -i music.wav -t 4 -c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0 short.mp3");
    workshop.write("long.mp3", &workshop.read("short.mp3").repeat(150));
    let meter = METER
        .replace("PROGRAM", &format!("{:?}", crate::CHILD))
        .replace("NOTE", &format!("{:?}", workshop.path("note")));
    workshop.write("meter", meter.as_bytes());
    std::fs::set_permissions(workshop.path("meter"), std::fs::Permissions::from_mode(0o755)).unwrap();

    let mut peaks_kib = Vec::new();
    for source in ["short.mp3", "long.mp3"] {
        let mut spec = RenderSpec::of(vec![SourceSpec { path: workshop.path(source), hint: None, role: None }]);
        spec.loudness_lufs = Some(-16.0);
        spec.waveform_bins = Some(256);
        spec.brief_limit_seconds = Some(20.0);
        spec.outputs = [("wav", OutputFormat::Wav), ("ulaw", OutputFormat::Ulaw)]
            .map(|(name, format)| OutputSpec {
                name: name.into(),
                path: workshop.path(name),
                format,
                rate_hz: 8_000,
                channels: ChannelLayout::Mono,
                span: Span::Full,
                as_recorded: false,
                through: None,
            })
            .into();
        let report = Sandbox::new(workshop.path("meter")).render(&spec, Duration::from_secs(300)).await.unwrap();
        let expected = if source == "long.mp3" { 600.0 } else { 4.0 };
        assert!((report.duration_seconds - expected).abs() < 0.02 * expected, "{} s", report.duration_seconds);
        peaks_kib.push(String::from_utf8(workshop.read("note")).unwrap().parse::<u64>().unwrap());
    }
    println!("peaks: {peaks_kib:?} KiB");
    assert!(
        peaks_kib[1] <= peaks_kib[0] + SLACK_KIB,
        "{} KiB for 4 s, {} KiB for ten minutes",
        peaks_kib[0],
        peaks_kib[1]
    );
}
