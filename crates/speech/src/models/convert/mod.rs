//! Rewrites networks published for one engine into files for another.
//!
//! Whisper weights go from CTranslate2's form (as Python packages carry them) to whisper.cpp's, bit for bit the
//! file that whisper.cpp's own tools make from the original weights.

mod ctranslate2;
mod layout;
mod mel;
mod onnx;
mod quantize;
mod vocabulary;

use std::io::{Read, Seek, Write};

use half::f16;
use serde::Deserialize;

pub(super) use onnx::unfuse;
pub(super) use vocabulary::parse as parse_vocabulary;

use self::{
    ctranslate2::Weights,
    layout::{Form, Shape, Tensor},
};
use crate::SpeechError;

/// How the large matrices are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// Half precision, as published.
    F16,
    /// Blocks of 32 eight-bit integers with one half-precision scale.
    Q8_0,
}

impl Encoding {
    /// The header's file type: the base type, plus 1000 times the version of the quantised formats.
    fn file_type(self) -> u32 {
        match self {
            Self::F16 => 1,
            Self::Q8_0 => 2007,
        }
    }

    /// The type id of a matrix in this encoding.
    fn tensor_type(self) -> u32 {
        match self {
            Self::F16 => TYPE_F16,
            Self::Q8_0 => 8,
        }
    }
}

const MAGIC: u32 = 0x6767_6d6c;
const TYPE_F32: u32 = 0;
const TYPE_F16: u32 = 1;

/// Frequency bins of whisper's 400-point spectrum.
const SPECTRUM_BINS: usize = 201;

/// Values converted at a time: a multiple of the block length, small enough to stay in the cache.
const CHUNK_VALUES: usize = 32 * 1024;

/// Writes the model that `weights` and `vocabulary` make; holds one chunk of one tensor in memory at a time.
pub(super) fn ctranslate2_to_ggml(
    weights: impl Read + Seek,
    vocabulary: &[Vec<u8>],
    encoding: Encoding,
    output: &mut impl Write,
) -> Result<(), SpeechError> {
    let mut weights = Weights::open(weights)?;
    let shape = Shape::of(&mut weights)?;
    write_header(&shape, vocabulary, encoding, output)?;
    for tensor in layout::tensors(&shape) {
        write_tensor(&mut weights, &tensor, encoding, output)?;
    }
    Ok(())
}

fn write_header(
    shape: &Shape,
    vocabulary: &[Vec<u8>],
    encoding: Encoding,
    output: &mut impl Write,
) -> Result<(), SpeechError> {
    let mut header = Vec::new();
    let mut put = |value: usize| header.extend_from_slice(&(value as u32).to_le_bytes());
    put(MAGIC as usize);
    for value in [
        shape.vocabulary,
        shape.audio_context,
        shape.state,
        shape.encoder_heads,
        shape.encoder_layers,
        shape.text_context,
        shape.state,
        shape.decoder_heads,
        shape.decoder_layers,
        shape.mel_bands,
        encoding.file_type() as usize,
        shape.mel_bands,
        SPECTRUM_BINS,
    ] {
        put(value);
    }
    for weight in mel::filter_bank(shape.mel_bands, SPECTRUM_BINS) {
        header.extend_from_slice(&weight.to_le_bytes());
    }
    header.extend_from_slice(&(vocabulary.len() as u32).to_le_bytes());
    for token in vocabulary {
        header.extend_from_slice(&(token.len() as u32).to_le_bytes());
        header.extend_from_slice(token);
    }
    output.write_all(&header).map_err(SpeechError::io("writing the model"))
}

fn write_tensor<R: Read + Seek>(
    weights: &mut Weights<R>,
    tensor: &Tensor,
    encoding: Encoding,
    output: &mut impl Write,
) -> Result<(), SpeechError> {
    let dimensions = tensor.dimensions(weights)?;
    let form = tensor.form(&dimensions);
    let tensor_type = match form {
        Form::Float32 => TYPE_F32,
        Form::Float16 => TYPE_F16,
        Form::Matrix => encoding.tensor_type(),
    };
    let mut bytes = Vec::new();
    for value in [dimensions.len() as u32, tensor.name.len() as u32, tensor_type] {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    for &dimension in dimensions.iter().rev() {
        bytes.extend_from_slice(&(dimension as u32).to_le_bytes());
    }
    bytes.extend_from_slice(tensor.name.as_bytes());

    let total: usize = dimensions.iter().product();
    let mut done = 0;
    while done < total {
        let count = CHUNK_VALUES.min(total - done);
        let values = weights.read_f16(&tensor.source, tensor.first_value(&dimensions) + done, count)?;
        match (form, encoding) {
            (Form::Float32, _) => bytes.extend(values.iter().flat_map(|value| value.to_f32().to_le_bytes())),
            (Form::Matrix, Encoding::Q8_0) => quantize::q8_0(&values, &mut bytes)?,
            (Form::Float16 | Form::Matrix, _) => bytes.extend(values.iter().copied().flat_map(f16::to_le_bytes)),
        }
        output.write_all(&bytes).map_err(SpeechError::io("writing the model"))?;
        bytes.clear();
        done += count;
    }
    Ok(())
}
