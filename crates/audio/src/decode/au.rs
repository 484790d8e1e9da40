//! Sun's and NeXT's AU: a header of six numbers, then the sound to the end.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use super::Opened;
use super::behind::{is_silent, is_tag_or_text, read_up_to};
use super::codecs::{G711Blocks, G722Blocks, G726Blocks, Pcm, PcmBlocks};
use super::data::{DataRange, DataSource};
use crate::format::{AudioError, AudioSource, AudioSpec, Fault};
use crate::g711::Law;
use crate::g726::{self, CodeBits};

const HEADER_BYTES: usize = 24;
/// What is written where the size is not known.
const UNKNOWN_BYTES: u32 = u32::MAX;

/// Opens an AU file. A size that is older than the sound behind it is not believed.
pub(super) fn open(mut file: File) -> Result<Opened, AudioError> {
    let read_error = || AudioError::io("Reading the audio failed");
    let end = file.seek(SeekFrom::End(0)).map_err(read_error())?;
    file.rewind().map_err(read_error())?;
    let mut header = [0; HEADER_BYTES];
    if read_up_to(&mut file, &mut header).map_err(read_error())? < HEADER_BYTES {
        return Err(AudioError::Empty(Fault::NothingRecorded {}));
    }
    let (numbers, _) = header.as_chunks::<4>();
    let number = |place: usize| u32::from_be_bytes(numbers[place]);
    let start = u64::from(number(1)).max(HEADER_BYTES as u64);
    let (claimed, encoding, rate_hz) = (number(2), number(3), number(4));
    let available = end.saturating_sub(start);
    if available == 0 {
        return Err(AudioError::Empty(Fault::NothingRecorded {}));
    }
    let behind = start.saturating_add(u64::from(claimed));
    let left = end.saturating_sub(behind);
    let is_all = matches!(claimed, 0 | UNKNOWN_BYTES) || left == 0;
    let ends_there = !is_all
        && (is_tag_or_text(&mut file, behind, left).map_err(read_error())?
            || is_silent(&mut file, behind).map_err(read_error())?);
    let range = DataRange {
        start,
        bytes: if ends_there { u64::from(claimed) } else { available },
        truncated: claimed != UNKNOWN_BYTES && !ends_there && u64::from(claimed) != available,
    };
    let channels = u16::try_from(number(5)).unwrap_or(u16::MAX);
    let spec = AudioSpec::checked(rate_hz, channels)?;
    let linear = |format| PcmBlocks { format, channels, big_endian: true };
    let (codec, source): (&str, Box<dyn AudioSource>) = match encoding {
        1 => ("pcm_mulaw", Box::new(DataSource::new(file, range, spec, G711Blocks { law: Law::Mu, channels }))),
        2 => ("pcm_s8", Box::new(DataSource::new(file, range, spec, linear(Pcm::S8)))),
        3 => ("pcm_s16be", Box::new(DataSource::new(file, range, spec, linear(Pcm::S16)))),
        4 => ("pcm_s24be", Box::new(DataSource::new(file, range, spec, linear(Pcm::S24)))),
        5 => ("pcm_s32be", Box::new(DataSource::new(file, range, spec, linear(Pcm::S32)))),
        6 => ("pcm_f32be", Box::new(DataSource::new(file, range, spec, linear(Pcm::F32)))),
        7 => ("pcm_f64be", Box::new(DataSource::new(file, range, spec, linear(Pcm::F64)))),
        24 if channels == 1 => {
            ("g722", Box::new(DataSource::new(file, range, AudioSpec::mono(16_000), G722Blocks::default())))
        }
        23 | 25 | 26 if channels == 1 => {
            let bits = match encoding {
                23 => 4,
                25 => 3,
                _ => 5,
            };
            let size = CodeBits::new(bits).ok_or_else(|| unread(encoding))?;
            ("g726", Box::new(DataSource::new(file, range, spec, G726Blocks::new(size, g726::Packing::LowFirst))))
        }
        27 => ("pcm_alaw", Box::new(DataSource::new(file, range, spec, G711Blocks { law: Law::A, channels }))),
        _ => return Err(unread(encoding)),
    };
    Ok(Opened { container: "au", codec: codec.to_owned(), source })
}

fn unread(encoding: u32) -> AudioError {
    let format = format!("a Sun AU file with audio of another kind (encoding {encoding})");
    AudioError::Unsupported(Fault::UnreadFormat { format })
}
