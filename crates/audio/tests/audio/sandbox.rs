//! Renders through the real binary: what a decoder does wrong stays within one job, and the reason comes back.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use voicemill_audio::encode::OutputFormat;
use voicemill_audio::format::AudioError;
use voicemill_audio::sandbox::{CHILD_ARGUMENT, ChildLimits, Held, Misbehave, Sandbox};
use voicemill_audio::spec::{ChannelLayout, OutputSpec, RenderSpec, SourceSpec, Span};

const GENEROUS: Duration = Duration::from_secs(60);

fn sandbox() -> Sandbox {
    Sandbox::new(crate::CHILD.into())
}

/// One second of a tone, to be written as µ-law and Opus.
fn spec(directory: &Path) -> RenderSpec {
    let path = directory.join("in.wav");
    let wav = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, wav).unwrap();
    for n in 0..16_000 {
        writer.write_sample((8_000.0 * (n as f32 * 0.2).sin()) as i16).unwrap();
    }
    writer.finalize().unwrap();
    let mut spec = RenderSpec::of(vec![SourceSpec { path, hint: None, role: None }]);
    spec.loudness_lufs = Some(-16.0);
    spec.outputs = [("phone", OutputFormat::Ulaw, 8_000), ("browser", OutputFormat::Opus, 16_000)]
        .map(|(name, format, rate_hz)| OutputSpec {
            name: name.into(),
            path: directory.join(name),
            format,
            rate_hz,
            channels: ChannelLayout::Mono,
            span: Span::Full,
            as_recorded: false,
            through: None,
        })
        .into();
    spec
}

async fn provoke(fault: Misbehave, deadline: Duration) -> AudioError {
    let directory = tempfile::tempdir().unwrap();
    let spec = spec(directory.path());
    // What a child that was killed had begun to write.
    spec.outputs.iter().for_each(|output| std::fs::write(&output.path, "half").unwrap());
    let error = Sandbox { misbehave: Some(fault), ..sandbox() }.render(&spec, deadline).await.unwrap_err();
    assert!(spec.outputs.iter().all(|output| !output.path.exists()), "left something behind after {error}");
    error
}

#[tokio::test]
async fn a_sound_file_is_rendered() {
    let directory = tempfile::tempdir().unwrap();
    let spec = spec(directory.path());
    let report = sandbox().render(&spec, GENEROUS).await.unwrap();
    assert_eq!(report.sources[0].codec, "pcm_s16le");
    for (output, wanted) in report.outputs.iter().zip(&spec.outputs) {
        assert_eq!(output.duration_seconds, 1.0);
        assert_eq!(std::fs::metadata(&wanted.path).unwrap().len(), output.bytes);
    }
}

#[tokio::test]
async fn the_kind_of_an_error_survives_the_trip() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |bytes: &'static [u8]| {
        let path = directory.path().join("in");
        async move {
            std::fs::write(&path, bytes).unwrap();
            let spec = RenderSpec::of(vec![SourceSpec { path, hint: None, role: None }]);
            sandbox().render(&spec, GENEROUS).await.unwrap_err()
        }
    };
    let text = refused(b"Dear all, the office is closed on Friday.\n").await;
    assert!(
        matches!(&text, AudioError::Unsupported(fault) if fault.to_string().starts_with("This is a text file, not audio. Send"))
    );
    assert!(matches!(refused(b"").await, AudioError::Empty(_)));
    assert!(matches!(refused(b"fLaC\0\0").await, AudioError::Malformed(_)));
    let missing = SourceSpec { path: directory.path().join("nowhere"), hint: None, role: None };
    let missing = sandbox().render(&RenderSpec::of(vec![missing]), GENEROUS).await.unwrap_err();
    assert!(
        matches!(&missing, AudioError::Io { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound),
        "{missing}"
    );
    assert!(missing.is_transient());
}

#[tokio::test]
async fn a_panic_ends_one_job() {
    let error = provoke(Misbehave::Panic, GENEROUS).await;
    assert_eq!(error.code(), "stopped_converter");
    let sentence = error.to_string();
    assert!(sentence.contains("damaged"), "{sentence}");
    assert!(sentence.contains("(audio/src/sandbox/child.rs:") && sentence.contains(": provoked)"), "{sentence}");
}

#[tokio::test]
async fn a_crash_in_c_ends_one_job() {
    let error = provoke(Misbehave::Abort, GENEROUS).await;
    assert!(matches!(&error, AudioError::Malformed(fault) if fault.to_string().contains("SIGABRT")), "{error}");
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_deadline() {
    let error = provoke(Misbehave::Loop, Duration::from_secs(1)).await;
    assert!(
        matches!(&error, AudioError::Limit(fault) if fault.to_string().contains("longer than 1 second")),
        "{error}"
    );
}

#[tokio::test]
async fn a_memory_bomb_ends_at_the_limit() {
    let error = provoke(Misbehave::Allocate, GENEROUS).await;
    assert!(matches!(&error, AudioError::Limit(fault) if fault.to_string().contains("memory")), "{error}");
}

#[tokio::test]
async fn a_file_that_grows_without_end_stops_at_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let mut sandbox = sandbox();
    sandbox.limits.file_bytes = 4_096;
    let error = sandbox.render(&spec(directory.path()), GENEROUS).await.unwrap_err();
    assert!(matches!(&error, AudioError::Limit(fault) if fault.to_string().contains("disk")), "{error}");
}

#[test]
fn a_child_whose_parent_is_gone_ends() {
    let directory = tempfile::tempdir().unwrap();
    let request = serde_json::json!({
        "spec": spec(directory.path()),
        "limits": ChildLimits::default(),
        "cpu_seconds": 60,
        "misbehave": Misbehave::Loop,
    });
    let mut child = Command::new(crate::CHILD)
        .arg(CHILD_ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut parents_end = child.stdin.take().unwrap();
    writeln!(parents_end, "{request}").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it works on");
    drop(parents_end);
    let deadline = Instant::now() + GENEROUS;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it went on without a parent");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Renders while a child tries what it should not be able to do; an error if it succeeded in that.
async fn tempted(fault: Misbehave) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let spec = spec(directory.path());
    let report = Sandbox { misbehave: Some(fault), ..sandbox() }.render(&spec, GENEROUS).await;
    report.map(drop).map_err(|error| error.to_string())
}

/// True, and a line that says so, where this kernel does not hold a child in.
async fn kernel_lacks(bound: &str, held: impl Fn(&voicemill_audio::sandbox::Confinement) -> Held) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let report = sandbox().render(&spec(directory.path()), GENEROUS).await.unwrap();
    let lacks = held(&report.confinement.unwrap()) == Held::Not;
    if lacks {
        println!("skipped: this kernel has no {bound}");
    }
    lacks
}

#[tokio::test]
async fn a_child_can_open_no_file_but_its_own() {
    if kernel_lacks("landlock", |confinement| confinement.files).await {
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let database = elsewhere.path().join("voicemill.db");
    std::fs::write(&database, "numbers and names").unwrap();
    tempted(Misbehave::Read(database)).await.unwrap();
    tempted(Misbehave::Read("/etc/passwd".into())).await.unwrap();
    let planted = elsewhere.path().join("planted");
    tempted(Misbehave::Write(planted.clone())).await.unwrap();
    assert!(!planted.exists());
}

#[tokio::test]
async fn a_child_can_neither_connect_nor_start_a_program_nor_signal_its_parent() {
    if kernel_lacks("seccomp", |confinement| confinement.system_calls).await {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    tempted(Misbehave::Connect(listener.local_addr().unwrap().port())).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    tempted(Misbehave::ConnectTo(socket)).await.unwrap();
    tempted(Misbehave::Execute("/bin/true".into())).await.unwrap();
    tempted(Misbehave::SignalTo(std::process::id() as i32)).await.unwrap();
}

#[tokio::test]
async fn a_child_that_is_killed_is_worth_another_try() {
    for signal in [9, 10] {
        let error = provoke(Misbehave::Signal(signal), GENEROUS).await;
        assert!(error.is_transient(), "signal {signal}: {error}");
    }
}

#[tokio::test]
async fn what_stops_a_whole_service_does_not_stop_a_child_that_works() {
    use std::os::unix::process::CommandExt;
    let directory = tempfile::tempdir().unwrap();
    let spec = spec(directory.path());
    let request = serde_json::json!({ "spec": spec, "limits": ChildLimits::default(), "cpu_seconds": 60 });
    let mut child = Command::new(crate::CHILD)
        .arg(CHILD_ARGUMENT)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut parents_end = child.stdin.take().unwrap();
    // It works once it has read the first half of its request, and only then does the signal come.
    let request = format!("{request}\n");
    let (first, rest) = request.split_at(request.len() / 2);
    parents_end.write_all(first.as_bytes()).unwrap();
    wait_for_ignored_signals(child.id());
    for signal in ["TERM", "INT", "HUP"] {
        assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
    }
    parents_end.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut answer).unwrap();
    assert!(answer.contains("sha256"), "{answer}");
    child.wait().unwrap();
}

/// Waits until a process ignores the signals that stop a service.
fn wait_for_ignored_signals(process: u32) {
    let deadline = Instant::now() + GENEROUS;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
        // HUP, INT and TERM are signals 1, 2 and 15.
        if u64::from_str_radix(ignored, 16).unwrap() & 0x4003 == 0x4003 {
            return;
        }
        assert!(Instant::now() < deadline, "it heeds them");
        std::thread::sleep(Duration::from_millis(10));
    }
}
