//! WAV headers that contradict themselves or their file.

use super::{RATE_HZ, SECONDS, pcm, seconds, voicemail};
use crate::workshop::Workshop;

/// A `fmt ` chunk's body.
fn format(tag: u16, channels: u16, block_bytes: u16, bits: u16) -> Vec<u8> {
    let bytes_per_second = RATE_HZ * u32::from(block_bytes);
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let longs = |longs: &[u32]| longs.iter().flat_map(|long| long.to_le_bytes()).collect::<Vec<u8>>();
    [words(&[tag, channels]), longs(&[RATE_HZ, bytes_per_second]), words(&[block_bytes, bits])].concat()
}

fn chunk(id: &[u8; 4], claimed: usize, body: &[u8]) -> Vec<u8> {
    [&id[..], &(claimed as u32).to_le_bytes(), body].concat()
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [&b"RIFF"[..], &(body.len() as u32 + 4).to_le_bytes(), b"WAVE", &body].concat()
}

fn plain(sound: &[u8]) -> Vec<u8> {
    riff(&[chunk(b"fmt ", 16, &format(1, 1, 2, 16)), chunk(b"data", sound.len(), sound)])
}

/// Decodes `bytes`, which must be the whole voicemail; whether it is told to be cut.
#[track_caller]
fn whole(what: &str, bytes: &[u8]) -> bool {
    times(what, bytes, 1)
}

/// Decodes `bytes`, which must be the voicemail `times` times, every sample of it.
#[track_caller]
fn times(what: &str, bytes: &[u8], times: usize) -> bool {
    let workshop = Workshop::new();
    workshop.write("case.wav", bytes);
    let decoded = workshop.decode("case.wav", None).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mono: Vec<f32> = decoded.samples.iter().step_by(decoded.spec.channels.into()).copied().collect();
    let expected = voicemail().repeat(times);
    assert_eq!(mono.len(), expected.len(), "{what}: {:.3} s", seconds(&decoded));
    let off = mono.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 0.01, "{what}: off by {off}");
    decoded.truncated
}

#[test]
fn k07_the_bits_of_a_sample_decide_over_the_size_of_a_frame() {
    let (mono, voice) = (pcm(&voicemail()), voicemail());
    let twice: Vec<f32> = voice.iter().flat_map(|sample| [*sample; 2]).collect();
    let stereo = pcm(&twice);
    let of = |channels, block_bytes, sound: &[u8]| {
        riff(&[chunk(b"fmt ", 16, &format(1, channels, block_bytes, 16)), chunk(b"data", sound.len(), sound)])
    };
    for block_bytes in [0, 1, 3, 4, 8, 16, 32, u16::MAX] {
        assert!(!whole(&format!("mono, frames of {block_bytes}"), &of(1, block_bytes, &mono)));
    }
    for block_bytes in [0, 1, 2, 3, 8, 16, 64] {
        assert!(!whole(&format!("stereo, frames of {block_bytes}"), &of(2, block_bytes, &stereo)));
    }
    // Other widths: 8 bits in frames of two bytes, 24 bits in frames of one, and floating point.
    let bytes8: Vec<u8> = voice.iter().map(|sample| (sample * 128.0 + 128.0).round() as u8).collect();
    let bytes24: Vec<u8> =
        voice.iter().flat_map(|sample| ((sample * 8_388_608.0) as i32).to_le_bytes().into_iter().take(3)).collect();
    let floats: Vec<u8> = voice.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for (what, tag, block_bytes, bits, sound) in [
        ("8 bits", 1, 2, 8, &bytes8),
        ("24 bits", 1, 1, 24, &bytes24),
        ("24 bits, frames of 4", 1, 4, 24, &bytes24),
        ("floats", 3, 2, 32, &floats),
    ] {
        let bytes = riff(&[chunk(b"fmt ", 16, &format(tag, 1, block_bytes, bits)), chunk(b"data", sound.len(), sound)]);
        assert!(!whole(what, &bytes));
    }
}

#[test]
fn k07_samples_of_24_bits_may_lie_in_32() {
    let sound: Vec<u8> =
        voicemail().iter().flat_map(|sample| ((sample * 8_388_608.0) as i32 * 256).to_le_bytes()).collect();
    let bytes = riff(&[chunk(b"fmt ", 16, &format(1, 1, 4, 24)), chunk(b"data", sound.len(), &sound)]);
    assert!(!whole("24 bits in 32", &bytes));
}

#[test]
fn k08_what_follows_the_data_and_is_no_chunk_is_sound() {
    let sound = pcm(&voicemail());
    let of = |claimed: usize, behind: &[u8]| {
        let mut bytes = riff(&[chunk(b"fmt ", 16, &format(1, 1, 2, 16)), chunk(b"data", claimed, &sound)]);
        bytes.extend_from_slice(behind);
        bytes
    };
    for claimed in [0, 1, 2, 3, 36, 44, 320, 16_000, sound.len() / 2, sound.len() - 400] {
        assert!(whole(&format!("a size of {claimed}"), &of(claimed, b"")), "{claimed} is not told");
    }
    // What is no sound stays none, and nothing is cut.
    let tag = [&b"TAG"[..], &[b' '; 125]].concat();
    for (what, behind) in [
        ("a list", &b"LIST\x04\0\0\0INFO"[..]),
        ("a chunk of its own", b"abcd\x02\0\0\0xy"),
        ("padding", b"\0"),
        ("zeros", &[0; 512]),
        ("a tag", &tag),
        ("the end of a form", b"\r\n--------boundary--\r\n"),
        ("an ID3 tag", b"ID3\x04\0\0\0\0\0\x0AAAAAAAAAAAAAAAA"),
    ] {
        assert!(!whole(what, &of(sound.len(), behind)), "{what} is taken for sound");
    }
}

#[test]
fn k08_every_chunk_of_sound_is_heard() {
    let sound = pcm(&voicemail());
    let (first, rest) = sound.split_at(80_000);
    let format = chunk(b"fmt ", 16, &format(1, 1, 2, 16));
    let of = |chunks: &[Vec<u8>]| riff(&[std::slice::from_ref(&format), chunks].concat());
    let data = |part: &[u8]| chunk(b"data", part.len(), part);
    let (second, third) = rest.split_at(40_000);
    assert!(whole("two chunks", &of(&[data(first), data(rest)])));
    assert!(whole("three chunks", &of(&[data(first), data(second), data(third)])));
    let list = chunk(b"LIST", 4, b"INFO");
    assert!(whole("a list between", &of(&[data(first), list.clone(), data(rest), list.clone()])));
    assert!(whole("the last with an early size", &of(&[data(first), chunk(b"data", 0, rest)])));
    assert!(whole("an empty one in front", &of(&[data(b""), data(first), chunk(b"data", 0, rest)])));
}

#[test]
fn k08_joined_files_are_heard_to_the_end() {
    let sound = pcm(&voicemail());
    let file = plain(&sound);
    assert!(times("two files", &[&file[..], &file].concat(), 2));
    assert!(times("three files", &[&file[..], &file, &file].concat(), 3));
    for claimed in [0, 320, u32::MAX as usize, 0x7FFF_F000, sound.len() * 2 / 3, sound.len() + 1_000] {
        let stale = riff(&[chunk(b"fmt ", 16, &format(1, 1, 2, 16)), chunk(b"data", claimed, &sound)]);
        assert!(times(&format!("the first with a size of {claimed}"), &[&stale[..], &file].concat(), 2));
    }
}

#[test]
fn k08_joined_files_of_other_shapes_take_the_shape_of_the_first() {
    let workshop = Workshop::new();
    workshop.write("first.wav", &plain(&pcm(&voicemail())));
    for (name, how) in [
        ("faster", "-ar 16000 -c:a pcm_s16le"),
        ("stereo", "-ar 44100 -ac 2 -c:a pcm_s16le"),
        ("mulaw", "-c:a pcm_mulaw"),
        ("gsm", "-c:a libgsm_ms"),
        ("adpcm", "-c:a adpcm_ima_wav"),
    ] {
        workshop.ffmpeg(&format!("-i first.wav {how} {name}.wav"));
        let joined = [workshop.read("first.wav"), workshop.read(&format!("{name}.wav"))].concat();
        workshop.write("joined.wav", &joined);
        let decoded = workshop.decode("joined.wav", None).unwrap();
        // Codecs that work in blocks fill up the last one.
        let alone = seconds(&workshop.decode(&format!("{name}.wav"), None).unwrap());
        assert!((seconds(&decoded) - SECONDS - alone).abs() < 0.01, "{name}: {:.3} s", seconds(&decoded));
        assert!(decoded.truncated && decoded.spec.rate_hz == RATE_HZ && decoded.spec.channels == 1, "{name}");
    }
}

#[test]
fn k11_chunks_come_in_any_order_and_of_any_length() {
    let sound = pcm(&voicemail());
    let (format16, data) = (format(1, 1, 2, 16), chunk(b"data", sound.len(), &sound));
    assert!(!whole("data before fmt", &riff(&[data.clone(), chunk(b"fmt ", 16, &format16)])));
    let list = chunk(b"LIST", 4, b"INFO");
    assert!(!whole("lists around", &riff(&[list.clone(), data.clone(), list, chunk(b"fmt ", 16, &format16)])));
    assert!(!whole("fmt of 14 bytes", &riff(&[chunk(b"fmt ", 14, &format16[..14]), data.clone()])));
    assert!(!whole("fmt of 18 bytes", &riff(&[chunk(b"fmt ", 18, &[&format16[..], &[0, 0]].concat()), data])));
    // µ-law needs no bits either; every sample is near.
    let workshop = Workshop::new();
    workshop.write("plain.wav", &plain(&sound));
    let mulaw = workshop.ffmpeg("-i plain.wav -c:a pcm_mulaw -f mulaw -");
    let short = riff(&[chunk(b"fmt ", 14, &format(7, 1, 1, 8)[..14]), chunk(b"data", mulaw.len(), &mulaw)]);
    assert!(!whole("µ-law with fmt of 14 bytes", &short));
}

#[test]
fn k11_numbers_and_samples_may_be_big_endian() {
    let sound: Vec<u8> = pcm(&voicemail()).chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    let big = |bytes: Vec<u8>, widths: &[usize]| {
        let (mut out, mut at) = (Vec::new(), 0);
        for width in widths {
            out.extend(bytes[at..at + width].iter().rev());
            at += width;
        }
        out
    };
    let format = big(format(1, 1, 2, 16), &[2, 2, 4, 4, 2, 2]);
    let chunk = |id: &[u8; 4], body: &[u8]| [&id[..], &(body.len() as u32).to_be_bytes(), body].concat();
    let body = [chunk(b"fmt ", &format), chunk(b"data", &sound)].concat();
    let file = [&b"RIFX"[..], &(body.len() as u32 + 4).to_be_bytes(), b"WAVE", &body].concat();
    assert!(!whole("RIFX", &file));
}
