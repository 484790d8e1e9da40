//! Reads whisper's weights from a ggml file, a tensor at a time.
//!
//! The layout is that of whisper.cpp's `convert-pt-to-ggml.py`: a header of eleven numbers, the mel filters, the
//! vocabulary, then tensors, each with its shape (innermost dimension first), name, type and values.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use half::f16;

use crate::SpeechError;

/// "ggml" as a little-endian number.
const MAGIC: u32 = 0x6767_6d6c;

/// Values of one block of the type `q8_0`: a scale of two bytes, then a byte each.
const BLOCK_VALUES: usize = 32;
const BLOCK_BYTES: usize = 2 + BLOCK_VALUES;

/// More of anything than the largest whisper has is a damaged file.
const MAX_DIMENSION: usize = 1 << 20;
const MAX_VALUES: usize = 1 << 28;
const MAX_NAME_BYTES: usize = 256;

/// The sizes of a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Tokens, control tokens included.
    pub(super) vocabulary: usize,
    /// Width of the half that listens.
    pub(super) audio_width: usize,
    pub(super) audio_heads: usize,
    pub(super) audio_layers: usize,
    /// Longest text in tokens, with what is asked before it.
    pub(super) text_positions: usize,
    /// Width of the half that writes.
    pub(super) text_width: usize,
    pub(super) text_heads: usize,
    pub(super) text_layers: usize,
    /// Bands of the spectrogram.
    pub(super) mels: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    F32,
    F16,
    Q8,
}

struct Entry {
    kind: Kind,
    values: usize,
    offset: u64,
}

/// An open file of weights.
pub(super) struct Weights {
    file: BufReader<File>,
    entries: HashMap<String, Entry>,
    pub(super) shape: Shape,
    /// A row of weights for each band, one for each bin of the spectrum.
    pub(super) mel_filters: Vec<f32>,
    /// The bytes of each token that is text.
    pub(super) tokens: Vec<Vec<u8>>,
}

impl Weights {
    /// Reads everything but the tensors.
    pub(super) fn open(path: &Path) -> Result<Self, SpeechError> {
        let file = File::open(path).map_err(SpeechError::io("opening a whisper model"))?;
        let bytes = file.metadata().map_err(SpeechError::io("opening a whisper model"))?.len();
        let mut file = BufReader::new(file);
        if read_u32(&mut file)? != MAGIC {
            return Err(malformed("it does not begin as ggml files do"));
        }
        let mut header = [0usize; 11];
        for number in &mut header {
            *number = read_size(&mut file, MAX_DIMENSION)?;
        }
        let [vocabulary, _, audio_width, audio_heads, audio_layers, text_positions, ..] = header;
        let [.., text_width, text_heads, text_layers, mels, _] = header;
        let shape = Shape {
            vocabulary,
            audio_width,
            audio_heads,
            audio_layers,
            text_positions,
            text_width,
            text_heads,
            text_layers,
            mels,
        };
        if [audio_heads, text_heads].contains(&0) || audio_width % audio_heads + text_width % text_heads > 0 {
            return Err(malformed("its attention heads do not divide its width"));
        }
        let filters = [read_size(&mut file, MAX_DIMENSION)?, read_size(&mut file, MAX_DIMENSION)?];
        let mel_filters = floats(&read_bytes(&mut file, filters[0].saturating_mul(filters[1]), 4)?);
        let count = read_size(&mut file, MAX_DIMENSION)?;
        let tokens = (0..count).map(|_| {
            let length = read_size(&mut file, MAX_NAME_BYTES)?;
            read_bytes(&mut file, length, 1)
        });
        let tokens = tokens.collect::<Result<_, _>>()?;
        let entries = directory(&mut file, bytes)?;
        Ok(Self { file, entries, shape, mel_filters, tokens })
    }

    /// The values of a tensor that the model must have, its last dimension running fastest.
    pub(super) fn take(&mut self, name: &str) -> Result<Vec<f32>, SpeechError> {
        self.find(name)?.ok_or_else(|| malformed(&format!("it has no {name}")))
    }

    /// The values of a tensor that only some models have.
    pub(super) fn find(&mut self, name: &str) -> Result<Option<Vec<f32>>, SpeechError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        self.file.seek(SeekFrom::Start(entry.offset)).map_err(SpeechError::io("reading a whisper model"))?;
        let half = |bytes: &[u8]| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
        Ok(Some(match entry.kind {
            Kind::F32 => floats(&read_bytes(&mut self.file, entry.values, 4)?),
            Kind::F16 => read_bytes(&mut self.file, entry.values, 2)?.chunks_exact(2).map(half).collect(),
            Kind::Q8 => {
                let bytes = read_bytes(&mut self.file, entry.values / BLOCK_VALUES, BLOCK_BYTES)?;
                let mut values = Vec::with_capacity(entry.values);
                for block in bytes.chunks_exact(BLOCK_BYTES) {
                    let scale = half(block);
                    values.extend(block[2..].iter().map(|value| scale * f32::from(value.cast_signed())));
                }
                values
            }
        }))
    }
}

/// Where each tensor lies.
fn directory(file: &mut BufReader<File>, bytes: u64) -> Result<HashMap<String, Entry>, SpeechError> {
    let place = |file: &mut BufReader<File>| file.stream_position().map_err(SpeechError::io("reading a whisper model"));
    let mut entries = HashMap::new();
    while place(file)? < bytes {
        let (dimensions, name_bytes) = (read_size(file, 4)?, read_size(file, MAX_NAME_BYTES)?);
        let kind = read_u32(file)?;
        let mut values = 1usize;
        for _ in 0..dimensions {
            values = values.saturating_mul(read_size(file, MAX_DIMENSION)?);
        }
        let name = String::from_utf8_lossy(&read_bytes(file, name_bytes, 1)?).into_owned();
        let (kind, length) = match kind {
            0 => (Kind::F32, values.saturating_mul(4)),
            1 => (Kind::F16, values.saturating_mul(2)),
            8 if values.is_multiple_of(BLOCK_VALUES) => (Kind::Q8, (values / BLOCK_VALUES).saturating_mul(BLOCK_BYTES)),
            other => {
                return Err(SpeechError::UnreadableModel(format!(
                    "{name} is of ggml's type {other}; only f32, f16 and q8_0 are read"
                )));
            }
        };
        let offset = place(file)?;
        if values > MAX_VALUES || offset.saturating_add(length as u64) > bytes {
            return Err(malformed(&format!("{name} is cut off")));
        }
        file.seek_relative(length as i64).map_err(SpeechError::io("reading a whisper model"))?;
        entries.insert(name, Entry { kind, values, offset });
    }
    Ok(entries)
}

fn malformed(what: &str) -> SpeechError {
    SpeechError::Malformed(format!("this is not a whisper model in ggml's form: {what}"))
}

fn read_u32(file: &mut impl Read) -> Result<u32, SpeechError> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes).map_err(SpeechError::io("reading a whisper model"))?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_size(file: &mut impl Read, most: usize) -> Result<usize, SpeechError> {
    let size = read_u32(file)? as usize;
    if size <= most { Ok(size) } else { Err(malformed(&format!("it has a size of {size}, over {most}"))) }
}

fn read_bytes(file: &mut impl Read, values: usize, bytes_each: usize) -> Result<Vec<u8>, SpeechError> {
    if values > MAX_VALUES {
        return Err(malformed(&format!("it has a tensor of {values} values")));
    }
    let mut bytes = vec![0; values * bytes_each];
    file.read_exact(&mut bytes).map_err(SpeechError::io("reading a whisper model"))?;
    Ok(bytes)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &[u8]) -> Result<Weights, SpeechError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Weights::open(file.path())
    }

    /// A model of no layers with one tensor of a kind.
    fn model(kind: u32, values: &[u8], count: u32) -> Vec<u8> {
        let header = [MAGIC, 1, 4, 4, 2, 0, 8, 4, 2, 0, 1, 1, 1, 2];
        let mut bytes: Vec<u8> = header.iter().flat_map(|number| number.to_le_bytes()).collect();
        bytes.extend([0.5f32, 0.25].iter().flat_map(|filter| filter.to_le_bytes()));
        bytes.extend(1u32.to_le_bytes());
        bytes.extend([2u32.to_le_bytes().as_slice(), b"hi"].concat());
        bytes.extend([1, 1, kind, count].iter().flat_map(|number: &u32| number.to_le_bytes()));
        bytes.push(b'w');
        bytes.extend(values);
        bytes
    }

    #[test]
    fn tensors_of_every_kind_are_read() {
        let one = f16::from_f32(0.5).to_le_bytes();
        let block: Vec<u8> = one.iter().copied().chain((0..32).map(|n| n as u8)).collect();
        for (kind, bytes, count, expected) in [
            (0, 1.5f32.to_le_bytes().to_vec(), 1, vec![1.5]),
            (1, one.to_vec(), 1, vec![0.5]),
            (8, block, 32, (0..32).map(|n| n as f32 / 2.0).collect()),
        ] {
            let mut weights = opened(&model(kind, &bytes, count)).unwrap();
            assert_eq!(weights.take("w").unwrap(), expected);
            assert_eq!(weights.tokens, [b"hi"]);
            assert_eq!(weights.mel_filters, [0.5, 0.25]);
            assert!(weights.find("v").unwrap().is_none());
            assert!(weights.take("v").unwrap_err().to_string().contains("it has no v"));
        }
    }

    #[test]
    fn what_is_cut_strange_or_of_another_kind_is_refused_in_words() {
        let whole = model(0, &1.5f32.to_le_bytes(), 1);
        for length in 0..whole.len() {
            assert!(opened(&whole[..length]).map(|mut weights| weights.take("w")).is_err() || length == 74, "{length}");
        }
        let refused = |bytes: &[u8]| opened(bytes).err().unwrap().to_string();
        assert!(refused(b"RIFF....WAVE").contains("does not begin as ggml files do"));
        assert!(refused(&model(6, &[], 32)).contains("only f32, f16 and q8_0 are read"));
        assert!(refused(&model(0, &[0; 4], 2)).contains("w is cut off"));
    }
}
