//! What `fuzz/` calls: the decoders that are private here, on bytes instead of files, and what must hold of every result.

use std::fs::File;
use std::io::{Seek, Write};

use super::codecs::{Adpcm, AdpcmBlocks, G711Blocks, G722Blocks, GsmBlocks, Pcm, PcmBlocks};
use super::data::{BlockDecoder, DataRange};
use super::mp3::Mp3Source;
use super::opus_packets::OpusPackets;
use super::patched::{Patch, Patched};
use super::raw::RawFormat;
use super::{Opened, Wanted, mp4, opus, raw, symphonia, wav};
use crate::format::{AudioBlock, AudioError, AudioSpec};
use crate::g711::Law;
use crate::gsm::Packing;

/// Where reading stops: a hang shows as one input that takes seconds, not as one that decodes to much.
const ENOUGH_SAMPLES: usize = 1 << 24;

/// The names of headerless formats, as extensions.
pub const RAW_NAMES: [&str; 9] = ["ulaw", "alaw", "sln", "sln12", "sln16", "sln44", "sln48", "gsm", "g722"];

/// `bytes` as a file that never touches a disk.
fn file(bytes: &[u8]) -> Option<File> {
    let memory = rustix::fs::memfd_create(c"input", rustix::fs::MemfdFlags::CLOEXEC).ok()?;
    let mut file = File::from(memory);
    file.write_all(bytes).ok()?;
    file.rewind().ok()?;
    Some(file)
}

/// Reads to the end, and holds the source to the contract of [`AudioSource`](crate::format::AudioSource).
fn drain(opened: Result<Opened, AudioError>) {
    let mut opened = match opened {
        Ok(opened) => opened,
        Err(error) => return refused(&error),
    };
    let spec = opened.source.spec();
    AudioSpec::checked(spec.rate_hz, spec.channels).expect("a source is of a possible shape");
    let (mut block, mut samples) = (AudioBlock::default(), 0);
    while samples < ENOUGH_SAMPLES {
        match opened.source.next_block(&mut block) {
            Ok(true) => {}
            Ok(false) => {
                assert!(block.samples.is_empty(), "samples after the end");
                assert!(matches!(opened.source.next_block(&mut block), Ok(false)), "the end is not the end");
                return;
            }
            Err(error) => return refused(&error),
        }
        assert!(!block.samples.is_empty() && block.samples.len().is_multiple_of(usize::from(spec.channels)));
        assert!(block.samples.iter().all(|sample| sample.is_finite()), "what is not a number spreads");
        assert_eq!(opened.source.spec(), spec, "the shape changed");
        samples += block.samples.len();
    }
}

/// Bytes are refused in a sentence, and for good: trying the same bytes again would never end.
fn refused(error: &AudioError) {
    assert!(!error.is_transient(), "{error:?}");
    assert!(error.to_string().ends_with('.'), "{error}");
}

/// A whole file, recognised by its bytes, or taken for the headerless format `hint`.
pub fn probe(bytes: &[u8], hint: Option<&str>) {
    use std::os::fd::AsRawFd;
    if let Some(file) = file(bytes) {
        drain(super::open(format!("/proc/self/fd/{}", file.as_raw_fd()).as_ref(), hint));
    }
}

/// A WAV file with `start` bytes in front of it.
pub fn wav(bytes: &[u8], start: u64) {
    if let Some(file) = file(bytes) {
        drain(wav::open(file, start, Wanted::ALL));
    }
}

/// Headerless audio, by a name of [`RAW_NAMES`].
pub fn raw(bytes: &[u8], name: &str) {
    if let (Some(file), Some(format)) = (file(bytes), RawFormat::from_extension(name)) {
        drain(raw::open(file, format));
    }
}

/// Layer III for who wants no more than `rate_hz`, in one channel or both: as long, and whatever is wanted of it.
pub fn mp3(bytes: &[u8], rate_hz: u32, mono: bool) {
    let range = DataRange { start: 0, bytes: bytes.len() as u64, truncated: false };
    if let Some(file) = file(bytes) {
        match Mp3Source::open(file, range, Wanted { rate_hz, mono }) {
            Ok(Some(source)) => drain(Ok(Opened { container: "mp3", codec: "mp3".into(), source: Box::new(source) })),
            Ok(None) => {}
            Err(error) => refused(&error),
        }
    }
}

/// Ogg Opus, by our own reader.
pub fn ogg_opus(bytes: &[u8]) {
    if let Some(file) = file(bytes) {
        drain(opus::open(file));
    }
}

/// A container that symphonia reads, by its name there.
pub fn container(bytes: &[u8], name: &'static str) {
    if let Some(file) = file(bytes).and_then(|file| Patched::new(file, Vec::new()).ok()) {
        drain(symphonia::open(file, name, None));
    }
}

/// The look for the edit list of an MP4 file, and for what reads otherwise than it is.
pub fn mp4(bytes: &[u8]) {
    if let Some(mut file) = file(bytes) {
        let found = mp4::look(&mut file).expect("what is there can be read");
        if let mp4::Findings::Sound(sound, patches) = found {
            assert!(sound.seconds.is_none_or(|seconds| seconds.is_finite() && seconds > 0.0), "{sound:?}");
            let is_within = |patch: &Patch| patch.at + patch.bytes.len() as u64 <= bytes.len() as u64;
            assert!(patches.iter().all(is_within), "{patches:?}");
        }
    }
}

/// Whole blocks of `bytes` through a decoder that makes `samples_per_block` of each.
fn blocks(bytes: &[u8], mut decoder: impl BlockDecoder, samples_per_block: usize) {
    let unit = decoder.block_bytes();
    let whole = &bytes[..bytes.len() / unit * unit];
    let mut samples = Vec::new();
    decoder.decode(whole, &mut samples);
    assert_eq!(samples.len(), whole.len() / unit * samples_per_block);
    assert!(samples.iter().all(|sample| (-1.0..=1.0).contains(sample)));
}

/// GSM 06.10 in both packings.
pub fn gsm(bytes: &[u8]) {
    for packing in [Packing::Raw, Packing::Wav49] {
        if let Ok(decoder) = GsmBlocks::new(packing) {
            blocks(bytes, decoder, packing.block_samples());
        }
    }
}

/// G.722.
pub fn g722(bytes: &[u8]) {
    blocks(bytes, G722Blocks::default(), 2);
}

/// µ-law and A-law, and whole-number PCM of every width, in frames of `channels`.
pub fn g711_and_pcm(bytes: &[u8], channels: u16) {
    let channels = channels.clamp(1, AudioSpec::MAX_CHANNELS);
    for law in [Law::Mu, Law::A] {
        blocks(bytes, G711Blocks { law, channels }, usize::from(channels));
    }
    for format in [Pcm::U8, Pcm::S16, Pcm::S24, Pcm::S32] {
        blocks(bytes, PcmBlocks::new(format, channels), usize::from(channels));
    }
}

/// Both kinds of ADPCM, in blocks of `block_bytes`.
pub fn adpcm(bytes: &[u8], channels: u16, block_bytes: u16) {
    for kind in [Adpcm::Microsoft, Adpcm::Ima] {
        let spec = AudioSpec { rate_hz: 8_000, channels };
        let mut decoder = match AdpcmBlocks::new(kind, spec, block_bytes) {
            Ok(decoder) => decoder,
            Err(error) => return refused(&error),
        };
        let mut samples = Vec::new();
        decoder.decode(&bytes[..bytes.len() / usize::from(block_bytes) * usize::from(block_bytes)], &mut samples);
        assert!(samples.len().is_multiple_of(usize::from(channels)));
    }
}

/// Opus packets as WebM holds them, each after its length in one byte; the first bytes stand for the codec's header.
pub fn opus_packets(bytes: &[u8]) {
    use ::symphonia::core::codecs::audio::AudioDecoder;
    use ::symphonia::core::{audio, codecs::audio::AudioCodecParameters, packet, units};

    let Some((header, mut rest)) = bytes.split_at_checked(19) else { return };
    let mut params = AudioCodecParameters::new();
    params.with_extra_data(header.into()).with_channels(audio::Channels::Discrete(u16::from(header[9])));
    let _ = super::opus_packets::pre_skip_frames(&params);
    let Ok(mut decoder) = OpusPackets::new(&params) else { return };
    while let Some((length, after)) = rest.split_first() {
        let (data, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let packet = packet::Packet::new(0, units::Timestamp::ZERO, units::Duration::ZERO, data);
        if let Ok(decoded) = decoder.decode(&packet) {
            assert!(!data.is_empty(), "sound out of nothing");
            assert!(decoded.frames() <= 5_760 && decoded.spec().rate() == 48_000);
        }
    }
}
