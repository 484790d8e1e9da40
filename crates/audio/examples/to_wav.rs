//! Decodes whatever an audio file is and writes it as 16-bit WAV: `cargo run --example to_wav IN OUT.wav`.

use std::path::Path;

use voicemill_audio::decode;
use voicemill_audio::encode::{self, EncoderOptions, OutputFormat};
use voicemill_audio::format::{AudioBlock, AudioError};

fn main() -> Result<(), AudioError> {
    let [input, output] = arguments();
    // The extension only counts for headerless files; all others tell by their bytes what they are.
    let extension = Path::new(&input).extension().and_then(|extension| extension.to_str());
    let opened = decode::open(Path::new(&input), extension)?;
    let mut source = opened.source;
    let spec = source.spec();
    eprintln!("{} in {}, {} Hz, {} channels", opened.codec, opened.container, spec.rate_hz, spec.channels);

    let mut wav = encode::create(Path::new(&output), OutputFormat::Wav, spec, &EncoderOptions::default())?;
    let mut block = AudioBlock::default();
    while source.next_block(&mut block)? {
        wav.write(&block)?;
    }
    wav.finish()?;
    if source.is_truncated() {
        eprintln!("the file ended before it said it would; what there was is written");
    }
    Ok(())
}

fn arguments() -> [String; 2] {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.try_into().unwrap_or_else(|_| {
        eprintln!("usage: to_wav IN OUT.wav");
        std::process::exit(2);
    })
}
