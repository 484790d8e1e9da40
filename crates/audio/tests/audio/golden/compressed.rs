//! MP3, FLAC, Vorbis, Opus, AIFF and CAF.

use crate::matrix::{Case, check};
use crate::workshop::{MUSIC_FRAMES, Workshop};

#[test]
fn mp3_agrees_with_ffmpeg_to_100_db() {
    let workshop = Workshop::new();
    workshop.ffmpeg("-f lavfi -i testsrc=size=320x320 -frames:v 1 cover.png");
    workshop.ffmpeg("-i music.wav -c:a libmp3lame -b:a 96k -joint_stereo 1 -write_xing 0 -id3v2_version 0 plain.mp3");
    let mut intensity = workshop.read("plain.mp3");
    let mut at = 0;
    while let Some([0xFF, 0xFB, bits, mode]) = intensity.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        // Joint stereo of any kind becomes intensity stereo of the same kind, which no encoder here makes.
        *mode |= if *mode >> 6 == 1 { 0x10 } else { 0 };
        assert_eq!(*bits & 0xFC, 0x70, "frames of 96 kbit/s");
        at += 313 + usize::from(*bits & 2 != 0);
    }
    workshop.write("intensity.mp3", &intensity);
    let case = |file, arguments| Case::ffmpeg(file, arguments).is("mp3", 44_100, 2).within_db(100.0);
    let joined = |file, parts| Case::joined(file, parts).is("mp3", 44_100, 2).within_db(100.0);
    check(
        &workshop,
        &[
            case("cbr.mp3", "-i music.wav -c:a libmp3lame -b:a 192k").frames(MUSIC_FRAMES),
            case("cbr_bare.mp3", "-i music.wav -c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0"),
            case("vbr.mp3", "-i music.wav -c:a libmp3lame -q:a 4").frames(MUSIC_FRAMES),
            case("vbr_bare.mp3", "-i music.wav -c:a libmp3lame -q:a 4 -write_xing 0"),
            case("joint.mp3", "-i music.wav -c:a libmp3lame -b:a 64k -joint_stereo 1").frames(MUSIC_FRAMES),
            case(
                "cover.mp3",
                "-i music.wav -i cover.png -map 0 -map 1 -c:v copy -disposition:v attached_pic -c:a libmp3lame -b:a 128k",
            )
            .frames(MUSIC_FRAMES),
            case("apart.mp3", "-i music.wav -c:a libmp3lame -b:a 320k -joint_stereo 0").frames(MUSIC_FRAMES),
            case("wide.mp3", "-i music.wav -ar 48000 -c:a libmp3lame -b:a 40k").is("mp3", 48_000, 2),
            case("narrow.mp3", "-i music.wav -ar 32000 -ac 1 -c:a libmp3lame -q:a 0").is("mp3", 32_000, 1),
            joined("intensity_stereo.mp3", &["intensity.mp3"]).like(&["intensity_stereo.mp3"]),
            case("mpeg2_joint.mp3", "-i music.wav -ar 24000 -c:a libmp3lame -b:a 32k").is("mp3", 24_000, 2),
            case("mpeg25.11.mp3", "-i music.wav -ar 11025 -c:a libmp3lame -b:a 24k").is("mp3", 11_025, 2),
            case("mpeg2.mp3", "-i music.wav -ar 22050 -c:a libmp3lame -b:a 64k").is("mp3", 22_050, 2),
            case("mpeg25.mp3", "-i voice.wav -c:a libmp3lame -b:a 16k").is("mp3", 8_000, 1),
            case("layer2.mp2", "-i music.wav -c:a mp2 -b:a 192k").is("mp2", 44_100, 2).read_by("-c:a mp2float"),
            joined("joined_bare.mp3", &["cbr_bare.mp3", "cbr_bare.mp3"]).like(&["joined_bare.mp3"]),
            joined("joined.mp3", &["cbr.mp3", "vbr.mp3"]).like(&["joined.mp3"]),
        ],
    );
}

#[test]
fn flac_aiff_au_and_caf_are_exact() {
    let music = |file, arguments, codec| Case::ffmpeg(file, arguments).is(codec, 44_100, 2);
    check(
        &Workshop::new(),
        &[
            music("s16.flac", "-i music.wav -c:a flac -sample_fmt s16", "flac"),
            music("s24.flac", "-i music.wav -c:a flac -sample_fmt s32", "flac"),
            music("flac.oga", "-i music.wav -c:a flac -sample_fmt s16", "flac"),
            music("flac.mka", "-i music.wav -c:a flac -sample_fmt s16", "flac"),
            music("s16.aiff", "-i music.wav -c:a pcm_s16be", "pcm_s16be"),
            music("s24.aiff", "-i music.wav -c:a pcm_s24be", "pcm_s24be"),
            music("f32.aiff", "-i music.wav -c:a pcm_f32be", "pcm_f32be"),
            music("sowt.aifc", "-i music.wav -c:a pcm_s16le -f aiff", "pcm_s16le"),
            music("s16.caf", "-i music.wav -c:a pcm_s16be", "pcm_s16be"),
            music("s24.caf", "-i music.wav -c:a pcm_s24le", "pcm_s24le"),
            music("f32.caf", "-i music.wav -c:a pcm_f32le", "pcm_f32le"),
            music("alac.caf", "-i music.wav -c:a alac", "alac"),
            music("s8.au", "-i music.wav -c:a pcm_s8", "pcm_s8"),
            music("s16.au", "-i music.wav -c:a pcm_s16be", "pcm_s16be"),
            music("s24.au", "-i music.wav -c:a pcm_s24be", "pcm_s24be"),
            music("f32.au", "-i music.wav -c:a pcm_f32be", "pcm_f32be"),
            Case::ffmpeg("mulaw.au", "-i voice.wav -c:a pcm_mulaw").is("pcm_mulaw", 8_000, 1),
            Case::ffmpeg("alaw.au", "-i voice.wav -c:a pcm_alaw").is("pcm_alaw", 8_000, 1),
            Case::ffmpeg("mulaw.caf", "-i voice.wav -c:a pcm_mulaw").is("pcm_mulaw", 8_000, 1),
            Case::ffmpeg("alaw.aifc", "-i voice.wav -c:a pcm_alaw -f aiff").is("pcm_alaw", 8_000, 1),
        ],
    );
}

#[test]
fn vorbis_agrees_with_ffmpeg_to_100_db() {
    let case = |case: Case| case.is("vorbis", 44_100, 2).within_db(100.0);
    check(
        &Workshop::new(),
        &[
            case(Case::ffmpeg("one.ogg", "-i music.wav -c:a libvorbis -q:a 4 -serial_offset 7")).frames(MUSIC_FRAMES),
            case(Case::ffmpeg("two.ogg", "-i music.wav -af areverse -c:a libvorbis -q:a 2 -serial_offset 9"))
                .frames(MUSIC_FRAMES),
            case(Case::joined("chained.ogg", &["one.ogg", "two.ogg"])),
            case(Case::joined("chained_equal.ogg", &["one.ogg", "one.ogg"])),
            case(Case::ffmpeg("vorbis.webm", "-i music.wav -c:a libvorbis -q:a 4")),
        ],
    );
}

#[test]
fn opus_agrees_with_libopus() {
    let case = |case: Case| case.is("opus", 48_000, 2).within_db(100.0).read_by("-c:a libopus -request_sample_fmt flt");
    let voice =
        |case: Case| case.is("opus", 48_000, 1).within_db(100.0).read_by("-c:a libopus -request_sample_fmt flt");
    let workshop = Workshop::new();
    // A header that asks for 3 dB less.
    workshop.ffmpeg("-i voice16.wav -c:a libopus -b:a 24k gain.webm");
    let mut webm = workshop.read("gain.webm");
    let head = webm.windows(8).position(|window| window == b"OpusHead").unwrap();
    assert_eq!(webm[head + 16..head + 18], [0, 0]);
    webm[head + 16..head + 18].copy_from_slice(&(-3i16 * 256).to_le_bytes());
    workshop.write("gain.webm", &webm);
    // 101,337 frames at 44.1 kHz, at 48 kHz.
    let frames = (MUSIC_FRAMES as f64 * 48_000.0 / 44_100.0).round() as usize;
    check(
        &workshop,
        &[
            case(Case::ffmpeg("one.opus", "-i music.wav -c:a libopus -b:a 96k -serial_offset 7")),
            case(Case::ffmpeg("two.opus", "-i music.wav -af areverse -c:a libopus -b:a 64k -serial_offset 9")),
            case(Case::joined("chained.opus", &["one.opus", "two.opus"])),
            case(Case::joined("chained_equal.opus", &["one.opus", "one.opus"])),
            voice(Case::ffmpeg("voice.opus", "-i voice16.wav -c:a libopus -b:a 16k -application voip")),
            voice(Case::ffmpeg("long_frames.opus", "-i voice16.wav -c:a libopus -b:a 12k -frame_duration 60")),
            case(Case::ffmpeg("music.webm", "-i music.wav -c:a libopus -b:a 96k")).frames(frames),
            voice(Case::ffmpeg("voice.webm", "-i voice16.wav -c:a libopus -b:a 24k")).frames(120_738),
            // As a browser records it: no lengths, no padding marked, the last packet whole.
            voice(Case::ffmpeg("live.webm", "-i voice16.wav -c:a libopus -b:a 24k -live 1 -f webm")),
            voice(Case::joined("louder.webm", &["gain.webm"])).like(&["louder.webm"]),
        ],
    );
}

#[test]
fn a_file_that_was_cut_gives_what_it_has_and_says_so() {
    fn halve(bytes: &mut Vec<u8>) {
        bytes.truncate(bytes.len() / 2 + 5);
    }
    let case = |file, arguments, codec| {
        Case::ffmpeg(file, arguments).is(codec, 44_100, 2).patched(halve).start_of_at_least(35_000).truncated()
    };
    check(
        &Workshop::new(),
        &[
            case("cut.mp3", "-i music.wav -c:a libmp3lame -b:a 128k", "mp3"),
            case("cut.flac", "-i music.wav -c:a flac -sample_fmt s16", "flac"),
            case("cut.aiff", "-i music.wav -c:a pcm_s16be", "pcm_s16be"),
            case("cut.caf", "-i music.wav -c:a pcm_s16le", "pcm_s16le"),
            case("cut.caf", "-i music.wav -c:a pcm_f32be", "pcm_f32be"),
            case("cut.ogg", "-i music.wav -c:a libvorbis -q:a 4 -page_duration 100000", "vorbis"),
            case("cut.opus", "-i music.wav -c:a libopus -b:a 96k -page_duration 100000", "opus")
                .is("opus", 48_000, 2)
                .read_by("-c:a libopus -request_sample_fmt flt"),
            case("cut.webm", "-i music.wav -c:a libopus -b:a 96k -cluster_time_limit 200", "opus")
                .is("opus", 48_000, 2)
                .read_by("-c:a libopus -request_sample_fmt flt"),
            case("cut.m4a", "-i music.wav -c:a aac -b:a 128k -movflags +faststart", "aac"),
            case("cut.m4a", "-i music.wav -c:a alac -sample_fmt s16p -movflags +faststart", "alac"),
        ],
    );
}
