//! Opus in MP4, joined MP3s, names of headerless files.

use super::{RATE_HZ, SECONDS, pcm, seconds, voicemail, write_voice};
use crate::workshop::Workshop;

fn rms(samples: &[f32]) -> f64 {
    (samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

#[test]
fn k03_opus_in_mp4_begins_with_its_first_sound() {
    let workshop = Workshop::new();
    write_voice(&workshop, "voice.wav", &voicemail());
    for (name, how) in [
        ("plain.mp4", "-application voip"),
        ("lowdelay.mp4", "-application lowdelay"),
        ("fragmented.mp4", "-movflags frag_keyframe+empty_moov+default_base_moof"),
        ("stereo.mp4", "-ac 2 -b:a 64k"),
    ] {
        workshop.ffmpeg(&format!("-i voice.wav -ar 48000 -c:a libopus {how} {name}"));
        let decoded = workshop.decode(name, None).unwrap();
        let reference = workshop.reference("", name);
        let theirs = reference.len() as f64 / f64::from(decoded.spec.channels) / 48_000.0;
        assert!((seconds(&decoded) - SECONDS).abs() < 0.021, "{name}: {:.3} s", seconds(&decoded));
        assert!((seconds(&decoded) - theirs).abs() < 0.021, "{name}: {:.3} s, ffmpeg {theirs:.3}", seconds(&decoded));
        let (ours, theirs) = (rms(&decoded.samples), rms(&reference));
        assert!((ours / theirs - 1.0).abs() < 0.01, "{name}: level {ours}, ffmpeg {theirs}");
    }
}

#[test]
fn k03_the_gain_of_opus_in_mp4_is_applied_as_it_is_meant() {
    let workshop = Workshop::new();
    write_voice(&workshop, "voice.wav", &voicemail());
    workshop.ffmpeg("-i voice.wav -ar 48000 -c:a libopus voice.mp4");
    let plain = rms(&workshop.decode("voice.mp4", None).unwrap().samples);
    let mut bytes = workshop.read("voice.mp4");
    let at = bytes.windows(4).position(|window| window == b"dOps").unwrap() + 4;
    for (what, fields, gain_db) in [("-1 dB", (-256i16).to_be_bytes(), -1.0), ("+3 dB", 768i16.to_be_bytes(), 3.0)] {
        bytes[at + 8..at + 10].copy_from_slice(&fields);
        workshop.write("gain.mp4", &bytes);
        let db = 20.0 * (rms(&workshop.decode("gain.mp4", None).unwrap().samples) / plain).log10();
        assert!((db - gain_db).abs() < 0.05, "{what}: {db:.2} dB");
    }
    // One packager writes the fields little-endian.
    bytes[at + 8..at + 10].copy_from_slice(&[0, 0]);
    bytes[at + 2..at + 4].reverse();
    bytes[at + 4..at + 8].reverse();
    workshop.write("reversed.mp4", &bytes);
    assert!((seconds(&workshop.decode("reversed.mp4", None).unwrap()) - SECONDS).abs() < 0.021);
}

#[test]
fn k04_joined_mp3s_of_other_shapes_are_heard_to_the_end() {
    let workshop = Workshop::new();
    write_voice(&workshop, "voice.wav", &voicemail());
    let shapes = [
        ("mono44", "-ar 44100 -ac 1 -b:a 64k"),
        ("stereo44", "-ar 44100 -ac 2 -b:a 128k"),
        ("mono22", "-ar 22050 -ac 1 -b:a 48k"),
        ("stereo48", "-ar 48000 -ac 2 -q:a 4"),
        ("mono8", "-ar 8000 -ac 1 -b:a 16k"),
        ("bare", "-ar 16000 -ac 1 -b:a 32k -write_xing 0 -id3v2_version 0"),
    ];
    for (name, how) in shapes {
        workshop.ffmpeg(&format!("-i voice.wav -c:a libmp3lame {how} {name}.mp3"));
    }
    let mut failures = Vec::new();
    for (first, _) in shapes {
        for (second, _) in shapes {
            let parts = [first, second, first].map(|name| workshop.read(&format!("{name}.mp3")));
            for count in [2, 3] {
                workshop.write("joined.mp3", &parts[..count].concat());
                let decoded = workshop.decode("joined.mp3", None).unwrap();
                // Stereo of one voice has it 3 dB softer on each side. Padding between parts of one shape is not known to be any.
                let off = seconds(&decoded) - count as f64 * SECONDS;
                let halves = decoded.samples.len() / count;
                let level = rms(&decoded.samples[halves * (count - 1)..]) / rms(&decoded.samples[..halves]);
                if !(-0.05..0.5).contains(&off) || decoded.truncated || !(0.65..1.5).contains(&level) {
                    failures.push(format!("{count} of {first} and {second}: {off:+.3} s, level {level:.2}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn k04_streams_that_change_their_shape_are_heard_to_the_end() {
    let workshop = Workshop::new();
    write_voice(&workshop, "voice.wav", &voicemail());
    for (name, first, second) in [
        ("joined.ogg", "-ar 16000 -c:a libvorbis -serial_offset 1", "-ar 44100 -ac 2 -c:a libvorbis -serial_offset 2"),
        ("joined.opus", "-ar 48000 -c:a libopus -serial_offset 1", "-ar 48000 -ac 2 -c:a libopus -serial_offset 2"),
        ("joined.aac", "-ar 16000 -c:a aac -f adts", "-ar 44100 -ac 2 -c:a aac -f adts"),
    ] {
        let extension = name.split('.').next_back().unwrap();
        for (part, how) in [("first", first), ("second", second)] {
            workshop.ffmpeg(&format!("-i voice.wav {how} {part}.{extension}"));
        }
        let parts = ["first", "second"].map(|part| workshop.read(&format!("{part}.{extension}")));
        workshop.write(name, &parts.concat());
        let decoded = workshop.decode(name, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let off = seconds(&decoded) - 2.0 * SECONDS;
        assert!((-0.05..0.3).contains(&off) || decoded.truncated, "{name}: {off:+.3} s, and it is not told");
    }
}

#[test]
fn k09_k10_headerless_files_are_known_by_the_names_that_cores_give_them() {
    let workshop = Workshop::new();
    let voice = voicemail();
    write_voice(&workshop, "voice.wav", &voice);
    workshop.write("voice.raw", &pcm(&voice));
    for (name, how) in [
        ("voice.mu", "-c:a pcm_mulaw -f mulaw"),
        ("voice.ulw", "-c:a pcm_mulaw -f mulaw"),
        ("voice.alw", "-c:a pcm_alaw -f alaw"),
        ("voice.sln96", "-ar 96000 -c:a pcm_s16le -f s16le"),
        ("voice.sln192", "-ar 192000 -c:a pcm_s16le -f s16le"),
    ] {
        workshop.ffmpeg(&format!("-i voice.wav {how} {name}"));
    }
    for name in ["voice.raw", "voice.mu", "voice.ulw", "voice.alw", "voice.sln96", "voice.sln192"] {
        let decoded = workshop.decode(name, name.split('.').next_back()).unwrap();
        assert!((seconds(&decoded) - SECONDS).abs() < 0.001, "{name}: {:.3} s", seconds(&decoded));
        assert_eq!(decoded.spec.channels, 1);
    }
    // Only who had a recording made with a leg on each side can say so.
    let stereo = workshop.decode("voice.raw", Some("mixmonitor")).unwrap();
    assert_eq!((stereo.spec.channels, stereo.spec.rate_hz), (2, RATE_HZ));
}

#[test]
fn k10_a_codec_that_is_not_read_is_named() {
    let workshop = Workshop::new();
    // Frames of such codecs look like noise.
    let mut noise = crate::workshop::noise(7);
    let bytes: Vec<u8> = (0..2_000).map(|_| (noise() * 127.0) as i8 as u8).collect();
    workshop.write("frames", &bytes);
    for (hint, codec) in [
        ("g729", "G.729"),
        ("ilbc", "iLBC"),
        ("siren7", "Siren7"),
        ("siren14", "Siren14"),
        ("g723", "G.723.1"),
        (".L16", "L16"),
        ("G729", "G.729"),
    ] {
        let error = workshop.decode("frames", Some(hint)).map(|decoded| decoded.codec).unwrap_err();
        assert!(error.to_string().contains(codec) && !error.is_transient(), "{hint}: {error}");
    }
}

#[test]
fn k08_sound_goes_on_behind_a_size_that_was_written_early_in_every_container() {
    let workshop = Workshop::new();
    write_voice(&workshop, "voice.wav", &voicemail());
    for (name, codec, mark, from_mark, width) in [
        ("voice.aiff", "pcm_s16be", b"SSND", 4, 4),
        ("voice.caf", "pcm_s16le", b"data", 4, 8),
        ("voice.au", "pcm_s16be", b".snd", 8, 4),
    ] {
        workshop.ffmpeg(&format!("-i voice.wav -c:a {codec} {name}"));
        let right = workshop.read(name);
        let at = right.windows(4).position(|window| window == mark).unwrap() + from_mark;
        let decode = |bytes: &[u8]| {
            workshop.write(name, bytes);
            workshop.decode(name, None).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let whole = decode(&right);
        assert!((seconds(&whole) - SECONDS).abs() < 0.001 && !whole.truncated, "{name}");
        // A text that an upload left, zeros, and for chunks one of their own, are no sound.
        for behind in [&b"\r\n--------boundary--\r\n"[..], &[0; 512]] {
            let decoded = decode(&[&right, behind].concat());
            assert!(
                decoded.samples == whole.samples && !decoded.truncated,
                "{name} with {} bytes behind",
                behind.len()
            );
        }
        for claimed in [0u64, 1, 8, 36, 320, 16_000, 86_000] {
            let mut stale = right.clone();
            stale[at..at + width].copy_from_slice(&claimed.to_be_bytes()[8 - width..]);
            let decoded = decode(&stale);
            assert!(decoded.samples == whole.samples, "{name}, a size of {claimed}: {:.3} s", seconds(&decoded));
            assert!(decoded.truncated, "{name}, a size of {claimed} is not told");
        }
    }
    // What a pipe writes promises nothing, and breaks no promise.
    let mut piped = workshop.read("voice.au");
    piped[8..12].fill(0xFF);
    workshop.write("piped.au", &piped);
    let piped = workshop.decode("piped.au", None).unwrap();
    assert!((seconds(&piped) - SECONDS).abs() < 0.001 && !piped.truncated);
}

#[test]
fn what_lasts_out_of_all_proportion_to_its_bytes_is_refused_while_it_is_decoded() {
    let workshop = Workshop::new();
    let silence = |seconds: u32, how: &str, name: &str| {
        workshop.ffmpeg(&format!("-f lavfi -i anullsrc=r=8000:cl=mono -t {seconds} {how} {name}"));
        super::try_render(&workshop, name)
    };
    // A second of it takes FLAC less than thirty bytes.
    let refused = silence(1_800, "-c:a flac -frame_size 16384", "long.flac").unwrap_err().to_string();
    assert!(refused.contains("minutes"), "{refused}");
    let short = silence(240, "-c:a flac", "short.flac").unwrap();
    assert!((short.duration_seconds - 240.0).abs() < 0.1);
    // The sparsest that is ever sent.
    let sparse =
        silence(1_800, "-c:a libopus -b:a 6k -application voip -frame_duration 60 -dtx 1", "sparse.opus").unwrap();
    assert!((sparse.duration_seconds - 1_800.0).abs() < 0.1);
}
