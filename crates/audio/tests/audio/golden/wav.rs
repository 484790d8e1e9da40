//! WAV in every dress, and as call cores leave it behind.

use crate::matrix::{Case, check};
use crate::workshop::Workshop;

#[test]
fn every_dress_of_wav_is_read_exactly() {
    check(
        &Workshop::new(),
        &[
            Case::ffmpeg("u8.wav", "-i music.wav -c:a pcm_u8").is("pcm_u8", 44_100, 2),
            Case::ffmpeg("s16.wav", "-i music.wav -c:a pcm_s16le").is("pcm_s16le", 44_100, 2),
            Case::ffmpeg("s24.wav", "-i music.wav -c:a pcm_s24le").is("pcm_s24le", 44_100, 2),
            Case::ffmpeg("s32.wav", "-i music.wav -c:a pcm_s32le").is("pcm_s32le", 44_100, 2),
            Case::ffmpeg("f32.wav", "-i music.wav -c:a pcm_f32le").is("pcm_f32le", 44_100, 2),
            Case::ffmpeg("f64.wav", "-i music.wav -c:a pcm_f64le").is("pcm_f64le", 44_100, 2),
            Case::sox("extensible.wav", "music.wav -b 24 {}").is("pcm_s24le", 44_100, 2),
            Case::ffmpeg("surround.wav", "-i music.wav -ac 6 -c:a pcm_s16le").is("pcm_s16le", 44_100, 6),
            Case::ffmpeg("rate96.wav", "-i music.wav -ar 96000 -c:a pcm_s24le").is("pcm_s24le", 96_000, 2),
            Case::ffmpeg("rf64.wav", "-i music.wav -c:a pcm_s16le -rf64 always").is("pcm_s16le", 44_100, 2),
            Case::ffmpeg("bw64.wav", "-i music.wav -c:a pcm_s16le -rf64 always")
                .is("pcm_s16le", 44_100, 2)
                .patched(|bytes| bytes[..4].copy_from_slice(b"BW64")),
            Case::ffmpeg("bext.wav", "-i music.wav -c:a pcm_s16le -write_bext 1").is("pcm_s16le", 44_100, 2),
            Case::ffmpeg("tagged.wav", "-i music.wav -c:a pcm_s16le")
                .is("pcm_s16le", 44_100, 2)
                .patched(|bytes| drop(bytes.splice(0..0, *b"ID3\x04\0\0\0\0\0\x05hello"))),
            Case::ffmpeg("ima.wav", "-i music.wav -c:a adpcm_ima_wav").is("adpcm_ima_wav", 44_100, 2),
            Case::ffmpeg("ima8.wav", "-i voice.wav -c:a adpcm_ima_wav").is("adpcm_ima_wav", 8_000, 1),
            Case::ffmpeg("ms.wav", "-i music.wav -c:a adpcm_ms").is("adpcm_ms", 44_100, 2),
            Case::ffmpeg("ms8.wav", "-i voice.wav -c:a adpcm_ms").is("adpcm_ms", 8_000, 1),
            // Only the `fact` chunk says where the last block's padding begins; ffmpeg does not look there.
            Case::sox("ima_sox.wav", "music.wav -e ima-adpcm {}").is("adpcm_ima_wav", 44_100, 2).frames(101_337),
            Case::sox("ms_sox.wav", "music.wav -e ms-adpcm {}").is("adpcm_ms", 44_100, 2).frames(101_337),
            Case::ffmpeg("mp3.wav", "-i music.wav -c:a libmp3lame -b:a 128k").is("mp3", 44_100, 2).within_db(100.0),
        ],
    );
}

#[test]
fn headers_that_lie_do_not_cost_audio() {
    fn set(bytes: &mut [u8], after: &[u8; 4], size: u32) {
        let at = bytes.windows(4).position(|window| window == after).unwrap() + 4;
        bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
    }
    fn insert(bytes: &mut Vec<u8>, chunk: &[u8]) {
        let at = bytes.windows(4).position(|window| window == b"data").unwrap();
        bytes.splice(at..at, chunk.iter().copied());
    }
    let make = "-i voice.wav -flags +bitexact -map_metadata -1 -c:a pcm_s16le";
    let case = |file, patch| Case::ffmpeg(file, make).is("pcm_s16le", 8_000, 1).patched(patch);
    check(
        &Workshop::new(),
        &[
            // The core died before it wrote the sizes.
            case("data_0.wav", |bytes| set(bytes, b"data", 0)).truncated(),
            case("both_0.wav", |bytes| {
                set(bytes, b"data", 0);
                set(bytes, b"RIFF", 0);
            })
            .truncated(),
            // Written to a pipe: the end of the file is the end.
            case("data_ffffffff.wav", |bytes| set(bytes, b"data", u32::MAX)),
            case("data_7fffffff.wav", |bytes| set(bytes, b"data", 0x7FFF_FFFF)),
            case("riff_0.wav", |bytes| set(bytes, b"RIFF", 0)),
            case("riff_short.wav", |bytes| set(bytes, b"RIFF", 36)),
            case("riff_7fffffff.wav", |bytes| set(bytes, b"RIFF", 0x7FFF_FFFF)),
            case("riff_ffffffff.wav", |bytes| set(bytes, b"RIFF", u32::MAX)),
            case("odd_unpadded.wav", |bytes| insert(bytes, b"note\x03\0\0\0odd")),
            case("odd_padded.wav", |bytes| insert(bytes, b"note\x03\0\0\0odd\0")),
            case("chunk_behind.wav", |bytes| bytes.extend_from_slice(b"LIST\x04\0\0\0INFO")),
            case("cut.wav", |bytes| bytes.truncate(20_001)).start_of_at_least(9_900).truncated(),
        ],
    );
}
