//! WAV, read the way call cores really write it: headers never completed, sizes that lie, chunks in any order.

mod walk;

use std::fs::File;
use std::os::unix::fs::FileExt;

use self::walk::{Format, Part};
use super::codecs::{Adpcm, AdpcmBlocks, G711Blocks, G722Blocks, G726Blocks, GsmBlocks, Pcm, PcmBlocks};
use super::data::{BlockDecoder, DataRange, DataSource};
use super::joined::Joined;
use super::symphonia::SymphoniaSource;
use super::{Opened, Wanted, mp3};
use crate::format::{AudioError, AudioSource, AudioSpec, Fault};
use crate::g711::Law;
use crate::g726::{self, CodeBits};
use crate::gsm::Packing;

const TAG_PCM: u16 = 0x0001;
const TAG_MS_ADPCM: u16 = 0x0002;
const TAG_FLOAT: u16 = 0x0003;
const TAG_ALAW: u16 = 0x0006;
const TAG_MULAW: u16 = 0x0007;
const TAG_IMA_ADPCM: u16 = 0x0011;
/// Antex's and APICOM's names for G.726, the old name of its 32 kbit/s, and the usual one.
const TAGS_G726: [u16; 4] = [0x0014, 0x0064, 0x0040, 0x0045];
const TAG_GSM: u16 = 0x0031;
const TAG_MP2: u16 = 0x0050;
const TAG_MP3: u16 = 0x0055;
const TAG_G722: u16 = 0x028F;
const TAG_G722_OLD: u16 = 0x0065;
/// Opens the WAV whose `RIFF` is at `start` (metadata may lie in front), and those that follow it in the same file.
pub(super) fn open(mut file: File, start: u64, wanted: Wanted) -> Result<Opened, AudioError> {
    let mut parts = walk::walk(&mut file, start)?;
    parts.retain(|part| !part.ranges.is_empty());
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else {
        return Err(AudioError::Empty(Fault::NothingRecorded {}));
    };
    let another = file.try_clone().map_err(AudioError::io("Reading the audio failed"))?;
    let (codec, source) = open_part(another, &first, wanted)?;
    if parts.len() == 0 {
        return Ok(Opened { container: "wav", codec, source });
    }
    #[expect(clippy::borrowed_box, reason = "that is what joined parts are")]
    let next = move |_: &Box<dyn AudioSource>| {
        let Some(part) = parts.next() else { return Ok(None) };
        let file = file.try_clone().map_err(AudioError::io("Reading the audio failed"))?;
        open_part(file, &part, wanted).map(|(_, source)| Some(source))
    };
    Ok(Opened { container: "wav", codec, source: Box::new(Joined::new(source, next).truncated()) })
}

fn open_part(file: File, part: &Part, wanted: Wanted) -> Result<(String, Box<dyn AudioSource>), AudioError> {
    let Format { tag, channels, rate_hz, bytes_per_second, block_bytes, bits, big_endian } = part.format;
    let spec = AudioSpec::checked(rate_hz, channels)?;
    let (codec, source): (&str, Box<dyn AudioSource>) = match tag {
        TAG_PCM | TAG_FLOAT => {
            let sample_bytes = sample_bytes(&file, part).map_err(AudioError::io("Reading the audio failed"))?;
            let (codec, format) = match (tag, sample_bytes) {
                (TAG_PCM, 1) => ("pcm_u8", Pcm::U8),
                (TAG_PCM, 2) => (if big_endian { "pcm_s16be" } else { "pcm_s16le" }, Pcm::S16),
                (TAG_PCM, 3) => (if big_endian { "pcm_s24be" } else { "pcm_s24le" }, Pcm::S24),
                (TAG_PCM, 4) => (if big_endian { "pcm_s32be" } else { "pcm_s32le" }, Pcm::S32),
                (TAG_FLOAT, 4) => (if big_endian { "pcm_f32be" } else { "pcm_f32le" }, Pcm::F32),
                (TAG_FLOAT, 8) => (if big_endian { "pcm_f64be" } else { "pcm_f64le" }, Pcm::F64),
                _ => {
                    return Err(AudioError::Unsupported(Fault::SampleSize { bits, frame_bytes: block_bytes }));
                }
            };
            (codec, stream(file, part, spec, PcmBlocks { format, channels, big_endian }))
        }
        TAG_MULAW => ("pcm_mulaw", stream(file, part, spec, G711Blocks { law: Law::Mu, channels })),
        TAG_ALAW => ("pcm_alaw", stream(file, part, spec, G711Blocks { law: Law::A, channels })),
        TAG_GSM if channels == 1 => ("gsm_ms", stream(file, part, spec, GsmBlocks::new(Packing::Wav49)?)),
        TAG_G722 | TAG_G722_OLD if channels == 1 => {
            let spec = AudioSpec::mono(16_000);
            ("g722", stream(file, part, spec, G722Blocks::default()))
        }
        TAG_MS_ADPCM => ("adpcm_ms", stream(file, part, spec, AdpcmBlocks::new(Adpcm::Microsoft, spec, block_bytes)?)),
        TAG_IMA_ADPCM => ("adpcm_ima_wav", stream(file, part, spec, AdpcmBlocks::new(Adpcm::Ima, spec, block_bytes)?)),
        tag if TAGS_G726.contains(&tag) && channels == 1 => {
            // Some writers leave the size of a code out, but the bit rate tells.
            let by_rate = bytes_per_second.saturating_mul(8) / rate_hz;
            let size = CodeBits::new(u32::from(bits))
                .or_else(|| CodeBits::new(by_rate))
                .ok_or_else(|| AudioError::Malformed(Fault::ContradictoryWavHeader { codec: "G.726".into() }))?;
            ("g726", stream(file, part, spec, G726Blocks::new(size, g726::Packing::HighFirst)))
        }
        TAG_MP3 | TAG_MP2 => {
            // Headers of chunks between frames are passed over like any junk there.
            let (start, end) = (part.ranges[0].0, part.ranges.last().map_or(0, |(start, bytes)| start + bytes));
            let range = DataRange { start, bytes: end - start, truncated: part.truncated };
            let another = file.try_clone().map_err(AudioError::io("Reading the audio failed"))?;
            match mp3::open(another, range, wanted)? {
                Some(inner) => ("mp3", inner),
                None => {
                    let inner = SymphoniaSource::open_range(file, range, "mp3")?;
                    (inner.codec(), Box::new(inner))
                }
            }
        }
        _ => {
            return Err(AudioError::Unsupported(Fault::UnreadWav { kind: tag_name(tag) }));
        }
    };
    Ok((codec.to_owned(), source))
}

/// Bytes of a linear sample.
///
/// The bits of a sample decide, as in other players: programs get the size of a frame wrong and never notice. It only counts
/// where the bits say nothing, and for 24 bits that lie in 32.
fn sample_bytes(file: &File, part: &Part) -> std::io::Result<u16> {
    let Format { tag, channels, block_bytes, bits, .. } = part.format;
    let by_frame = block_bytes / channels.max(1);
    Ok(match (tag, bits) {
        (TAG_FLOAT, 32 | 64) => bits / 8,
        (TAG_PCM, 17..=24) if block_bytes == 4 * channels && lies_in_32_bits(file, part)? => 4,
        (TAG_PCM, 1..=32) => bits.div_ceil(8),
        _ => by_frame,
    })
}

/// True if every fourth byte is empty, and not all are: samples of 24 bits that lie at the upper end of 32.
fn lies_in_32_bits(file: &File, part: &Part) -> std::io::Result<bool> {
    const LOOKED_AT_BYTES: usize = 1 << 20;
    let Some((start, bytes)) = part.ranges.first() else { return Ok(false) };
    let mut looked_at = vec![0; usize::try_from(*bytes).unwrap_or(usize::MAX).min(LOOKED_AT_BYTES)];
    let read = file.read_at(&mut looked_at, *start)?;
    let (samples, _) = looked_at[..read].as_chunks::<4>();
    let empty = if part.format.big_endian { 3 } else { 0 };
    Ok(samples.iter().all(|sample| sample[empty] == 0) && samples.iter().any(|sample| *sample != [0; 4]))
}

fn stream(file: File, part: &Part, spec: AudioSpec, decoder: impl BlockDecoder + 'static) -> Box<dyn AudioSource> {
    let compressed = matches!(part.format.tag, TAG_MS_ADPCM | TAG_IMA_ADPCM | TAG_GSM);
    let bound = part.fact_frames.filter(|frames| compressed && *frames > 0 && !part.truncated);
    let mut ranges = part.ranges.clone();
    if let [whole @ .., _] = &mut ranges[..] {
        // A block does not go on in the next chunk.
        let unit = decoder.block_bytes() as u64;
        whole.iter_mut().for_each(|(_, bytes)| *bytes -= *bytes % unit);
    }
    Box::new(DataSource::over(file, ranges, part.truncated, spec, decoder).limited_to(bound))
}

fn tag_name(tag: u16) -> String {
    match tag {
        0x0014 | 0x0040 | 0x0045 | 0x0064 => "G.726 audio of several channels".into(),
        0x0031 => "GSM audio of several channels".into(),
        0x028F | 0x0065 => "G.722 audio of several channels".into(),
        0x0042 | 0x0111 => "G.723.1 audio".into(),
        0x0083 | 0x0133 => "G.729 audio".into(),
        0x0161..=0x0163 => "Windows Media audio".into(),
        0x00FF | 0x1600..=0x1610 => "AAC audio".into(),
        0x2000 => "Dolby AC-3 audio".into(),
        0xA109 => "Speex audio".into(),
        _ => format!("audio of an unknown kind (format tag {tag:#06x})"),
    }
}

#[cfg(test)]
mod tests;
