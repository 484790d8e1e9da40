//! The half of whisper that writes, a token at a time.

use half::f16;
use rten_gemm::{GemmInputA, GemmInputB, GemmOptions};
use rten_simd::SimdOp;
use rten_vecmath::Softmax;

use super::{
    align::Head,
    layers::{Kernels, Linear, Norm, Scratch, Use, add, columns_of, done, gelu, matrix, rows_of},
    weights::Weights,
};
use crate::speech::SpeechError;

struct Layer {
    said_norm: Norm,
    /// Queries, keys and values side by side.
    said: Linear,
    said_out: Linear,
    heard_norm: Norm,
    heard_query: Linear,
    /// Keys and values of what was heard, side by side.
    heard: Linear,
    heard_out: Linear,
    mlp_norm: Norm,
    mlp_up: Linear,
    mlp_down: Linear,
}

/// Writes what the encoder heard.
pub(super) struct Decoder {
    embedding: Vec<f16>,
    /// The embedding once more, as the layer that scores every token.
    scores: Linear,
    positions: Vec<f32>,
    layers: Vec<Layer>,
    norm: Norm,
    width: usize,
    heads: usize,
    aligned: Vec<Head>,
}

/// What is remembered while one text is written.
pub(super) struct Memory {
    /// For each layer, keys and values side by side, a row a token.
    said: Vec<Vec<f32>>,
    /// For each layer, keys and values side by side, a row a position.
    heard: Vec<Vec<f32>>,
    positions: usize,
    tokens: usize,
    /// For each token taken, where the aligned heads looked: a row of positions a head.
    pub(super) attention: Vec<Vec<f32>>,
}

impl Decoder {
    /// `aligned` are the heads whose attention tells the times.
    pub(super) fn read(weights: &mut Weights, kernels: &Kernels, aligned: Vec<Head>) -> Result<Self, SpeechError> {
        let shape = weights.shape;
        let width = shape.text_width;
        let mut layers = Vec::with_capacity(shape.text_layers);
        for index in 0..shape.text_layers {
            let name = |part: &str| format!("decoder.blocks.{index}.{part}");
            let mut said_norm = Norm::read(weights, &name("attn_ln"), width)?;
            let mut heard_norm = Norm::read(weights, &name("cross_attn_ln"), width)?;
            let mut mlp_norm = Norm::read(weights, &name("mlp_ln"), width)?;
            let said = ["attn.query", "attn.key", "attn.value"].map(name);
            let heard = ["cross_attn.key", "cross_attn.value"].map(name);
            let mut linear = |names: &[String], inputs: usize, usage: Use, norm: Option<&mut Norm>| {
                Linear::read(weights, kernels, names, inputs, usage, norm)
            };
            layers.push(Layer {
                said: linear(&said, width, Use::One, Some(&mut said_norm))?,
                said_out: linear(&[name("attn.out")], width, Use::One, None)?,
                heard_query: linear(&[name("cross_attn.query")], width, Use::One, Some(&mut heard_norm))?,
                heard: linear(&heard, shape.audio_width, Use::Many, None)?,
                heard_out: linear(&[name("cross_attn.out")], width, Use::One, None)?,
                mlp_up: linear(&[name("mlp.0")], width, Use::One, Some(&mut mlp_norm))?,
                mlp_down: linear(&[name("mlp.2")], 4 * width, Use::One, None)?,
                said_norm,
                heard_norm,
                mlp_norm,
            });
        }
        let embedding = weights.take("decoder.token_embedding.weight")?;
        let positions = weights.take("decoder.positional_embedding")?;
        if embedding.len() != shape.vocabulary * width || positions.len() != shape.text_positions * width {
            return Err(SpeechError::Malformed("the model's embeddings are not of its size".into()));
        }
        let mut norm = Norm::read(weights, "decoder.ln", width)?;
        let mut scored = embedding.clone();
        if kernels.is_coarse() {
            norm.balance(&mut scored);
        }
        Ok(Self {
            scores: Linear::new(kernels, &scored, width, Vec::new(), Use::One),
            embedding: embedding.into_iter().map(f16::from_f32).collect(),
            positions,
            layers,
            norm,
            width,
            heads: shape.text_heads,
            aligned,
        })
    }

    /// Prepares to write what the encoder made of a span.
    pub(super) fn begin(
        &self,
        kernels: &Kernels,
        scratch: &mut Scratch,
        encoded: &[f32],
        positions: usize,
    ) -> Result<Memory, SpeechError> {
        let mut heard = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let mut keys_and_values = Vec::new();
            layer.heard.forward(kernels, scratch, encoded, &mut keys_and_values)?;
            heard.push(keys_and_values);
        }
        let said = vec![Vec::new(); self.layers.len()];
        Ok(Memory { said, heard, positions, tokens: 0, attention: Vec::new() })
    }

    /// Takes one more token; the state after it. There is room for as many as the model has text positions.
    pub(super) fn take(
        &self,
        kernels: &Kernels,
        scratch: &mut Scratch,
        memory: &mut Memory,
        token: usize,
    ) -> Result<Vec<f32>, SpeechError> {
        let width = self.width;
        let row = |index: usize| index * width..(index + 1) * width;
        let (Some(embedding), Some(position)) =
            (self.embedding.get(row(token)), self.positions.get(row(memory.tokens)))
        else {
            return Err(SpeechError::Engine("the text is longer than the model has room for".into()));
        };
        let mut state: Vec<f32> = embedding.iter().zip(position).map(|(e, p)| e.to_f32() + p).collect();
        let (mut normed, mut wide, mut change) = (Vec::new(), Vec::new(), Vec::new());
        let mut attended = vec![0.0; width];
        let mut looked = vec![0.0; self.aligned.len() * memory.positions];
        for (index, layer) in self.layers.iter().enumerate() {
            layer.said_norm.forward(&state, &mut normed);
            layer.said.forward(kernels, scratch, &normed, &mut wide)?;
            let said = &mut memory.said[index];
            said.extend_from_slice(&wide[width..]);
            self.attend(kernels, &wide[..width], said, memory.tokens + 1, &mut attended, |_, _| {})?;
            layer.said_out.forward(kernels, scratch, &attended, &mut change)?;
            add(&mut state, &change);

            layer.heard_norm.forward(&state, &mut normed);
            layer.heard_query.forward(kernels, scratch, &normed, &mut wide)?;
            let heard = &memory.heard[index];
            self.attend(kernels, &wide, heard, memory.positions, &mut attended, |head, shares| {
                let place = self.aligned.iter().position(|aligned| *aligned == Head { layer: index, head });
                if let Some(place) = place {
                    looked[place * shares.len()..][..shares.len()].copy_from_slice(shares);
                }
            })?;
            layer.heard_out.forward(kernels, scratch, &attended, &mut change)?;
            add(&mut state, &change);

            layer.mlp_norm.forward(&state, &mut normed);
            layer.mlp_up.forward(kernels, scratch, &normed, &mut wide)?;
            gelu(&mut wide);
            layer.mlp_down.forward(kernels, scratch, &wide, &mut change)?;
            add(&mut state, &change);
        }
        memory.attention.push(looked);
        memory.tokens += 1;
        self.norm.forward(&state, &mut normed);
        Ok(normed)
    }

    /// How well each token would follow a state.
    pub(super) fn score(
        &self,
        kernels: &Kernels,
        scratch: &mut Scratch,
        state: &[f32],
        scores: &mut Vec<f32>,
    ) -> Result<(), SpeechError> {
        self.scores.forward(kernels, scratch, state, scores)
    }

    /// One query looks at `known` rows of keys and values; `watch` is told each head's shares.
    fn attend(
        &self,
        kernels: &Kernels,
        query: &[f32],
        keys_and_values: &[f32],
        known: usize,
        attended: &mut [f32],
        mut watch: impl FnMut(usize, &[f32]),
    ) -> Result<(), SpeechError> {
        let (width, head_width) = (self.width, self.width / self.heads);
        let mut shares = vec![0.0; known];
        for (head, attended) in attended.chunks_exact_mut(head_width).enumerate() {
            let at = head * head_width;
            let query = GemmInputA::Unpacked(matrix(&query[at..at + head_width], 1, head_width)?);
            let keys = columns_of(&keys_and_values[at..], known, head_width, 2 * width)?;
            let values = rows_of(&keys_and_values[width + at..], known, head_width, 2 * width)?;
            let options = GemmOptions { alpha: (head_width as f32).sqrt().recip(), ..Default::default() };
            done(kernels.float.gemm(&mut shares, query, GemmInputB::Unpacked(keys), options))?;
            Softmax::new_mut(&mut shares).dispatch();
            watch(head, &shares);
            let weights = GemmInputA::Unpacked(matrix(&shares, 1, known)?);
            done(kernels.float.gemm(attended, weights, GemmInputB::Unpacked(values), GemmOptions::default()))?;
        }
        Ok(())
    }
}
