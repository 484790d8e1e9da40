//! The commands that work on plain files, as a person types them.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::harness::{Sound, lufs, models_folder, said, samples};
use serde_json::Value;
use voicemill_speech::{accuracy::word_error_rate, models::Manifest};

fn voicemill(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_voicemill"))
        .args(args)
        .current_dir(folder)
        .env("VOICEMILL_SPEECH__MODELS_FOLDER", models_folder())
        .output()
        .unwrap()
}

#[test]
fn a19_the_setting_of_the_service_is_that_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let asked = |file: &str, variable: Option<&str>, option: &[&str]| {
        std::fs::write(folder.path().join("voicemill.toml"), file).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicemill"));
        command.current_dir(folder.path()).env_remove("VOICEMILL_SPEECH__MODELS_FOLDER");
        command.args([&["models", "list"], option].concat());
        let output = command.envs(variable.map(|folder| ("VOICEMILL_SPEECH__MODELS_FOLDER", folder))).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().next().unwrap_or_default().to_owned()
    };
    let file = "[speech]\nmodels_folder = \"/of/the/file\"\n";
    assert_eq!(asked(file, None, &[]), "models in /of/the/file:");
    assert_eq!(asked(file, Some("/of/the/variable"), &[]), "models in /of/the/variable:");
    assert_eq!(asked(file, Some("/of/the/variable"), &["--models-dir", "/as/asked"]), "models in /as/asked:");
}

fn succeeds(folder: &Path, args: &[&str]) -> String {
    let output = voicemill(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(folder: &Path, args: &[&str]) -> String {
    let output = voicemill(folder, args);
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn one_input_becomes_many_files_at_one_loudness() {
    let folder = tempfile::tempdir().unwrap();
    let input = samples().join("hold-music.mp3");
    let outputs = ["out.wav", "out.ulaw", "out.opus"];
    let mut args = vec!["transcode", input.to_str().unwrap(), "--loudness", "-20"];
    outputs.iter().for_each(|output| args.extend(["-o", output]));
    succeeds(folder.path(), &args);
    for output in outputs {
        let bytes = std::fs::read(folder.path().join(output)).unwrap();
        let hint = output.rsplit('.').next().unwrap();
        let loudness = lufs(&bytes, hint);
        assert!((loudness + 20.0).abs() <= 1.0, "{output}: {loudness} LUFS");
        let seconds = Sound::decode(&bytes, hint).seconds();
        assert!((seconds - 40.0).abs() < 0.1, "{output}: {seconds} s");
    }
}

/// Two mono files of 16 bits as the channels of one.
fn in_stereo(left: &Path, right: &Path, to: &Path) {
    let samples = |file: &Path| hound::WavReader::open(file).unwrap().into_samples::<i16>().map(Result::unwrap);
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(to, spec).unwrap();
    for (one, other) in samples(left).zip(samples(right)) {
        writer.write_sample(one).unwrap();
        writer.write_sample(other).unwrap();
    }
    writer.finalize().unwrap();
}

#[test]
fn both_sides_of_a_call_are_written_down_in_turns() {
    let folder = tempfile::tempdir().unwrap();
    let call = folder.path().join("call.wav");
    in_stereo(&samples().join("call-caller.wav"), &samples().join("call-callee.wav"), &call);
    let text = succeeds(folder.path(), &["transcribe", "call.wav", "--roles"]);
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("Callee: Good morning"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("Caller: ") && line.contains("Friday")), "{text}");
    let mono = samples().join("call-caller.wav");
    let complaint = fails(folder.path(), &["transcribe", mono.to_str().unwrap(), "--roles"]);
    assert!(complaint.contains("two channels"), "{complaint}");
}

#[test]
fn a_model_of_ones_own_is_used_if_its_digest_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest::built_in().unwrap();
    let listed = &manifest.model("whisper-tiny.en").unwrap().files[0];
    let model = folder.path().join("mine.bin");
    std::fs::copy(models_folder().join("whisper-tiny.en").join(&listed.name), &model).unwrap();
    let input = samples().join("voicemail-short.wav");
    let line = |sha256: &str| {
        ["transcribe", input.to_str().unwrap(), "--json", "--model-file", "mine.bin", "--sha256", sha256]
            .map(str::to_owned)
    };
    let right = line(&listed.sha256.to_string());
    let json = succeeds(folder.path(), &right.each_ref().map(String::as_str));
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["model"], "mine.bin");
    let wrong = line(&"0".repeat(64));
    let complaint = fails(folder.path(), &wrong.each_ref().map(String::as_str));
    assert!(complaint.contains("expected sha256 0000"), "{complaint}");
    let english = fails(folder.path(), &["transcribe", input.to_str().unwrap(), "--language", "de"]);
    assert!(english.contains("knows only English"), "{english}");
}

/// Runs what it is told, and prints the most memory that this took in KiB.
const METER: &str = "import resource, subprocess, sys\n\
    subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n\
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n";

#[test]
fn a_long_recording_needs_no_more_memory_to_transcribe_than_a_short_one() {
    let folder = tempfile::tempdir().unwrap();
    let once = hound::WavReader::open(samples().join("call-callee.wav")).unwrap();
    let spec = once.spec();
    let once: Vec<i16> = once.into_samples().map(Result::unwrap).collect();
    let peak_kib = |times: usize| {
        let file = folder.path().join("long.wav");
        let mut writer = hound::WavWriter::create(&file, spec).unwrap();
        once.repeat(times).iter().for_each(|sample| writer.write_sample(*sample).unwrap());
        writer.finalize().unwrap();
        let program = env!("CARGO_BIN_EXE_voicemill");
        let mut meter = Command::new("python3");
        meter.args(["-c", METER, program, "transcribe", file.to_str().unwrap()]);
        let output = meter.env("VOICEMILL_SPEECH__MODELS_FOLDER", models_folder()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap()
    };
    let (short, long) = (peak_kib(3), peak_kib(12));
    println!("{short} KiB for 2 minutes, {long} KiB for 7");
    assert!(long <= short + 16_384, "{short} KiB for 2 minutes, {long} KiB for 7");
}

#[test]
fn what_is_said_is_written_down() {
    let input = samples().join("voicemail-short.wav");
    let folder = tempfile::tempdir().unwrap();
    let text = succeeds(folder.path(), &["transcribe", input.to_str().unwrap()]);
    let errors = word_error_rate(&said("voicemail-short.wav"), &text);
    assert!(errors <= 0.2, "{errors}: {text}");
    let json = succeeds(folder.path(), &["transcribe", input.to_str().unwrap(), "--json"]);
    let transcript: Value = serde_json::from_str(&json).unwrap();
    let words = transcript["segments"][0]["words"].as_array().unwrap();
    assert!(words[0]["start_seconds"].as_f64().unwrap() >= 0.5, "the silence before the first word counts");
    assert!(transcript["engine"].as_str().unwrap().contains("whisper"));
}

#[test]
fn of_several_files_each_is_a_line_and_one_that_fails_does_not_cost_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (spoken, text) = (samples().join("voicemail-short.wav"), samples().join("bad/text.wav"));
    let [spoken, text] = [&spoken, &text].map(|file| file.to_str().unwrap());
    let output = voicemill(folder.path(), &["transcribe", "--threads", "1", text, spoken, "missing.wav", spoken]);
    assert!(!output.status.success());
    let complaints = String::from_utf8(output.stderr).unwrap();
    for part in ["text file", "missing.wav", "2 of 4 files"] {
        assert!(complaints.contains(part), "{complaints}");
    }
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = lines.lines().map(|line| line.split_once('\t').unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for (file, words) in lines {
        assert_eq!(file, spoken);
        assert!(word_error_rate(&said("voicemail-short.wav"), words) <= 0.2, "{words}");
    }
    assert!(fails(folder.path(), &["transcribe", "--vtt", spoken, spoken]).contains("one file"));
}

#[test]
fn a_text_is_spoken_into_a_file() {
    let folder = tempfile::tempdir().unwrap();
    succeeds(folder.path(), &["say", "Your call is important to us.", "--voice", "heart", "-o", "out.wav"]);
    let sound = Sound::decode(&std::fs::read(folder.path().join("out.wav")).unwrap(), "wav");
    assert!((1.0..5.0).contains(&sound.seconds()), "{} s", sound.seconds());
}

#[test]
fn every_command_fails_with_a_sentence_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let text = samples().join("bad/text.wav");
    let text = text.to_str().unwrap();
    for (args, words) in [
        (vec!["transcode", text, "-o", "out.wav"], "text file"),
        (vec!["transcode", "missing.wav", "-o", "out.wav"], "missing.wav"),
        (vec!["transcribe", text], "text file"),
        (vec!["transcribe", "missing.wav"], "missing.wav"),
        (vec!["say", "Hello.", "--voice", "nobody", "-o", "out.wav"], "heart"),
        (vec!["say", "", "-o", "out.wav"], "text"),
        (vec!["models", "fetch", "nothing"], "whisper-tiny.en"),
        (vec!["jobs", "list"], "--config"),
        (vec!["serve", "--config", "missing.toml"], "missing.toml"),
        (vec!["demo"], "--samples"),
    ] {
        let error = fails(here, &args);
        assert!(error.contains(words), "{args:?}: {error}");
        assert!(!error.contains("panicked"), "{args:?}: {error}");
        let clauses: Vec<_> = error.trim().split(": ").collect();
        let is_told_twice = |clause: &&&str| clauses.iter().filter(|other| other == clause).count() > 1;
        assert_eq!(clauses.iter().find(is_told_twice), None, "{args:?}: {error}");
    }
    assert_eq!(std::fs::read_dir(here).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn the_help_names_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let help = succeeds(folder.path(), &["--help"]);
    let commands = ["serve", "worker", "demo", "transcode", "transcribe", "say", "jobs", "models", "doctor"];
    for command in commands {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
        assert!(!succeeds(folder.path(), &[command, "--help"]).is_empty());
    }
}
