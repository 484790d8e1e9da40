//! Writes down what is said in an audio file: `cargo run -p voicemill-speech --example transcribe -- message.wav`.

use std::{num::NonZeroUsize, path::PathBuf};

use voicemill_audio::decode;
use voicemill_speech::{
    models::{Manifest, ModelStore, default_folder},
    transcribe::{self, Engine, SpeechSource, TranscribeControl},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file: PathBuf = std::env::args_os().nth(1).ok_or("give an audio file")?.into();
    let folder = default_folder().ok_or("there is no home folder to keep models in")?;
    let store = ModelStore::new(folder, Manifest::built_in()?);
    // Does nothing if it is there already.
    store.fetch("whisper-tiny.en", None, &mut |_| {})?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let engine = transcribe::open(&store, "whisper-tiny.en", Engine::default(), threads)?;

    let audio = decode::open(&file, None)?.source;
    let transcript = engine.transcribe(&mut SpeechSource::new(audio)?, &TranscribeControl::default())?;
    let mut output = std::io::stdout().lock();
    use std::io::Write;
    for segment in &transcript.segments {
        writeln!(output, "{:7.2} s  {}", segment.start_seconds, segment.text)?;
    }
    for number in &transcript.callback_numbers {
        writeln!(output, "call back: {}", number.label())?;
    }
    match (transcript.not_understood, transcript.no_speech) {
        (true, _) => writeln!(output, "somebody speaks, and no words were understood")?,
        (_, true) => writeln!(output, "nobody speaks")?,
        _ => {}
    }
    Ok(())
}
