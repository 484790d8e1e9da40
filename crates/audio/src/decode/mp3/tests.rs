use proptest::prelude::*;
use rustfft::num_complex::Complex;

use super::super::{Opened, open, open_for};
use super::*;
use crate::encode::{self, EncoderOptions, OutputFormat};
use crate::resample::{Length, Resampler};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)).unwrap()
}

/// All that a source gives out, and the exact length that it tells.
fn drain(opened: Opened) -> (Vec<f32>, Length, bool) {
    let mut source = opened.source;
    let (mut samples, mut block) = (Vec::new(), AudioBlock::default());
    while source.next_block(&mut block).unwrap() {
        assert!(block.samples.iter().all(|sample| sample.is_finite()));
        samples.extend_from_slice(&block.samples);
    }
    let frames = source.original_frames((samples.len() / usize::from(source.spec().channels)) as u64);
    (samples, Length { frames, rate_hz: source.original_spec().rate_hz }, source.is_truncated())
}

fn decoded(bytes: &[u8]) -> (Vec<f32>, bool) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let opened = open(file.path(), None).unwrap();
    assert_eq!((opened.container, opened.codec.as_str()), ("mp3", "mp3"));
    let (samples, _, truncated) = drain(opened);
    (samples, truncated)
}

/// The frames of a file, each by itself.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let range = DataRange { start: 0, bytes: bytes.len() as u64, truncated: false };
    let mut frames = Frames::new(File::open(file.path()).unwrap(), range).unwrap();
    let mut all = Vec::new();
    while frames.next().unwrap().is_some() {
        all.push(frames.bytes().to_vec());
    }
    all
}

fn noise(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

/// Tones all over the band, hiss and hard attacks, alike enough on both sides to be coded jointly now and then.
fn music(spec: AudioSpec, seconds: f64) -> Vec<f32> {
    let (mut left_hiss, mut right_hiss) = (noise(1), noise(2));
    let frames = (seconds * f64::from(spec.rate_hz)) as u32;
    let mut frame = |n: u32| {
        let time = f64::from(n) / f64::from(spec.rate_hz);
        let tone = |hz: f64| (time * hz * std::f64::consts::TAU).sin() as f32;
        let attack = (-(time * 3.0).fract() as f32 * 40.0).exp();
        let both = 0.2 * tone(220.0) + 0.1 * tone(1_760.0) + 0.1 * tone(6_000.0) + 0.3 * attack * left_hiss();
        let apart = if time.fract() < 0.5 { 0.05 } else { 0.2 } * tone(3_100.0);
        [both + apart, both - apart + 0.02 * right_hiss()]
    };
    (0..frames).flat_map(|n| frame(n).into_iter().take(usize::from(spec.channels))).collect()
}

fn encoded(spec: AudioSpec, samples: Vec<f32>) -> tempfile::TempPath {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let mut encoder = encode::create(&path, OutputFormat::Mp3, spec, &EncoderOptions::default()).unwrap();
    encoder.write(&AudioBlock { samples }).unwrap();
    encoder.finish().unwrap();
    path
}

/// The file in one channel at `rate_hz`.
fn at_rate(opened: Opened, rate_hz: u32) -> Vec<f32> {
    let from = opened.source.spec();
    let (samples, length, _) = drain(opened);
    let mut resampler = Resampler::new(AudioSpec::mono(from.rate_hz), rate_hz).unwrap();
    let mut mono = Vec::new();
    crate::channels::map(&samples, from.channels, 1, &mut mono);
    let mut out = Vec::new();
    resampler.push(&mono, &mut out).unwrap();
    resampler.finish_at(length, &mut out).unwrap();
    out
}

/// How far the difference lies below the signal, in dB, up to 93 % of the band, where every resampler is flat.
fn agreement_db(ours: &[f32], reference: &[f32]) -> f64 {
    let spectrum = |samples: &mut dyn Iterator<Item = f32>| {
        let mut bins: Vec<Complex<f64>> = samples.map(|sample| Complex::new(f64::from(sample), 0.0)).collect();
        // The ends of the file ring differently with resamplers of different lengths.
        let ends = bins.len() / 16;
        let count = bins.len();
        for at in 0..ends {
            let fade = (at as f64 / ends as f64 * std::f64::consts::FRAC_PI_2).sin().powi(2);
            bins[at] *= fade;
            bins[count - 1 - at] *= fade;
        }
        rustfft::FftPlanner::new().plan_fft_forward(bins.len()).process(&mut bins);
        bins[..bins.len() / 2 * 93 / 100].iter().map(|bin| bin.norm_sqr()).sum::<f64>()
    };
    let difference = spectrum(&mut ours.iter().zip(reference).map(|(ours, reference)| ours - reference));
    10.0 * (spectrum(&mut reference.iter().copied()) / difference).log10()
}

#[test]
fn what_is_wanted_is_the_same_as_all_of_it_brought_to_that_rate() {
    for (from_hz, channels) in [(44_100, 2), (48_000, 2), (44_100, 1), (32_000, 2), (24_000, 2), (16_000, 1)] {
        let spec = AudioSpec { rate_hz: from_hz, channels };
        // An odd length, so that the end lies between the samples that are made.
        let path = encoded(spec, music(spec, 3.000_1));
        for rate_hz in [8_000, 16_000, 24_000] {
            let all = open(&path, None).unwrap();
            let part = open_for(&path, None, Wanted { rate_hz, mono: true }).unwrap();
            assert_eq!(part.source.spec().channels, 1);
            assert_eq!(part.source.original_spec(), spec);
            let step = Band::of(from_hz, rate_hz).step as u32;
            assert_eq!(part.source.spec().rate_hz, from_hz / step);
            let (all, part) = (at_rate(all, rate_hz), at_rate(part, rate_hz));
            assert_eq!(all.len(), part.len(), "{spec:?} to {rate_hz} Hz");
            let agreement = agreement_db(&part, &all);
            assert!(agreement >= 100.0, "{spec:?} to {rate_hz} Hz: {agreement:.1} dB");
        }
    }
}

#[test]
fn both_channels_stay_where_both_are_wanted() {
    let spec = AudioSpec { rate_hz: 44_100, channels: 2 };
    let path = encoded(spec, music(spec, 1.0));
    let (all, length, _) = drain(open(&path, None).unwrap());
    assert_eq!((all.len(), length.frames), (88_200, 44_100));
    let part = open_for(&path, None, Wanted { rate_hz: 8_000, mono: false }).unwrap();
    assert_eq!(part.source.spec(), AudioSpec { rate_hz: 11_025, channels: 2 });
    let (part, part_length, _) = drain(part);
    assert_eq!(part_length, length);
    // 3.1 kHz is loud on the sides, 6 kHz is not wanted.
    let level = |samples: &[f32], rate_hz: f64, hz: f64| {
        let frames = samples.chunks_exact(2).enumerate().skip(100);
        let sum: Complex<f64> = frames
            .map(|(n, frame)| {
                Complex::from_polar(f64::from(frame[0] - frame[1]), n as f64 * hz / rate_hz * std::f64::consts::TAU)
            })
            .sum();
        sum.norm() * 2.0 / samples.len() as f64
    };
    let (full, reduced) = (level(&all, 44_100.0, 3_100.0), level(&part, 11_025.0, 3_100.0));
    assert!(full > 0.05 && (reduced / full - 1.0).abs() < 0.01, "{full} {reduced}");
}

#[test]
fn what_lies_around_frames_is_not_heard() {
    let bare = fixture("bare.mp3");
    let (expected, _) = decoded(&bare);
    let frames = frames(&bare);
    assert_eq!(expected.len(), frames.len() * 576);
    let id3 = b"ID3\x04\0\0\0\0\x02\x01".iter().copied().chain([0xFF, 0xFB, 0x90, 0x64].repeat(65)).take(267);
    let id3: Vec<u8> = id3.collect();
    let mut tag = b"TAG".to_vec();
    tag.resize(128, 0xFF);
    let mut ape = b"APETAGEX\xD0\x07\0\0\x2A\0\0\0\x01\0\0\0\0\0\0\xA0\0\0\0\0\0\0\0\0".to_vec();
    ape.resize(32 + 42, 0xE3);
    let mut hiss = noise(7);
    let junk: Vec<u8> = (0..5_000).map(|_| (hiss() * 127.0) as u8).collect();
    let half = frames.len() / 2;
    let middle = |between: &[u8]| [&frames[..half].concat(), between, &frames[half..].concat()].concat();
    for (what, bytes) in [
        ("junk in front", [&junk[..], &bare].concat()),
        ("a tag in front", [&id3[..], &bare].concat()),
        ("two tags in front", [&id3[..], &id3, &bare].concat()),
        ("tags behind", [&bare[..], &ape, &tag].concat()),
        ("a tag in between", middle(&id3)),
        ("other tags in between", middle(&[&ape[..], &tag].concat())),
        ("junk in between", middle(&junk)),
        ("set bits in between", middle(&[0xFF; 3_000])),
        ("part of a frame behind", [&bare[..], &frames[0][..50]].concat()),
    ] {
        let (samples, truncated) = decoded(&bytes);
        assert!(samples == expected, "{what}: {} samples instead of {}", samples.len(), expected.len());
        assert!(!truncated, "{what}");
    }
}

#[test]
fn joined_files_are_heard_one_after_the_other_with_what_fills_them_up() {
    let one = fixture("vbr.mp3");
    let (samples, _) = decoded(&one);
    let header_frames = frames(&one).len() - 1;
    let (joined, truncated) = decoded(&[&one[..], &one].concat());
    // Of the first part only the delay is known to be none of its sound.
    let info = Info::read(&Header::parse(frames(&one)[0][..4].try_into().unwrap()).unwrap(), &frames(&one)[0]).unwrap();
    assert_eq!(info.frames, Some(header_frames as u32));
    assert_eq!(joined.len(), 2 * 1_152 * header_frames - info.delay as usize);
    assert_eq!(samples.len(), 1_152 * header_frames - (info.delay + info.padding) as usize);
    assert!(!truncated && joined[..samples.len()] == samples);
}

#[test]
fn a_file_that_was_cut_gives_its_start_and_says_so() {
    let spec = AudioSpec { rate_hz: 44_100, channels: 2 };
    let path = encoded(spec, music(spec, 2.0));
    let whole = std::fs::read(&path).unwrap();
    let (all, truncated) = decoded(&whole);
    assert!(!truncated);
    let (start, truncated) = decoded(&whole[..whole.len() / 2]);
    assert!(truncated && start.len() > all.len() * 4 / 10);
    assert!(start[..] == all[..start.len()]);
}

#[test]
fn frames_that_are_missing_cost_no_more_than_themselves() {
    let spec = AudioSpec::mono(8_000);
    let mut frames = frames(&std::fs::read(encoded(spec, music(spec, 3.0))).unwrap()).split_off(1);
    let (expected, _) = decoded(&frames.concat());
    frames.remove(10);
    let (samples, _) = decoded(&frames.concat());
    assert_eq!(samples.len() + 576, expected.len());
    assert!(samples[..10 * 576] == expected[..10 * 576]);
    // The next frames have their bits in the one that is missing, and sound on for as long as the filters remember.
    assert!(samples[15 * 576..] == expected[16 * 576..], "what comes later is as it was");
}

#[test]
fn a_part_of_another_rate_is_heard_behind_the_first() {
    let (one, other) = (fixture("bare.mp3"), fixture("cbr.mp3"));
    let (joined, first) = (decoded(&[&one[..], &other].concat()).0, decoded(&one).0);
    assert!(joined.len() > first.len() && joined[..first.len() / 2] == first[..first.len() / 2]);
}

#[test]
fn a_header_without_sound_behind_it_is_called_empty() {
    let vbr = fixture("vbr.mp3");
    let first = frames(&vbr).remove(0);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &first).unwrap();
    let Err(refusal) = open(file.path(), None) else { panic!("there is no sound") };
    assert!(matches!(refusal, AudioError::Empty(_)), "{refusal:?}");
}

#[test]
fn a_long_run_of_junk_is_passed_in_one_look() {
    let bare = fixture("bare.mp3");
    // Every fifth byte looks like the start of a frame of the same file that no other follows.
    let junk = [&bare[..4], &[0]].concat().repeat(200_000);
    let bytes = [&bare[..], &junk, &bare].concat();
    assert_eq!(decoded(&bytes).0.len(), 2 * decoded(&bare).0.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_damage_ends_in_sound_or_a_sentence(
        name in prop::sample::select(vec!["bare.mp3", "cbr.mp3", "vbr.mp3"]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<prop::sample::Index>(),
        rate_hz in prop::sample::select(vec![u32::MAX, 16_000, 8_000]),
        mono in any::<bool>(),
    ) {
        let mut bytes = fixture(name);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut.index(bytes.len() / 2));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        match open_for(file.path(), None, Wanted { rate_hz, mono }) {
            Ok(opened) => {
                let (samples, length, _) = drain(opened);
                prop_assert!(samples.len() as u64 <= 2 * length.frames.max(1) + 2, "{} of {length:?}", samples.len());
            }
            Err(error) => prop_assert!(!error.is_transient() && error.to_string().ends_with('.'), "{error}"),
        }
    }
}
