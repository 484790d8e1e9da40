mod hostile;
use voicemill_testing::ogg as ogg_pages;

use std::io::Write;

use super::*;
use crate::encode::{self, EncoderOptions, OutputFormat};
use crate::format::{AudioBlock, AudioSpec};

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn refusal(bytes: &[u8], hint: Option<&str>) -> AudioError {
    match open(file(bytes).path(), hint) {
        Ok(opened) => panic!("taken for {} {}", opened.container, opened.codec),
        Err(error) => error,
    }
}

/// The bytes of a tone of `frames` at 16 kHz in `format`.
fn encoded(format: OutputFormat, frames: usize) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tone");
    let mut encoder = encode::create(&path, format, AudioSpec::mono(16_000), &EncoderOptions::default()).unwrap();
    let samples = (0..frames).map(|n| 0.3 * (n as f32 * 0.17).sin()).collect();
    encoder.write(&AudioBlock { samples }).unwrap();
    encoder.finish().unwrap();
    std::fs::read(path).unwrap()
}

fn samples(bytes: &[u8]) -> Vec<f32> {
    let file = file(bytes);
    let mut opened = open(file.path(), None).unwrap();
    let (mut samples, mut block) = (Vec::new(), AudioBlock::default());
    while opened.source.next_block(&mut block).unwrap() {
        samples.extend_from_slice(&block.samples);
    }
    samples
}

fn frames_and_cut(bytes: &[u8], hint: Option<&str>) -> (usize, bool) {
    let file = file(bytes);
    let mut opened = open(file.path(), hint).unwrap();
    let (mut frames, mut block) = (0, AudioBlock::default());
    while opened.source.next_block(&mut block).unwrap() {
        frames += block.samples.len() / usize::from(opened.source.spec().channels);
    }
    (frames, opened.source.is_truncated())
}

#[test]
fn what_is_not_audio_is_named_and_an_alternative_offered() {
    let cases: [(&[u8], &str); 9] = [
        (b"Dear all,\nthe office is closed.\n", "This is a text file, not audio."),
        (b"%PDF-1.4\n%\xE2\xE3\xCF\xD3", "This is a PDF document, not audio."),
        (b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", "This is a PNG image, not audio."),
        (b"\xFF\xD8\xFF\xE0\0\x10JFIF", "This is a JPEG image, not audio."),
        (b"PK\x03\x04\x14\0\0\0", "This is a ZIP archive or an office document, not audio."),
        (b"#!AMR\n\x3C\x48", "This is an AMR recording, which can't be read here."),
        (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9", "This is a Windows Media (WMA) file, which can't be read here."),
        (b"RIFF\x24\0\0\0AVI LIST", "This is an AVI video, not audio."),
        (&[0x00, 0xFE, 0x13, 0x9C, 0x80, 0x07, 0xC1, 0x55], "This is not an audio file of any known kind."),
    ];
    for (bytes, sentence) in cases {
        let error = refusal(bytes, None);
        assert!(matches!(error, AudioError::Unsupported(_)), "{error:?}");
        assert_eq!(error.to_string(), format!("{sentence} Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."));
    }
}

#[test]
fn nothing_is_called_empty() {
    assert!(matches!(refusal(b"", None), AudioError::Empty(_)));
    assert!(matches!(refusal(b"", Some("ulaw")), AudioError::Empty(_)));
}

#[test]
fn a_video_without_sound_is_told_from_a_file_that_was_cut() {
    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], body].concat()
    }
    let start = boxed(b"ftyp", b"isom\0\0\0\0isom");
    let video = boxed(b"mdia", &boxed(b"hdlr", b"\0\0\0\0\0\0\0\0vide\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    let movie = boxed(b"moov", &[boxed(b"mvhd", &[0; 100]), boxed(b"trak", &video)].concat());
    let silent = refusal(&[start.clone(), movie].concat(), None);
    assert!(matches!(&silent, AudioError::Empty(fault) if fault.to_string().contains("no sound")), "{silent}");
    let cut = refusal(&[start, boxed(b"mdat", &[7; 400])].concat(), None);
    assert!(matches!(&cut, AudioError::Malformed(fault) if fault.to_string().contains("cut off")), "{cut}");
}

#[test]
fn a_name_counts_only_where_bytes_do_not_tell() {
    assert_eq!(frames_and_cut(&[0xFF; 800], Some("ulaw")), (800, false));
    assert_eq!(frames_and_cut(&[0xFF; 800], Some(".SLN")), (400, false));
    assert_eq!(frames_and_cut(&[0xD5; 33 * 5 + 10], Some("gsm")), (800, true));
    assert_eq!(frames_and_cut(&encoded(OutputFormat::Wav, 1_000), Some("ulaw")), (1_000, false));
    assert_eq!(frames_and_cut(b"This is, after all, what was asked for.!", Some("alaw")), (40, false));
}

#[test]
fn an_opus_file_is_as_loud_as_its_header_says() {
    let plain = encoded(OutputFormat::Opus, 16_000);
    let mut softer = plain.clone();
    let head = softer.windows(8).position(|window| window == b"OpusHead").unwrap();
    assert_eq!(softer[head + 16..head + 18], [0, 0]);
    softer[head + 16..head + 18].copy_from_slice(&(-6i16 * 256).to_le_bytes());
    ogg_pages::repair_ogg_checksums(&mut softer);
    let level = |bytes: &[u8]| {
        let samples = samples(bytes);
        samples.iter().map(|sample| sample * sample).sum::<f32>().sqrt()
    };
    let change_db = 20.0 * (level(&softer) / level(&plain)).log10();
    assert!((change_db + 6.0).abs() < 0.01, "{change_db} dB");
}

#[test]
fn opus_streams_follow_each_other_and_a_cut_is_noticed() {
    let stream = encoded(OutputFormat::Opus, 16_000);
    assert_eq!(frames_and_cut(&stream, None), (48_000, false));
    assert_eq!(frames_and_cut(&[stream.clone(), stream.clone()].concat(), None), (96_000, false));
    let long = encoded(OutputFormat::Opus, 80_000);
    let (frames, cut) = frames_and_cut(&long[..long.len() / 2], None);
    assert!(cut && (48_000..192_000).contains(&frames), "{frames} frames, cut: {cut}");
}
