//! The half of whisper that listens.

use rten_gemm::{GemmInputA, GemmInputB, GemmOptions};
use rten_simd::SimdOp;
use rten_vecmath::Softmax;

use super::{
    layers::{Convolution, Kernels, Linear, Norm, Scratch, Use, add, columns_of, done, gelu, matrix, rows_of},
    weights::Weights,
};
use crate::SpeechError;

struct Layer {
    attention_norm: Norm,
    /// Queries, keys and values side by side.
    attention: Linear,
    attention_out: Linear,
    mlp_norm: Norm,
    mlp_up: Linear,
    mlp_down: Linear,
}

/// Turns a spectrogram into what the decoder reads from.
pub(super) struct Encoder {
    first: Convolution,
    second: Convolution,
    positions: Vec<f32>,
    layers: Vec<Layer>,
    norm: Norm,
    width: usize,
    heads: usize,
}

impl Encoder {
    pub(super) fn read(weights: &mut Weights, kernels: &Kernels) -> Result<Self, SpeechError> {
        let shape = weights.shape;
        let width = shape.audio_width;
        let mut layers = Vec::with_capacity(shape.audio_layers);
        for index in 0..shape.audio_layers {
            let name = |part: &str| format!("encoder.blocks.{index}.{part}");
            let attention = ["attn.query", "attn.key", "attn.value"].map(name);
            let mut attention_norm = Norm::read(weights, &name("attn_ln"), width)?;
            let mut mlp_norm = Norm::read(weights, &name("mlp_ln"), width)?;
            let mut linear = |names: &[String], inputs: usize, norm: Option<&mut Norm>| {
                Linear::read(weights, kernels, names, inputs, Use::Many, norm)
            };
            layers.push(Layer {
                attention: linear(&attention, width, Some(&mut attention_norm))?,
                attention_out: linear(&[name("attn.out")], width, None)?,
                mlp_up: linear(&[name("mlp.0")], width, Some(&mut mlp_norm))?,
                mlp_down: linear(&[name("mlp.2")], 4 * width, None)?,
                attention_norm,
                mlp_norm,
            });
        }
        Ok(Self {
            first: Convolution::read(weights, kernels, "encoder.conv1", shape.mels)?,
            second: Convolution::read(weights, kernels, "encoder.conv2", width)?,
            positions: weights.take("encoder.positional_embedding")?,
            layers,
            norm: Norm::read(weights, "encoder.ln_post", width)?,
            width,
            heads: shape.audio_heads,
        })
    }

    /// A row for each position of a spectrogram, which has two frames a position and a row of zeros on either side.
    ///
    /// `check` is asked between layers whether to go on.
    pub(super) fn forward(
        &self,
        kernels: &Kernels,
        scratch: &mut Scratch,
        spectrogram: &[f32],
        check: &dyn Fn() -> Result<(), SpeechError>,
    ) -> Result<Vec<f32>, SpeechError> {
        let halfway = self.first.forward(kernels, spectrogram, 1, true)?;
        let mut state = self.second.forward(kernels, &halfway, 2, false)?;
        drop(halfway);
        add(&mut state, &self.positions);
        let mut attention = Attention::new(state.len() / self.width, self.width, self.heads);
        let (mut normed, mut wide, mut change) = (Vec::new(), Vec::new(), Vec::new());
        for layer in &self.layers {
            check()?;
            layer.attention_norm.forward(&state, &mut normed);
            layer.attention.forward(kernels, scratch, &normed, &mut wide)?;
            let attended = attention.forward(kernels, &wide)?;
            layer.attention_out.forward(kernels, scratch, attended, &mut change)?;
            add(&mut state, &change);
            layer.mlp_norm.forward(&state, &mut normed);
            layer.mlp_up.forward(kernels, scratch, &normed, &mut wide)?;
            gelu(&mut wide);
            layer.mlp_down.forward(kernels, scratch, &wide, &mut change)?;
            add(&mut state, &change);
        }
        self.norm.forward(&state, &mut normed);
        Ok(normed)
    }
}

/// Positions that look at a time: their scores stay in the processor's nearest memory, also for a window of 30 s.
const LOOKING: usize = 64;

/// Every position looks at every other.
struct Attention {
    positions: usize,
    width: usize,
    heads: usize,
    scores: Vec<f32>,
    of_head: Vec<f32>,
    attended: Vec<f32>,
}

impl Attention {
    fn new(positions: usize, width: usize, heads: usize) -> Self {
        Self {
            positions,
            width,
            heads,
            scores: vec![0.0; LOOKING * positions],
            of_head: vec![0.0; LOOKING * width / heads],
            attended: vec![0.0; positions * width],
        }
    }

    /// `input` has queries, keys and values side by side.
    fn forward(&mut self, kernels: &Kernels, input: &[f32]) -> Result<&[f32], SpeechError> {
        let (positions, width, head_width) = (self.positions, self.width, self.width / self.heads);
        for at in (0..width).step_by(head_width) {
            let keys = kernels.float.prepack_b(columns_of(&input[width + at..], positions, head_width, 3 * width)?);
            let values = kernels.float.prepack_b(rows_of(&input[2 * width + at..], positions, head_width, 3 * width)?);
            let looking = input.chunks(LOOKING * 3 * width).zip(self.attended.chunks_mut(LOOKING * width));
            for (input, attended) in looking {
                let rows = attended.len() / width;
                let scores = &mut self.scores[..rows * positions];
                let queries = GemmInputA::Unpacked(rows_of(&input[at..], rows, head_width, 3 * width)?);
                let options = GemmOptions { alpha: (head_width as f32).sqrt().recip(), ..Default::default() };
                done(kernels.float.gemm(scores, queries, GemmInputB::Packed(&keys), options))?;
                for row in scores.chunks_exact_mut(positions) {
                    Softmax::new_mut(row).dispatch();
                }
                let shares = GemmInputA::Unpacked(matrix(scores, rows, positions)?);
                let of_head = &mut self.of_head[..rows * head_width];
                done(kernels.float.gemm(of_head, shares, GemmInputB::Packed(&values), GemmOptions::default()))?;
                for (to, from) in attended.chunks_exact_mut(width).zip(of_head.chunks_exact(head_width)) {
                    to[at..at + head_width].copy_from_slice(from);
                }
            }
        }
        Ok(&self.attended)
    }
}
