//! `voicemill voices`: list the voices, and hear each.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context;
use clap::Args;
use voicemill_speech::synthesize::{Gender, LocalVoices, SAMPLE, Speech, Synthesizer, Voice};

use crate::cli::models::ModelsFolder;

/// List the voices, and write a sample of each.
#[derive(Debug, Args)]
pub struct VoicesArgs {
    /// A folder to write a sample of every voice into that is here, as NAME.wav.
    #[arg(long, value_name = "FOLDER")]
    samples: Option<PathBuf>,
    #[command(flatten)]
    folder: ModelsFolder,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what to do.
pub fn run(args: VoicesArgs) -> anyhow::Result<()> {
    let voices = LocalVoices::new(Arc::new(args.folder.store()?));
    let all = voices.voices();
    let mut output = io::stdout().lock();
    writeln!(output, "{:<10} {:<8} {:<7} {:>11}  model", "voice", "language", "gender", "× real time")?;
    for voice in &all {
        writeln!(output, "{}", line(voice))?;
    }
    writeln!(output, "they say: {SAMPLE}")?;
    let Some(folder) = args.samples else { return Ok(()) };
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for voice in all.iter().filter(|voice| voice.ready) {
        let speech = voices.synthesize(&Speech::new(SAMPLE, &voice.id))?;
        let path = folder.join(format!("{}.wav", voice.id));
        std::fs::write(&path, speech.to_wav()?).with_context(|| format!("{} was not written", path.display()))?;
        writeln!(output, "wrote {}: {:.1} s", path.display(), speech.seconds())?;
    }
    Ok(())
}

fn line(voice: &Voice) -> String {
    let gender = match voice.gender {
        Some(Gender::Female) => "female",
        Some(Gender::Male) => "male",
        None => "",
    };
    let speed = voice.speed.map(|speed| format!("{speed:.0}")).unwrap_or_default();
    let how_to_get_it = match voice.ready {
        true => String::new(),
        false => format!(" (missing: voicemill models fetch {})", voice.model),
    };
    format!("{:<10} {:<8} {gender:<7} {speed:>11}  {}{how_to_get_it}", voice.id.as_str(), voice.language, voice.model)
}
