use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::decode;
use crate::format::AudioBlock;

/// A WAV under construction: chunks are given as they are to lie in the file.
fn riff(chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
    for (id, size, body) in chunks {
        file.extend(*id);
        file.extend(size.to_le_bytes());
        file.extend(*body);
    }
    let size = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    file
}

fn format_chunk(tag: u16, channels: u16, rate_hz: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut chunk = Vec::new();
    chunk.extend(tag.to_le_bytes());
    chunk.extend(channels.to_le_bytes());
    chunk.extend(rate_hz.to_le_bytes());
    chunk.extend((rate_hz * u32::from(block)).to_le_bytes());
    chunk.extend(block.to_le_bytes());
    chunk.extend(bits.to_le_bytes());
    chunk
}

/// 16-bit mono at 8 kHz whose `data` chunk claims `claimed` bytes.
fn pcm(claimed: u32, data: &[u8]) -> Vec<u8> {
    riff(&[(b"fmt ", 16, &format_chunk(1, 1, 8_000, 16)), (b"data", claimed, data)])
}

#[derive(Debug)]
struct Read {
    codec: String,
    samples: Vec<f32>,
    truncated: bool,
}

fn read(bytes: &[u8]) -> Result<Read, AudioError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut opened = decode::open(file.path(), None)?;
    let (mut samples, mut block) = (Vec::new(), AudioBlock::default());
    while opened.source.next_block(&mut block)? {
        samples.extend_from_slice(&block.samples);
    }
    Ok(Read { codec: opened.codec, samples, truncated: opened.source.is_truncated() })
}

fn frames_and_cut(bytes: &[u8]) -> (usize, bool) {
    let read = read(bytes).unwrap();
    (read.samples.len(), read.truncated)
}

const DATA: [u8; 2_000] = [0x11; 2_000];

#[test]
fn a_sound_header_is_believed() {
    assert_eq!(frames_and_cut(&pcm(2_000, &DATA)), (1_000, false));
}

#[test]
fn a_header_that_was_never_rewritten_loses_nothing() {
    assert_eq!(frames_and_cut(&pcm(0, &DATA)), (1_000, true));
}

#[test]
fn sizes_that_mean_unknown_read_to_the_end() {
    for claimed in [u32::MAX, 0x7FFF_FFFF, 0x7FFF_F000] {
        assert_eq!(frames_and_cut(&pcm(claimed, &DATA)), (1_000, false), "{claimed:#x}");
    }
}

#[test]
fn a_claim_of_ten_hours_is_measured() {
    let read = read(&pcm(8_000 * 2 * 36_000, &[0; 960])).unwrap();
    assert_eq!((read.samples.len() as f64 / 8_000.0, read.truncated), (0.06, true));
}

#[test]
fn a_wrong_riff_size_does_not_matter() {
    for size in [0u32, 36, 0x7FFF_FFFF, u32::MAX] {
        let mut bytes = pcm(2_000, &DATA);
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        assert_eq!(frames_and_cut(&bytes), (1_000, false), "{size:#x}");
    }
}

#[test]
fn chunks_in_front_are_skipped_padded_or_not() {
    let format = format_chunk(1, 1, 8_000, 16);
    let padded =
        riff(&[(b"JUNK", 3, &[0; 4]), (b"bext", 602, &[0; 602]), (b"fmt ", 16, &format), (b"data", 2_000, &DATA)]);
    assert_eq!(frames_and_cut(&padded), (1_000, false));
    let unpadded = riff(&[(b"LIST", 5, b"INFO "), (b"fmt ", 16, &format), (b"data", 2_000, &DATA)]);
    assert_eq!(frames_and_cut(&unpadded), (1_000, false));
    let mut tagged = b"ID3\x04\0\0\0\0\0\x05hello".to_vec();
    tagged.extend(pcm(2_000, &DATA));
    assert_eq!(frames_and_cut(&tagged), (1_000, false));
}

#[test]
fn long_files_state_their_size_elsewhere() {
    for magic in [b"RF64", b"BW64"] {
        let mut ds64 = [0; 28];
        ds64[8..16].copy_from_slice(&1_000u64.to_le_bytes());
        let format = format_chunk(1, 1, 8_000, 16);
        let mut bytes = riff(&[
            (b"ds64", 28, &ds64),
            (b"fmt ", 16, &format),
            (b"data", u32::MAX, &DATA[..1_000]),
            (b"LIST", 4, b"INFO"),
        ]);
        bytes[..4].copy_from_slice(magic);
        assert_eq!(frames_and_cut(&bytes), (500, false));
    }
}

#[test]
fn every_pcm_width_scales_to_the_same_level() {
    let half = [
        (1, 8, vec![0xC0]),
        (1, 16, 16_384i16.to_le_bytes().to_vec()),
        (1, 24, vec![0, 0, 0x40]),
        (1, 32, (1i32 << 30).to_le_bytes().to_vec()),
        (3, 32, 0.5f32.to_le_bytes().to_vec()),
        (3, 64, 0.5f64.to_le_bytes().to_vec()),
    ];
    for (tag, bits, sample) in half {
        let data = sample.repeat(10);
        let bytes = riff(&[(b"fmt ", 16, &format_chunk(tag, 2, 44_100, bits)), (b"data", data.len() as u32, &data)]);
        assert_eq!(read(&bytes).unwrap().samples, [0.5; 10], "tag {tag}, {bits} bits");
    }
}

#[test]
fn extensible_and_g711_are_routed_by_tag() {
    let mut extensible = format_chunk(0xFFFE, 1, 8_000, 8);
    extensible.extend([22, 0, 8, 0, 4, 0, 0, 0, 7, 0]);
    extensible.extend([0; 14]);
    let bytes = riff(&[(b"fmt ", 40, &extensible), (b"data", 4, &[0xFF; 4])]);
    assert_eq!(read(&bytes).unwrap().codec, "pcm_mulaw");
    let alaw = riff(&[(b"fmt ", 16, &format_chunk(6, 1, 8_000, 8)), (b"data", 1, &[0xD5])]);
    let alaw = read(&alaw).unwrap();
    assert_eq!((alaw.codec.as_str(), alaw.samples.as_slice()), ("pcm_alaw", [8.0 / 32_768.0].as_slice()));
}

#[test]
fn headers_without_audio_are_empty() {
    let list_after = riff(&[(b"fmt ", 16, &format_chunk(1, 1, 8_000, 16)), (b"data", 0, &[]), (b"LIST", 4, b"INFO")]);
    for bytes in [pcm(0, &[]), pcm(8_000, &[]), list_after, riff(&[(b"fmt ", 16, &format_chunk(1, 1, 8_000, 16))])] {
        let error = read(&bytes).map(|read| read.samples.len()).unwrap_err();
        assert!(
            matches!(&error, AudioError::Empty(fault) if fault.to_string().contains("nothing was recorded")),
            "{error}"
        );
    }
}

#[test]
fn impossible_headers_are_refused_with_a_reason() {
    let refusal = |chunk: &[u8]| {
        read(&riff(&[(b"fmt ", 16, chunk), (b"data", 2_000, &DATA)]))
            .map(|read| read.samples.len())
            .unwrap_err()
            .to_string()
    };
    assert!(refusal(&format_chunk(1, 0, 8_000, 16)).contains("0 channels"));
    assert!(refusal(&format_chunk(1, 9, 8_000, 16)).contains("9 channels"));
    assert!(refusal(&format_chunk(1, 1, 0, 16)).contains("0 Hz"));
    assert!(refusal(&format_chunk(0x133, 1, 8_000, 8)).contains("G.729"));
    assert!(refusal(&format_chunk(0x0040, 2, 8_000, 4)).contains("G.726 audio of several channels"));
    let no_format = riff(&[(b"data", 2_000, &DATA)]);
    assert!(matches!(read(&no_format), Err(AudioError::Malformed(_))));
}

proptest! {
    #[test]
    fn any_cut_gives_at_most_the_frames_and_never_panics(cut in 0usize..2_100) {
        let whole = pcm(2_000, &DATA);
        match read(&whole[..cut.min(whole.len())]) {
            Ok(read) => {
                prop_assert_eq!(read.samples.len(), (cut.min(whole.len()) - 44) / 2);
                prop_assert_eq!(read.truncated, cut < whole.len());
            }
            Err(error) => {
                prop_assert!(cut <= 45);
                prop_assert!(error.to_string().ends_with('.'), "{}", error);
            }
        }
    }

    #[test]
    fn any_damage_to_the_header_ends_in_samples_or_a_sentence(at in 0usize..60, value: u8, tag in prop::sample::select(
        vec![1u16, 2, 3, 6, 7, 0x11, 0x31, 0x55, 0x28F, 0xFFFE]
    )) {
        let mut bytes = pcm(2_000, &DATA);
        bytes[20..22].copy_from_slice(&tag.to_le_bytes());
        bytes[at] = value;
        // The decoder's own overflow checks are caught by the sandbox; here, everything else must hold.
        if let Ok(Err(error)) = std::panic::catch_unwind(|| read(&bytes)) {
            prop_assert!(error.to_string().ends_with('.'), "{}", error);
        }
    }
}
