//! The half of whisper that writes, a token at a time.

use half::f16;
use rten_gemm::{GemmInputA, GemmInputB, GemmOptions};
use rten_simd::SimdOp;
use rten_tensor::{Layout, Matrix};
use rten_vecmath::Softmax;

use super::{
    align::Head,
    layers::{Kernels, Linear, Norm, Scratch, Use, add, columns_of, done, gelu, matrix, rows_of},
    weights::Weights,
};
use crate::SpeechError;

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
    /// For each layer, what was heard.
    heard: Vec<HeardByHead>,
    positions: usize,
    tokens: usize,
    /// For each token taken, where the aligned heads looked: a row of positions a head.
    pub(super) attention: Vec<Vec<f32>>,
}

/// Keys and values of what was heard, in the order in which each head reads them for every token.
struct HeardByHead {
    /// For each head a row for each of its channels, a column a position.
    keys: Vec<f32>,
    /// For each head a row a position.
    values: Vec<f32>,
}

impl HeardByHead {
    /// `rows` has keys and values side by side, a row a position.
    fn new(rows: &[f32], width: usize, heads: usize) -> Self {
        let (positions, head_width) = (rows.len() / (2 * width), width / heads);
        let (mut keys, mut values) = (vec![0.0; positions * width], Vec::with_capacity(positions * width));
        for head in 0..heads {
            let at = head * head_width;
            let keys = &mut keys[at * positions..][..head_width * positions];
            for (position, row) in rows.chunks_exact(2 * width).enumerate() {
                let channels = keys.iter_mut().skip(position).step_by(positions);
                channels.zip(&row[at..at + head_width]).for_each(|(to, from)| *to = *from);
                values.extend_from_slice(&row[width + at..][..head_width]);
            }
        }
        Self { keys, values }
    }
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
            heard.push(HeardByHead::new(&keys_and_values, self.width, self.heads));
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
        let (mut attended, mut shares) = (vec![0.0; width], Vec::new());
        let mut looked = vec![0.0; self.aligned.len() * memory.positions];
        for (index, layer) in self.layers.iter().enumerate() {
            layer.said_norm.forward(&state, &mut normed);
            layer.said.forward(kernels, scratch, &normed, &mut wide)?;
            let said = &mut memory.said[index];
            said.extend_from_slice(&wide[width..]);
            let (known, head_width, stride) = (memory.tokens + 1, width / self.heads, 2 * width);
            for (head, attended) in attended.chunks_exact_mut(head_width).enumerate() {
                let at = head * head_width;
                let keys = columns_of(&said[at..], known, head_width, stride)?;
                let values = rows_of(&said[width + at..], known, head_width, stride)?;
                attend(kernels, &wide[at..at + head_width], keys, values, &mut shares, attended)?;
            }
            layer.said_out.forward(kernels, scratch, &attended, &mut change)?;
            add(&mut state, &change);

            layer.heard_norm.forward(&state, &mut normed);
            layer.heard_query.forward(kernels, scratch, &normed, &mut wide)?;
            let heard = &memory.heard[index];
            let positions = memory.positions;
            for (head, attended) in attended.chunks_exact_mut(head_width).enumerate() {
                let of_head = head * head_width * positions..(head + 1) * head_width * positions;
                let keys = matrix(&heard.keys[of_head.clone()], head_width, positions)?;
                let values = matrix(&heard.values[of_head], positions, head_width)?;
                attend(kernels, &wide[head * head_width..][..head_width], keys, values, &mut shares, attended)?;
                let place = self.aligned.iter().position(|aligned| *aligned == Head { layer: index, head });
                if let Some(place) = place {
                    looked[place * positions..][..positions].copy_from_slice(&shares);
                }
            }
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
}

/// One query of a head looks at keys (a column each) and takes its share of the values (a row each).
fn attend(
    kernels: &Kernels,
    query: &[f32],
    keys: Matrix<'_, f32>,
    values: Matrix<'_, f32>,
    shares: &mut Vec<f32>,
    attended: &mut [f32],
) -> Result<(), SpeechError> {
    let known = keys.size(1);
    shares.resize(known, 0.0);
    let options = GemmOptions { alpha: (query.len() as f32).sqrt().recip(), ..Default::default() };
    let query = GemmInputA::Unpacked(matrix(query, 1, query.len())?);
    done(kernels.float.gemm(shares, query, GemmInputB::Unpacked(keys), options))?;
    Softmax::new_mut(shares).dispatch();
    let weights = GemmInputA::Unpacked(matrix(shares, 1, known)?);
    done(kernels.float.gemm(attended, weights, GemmInputB::Unpacked(values), GemmOptions::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_sorted_by_head() {
        // Two positions, two heads of two channels: keys 0 to 3 and values 4 to 7, then ten more of each.
        let rows: Vec<f32> = (0..8).chain(10..18).map(|value| value as f32).collect();
        let heard = HeardByHead::new(&rows, 4, 2);
        assert_eq!(heard.keys, [0.0, 10.0, 1.0, 11.0, 2.0, 12.0, 3.0, 13.0]);
        assert_eq!(heard.values, [4.0, 5.0, 14.0, 15.0, 6.0, 7.0, 16.0, 17.0]);
    }
}
