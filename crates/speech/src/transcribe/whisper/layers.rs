//! The layers that whisper is built of, on the kernels of rten, which choose the processor's widest instructions when
//! the program runs.
//!
//! Weights of linear layers have eight bits and a scale for each output; what comes in is brought to eight bits with a
//! scale for each row, so that products are exact in 32 bits. Everything else stays in 32-bit floats.

use rten_gemm::{
    BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, GemmResult, PackedBMatrix, QuantParams,
};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_tensor::{Matrix, NdTensorView};
use rten_vecmath::{ExtendInit, Gelu, MinMax, Normalize, NormalizeOptions, Quantize, Sum, SumSquareSub};

use super::weights::Weights;
use crate::SpeechError;

/// A scale for values that are all zero.
const SMALLEST: f32 = 1e-9;
/// What comes in is brought to steps from −127 to 127, of which zero is stored as 128.
const INPUT_RANGE: f32 = 127.0;
const INPUT_ZERO: u8 = 128;
const NORM_EPSILON: f32 = 1e-5;

/// The processor's matrix products. They cost nothing to choose, and belong to the thread that chose them.
pub(super) struct Kernels {
    int8: GemmExecutor<u8, i8, i32>,
    pub(super) float: GemmExecutor,
}

impl Kernels {
    /// Chooses the best that this machine has.
    pub(super) fn new() -> Self {
        Self { int8: GemmExecutor::new(), float: GemmExecutor::new() }
    }

    /// What they are called, for people who ask which instructions are in use.
    pub(super) fn names(&self) -> String {
        format!("{} {}", self.int8.kernel_name(), self.float.kernel_name())
    }

    /// The largest weight: without VNNI, pairs of products are added in 16 bits, which hold only so much.
    fn weight_range(&self) -> f32 {
        if self.is_coarse() { 63.0 } else { 127.0 }
    }

    /// True where weights have seven bits. Only there has balancing them with what comes in been seen to help.
    pub(super) fn is_coarse(&self) -> bool {
        self.int8.may_saturate()
    }

    /// Compares a layer with what it is in floats.
    ///
    /// # Errors
    /// When they calculate wrongly on this machine.
    pub(super) fn try_out(&self) -> Result<(), SpeechError> {
        const WIDTH: usize = 96;
        let wave = |step: f32| move |n: usize| (n as f32 * step).sin();
        let weights: Vec<f32> = (0..WIDTH * WIDTH).map(wave(0.37)).collect();
        for rows in [1, 13] {
            let input: Vec<f32> = (0..rows * WIDTH).map(wave(0.11)).collect();
            let layer = Linear::new(self, &weights, WIDTH, vec![0.5; WIDTH], Use::for_rows(rows));
            let mut output = Vec::new();
            layer.forward(self, &mut Scratch::default(), &input, &mut output)?;
            for (row, input) in output.chunks_exact(WIDTH).zip(input.chunks_exact(WIDTH)) {
                for (got, weights) in row.iter().zip(weights.chunks_exact(WIDTH)) {
                    let exact = 0.5 + input.iter().zip(weights).map(|(a, b)| a * b).sum::<f32>();
                    // Eight bits of 96 products of sines are good to a few tenths of one of them.
                    if (got - exact).abs() > 0.6 {
                        let kernel = self.int8.kernel_name();
                        return Err(SpeechError::Engine(format!(
                            "this machine's {kernel} kernel calculates wrongly: {got} instead of {exact}"
                        )));
                    }
                }
            }
        }
        Ok(())
    }
}

/// How many rows a linear layer takes at a time; it decides how its weights lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// One, a token's.
    One,
    /// Many, a row each position.
    Many,
}

impl Use {
    fn for_rows(rows: usize) -> Self {
        if rows == 1 { Self::One } else { Self::Many }
    }
}

/// Buffers that layers share, so that none allocates.
#[derive(Default)]
pub(super) struct Scratch {
    quantized: Vec<u8>,
    zeros: Vec<u8>,
    scales: Vec<f32>,
    sums: Vec<i32>,
}

/// A linear layer in eight bits.
pub(super) struct Linear {
    inputs: usize,
    weights: LinearWeights,
    /// For each output, what one step of its weights is worth.
    scales: Vec<f32>,
    /// For each output, or empty.
    bias: Vec<f32>,
}

enum LinearWeights {
    /// A row of inputs for each output.
    Rows(Vec<i8>),
    Packed(PackedBMatrix<i8>),
}

impl Linear {
    /// `weights` has a row of `inputs` for each output.
    pub(super) fn new(kernels: &Kernels, weights: &[f32], inputs: usize, bias: Vec<f32>, usage: Use) -> Self {
        let outputs = weights.len() / inputs.max(1);
        let (mut rows, mut scales) = (Vec::with_capacity(weights.len()), Vec::with_capacity(outputs));
        for row in weights.chunks_exact(inputs) {
            let steps = kernels.weight_range() / highest(row);
            scales.push(1.0 / steps);
            // As far from zero as half a step rounds; a cast cuts.
            rows.extend(row.iter().map(|weight| (weight * steps + 0.5f32.copysign(*weight)) as i8));
        }
        let weights = match usage {
            Use::One => LinearWeights::Rows(rows),
            Use::Many => match columns(&rows, inputs) {
                Some(matrix) => LinearWeights::Packed(kernels.int8.prepack_b(matrix)),
                None => LinearWeights::Rows(rows),
            },
        };
        Self { inputs, weights, scales, bias }
    }

    /// Reads the layers called `names` as one, their outputs side by side; a bias that one lacks is zero. If `norm` is
    /// all they hear, the two are balanced where that helps.
    pub(super) fn read(
        weights: &mut Weights,
        kernels: &Kernels,
        names: &[String],
        inputs: usize,
        usage: Use,
        norm: Option<&mut Norm>,
    ) -> Result<Self, SpeechError> {
        let (mut rows, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            let part = weights.take(&format!("{name}.weight"))?;
            let outputs = part.len() / inputs.max(1);
            let of_part = weights.find(&format!("{name}.bias"))?.unwrap_or_else(|| vec![0.0; outputs]);
            if outputs * inputs != part.len() || of_part.len() != outputs || outputs == 0 {
                return Err(SpeechError::Malformed(format!("the model's {name} has not {inputs} inputs")));
            }
            rows.extend(part);
            bias.extend(of_part);
        }
        if let Some(norm) = norm.filter(|_| kernels.is_coarse()) {
            norm.balance(&mut rows);
        }
        Ok(Self::new(kernels, &rows, inputs, bias, usage))
    }

    /// A row of outputs into `output` for each row of inputs.
    pub(super) fn forward(
        &self,
        kernels: &Kernels,
        scratch: &mut Scratch,
        input: &[f32],
        output: &mut Vec<f32>,
    ) -> Result<(), SpeechError> {
        let (rows, outputs) = (input.len() / self.inputs, self.scales.len());
        scratch.scales.clear();
        scratch.quantized.clear();
        for row in input.chunks_exact(self.inputs) {
            let steps = INPUT_RANGE / highest(row);
            scratch.scales.push(1.0 / steps);
            scratch.quantized.reserve(row.len());
            scratch
                .quantized
                .extend_init(|spare| Quantize::new(row, &mut spare[..row.len()], steps, INPUT_ZERO).dispatch());
        }
        scratch.zeros.clear();
        scratch.zeros.resize(rows, INPUT_ZERO);
        scratch.sums.resize(rows * outputs, 0);
        let quantized = matrix(&scratch.quantized, rows, self.inputs)?;
        let weights = match &self.weights {
            LinearWeights::Packed(packed) => GemmInputB::Packed(packed),
            LinearWeights::Rows(rows) => GemmInputB::Unpacked(columns(rows, self.inputs).ok_or_else(unfit)?),
        };
        let options = GemmOptions { a_quant: Some(QuantParams { zero_point: &scratch.zeros }), ..Default::default() };
        done(kernels.int8.gemm(&mut scratch.sums, GemmInputA::Unpacked(quantized), weights, options))?;

        output.clear();
        for (sums, row_scale) in scratch.sums.chunks_exact(outputs).zip(&scratch.scales) {
            let scaled = sums.iter().zip(&self.scales).map(|(sum, scale)| *sum as f32 * (row_scale * scale));
            if self.bias.is_empty() {
                output.extend(scaled);
            } else {
                output.extend(scaled.zip(&self.bias).map(|(value, bias)| value + bias));
            }
        }
        Ok(())
    }
}

/// The largest magnitude in a row, never quite zero.
fn highest(row: &[f32]) -> f32 {
    let (low, high) = MinMax::new(row).dispatch();
    high.max(-low).max(SMALLEST)
}

/// Brings every row to mean zero and variance one, then scales it.
pub(super) struct Norm {
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    pub(super) fn read(weights: &mut Weights, name: &str, width: usize) -> Result<Self, SpeechError> {
        let norm =
            Self { scale: weights.take(&format!("{name}.weight"))?, bias: weights.take(&format!("{name}.bias"))? };
        if norm.scale.len() != width || norm.bias.len() != width {
            return Err(SpeechError::Malformed(format!("the model's {name} is not {width} wide")));
        }
        Ok(norm)
    }

    /// Moves scale, channel by channel, from what leaves the norm to the `weights` (a row for each output) that take it
    /// in, so that neither has outliers, for which eight bits are few: SmoothQuant (Xiao et al., 2022), with what the
    /// norm itself tells of the channels in place of measured activations.
    pub(super) fn balance(&mut self, weights: &mut [f32]) {
        const DEVIATIONS: f32 = 3.0;
        let width = self.scale.len();
        for channel in 0..width {
            let column = || (channel..weights.len()).step_by(width);
            let weight = column().map(|at| weights[at].abs()).fold(SMALLEST, f32::max);
            let leaving = (DEVIATIONS * self.scale[channel].abs() + self.bias[channel].abs()).max(SMALLEST);
            let share = (leaving / weight).sqrt().clamp(1e-3, 1e3);
            self.scale[channel] /= share;
            self.bias[channel] /= share;
            column().for_each(|at| weights[at] *= share);
        }
    }

    pub(super) fn forward(&self, input: &[f32], output: &mut Vec<f32>) {
        output.clear();
        output.extend_from_slice(input);
        let width = self.scale.len();
        for row in output.chunks_exact_mut(width) {
            let mean = Sum::new(row).dispatch() / width as f32;
            let variance = SumSquareSub::new(row, mean).dispatch() / width as f32;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: (variance + NORM_EPSILON).sqrt().recip(),
                element_scale: Some(&self.scale),
                bias: 0.0,
                element_bias: Some(&self.bias),
            };
            Normalize::new_mut(row, options).dispatch();
        }
    }
}

/// A convolution over time, three rows wide, with GELU after it.
pub(super) struct Convolution {
    packed: PackedBMatrix<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

impl Convolution {
    pub(super) fn read(
        weights: &mut Weights,
        kernels: &Kernels,
        name: &str,
        inputs: usize,
    ) -> Result<Self, SpeechError> {
        let taps = weights.take(&format!("{name}.weight"))?;
        let bias = weights.take(&format!("{name}.bias"))?;
        let outputs = bias.len();
        if taps.len() != outputs * inputs * 3 {
            return Err(SpeechError::Malformed(format!("the model's {name} has not {inputs} inputs")));
        }
        // From [output][input][tap] to [tap][input][output]: three rows of input lie side by side in memory.
        let mut columns = vec![0.0; taps.len()];
        for (at, weight) in taps.into_iter().enumerate() {
            let (output, input, tap) = (at / 3 / inputs, at / 3 % inputs, at % 3);
            columns[(tap * inputs + input) * outputs + output] = weight;
        }
        let packed = kernels.float.prepack_b(matrix(&columns, 3 * inputs, outputs)?);
        Ok(Self { packed, bias, inputs })
    }

    /// `input` has a row of zeros before and after; so has the output if `padded`.
    pub(super) fn forward(
        &self,
        kernels: &Kernels,
        input: &[f32],
        stride: usize,
        padded: bool,
    ) -> Result<Vec<f32>, SpeechError> {
        let outputs = self.bias.len();
        let rows = (input.len() / self.inputs).saturating_sub(2) / stride;
        let strides = [stride * self.inputs, 1];
        let input = NdTensorView::from_slice_with_strides([rows, 3 * self.inputs], input, strides);
        let input: Matrix<'_, f32> = input.map_err(|_| unfit())?;
        let pad = if padded { outputs } else { 0 };
        let mut output = vec![0.0; rows * outputs + 2 * pad];
        let middle = &mut output[pad..pad + rows * outputs];
        let options = GemmOptions { bias: Some(BiasVector::Row(&self.bias)), ..Default::default() };
        done(kernels.float.gemm(middle, GemmInputA::Unpacked(input), GemmInputB::Packed(&self.packed), options))?;
        gelu(middle);
        Ok(output)
    }
}

pub(super) fn gelu(values: &mut [f32]) {
    Gelu {}.map_mut(values);
}

pub(super) fn add(into: &mut [f32], values: &[f32]) {
    into.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// `values` as rows of so many.
pub(super) fn matrix<T>(values: &[T], rows: usize, width: usize) -> Result<Matrix<'_, T>, SpeechError> {
    NdTensorView::try_from_data([rows, width], values).map_err(|_| unfit())
}

/// Some columns of a matrix of rows `stride` apart, from its first value on.
pub(super) fn rows_of(
    values: &[f32],
    rows: usize,
    width: usize,
    stride: usize,
) -> Result<Matrix<'_, f32>, SpeechError> {
    NdTensorView::from_slice_with_strides([rows, width], values, [stride, 1]).map_err(|_| unfit())
}

/// As [`rows_of`], but with every row as a column.
pub(super) fn columns_of(
    values: &[f32],
    rows: usize,
    width: usize,
    stride: usize,
) -> Result<Matrix<'_, f32>, SpeechError> {
    NdTensorView::from_slice_with_strides([width, rows], values, [1, stride]).map_err(|_| unfit())
}

/// Rows of so many values, each as a column.
fn columns(rows: &[i8], width: usize) -> Option<Matrix<'_, i8>> {
    NdTensorView::from_slice_with_strides([width, rows.len() / width.max(1)], rows, [1, width]).ok()
}

/// Turns what a matrix product complains of into an error.
pub(super) fn done(result: GemmResult) -> Result<(), SpeechError> {
    result.map_err(|error| SpeechError::Engine(format!("a matrix product of whisper's failed: {error}")))
}

fn unfit() -> SpeechError {
    SpeechError::Malformed("the model's tensors do not fit each other".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_pass_their_own_trial() {
        Kernels::new().try_out().unwrap();
        assert!(Kernels::new().names().contains("i8"));
    }

    #[test]
    fn a_linear_layer_is_exact_to_its_eight_bits_for_one_row_and_for_many() {
        let kernels = Kernels::new();
        // Whole numbers up to the largest, which their bits hold exactly.
        let largest = kernels.weight_range();
        let weights: Vec<f32> =
            (0..64 * 48).map(|n| if n % 64 == 0 { largest } else { (n % 11) as f32 - 5.0 }).collect();
        let row: Vec<f32> = (0..64).map(|n| if n == 3 { -INPUT_RANGE } else { (n % 7) as f32 }).collect();
        let exact: Vec<f32> =
            weights.chunks(64).map(|weights| 2.0 + weights.iter().zip(&row).map(|(w, x)| w * x).sum::<f32>()).collect();
        for rows in [1, 5] {
            let layer = Linear::new(&kernels, &weights, 64, vec![2.0; 48], Use::for_rows(rows));
            let mut output = Vec::new();
            layer.forward(&kernels, &mut Scratch::default(), &row.repeat(rows), &mut output).unwrap();
            assert_eq!(output.len(), rows * 48);
            for (got, exact) in output.iter().zip(exact.iter().cycle()) {
                assert!((got - exact).abs() < 1e-3 * exact.abs().max(1.0), "{got} instead of {exact}");
            }
        }
    }

    #[test]
    fn balancing_leaves_the_product_and_takes_the_outliers_errors_away() {
        const WIDTH: usize = 64;
        let kernels = Kernels::new();
        // One channel leaves the norm fifty times as loud as the others, and is hardly heard.
        let norm =
            || Norm { scale: (0..WIDTH).map(|n| if n == 5 { 50.0 } else { 1.0 }).collect(), bias: vec![0.0; WIDTH] };
        let weight = |at: usize| (at as f32 * 0.7).sin() * if at % WIDTH == 5 { 0.02 } else { 1.0 };
        let weights: Vec<f32> = (0..WIDTH * WIDTH).map(weight).collect();
        let input: Vec<f32> = (0..WIDTH).map(|n| (n as f32 * 0.3).cos()).collect();
        let product = |norm: &Norm, weights: &[f32]| {
            let (mut normed, mut output) = (Vec::new(), Vec::new());
            norm.forward(&input, &mut normed);
            let exact = weights.chunks(WIDTH).map(|row| row.iter().zip(&normed).map(|(w, x)| w * x).sum::<f32>());
            let exact: Vec<f32> = exact.collect();
            let layer = Linear::new(&kernels, weights, WIDTH, Vec::new(), Use::One);
            layer.forward(&kernels, &mut Scratch::default(), &normed, &mut output).unwrap();
            let error = output.iter().zip(&exact).map(|(got, exact)| (got - exact).powi(2)).sum::<f32>().sqrt();
            (exact, error)
        };
        let (before, error) = product(&norm(), &weights);
        let (mut balanced, mut moved) = (norm(), weights.clone());
        balanced.balance(&mut moved);
        let (after, balanced_error) = product(&balanced, &moved);
        assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-3), "{before:?} {after:?}");
        assert!(balanced_error < error / 3.0, "{balanced_error} after {error}");
    }

    #[test]
    fn a_norm_centres_and_scales() {
        let norm = Norm { scale: vec![2.0; 4], bias: vec![1.0; 4] };
        let mut output = Vec::new();
        norm.forward(&[1.0, 2.0, 3.0, 4.0], &mut output);
        let deviation = 1.25f32.sqrt();
        for (got, input) in output.iter().zip([1.0, 2.0, 3.0, 4.0]) {
            assert!((got - (2.0 * (input - 2.5) / deviation + 1.0)).abs() < 1e-3, "{output:?}");
        }
    }
}
