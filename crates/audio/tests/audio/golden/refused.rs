//! What is not read is named, and the sentence says what to send instead.

use voicemill_audio::format::AudioError;

use crate::workshop::Workshop;

/// Puts the smallest element of spectral band replication into every frame of an ADTS stream.
fn extended(adts: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), adts);
    while let [_, _, _, a, b, c, ..] = *rest {
        let length = (usize::from(a & 3) << 11) | (usize::from(b) << 3) | usize::from(c >> 5);
        let (frame, tail) = rest.split_at(length);
        // Up to the end mark: the last three set bits.
        let mut bits: Vec<bool> =
            frame[7..].iter().flat_map(|byte| (0..8).map(move |n| byte >> (7 - n) & 1 == 1)).collect();
        while bits.last() == Some(&false) {
            bits.pop();
        }
        assert_eq!(bits.split_off(bits.len() - 3), [true; 3]);
        // A fill element of 24 bytes: the count's escape, the kind, and a payload.
        let mut push = |value: u32, count: u32| bits.extend((0..count).rev().map(|n| value >> n & 1 == 1));
        push(6, 3);
        push(15, 4);
        push(24 - 14, 8);
        push(0b1101, 4);
        (0..23).for_each(|n| push(0x35 ^ n, 8));
        push(5, 4);
        push(7, 3);
        let payload: Vec<u8> = bits
            .chunks(8)
            .map(|bits| bits.iter().enumerate().fold(0, |byte, (n, bit)| byte | (u8::from(*bit) << (7 - n))))
            .collect();
        let length = payload.len() + 7;
        let mut header = frame[..7].to_vec();
        header[3] = (header[3] & !3) | (length >> 11) as u8;
        header[4] = (length >> 3) as u8;
        header[5] = (header[5] & 0x1F) | ((length & 7) << 5) as u8;
        out.extend(header);
        out.extend(payload);
        rest = tail;
    }
    out
}

#[test]
fn he_aac_is_refused_however_it_is_announced() {
    let workshop = Workshop::new();
    workshop.ffmpeg("-i music.wav -ar 22050 -c:a aac -b:a 64k plain.m4a");
    let plain = workshop.read("plain.m4a");
    // 22.05 kHz AAC-LC in stereo, and an extension that says there is none.
    let config = plain.windows(5).position(|window| window == [0x13, 0x90, 0x56, 0xE5, 0x00]).unwrap();
    assert!(workshop.decode("plain.m4a", None).is_ok());

    let mut explicit = plain.clone();
    explicit[config..config + 4].copy_from_slice(&[0x2B, 0x92, 0x08, 0x00]);
    workshop.write("explicit.m4a", &explicit);
    let mut compatible = plain;
    compatible[config + 4] = 0xA0;
    workshop.write("compatible.m4a", &compatible);

    workshop.ffmpeg("-i music.wav -ar 22050 -ac 1 -c:a aac -b:a 32k plain.aac");
    assert!(workshop.decode("plain.aac", None).is_ok());
    workshop.ffmpeg("-f lavfi -i anullsrc=r=24000:cl=mono -t 4 -c:a aac -b:a 32k silence.aac");
    assert!(workshop.decode("silence.aac", None).is_ok(), "every frame of silence is alike");
    workshop.write("implicit.aac", &extended(&workshop.read("plain.aac")));
    workshop.ffmpeg("-i implicit.aac -c copy implicit.m4a");

    for file in ["explicit.m4a", "compatible.m4a", "implicit.aac", "implicit.m4a"] {
        let error = workshop.decode(file, None).map(|decoded| decoded.samples.len()).unwrap_err();
        assert!(matches!(error, AudioError::Unsupported(_)), "{file}: {error:?}");
        assert!(error.to_string().contains("HE-AAC") && error.to_string().contains("AAC-LC"), "{file}: {error}");
    }
}

/// Takes the bit rate out of every frame of an MP3 at 128 kbit/s and 44.1 kHz, which leaves it in "free format".
fn without_bit_rate(mp3: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (mp3.to_vec(), 0);
    while let Some([0xFF, _, third, ..]) = out.get_mut(at..) {
        at += 144 * 128_000 / 44_100 + usize::from(*third >> 1 & 1);
        *third &= 0x0F;
    }
    assert!(at >= mp3.len() && mp3.len() > 10_000);
    out
}

#[test]
fn what_is_not_read_is_named() {
    let workshop = Workshop::new();
    workshop.ffmpeg("-i music.wav -c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0 constant.mp3");
    workshop.write("free.mp3", &without_bit_rate(&workshop.read("constant.mp3")));
    // 12.2 kbit/s AMR: frames of no sound.
    let amr = [&b"#!AMR\n"[..], &[[&[0x3C][..], &[0; 31]].concat().repeat(50)].concat()].concat();
    workshop.write("voice.amr", &amr);
    workshop.write("song.mid", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xFF\x2F\0");
    let cases = [
        ("speex.ogg", "-i voice16.wav -c:a libspeex", "Speex"),
        ("voice.amr", "", "AMR"),
        ("free.mp3", "", "free format"),
        ("amr.3gp", "-i voice.amr -c copy", "AMR"),
        ("music.wma", "-i music.wav -c:a wmav2", "Windows Media"),
        ("song.mid", "", "MIDI"),
        ("silent.mp4", "-f lavfi -i testsrc=size=64x64:rate=5 -t 1 -c:v mpeg4", "no sound"),
        ("silent.webm", "-f lavfi -i testsrc=size=64x64:rate=5 -t 1 -c:v libvpx", "no sound"),
        ("silent.mkv", "-f lavfi -i testsrc=size=64x64:rate=5 -t 1 -c:v mpeg4", "no sound"),
        ("silent.avi", "-f lavfi -i testsrc=size=64x64:rate=5 -t 1 -c:v mpeg4", "AVI video"),
        ("silent.ts", "-f lavfi -i testsrc=size=64x64:rate=5 -t 1 -c:v mpeg2video", "MPEG video"),
        ("music.ac3", "-i music.wav -c:a ac3", "AC-3"),
        ("ac3.mp4", "-i music.wav -c:a ac3", "AC-3"),
        ("surround.m4a", "-i music.wav -ac 6 -c:a aac", "mono or stereo"),
        ("surround.opus", "-i music.wav -ac 6 -c:a libopus", "mono or stereo"),
        ("music.wv", "-i music.wav -c:a wavpack", "WavPack"),
        ("music.tta", "-i music.wav -c:a tta", "True Audio"),
        ("music.w64", "-i music.wav -c:a pcm_s16le", "Wave64"),
        ("aac.wav", "-i music.wav -c:a aac", "AAC"),
        ("wma.wav", "-i music.wav -c:a wmav2", "Windows Media"),
        ("g723.wav", "-i voice.wav -c:a g723_1 -b:a 6300", "G.723.1"),
    ];
    let mut failures = Vec::new();
    for (file, arguments, name) in cases {
        if !arguments.is_empty() {
            workshop.ffmpeg(&format!("{arguments} {file}"));
        }
        match workshop.decode(file, None) {
            Ok(decoded) => failures.push(format!("{file} is taken for {}", decoded.codec)),
            Err(error) => {
                let sentence = error.to_string();
                let helps = ["Send ", "send ", "Export "].iter().any(|word| sentence.contains(word));
                if !sentence.contains(name) || !helps || error.is_transient() {
                    failures.push(format!("{file}: {sentence}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
