//! The commands that work on plain files, as a person types them.

#![allow(clippy::unwrap_used, reason = "a journey that cannot go on fails")]

mod common;

use std::{
    path::Path,
    process::{Command, Output},
};

use common::{Sound, lufs, models_folder, said, samples};
use serde_json::Value;
use voicemill::speech::accuracy::word_error_rate;

fn voicemill(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_voicemill"))
        .args(args)
        .current_dir(folder)
        .env("VOICEMILL_MODELS_DIR", models_folder())
        .output()
        .unwrap()
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
