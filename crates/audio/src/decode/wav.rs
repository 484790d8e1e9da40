//! WAV, read the way call cores really write it: headers never completed, sizes that lie, chunks in any order.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::codecs::{Adpcm, AdpcmBlocks, G711Blocks, G722Blocks, G726Blocks, GsmBlocks, Pcm, PcmBlocks};
use super::data::{BlockDecoder, DataRange, DataSource};
use super::mp3::Mp3Source;
use super::symphonia::SymphoniaSource;
use super::{Opened, Wanted};
use crate::format::{AudioError, AudioSource, AudioSpec};
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
const TAG_EXTENSIBLE: u16 = 0xFFFE;

/// A header with more chunks than this in front of the audio was made to waste our time.
const MAX_CHUNKS: usize = 1_024;

/// Sizes from here up are what programs write when they can't know the size (a pipe): read to the end of the file.
const UNKNOWN_SIZE: u32 = 0x7FFF_0000;

/// What the `fmt ` and `fact` chunks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Format {
    tag: u16,
    channels: u16,
    rate_hz: u32,
    bytes_per_second: u32,
    block_bytes: u16,
    bits: u16,
}

impl Format {
    fn parse(chunk: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u16::from_le_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
        let mut format = Self {
            tag: word(0)?,
            channels: word(2)?,
            rate_hz: u32::from_le_bytes(chunk.get(4..8)?.try_into().ok()?),
            bytes_per_second: u32::from_le_bytes(chunk.get(8..12)?.try_into().ok()?),
            block_bytes: word(12)?,
            bits: word(14)?,
        };
        if format.tag == TAG_EXTENSIBLE {
            // The sub-format GUID begins with the tag it stands for.
            format.tag = word(24)?;
        }
        Some(format)
    }
}

/// The walk's findings.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    format: Format,
    data: DataRange,
    /// Frames by the `fact` chunk, the only place where compressed formats state their exact length.
    fact_frames: Option<u64>,
}

/// Opens the WAV whose `RIFF` is at `start` (metadata may lie in front).
pub(super) fn open(mut file: File, start: u64, wanted: Wanted) -> Result<Opened, AudioError> {
    let layout = walk(&mut file, start)?;
    let Format { tag, channels, rate_hz, bytes_per_second, block_bytes, bits } = layout.format;
    if layout.data.bytes == 0 {
        return Err(AudioError::Empty(
            "This WAV file has a header but no audio in it: nothing was recorded. Record or export it again.".into(),
        ));
    }
    let spec = AudioSpec::checked(rate_hz, channels)?;
    let (codec, source): (&str, Box<dyn AudioSource>) = match tag {
        TAG_PCM | TAG_FLOAT => {
            let sample_bytes = if block_bytes > 0 { block_bytes / channels } else { bits.div_ceil(8) };
            let (codec, format) = match (tag, sample_bytes) {
                (TAG_PCM, 1) => ("pcm_u8", Pcm::U8),
                (TAG_PCM, 2) => ("pcm_s16le", Pcm::S16),
                (TAG_PCM, 3) => ("pcm_s24le", Pcm::S24),
                (TAG_PCM, 4) => ("pcm_s32le", Pcm::S32),
                (TAG_FLOAT, 4) => ("pcm_f32le", Pcm::F32),
                (TAG_FLOAT, 8) => ("pcm_f64le", Pcm::F64),
                _ => {
                    return Err(AudioError::Unsupported(format!(
                        "This WAV file uses {bits}-bit samples in {block_bytes}-byte frames, which no player expects. \
                         Send 16-bit PCM WAV."
                    )));
                }
            };
            (codec, stream(file, &layout, spec, PcmBlocks { format, channels })?)
        }
        TAG_MULAW => ("pcm_mulaw", stream(file, &layout, spec, G711Blocks { law: Law::Mu, channels })?),
        TAG_ALAW => ("pcm_alaw", stream(file, &layout, spec, G711Blocks { law: Law::A, channels })?),
        TAG_GSM if channels == 1 => ("gsm_ms", stream(file, &layout, spec, GsmBlocks::new(Packing::Wav49)?)?),
        TAG_G722 | TAG_G722_OLD if channels == 1 => {
            let spec = AudioSpec::mono(16_000);
            ("g722", stream(file, &layout, spec, G722Blocks::default())?)
        }
        TAG_MS_ADPCM => {
            ("adpcm_ms", stream(file, &layout, spec, AdpcmBlocks::new(Adpcm::Microsoft, spec, block_bytes)?)?)
        }
        TAG_IMA_ADPCM => {
            ("adpcm_ima_wav", stream(file, &layout, spec, AdpcmBlocks::new(Adpcm::Ima, spec, block_bytes)?)?)
        }
        tag if TAGS_G726.contains(&tag) && channels == 1 => {
            // Some writers leave the size of a code out, but the bit rate tells.
            let by_rate = bytes_per_second.saturating_mul(8) / rate_hz;
            let size = CodeBits::new(u32::from(bits)).or_else(|| CodeBits::new(by_rate)).ok_or_else(|| {
                AudioError::Malformed(
                    "The G.726 header of this WAV file contradicts itself. Export it again as 16-bit PCM WAV.".into(),
                )
            })?;
            ("g726", stream(file, &layout, spec, G726Blocks::new(size, g726::Packing::HighFirst))?)
        }
        TAG_MP3 | TAG_MP2 => {
            let another = file.try_clone().map_err(AudioError::io("Reading the audio failed"))?;
            match Mp3Source::open(another, layout.data, wanted)? {
                Some(inner) => ("mp3", Box::new(inner)),
                None => {
                    let inner = SymphoniaSource::open_range(file, layout.data, "mp3")?;
                    (inner.codec(), Box::new(inner))
                }
            }
        }
        _ => {
            return Err(AudioError::Unsupported(format!(
                "This WAV file holds {}, which can't be read here. Export it as 16-bit PCM WAV, or send MP3, M4A, FLAC, \
                 Ogg or Opus.",
                tag_name(tag)
            )));
        }
    };
    Ok(Opened { container: "wav", codec: codec.to_owned(), source })
}

fn stream(
    file: File,
    layout: &Layout,
    spec: AudioSpec,
    decoder: impl BlockDecoder + 'static,
) -> Result<Box<dyn AudioSource>, AudioError> {
    let compressed = matches!(layout.format.tag, TAG_MS_ADPCM | TAG_IMA_ADPCM | TAG_GSM);
    let bound = layout.fact_frames.filter(|frames| compressed && *frames > 0 && !layout.data.truncated);
    Ok(Box::new(DataSource::new(file, layout.data, spec, decoder)?.limited_to(bound)))
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

/// Walks the chunks up to the audio.
fn walk(file: &mut File, start: u64) -> Result<Layout, AudioError> {
    let read_error = || AudioError::io("Reading the WAV header failed");
    let end = file.seek(SeekFrom::End(0)).map_err(read_error())?;
    let mut at = start + 12;
    let (mut format, mut fact_frames, mut long_data_bytes) = (None, None, None);
    for _ in 0..MAX_CHUNKS {
        let Some((id, size)) = chunk_header(file, at).map_err(read_error())? else {
            break;
        };
        let body = at + 8;
        let mut head = [0u8; 40];
        let head_bytes = match &id {
            b"fmt " | b"fact" | b"ds64" => {
                read_up_to(file, &mut head[..(size as usize).min(40)]).map_err(read_error())?
            }
            _ => 0,
        };
        let head = &head[..head_bytes];
        match &id {
            b"fmt " => format = Format::parse(head),
            b"fact" => {
                fact_frames = head.get(..4).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
            }
            b"ds64" => long_data_bytes = head.get(8..16).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes),
            b"data" => {
                let format = format.ok_or_else(|| {
                    AudioError::Malformed(
                        "This WAV file does not say what kind of audio it holds (no format chunk). Export it again."
                            .into(),
                    )
                })?;
                let available = end.saturating_sub(body);
                let data = match size {
                    u32::MAX if long_data_bytes.is_some_and(|bytes| bytes > 0) => {
                        bounded(body, long_data_bytes.unwrap_or_default(), available)
                    }
                    // Writers put a zero first and the size last. If only other chunks follow, the audio is truly empty.
                    0 if only_chunks_follow(file, body, end).map_err(read_error())? => bounded(body, 0, available),
                    0 => DataRange { start: body, bytes: available, truncated: available > 0 },
                    UNKNOWN_SIZE.. if u64::from(size) > available => {
                        DataRange { start: body, bytes: available, truncated: false }
                    }
                    size => bounded(body, u64::from(size), available),
                };
                return Ok(Layout { format, data, fact_frames });
            }
            _ => {}
        }
        at = next_chunk(file, start, body + u64::from(size)).map_err(read_error())?;
    }
    Err(match format {
        Some(_) => AudioError::Empty(
            "This WAV file stops before its audio begins: nothing was recorded. Record or export it again.".into(),
        ),
        None => AudioError::Malformed("This WAV file's header is damaged. Export it again.".into()),
    })
}

fn bounded(start: u64, claimed: u64, available: u64) -> DataRange {
    DataRange { start, bytes: claimed.min(available), truncated: claimed > available }
}

/// The id and size at `at`, or nothing where no chunk can be.
fn chunk_header(file: &mut File, at: u64) -> std::io::Result<Option<([u8; 4], u32)>> {
    file.seek(SeekFrom::Start(at))?;
    let mut header = [0u8; 8];
    if read_up_to(file, &mut header)? < header.len() {
        return Ok(None);
    }
    let [a, b, c, d, size @ ..] = header;
    let id = [a, b, c, d];
    Ok(id.iter().all(|byte| (0x20..0x7F).contains(byte)).then_some((id, u32::from_le_bytes(size))))
}

/// Chunks that are found in WAV files, by which one is told from another's middle.
const USUAL_CHUNKS: [&[u8; 4]; 18] = [
    b"data", b"fmt ", b"fact", b"ds64", b"LIST", b"JUNK", b"junk", b"PAD ", b"FLLR", b"bext", b"cart", b"id3 ",
    b"ID3 ", b"iXML", b"cue ", b"smpl", b"PEAK", b"note",
];

/// Chunks are padded to even offsets, but some writers forget; take the offset where a usual chunk is, or else any.
fn next_chunk(file: &mut File, start: u64, end_of_body: u64) -> std::io::Result<u64> {
    let padded = end_of_body + end_of_body.abs_diff(start) % 2;
    let mut possible = None;
    for at in [padded, end_of_body] {
        match chunk_header(file, at)? {
            Some((id, _)) if USUAL_CHUNKS.contains(&&id) => return Ok(at),
            Some(_) => possible = possible.or(Some(at)),
            None => {}
        }
    }
    Ok(possible.unwrap_or(padded))
}

/// True when whole chunks, and nothing else, lie from `at` to the end.
fn only_chunks_follow(file: &mut File, mut at: u64, end: u64) -> std::io::Result<bool> {
    for _ in 0..MAX_CHUNKS {
        if at >= end {
            return Ok(true);
        }
        match chunk_header(file, at)? {
            Some((_, size)) if at + 8 + u64::from(size) <= end => at += 8 + u64::from(size) + u64::from(size % 2),
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Fills as much of `buffer` as the file still has.
fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
