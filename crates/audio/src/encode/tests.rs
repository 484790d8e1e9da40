use super::*;
use crate::decode;
use crate::format::AudioBlock;

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
    assert!(refusal(OutputFormat::Mp3, 96_000, 1).contains("48000"));
}

#[test]
fn the_list_names_every_format_once_and_serde_agrees() {
    for format in OutputFormat::all() {
        assert_eq!(format.traits().format, format);
        let name = serde_json::to_string(&format).unwrap();
        assert_eq!(serde_json::from_str::<OutputFormat>(&name).unwrap(), format);
        assert_eq!(OutputFormat::from_name(&format.name()), Some(format));
    }
    assert_eq!(OutputFormat::all().count(), 12);
    assert_eq!(OutputFormat::from_extension("WAV"), Some(OutputFormat::Wav));
    assert_eq!(OutputFormat::from_extension("doc"), None);
}

/// Writes a tone; returns the file's bytes and what our decoder makes of them.
fn mp3(spec: AudioSpec, frames: usize, bits_per_second: u32) -> (Vec<u8>, Vec<f32>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.mp3");
    let options = EncoderOptions { mp3_bits_per_second: bits_per_second, ..EncoderOptions::default() };
    let mut encoder = create(&path, OutputFormat::Mp3, spec, &options).unwrap();
    for piece in tone(spec, frames).samples.chunks(999 * usize::from(spec.channels)) {
        encoder.write(&AudioBlock { samples: piece.to_vec() }).unwrap();
    }
    encoder.finish().unwrap();
    let mut opened = decode::open(&path, None).unwrap();
    assert_eq!((opened.container, &*opened.codec, opened.source.spec()), ("mp3", "mp3", spec));
    let (mut decoded, mut block) = (Vec::new(), AudioBlock::default());
    while opened.source.next_block(&mut block).unwrap() {
        decoded.extend_from_slice(&block.samples);
    }
    assert!(!opened.source.is_truncated());
    (std::fs::read(&path).unwrap(), decoded)
}

#[test]
fn an_mp3_decodes_to_exactly_the_frames_that_went_in_and_in_place() {
    for rate_hz in mp3::RATES_HZ {
        for (channels, frames) in [(1, 1), (1, 575), (1, 1_152), (1, 40_001), (2, 30_011)] {
            let spec = AudioSpec { rate_hz, channels };
            let (_, decoded) = mp3(spec, frames, 64_000);
            assert_eq!(decoded.len(), frames * usize::from(channels), "{rate_hz} Hz, {frames} frames");
            if frames > 30_000 {
                let original = tone(spec, frames).samples;
                // Alignment to the frame: one earlier or later differs more.
                let channels = usize::from(channels);
                let difference = |later: usize| {
                    let frames = 4_000..12_000;
                    let error: Vec<f32> =
                        frames.map(|n| decoded[n * channels] - original[(n - 1 + later) * channels]).collect();
                    level(&error) / level(&original)
                };
                assert!(difference(1) < 0.1, "{spec:?}: changed by {}", difference(1));
                assert!(difference(1) < difference(0) && difference(1) < difference(2), "{spec:?}: moved");
            }
        }
    }
}

#[test]
fn an_mp3_has_the_bit_rate_asked_for_and_says_its_length_up_front() {
    for (bits_per_second, seconds) in [(40_000, 4), (64_000, 4)] {
        let (bytes, _) = mp3(AudioSpec::mono(16_000), 16_000 * seconds, bits_per_second);
        let told = bytes.len() as f64 * 8.0 / seconds as f64;
        let wanted = f64::from(bits_per_second);
        assert!((wanted * 0.98..wanted * 1.1).contains(&told), "{told} instead of {wanted}");
        let header = &bytes[..200];
        let find = |magic: &[u8]| header.windows(magic.len()).position(|window| window == magic);
        assert!(find(b"Info").is_some() && find(b"LAME").is_some(), "constant bit rate, with delay and padding");
    }
    let options = EncoderOptions { mp3_bits_per_second: 24_000, ..EncoderOptions::default() };
    let file = tempfile::NamedTempFile::new().unwrap();
    let Err(refusal) = create(file.path(), OutputFormat::Mp3, AudioSpec::mono(16_000), &options) else {
        panic!("no such bit rate")
    };
    assert_eq!(
        refusal.to_string(),
        "An MP3 at 16000 Hz needs at least 40 kilobits per second to hold its own length, not 24."
    );
}

#[test]
fn an_mp3_encoder_survives_what_is_no_sound() {
    let spec = AudioSpec::mono(16_000);
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut encoder = create(file.path(), OutputFormat::Mp3, spec, &EncoderOptions::default()).unwrap();
    let samples = [f32::NAN, f32::INFINITY, -1e30, 7.0].repeat(1_000);
    encoder.write(&AudioBlock { samples }).unwrap();
    encoder.finish().unwrap();
    assert!(decode::open(file.path(), None).is_ok());
}

#[test]
fn nothing_makes_no_mp3() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let encoder = create(file.path(), OutputFormat::Mp3, AudioSpec::mono(16_000), &EncoderOptions::default()).unwrap();
    assert!(matches!(encoder.finish(), Err(AudioError::Empty(_))));
}

/// How many packets of an Ogg Opus file are of the codec for music, by the byte that begins each, and how many there are.
fn opus_packets_for_music(content: Content) -> (usize, usize) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let spec = AudioSpec::mono(48_000);
    let options = EncoderOptions { content, ..EncoderOptions::default() };
    let mut encoder = create(file.path(), OutputFormat::Opus, spec, &options).unwrap();
    encoder.write(&tone(spec, 48_000)).unwrap();
    encoder.finish().unwrap();
    let mut packets = ogg::PacketReader::new(file.reopen().unwrap());
    let mut configurations = Vec::new();
    while let Some(packet) = packets.read_packet().unwrap() {
        configurations.push(packet.data[0] >> 3);
    }
    // Behind the two headers; from 16 up they are without a model of a voice (RFC 6716, 3.1).
    let configurations = &configurations[2..];
    (configurations.iter().filter(|configuration| **configuration >= 16).count(), configurations.len())
}

#[test]
fn opus_codes_music_as_music_and_speech_as_speech() {
    assert_eq!(opus_packets_for_music(Content::Music), (51, 51));
    assert_eq!(opus_packets_for_music(Content::Speech), (0, 51));
}
