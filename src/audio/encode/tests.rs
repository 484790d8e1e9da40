use super::*;
use crate::audio::decode;
use crate::audio::format::AudioBlock;

fn tone(spec: AudioSpec, frames: usize) -> AudioBlock {
    let sample = |n: usize| 0.4 * (n as f32 * 440.0 * std::f32::consts::TAU / spec.rate_hz as f32).sin();
    AudioBlock { samples: (0..frames).flat_map(|n| vec![sample(n); usize::from(spec.channels)]).collect() }
}

/// Writes in uneven pieces, reads back, and returns what came out.
fn round_trip(format: OutputFormat, spec: AudioSpec, block: &AudioBlock) -> Vec<f32> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("file.{}", format.extension()));
    let mut encoder = create(&path, format, spec, &EncoderOptions::default()).unwrap();
    for piece in block.samples.chunks(777 * usize::from(spec.channels)) {
        encoder.write(&AudioBlock { samples: piece.to_vec() }).unwrap();
    }
    encoder.finish().unwrap();
    let mut opened = decode::open(&path, Some(format.extension())).unwrap();
    let (mut decoded, mut block) = (Vec::new(), AudioBlock::default());
    while opened.source.next_block(&mut block).unwrap() {
        decoded.extend_from_slice(&block.samples);
    }
    assert!(!opened.source.is_truncated(), "{format:?} looks cut");
    decoded
}

fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn every_format_keeps_length_and_level() {
    for format in OutputFormat::all() {
        let spec = AudioSpec::mono(format.fixed_rate_hz().unwrap_or(8_000));
        let block = tone(spec, 12_345);
        let decoded = round_trip(format, spec, &block);
        // A decoder of Opus gives out 48 kHz whatever went in.
        let expected = if format == OutputFormat::Opus { 12_345 * 6 } else { 12_345 };
        let longest = (expected as u64).next_multiple_of(format.block_frames());
        assert!((expected as u64..=longest).contains(&(decoded.len() as u64)), "{format:?}: {}", decoded.len());
        let ratio = level(&decoded[1_000..12_000]) / level(&block.samples[1_000..12_000]);
        assert!((0.93..1.07).contains(&ratio), "{format:?} changed the level by {ratio}");
    }
}

#[test]
fn pcm_is_exact() {
    let spec = AudioSpec { rate_hz: 44_100, channels: 2 };
    let block = AudioBlock { samples: (-32_768..32_768).map(|n| n as f32 / 32_768.0).collect() };
    assert_eq!(round_trip(OutputFormat::Wav, spec, &block), block.samples);
}

#[test]
fn what_a_format_cannot_hold_is_refused_by_name() {
    let refusal = |format: OutputFormat, rate_hz, channels| {
        format.accept(AudioSpec { rate_hz, channels }).unwrap_err().to_string()
    };
    assert_eq!(refusal(OutputFormat::Ulaw, 16_000, 1), "ULAW audio is always at 8000 Hz, not 16000 Hz.");
    assert_eq!(refusal(OutputFormat::Gsm, 8_000, 2), "GSM audio can't have 2 channels.");
    assert!(refusal(OutputFormat::Opus, 44_100, 1).contains("48000"));
}

#[test]
fn the_list_names_every_format_once_and_serde_agrees() {
    for format in OutputFormat::all() {
        assert_eq!(format.traits().format, format);
        let name = serde_json::to_string(&format).unwrap();
        assert_eq!(serde_json::from_str::<OutputFormat>(&name).unwrap(), format);
    }
    assert_eq!(OutputFormat::all().count(), 11);
    assert_eq!(OutputFormat::from_extension("WAV"), Some(OutputFormat::Wav));
    assert_eq!(OutputFormat::from_extension("doc"), None);
}
