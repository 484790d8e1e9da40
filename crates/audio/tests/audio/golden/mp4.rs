//! AAC and ALAC in MP4 and MOV, and AAC on its own.

use crate::matrix::{Case, check};
use crate::workshop::{MUSIC_FRAMES, Workshop};

#[test]
fn aac_agrees_with_ffmpeg_to_100_db() {
    let case = |file, arguments| Case::ffmpeg(file, arguments).is("aac", 44_100, 2).within_db(100.0);
    check(
        &Workshop::new(),
        &[
            case("aac.m4a", "-i music.wav -c:a aac -b:a 128k").frames(MUSIC_FRAMES),
            case("fast.m4a", "-i music.wav -c:a aac -b:a 128k -movflags +faststart").frames(MUSIC_FRAMES),
            case("aac.mov", "-i music.wav -c:a aac -b:a 128k").frames(MUSIC_FRAMES),
            // Without an edit list, ffmpeg leaves the encoder's delay in.
            case("fragmented.mp4", "-i music.wav -c:a aac -b:a 128k -movflags frag_keyframe+empty_moov")
                .after_priming(1_024),
            // The edit list ends it, in milliseconds, within a packet that ffmpeg gives out whole.
            case("late.m4a", "-ss 0.5 -i aac.m4a -c copy").frames(79_292),
            case("video.mp4", "-f lavfi -i testsrc=size=64x64:rate=10 -i music.wav -shortest -c:v mpeg4 -c:a aac")
                .frames(MUSIC_FRAMES),
            case("aac.aac", "-i music.wav -c:a aac -b:a 128k"),
            case("voice.m4a", "-i voice16.wav -c:a aac -b:a 32k").is("aac", 16_000, 1).frames(40_246),
            case("aac.mka", "-i music.wav -c:a aac -b:a 128k"),
        ],
    );
}

#[test]
fn slow_aac_is_not_taken_for_he_aac() {
    let case = |file, arguments, rate_hz| Case::ffmpeg(file, arguments).is("aac", rate_hz, 1).within_db(60.0);
    check(
        &Workshop::new(),
        &[
            case("hum24.aac", "-f lavfi -i sine=100:r=24000:d=4 -c:a aac -b:a 32k", 24_000),
            case("noise22.aac", "-f lavfi -i anoisesrc=r=22050:d=4:a=0.3 -c:a aac -b:a 32k", 22_050),
            case("faint16.aac", "-f lavfi -i anoisesrc=r=16000:d=4:a=0.0005 -c:a aac -b:a 16k", 16_000),
            case("voice8.aac", "-i voice.wav -c:a aac -b:a 16k", 8_000),
        ],
    );
}

#[test]
fn alac_and_pcm_in_mp4_and_mov_are_exact() {
    let case = |file, arguments, codec| Case::ffmpeg(file, arguments).is(codec, 44_100, 2);
    check(
        &Workshop::new(),
        &[
            case("alac16.m4a", "-i music.wav -c:a alac -sample_fmt s16p", "alac"),
            case("alac24.m4a", "-i music.wav -c:a alac -sample_fmt s32p", "alac"),
            case("pcm.mov", "-i music.wav -c:a pcm_s16le", "pcm_s16le"),
            // QuickTime puts their settings elsewhere.
            case("alac16.mov", "-i music.wav -c:a alac -sample_fmt s16p", "alac"),
            case("alac24.mov", "-i music.wav -c:a alac -sample_fmt s32p -movflags +faststart", "alac"),
            case("mulaw.mov", "-i music.wav -c:a pcm_mulaw", "pcm_mulaw"),
            case("mulaw.mov", "-i voice.wav -c:a pcm_mulaw", "pcm_mulaw").is("pcm_mulaw", 8_000, 1),
            case("alaw.mov", "-i voice.wav -c:a pcm_alaw -movflags +faststart", "pcm_alaw").is("pcm_alaw", 8_000, 1),
        ],
    );
}
