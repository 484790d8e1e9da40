//! Which tensors whisper.cpp wants, in its order and under its names, and where CTranslate2 keeps each.

use std::io::{Read, Seek};

use super::ctranslate2::Weights;
use crate::SpeechError;

/// The sizes that define a whisper model.
pub(super) struct Shape {
    pub(super) vocabulary: usize,
    pub(super) audio_context: usize,
    pub(super) text_context: usize,
    /// Width of the model: CTranslate2 fuses query, key and value into one matrix of three times as many rows.
    pub(super) state: usize,
    pub(super) encoder_heads: usize,
    pub(super) encoder_layers: usize,
    pub(super) decoder_heads: usize,
    pub(super) decoder_layers: usize,
    pub(super) mel_bands: usize,
}

impl Shape {
    pub(super) fn of<R: Read + Seek>(weights: &mut Weights<R>) -> Result<Self, SpeechError> {
        let size = |name: &str, axis: usize| {
            weights.dimensions(name)?.get(axis).copied().ok_or_else(|| {
                SpeechError::Malformed(format!("the CTranslate2 weights: {name} has too few dimensions"))
            })
        };
        let layers = |side: &str| {
            (0..)
                .take_while(|layer| weights.contains(&format!("{side}/layer_{layer}/self_attention/linear_0/weight")))
                .count()
        };
        Ok(Self {
            vocabulary: size("decoder/embeddings/weight", 0)?,
            state: size("decoder/embeddings/weight", 1)?,
            audio_context: size("encoder/position_encodings/encodings", 0)?,
            text_context: size("decoder/position_encodings/encodings", 0)?,
            mel_bands: size("encoder/conv1/weight", 1)?,
            encoder_layers: layers("encoder"),
            decoder_layers: layers("decoder"),
            encoder_heads: weights.read_scalar("encoder/num_heads")?,
            decoder_heads: weights.read_scalar("decoder/num_heads")?,
        })
    }
}

/// How a tensor's values are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Float32,
    Float16,
    /// In the encoding chosen for the file.
    Matrix,
}

/// One tensor of the output.
pub(super) struct Tensor {
    pub(super) name: String,
    /// The variable it comes from.
    pub(super) source: String,
    /// `(first, count)` of the variable's rows, where it is part of a fused one.
    rows: Option<(usize, usize)>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Positions,
    /// Stored as a column, so that it broadcasts over time.
    ConvolutionBias,
}

impl Tensor {
    /// The output's shape, outermost first.
    pub(super) fn dimensions<R: Read + Seek>(&self, weights: &Weights<R>) -> Result<Vec<usize>, SpeechError> {
        let mut dimensions = weights.dimensions(&self.source)?.to_vec();
        if let (Some((_, count)), Some(outermost)) = (self.rows, dimensions.first_mut()) {
            *outermost = count;
        }
        if self.kind == Kind::ConvolutionBias {
            dimensions.push(1);
        }
        Ok(dimensions)
    }

    /// Index of the first value within the variable.
    pub(super) fn first_value(&self, dimensions: &[usize]) -> usize {
        let row: usize = dimensions.iter().skip(1).product();
        self.rows.map_or(0, |(first, _)| first * row)
    }

    /// Vectors, positions and biases keep full precision; convolutions stay in half; matrices follow the encoding.
    pub(super) fn form(&self, dimensions: &[usize]) -> Form {
        match (self.kind, dimensions.len()) {
            (Kind::Plain, 2) => Form::Matrix,
            (Kind::Plain, 3) => Form::Float16,
            _ => Form::Float32,
        }
    }
}

/// Every tensor of a model, in the order of the official files.
pub(super) fn tensors(shape: &Shape) -> Vec<Tensor> {
    let mut list = TensorList::default();
    list.push_kind("decoder.positional_embedding", "decoder/position_encodings/encodings", Kind::Positions);
    list.push_kind("encoder.positional_embedding", "encoder/position_encodings/encodings", Kind::Positions);
    list.push("decoder.token_embedding.weight", "decoder/embeddings/weight");
    for layer in 0..shape.decoder_layers {
        list.push_block("decoder", layer, shape.state);
    }
    list.push_norm("decoder.ln", "decoder/layer_norm");
    for convolution in ["conv1", "conv2"] {
        let (name, source) = (format!("encoder.{convolution}"), format!("encoder/{convolution}"));
        list.push(format!("{name}.weight"), format!("{source}/weight"));
        list.push_kind(format!("{name}.bias"), format!("{source}/bias"), Kind::ConvolutionBias);
    }
    for layer in 0..shape.encoder_layers {
        list.push_block("encoder", layer, shape.state);
    }
    list.push_norm("encoder.ln_post", "encoder/layer_norm");
    list.0
}

#[derive(Default)]
struct TensorList(Vec<Tensor>);

impl TensorList {
    fn push(&mut self, name: impl Into<String>, source: impl Into<String>) {
        self.push_kind(name, source, Kind::Plain);
    }

    fn push_kind(&mut self, name: impl Into<String>, source: impl Into<String>, kind: Kind) {
        self.0.push(Tensor { name: name.into(), source: source.into(), rows: None, kind });
    }

    fn push_rows(&mut self, name: String, source: String, rows: (usize, usize)) {
        self.0.push(Tensor { name, source, rows: Some(rows), kind: Kind::Plain });
    }

    fn push_linear(&mut self, name: &str, source: &str) {
        for part in ["weight", "bias"] {
            self.push(format!("{name}.{part}"), format!("{source}/{part}"));
        }
    }

    fn push_norm(&mut self, name: &str, source: &str) {
        self.push(format!("{name}.weight"), format!("{source}/gamma"));
        self.push(format!("{name}.bias"), format!("{source}/beta"));
    }

    /// One layer: feed-forward, self-attention and, in the decoder, attention to the audio. Keys have no bias.
    fn push_block(&mut self, side: &str, layer: usize, state: usize) {
        let name = |part: &str| format!("{side}.blocks.{layer}.{part}");
        let source = |part: &str| format!("{side}/layer_{layer}/{part}");

        self.push_norm(&name("mlp_ln"), &source("ffn/layer_norm"));
        self.push_linear(&name("mlp.0"), &source("ffn/linear_0"));
        self.push_linear(&name("mlp.2"), &source("ffn/linear_1"));

        self.push_norm(&name("attn_ln"), &source("self_attention/layer_norm"));
        let fused = |part: &str| source(&format!("self_attention/linear_0/{part}"));
        self.push_rows(name("attn.query.weight"), fused("weight"), (0, state));
        self.push_rows(name("attn.query.bias"), fused("bias"), (0, state));
        self.push_rows(name("attn.key.weight"), fused("weight"), (state, state));
        self.push_rows(name("attn.value.weight"), fused("weight"), (2 * state, state));
        self.push_rows(name("attn.value.bias"), fused("bias"), (2 * state, state));
        self.push_linear(&name("attn.out"), &source("self_attention/linear_1"));
        if side != "decoder" {
            return;
        }

        self.push_norm(&name("cross_attn_ln"), &source("attention/layer_norm"));
        self.push_linear(&name("cross_attn.query"), &source("attention/linear_0"));
        let fused = |part: &str| source(&format!("attention/linear_1/{part}"));
        self.push_rows(name("cross_attn.key.weight"), fused("weight"), (0, state));
        self.push_rows(name("cross_attn.value.weight"), fused("weight"), (state, state));
        self.push_rows(name("cross_attn.value.bias"), fused("bias"), (state, state));
        self.push_linear(&name("cross_attn.out"), &source("attention/linear_2"));
    }
}
