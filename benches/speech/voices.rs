//! Every voice that is here speaks telephone sentences, which go over a phone line and are written down again: how many
//! words come through, and what a second of speech costs. Run by `make bench-speech`; prints Markdown.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement that cannot go on fails where it stands")]

use std::{num::NonZeroUsize, sync::Arc};

use clap::Parser;
use voicemill::cli::models::ModelsFolder;
use voicemill_audio::{
    format::{AudioBlock, AudioError, AudioSource, AudioSpec},
    resample::Resampler,
};
use voicemill_speech::{
    accuracy::{word_error_rate, words},
    synthesize::{LocalVoices, Pcm, Speech, Synthesizer, Voice},
    text::speakable,
    transcribe::{SpeechSource, TranscribeControl, Transcriber, Whisper},
};

const SENTENCES: &str = include_str!("sentences.txt");
const LINE_HZ: u32 = 8_000;

#[derive(Parser)]
struct Args {
    /// Voices to measure [default: all that are here].
    names: Vec<String>,
    #[command(flatten)]
    folder: ModelsFolder,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let store = Arc::new(args.folder.store().unwrap());
    let voices = LocalVoices::new(store.clone());
    let transcriber = Whisper::open(&store, "whisper-tiny.en", NonZeroUsize::MIN).unwrap();
    println!("| voice | language | CPU-s a second of speech | seconds | level, dBFS | WER, % |");
    println!("|---|---|--:|--:|--:|--:|");
    let wanted = |voice: &&Voice| args.names.is_empty() || args.names.iter().any(|name| name == voice.id.as_str());
    for voice in voices.voices().iter().filter(|voice| voice.ready).filter(wanted) {
        println!("{}", row(&voices, voice, &transcriber));
    }
    println!();
    println!("Peak memory of all of it, transcription included: {} MB", peak_kilobytes() / 1024);
}

/// The voice's line of the table; what it costs is the time of this thread, on which the networks run.
fn row(voices: &LocalVoices, voice: &Voice, transcriber: &Whisper) -> String {
    // Loads what the voice needs.
    voices.synthesize(&Speech::new("Hello.", &voice.id)).unwrap();
    let (mut cpu, mut seconds, mut energy, mut samples) = (0.0, 0.0, 0.0, 0);
    let (mut errors, mut said_words) = (0.0, 0);
    for sentence in SENTENCES.lines() {
        let before = cpu_seconds();
        let speech = voices.synthesize(&Speech::new(sentence, &voice.id)).unwrap();
        cpu += cpu_seconds() - before;
        seconds += speech.seconds();
        energy += speech.samples.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
        samples += speech.samples.len();
        let said = speakable(sentence);
        let heard = speakable(&transcribe(transcriber, over_the_phone(&speech)));
        let wrong = word_error_rate(&said, &heard) * words(&said).len() as f64;
        if wrong > 0.5 {
            eprintln!("{}: {wrong:.0} wrong in {heard:?}", voice.id);
        }
        errors += wrong;
        said_words += words(&said).len();
    }
    let level = 10.0 * (energy / samples as f64).log10();
    let wer = 100.0 * errors / said_words as f64;
    format!("| {} | {} | {:.3} | {seconds:.1} | {level:.1} | {wer:.1} |", voice.id, voice.language, cpu / seconds)
}

/// What a phone line leaves of speech: 8 kHz, and eight bits of µ-law.
fn over_the_phone(speech: &Pcm) -> Vec<f32> {
    let mut resampler = Resampler::new(AudioSpec::mono(speech.rate_hz), LINE_HZ).unwrap();
    let mut samples = Vec::new();
    resampler.push(&speech.samples, &mut samples).unwrap();
    resampler.finish(&mut samples).unwrap();
    const MU: f32 = 255.0;
    let through = |sample: f32| {
        let compressed = (1.0 + MU * sample.abs().min(1.0)).ln() / (1.0 + MU).ln();
        let rounded = (compressed * 127.0).round() / 127.0;
        sample.signum() * ((1.0 + MU).powf(rounded) - 1.0) / MU
    };
    samples.into_iter().map(through).collect()
}

fn transcribe(transcriber: &Whisper, samples: Vec<f32>) -> String {
    let mut source = SpeechSource::new(Box::new(Line { samples, at: 0 })).unwrap();
    transcriber.transcribe(&mut source, &TranscribeControl::default()).unwrap().text
}

struct Line {
    samples: Vec<f32>,
    at: usize,
}

impl AudioSource for Line {
    fn spec(&self) -> AudioSpec {
        AudioSpec::mono(LINE_HZ)
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        let end = (self.at + 4_096).min(self.samples.len());
        block.samples.clear();
        block.samples.extend_from_slice(&self.samples[self.at..end]);
        self.at = end;
        Ok(!block.samples.is_empty())
    }
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
