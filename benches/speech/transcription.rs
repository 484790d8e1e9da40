//! Transcribes files with one engine on one thread: a line of text each, then the CPU seconds without loading. The
//! script `benches/transcription` runs it beside its peers.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement that cannot go on fails where it stands")]

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Parser;
use voicemill::{
    audio::decode,
    cli::models::ModelsFolder,
    speech::transcribe::{self, Engine, SpeechSource, TranscribeControl},
};

#[derive(Parser)]
struct Args {
    files: Vec<PathBuf>,
    #[arg(long, default_value = "whisper-tiny.en")]
    model: String,
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    #[command(flatten)]
    folder: ModelsFolder,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let store = args.folder.store().unwrap();
    let transcriber = transcribe::open(&store, &args.model, args.engine, NonZeroUsize::MIN).unwrap();
    let hear = |file: &PathBuf| {
        let mut source = SpeechSource::new(decode::open(file, None).unwrap().source).unwrap();
        transcriber.transcribe(&mut source, &TranscribeControl::default()).unwrap()
    };
    // What is allocated at first use counts as loading.
    args.files.first().map(hear);
    let before = cpu_seconds();
    for file in &args.files {
        println!("{}\t{}", file.file_stem().unwrap().to_string_lossy(), hear(file).text);
    }
    let info = transcriber.engine();
    println!("#\t{:.2}\t{}\t{}\t{}", cpu_seconds() - before, peak_kilobytes() / 1024, info.engine, info.cpu);
}

/// CPU time of this process, by Linux's account of it, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th field after it.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
