//! What telephones speak: G.711, GSM, G.722 and G.726, in WAV under every tag and without any header.

use crate::matrix::{Case, check};
use crate::workshop::{VOICE_FRAMES, Workshop};

/// Makes the `fmt ` chunk the 16 bytes that old writers leave it at.
fn short_format(bytes: &mut Vec<u8>) {
    assert_eq!(bytes[16..20], [18, 0, 0, 0]);
    bytes.drain(36..38);
    bytes[16] = 16;
}

/// Makes it the 40 bytes of WAVE_FORMAT_EXTENSIBLE, the tag as the sub-format.
fn extensible_format(bytes: &mut Vec<u8>) {
    assert_eq!(bytes[16..20], [18, 0, 0, 0]);
    let [low, high] = [bytes[20], bytes[21]];
    let guid = [low, high, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
    bytes[20..22].copy_from_slice(&[0xFE, 0xFF]);
    bytes[36..38].copy_from_slice(&[22, 0]);
    bytes.splice(38..38, [8, 0, 4, 0, 0, 0].into_iter().chain(guid));
    bytes[16] = 40;
}

#[test]
fn g711_is_exact_under_every_tag() {
    check(
        &Workshop::new(),
        &[
            Case::ffmpeg("mulaw18.wav", "-i voice.wav -c:a pcm_mulaw").is("pcm_mulaw", 8_000, 1),
            Case::ffmpeg("mulaw16.wav", "-i voice.wav -c:a pcm_mulaw").is("pcm_mulaw", 8_000, 1).patched(short_format),
            Case::ffmpeg("mulaw40.wav", "-i voice.wav -c:a pcm_mulaw")
                .is("pcm_mulaw", 8_000, 1)
                .patched(extensible_format),
            Case::ffmpeg("alaw18.wav", "-i voice.wav -c:a pcm_alaw").is("pcm_alaw", 8_000, 1),
            Case::ffmpeg("alaw16.wav", "-i voice.wav -c:a pcm_alaw").is("pcm_alaw", 8_000, 1).patched(short_format),
            Case::ffmpeg("alaw40.wav", "-i voice.wav -c:a pcm_alaw")
                .is("pcm_alaw", 8_000, 1)
                .patched(extensible_format),
            Case::ffmpeg("mulaw_stereo.wav", "-i music.wav -c:a pcm_mulaw -ar 8000").is("pcm_mulaw", 8_000, 2),
            Case::sox("mulaw_sox.wav", "voice.wav -e mu-law {}").is("pcm_mulaw", 8_000, 1),
            Case::sox("alaw_sox.wav", "voice.wav -e a-law {}").is("pcm_alaw", 8_000, 1),
            Case::ffmpeg("voice.ulaw", "-i voice.wav -c:a pcm_mulaw -f mulaw")
                .is("pcm_mulaw", 8_000, 1)
                .hint("ulaw")
                .read_by("-f mulaw -ar 8000 -ac 1"),
            Case::ffmpeg("voice.alaw", "-i voice.wav -c:a pcm_alaw -f alaw")
                .is("pcm_alaw", 8_000, 1)
                .hint(".alaw")
                .read_by("-f alaw -ar 8000 -ac 1"),
        ],
    );
}

#[test]
fn every_code_of_g711_expands_exactly() {
    let workshop = Workshop::new();
    workshop.write("codes", &(0..=255).collect::<Vec<u8>>());
    for (law, hint) in [("mulaw", "ulaw"), ("alaw", "alaw")] {
        let reference = workshop.reference(&format!("-f {law} -ar 8000 -ac 1"), "codes");
        assert_eq!(reference.len(), 256);
        assert_eq!(workshop.decode("codes", Some(hint)).unwrap().samples, reference, "{law}");
    }
}

#[test]
fn gsm_is_exact() {
    check(
        &Workshop::new(),
        &[
            Case::ffmpeg("voice.gsm", "-i voice.wav -c:a libgsm -f gsm")
                .is("gsm", 8_000, 1)
                .hint("gsm")
                .read_by("-f gsm -c:a libgsm"),
            // Only sox says in `fact` where the filling of the last block begins; ffmpeg neither says nor looks.
            Case::ffmpeg("wav49.wav", "-i voice.wav -c:a libgsm_ms").is("gsm_ms", 8_000, 1).read_by("-c:a libgsm_ms"),
            Case::sox("wav49_sox.wav", "voice.wav -e gsm-full-rate {}")
                .is("gsm_ms", 8_000, 1)
                .read_by("-c:a libgsm_ms")
                .frames(VOICE_FRAMES),
        ],
    );
}

#[test]
fn g722_is_exact() {
    check(
        &Workshop::new(),
        &[
            Case::ffmpeg("voice.g722", "-i voice16.wav -c:a g722 -f g722").is("g722", 16_000, 1).hint("g722"),
            Case::ffmpeg("g722.wav", "-i voice16.wav -c:a g722").is("g722", 16_000, 1),
            Case::ffmpeg("loud.g722", "-i music.wav -ac 1 -ar 16000 -af volume=9dB -c:a g722 -f g722")
                .is("g722", 16_000, 1)
                .hint("g722"),
        ],
    );
}

#[test]
fn g726_is_exact_at_every_rate() {
    fn tagged(bytes: &mut [u8], tag: u8) {
        assert_eq!(bytes[20], 0x45);
        bytes[20] = tag;
    }
    let wav = |file, arguments| Case::ffmpeg(file, arguments).is("g726", 8_000, 1);
    let raw = |file, arguments, hint, how| Case::ffmpeg(file, arguments).is("g726", 8_000, 1).hint(hint).read_by(how);
    check(
        &Workshop::new(),
        &[
            wav("g726_16.wav", "-i voice.wav -c:a g726 -b:a 16k"),
            wav("g726_24.wav", "-i voice.wav -c:a g726 -b:a 24k"),
            wav("g726_32.wav", "-i voice.wav -c:a g726 -b:a 32k"),
            wav("g726_40.wav", "-i voice.wav -c:a g726 -b:a 40k"),
            wav("g726_0x14.wav", "-i voice.wav -c:a g726 -b:a 32k").patched(|bytes| tagged(bytes, 0x14)),
            wav("g726_0x64.wav", "-i voice.wav -c:a g726 -b:a 32k").patched(|bytes| tagged(bytes, 0x64)),
            // The size of a code left out, as some writers do.
            wav("g726_no_bits.wav", "-i voice.wav -c:a g726 -b:a 24k").patched(|bytes| bytes[34] = 0),
            raw(
                "voice.g726-16",
                "-i voice.wav -c:a g726le -b:a 16k -f g726le",
                "g726-16",
                "-f g726le -code_size 2 -ar 8000",
            ),
            raw(
                "voice.g726-24",
                "-i voice.wav -c:a g726le -b:a 24k -f g726le",
                "g726-24",
                "-f g726le -code_size 3 -ar 8000",
            ),
            raw("voice.g726", "-i voice.wav -c:a g726le -b:a 32k -f g726le", "g726", "-f g726le -code_size 4 -ar 8000"),
            raw(
                "voice.g726-40",
                "-i voice.wav -c:a g726le -b:a 40k -f g726le",
                "g726-40",
                "-f g726le -code_size 5 -ar 8000",
            ),
        ],
    );
}

#[test]
fn headerless_pcm_is_what_its_name_says() {
    check(
        &Workshop::new(),
        &[
            Case::ffmpeg("voice.sln", "-i voice.wav -c:a pcm_s16le -f s16le")
                .is("pcm_s16le", 8_000, 1)
                .hint("sln")
                .read_by("-f s16le -ar 8000 -ac 1"),
            Case::ffmpeg("voice.sln16", "-i voice16.wav -c:a pcm_s16le -f s16le")
                .is("pcm_s16le", 16_000, 1)
                .hint("sln16")
                .read_by("-f s16le -ar 16000 -ac 1"),
            // MixMonitor's interleaved recording: the caller on the left, the callee on the right.
            Case::ffmpeg("call.raw", "-i music.wav -ar 8000 -c:a pcm_s16le -f s16le")
                .is("pcm_s16le", 8_000, 2)
                .hint("raw")
                .read_by("-f s16le -ar 8000 -ac 2"),
        ],
    );
}
