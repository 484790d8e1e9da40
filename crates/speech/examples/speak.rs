//! Speaks a text into a WAV file: `cargo run -p voicemill-speech --example speak -- "Press 1 for sales." out.wav`.

use std::{io::Write, sync::Arc};

use voicemill_speech::{
    models::{Manifest, ModelStore, default_folder},
    synthesize::{LocalVoices, Phonetic, Pronunciation, Pronunciations, Speech, Synthesizer, VoiceId},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (text, file) = arguments.next().zip(arguments.next()).ok_or("give a text and the file to write")?;
    let folder = default_folder().ok_or("there is no home folder to keep models in")?;
    let store = ModelStore::new(folder, Manifest::built_in()?);
    // Does nothing if it is there already.
    store.fetch("voice-heart", None, &mut |_| {})?;

    let voices = LocalVoices::new(Arc::new(store));
    let heart = VoiceId::from_static("heart");
    let win = Pronunciation { word: "Nguyen".to_owned(), phonetic: Phonetic::Respelling("win".to_owned()) };
    let pronunciations = Pronunciations::new([&win])?;
    let speech = Speech { pronunciations: &pronunciations, ..Speech::new(&text, &heart) };
    let spoken = voices.synthesize(&speech)?;
    std::fs::write(&file, spoken.to_wav()?)?;
    writeln!(std::io::stdout(), "wrote {file}: {:.1} s at {} Hz", spoken.seconds(), spoken.rate_hz)?;
    Ok(())
}
