//! Eight-bit quantisation in ggml's `q8_0` form.

use half::f16;

use crate::SpeechError;

/// Values that share one scale.
const BLOCK_VALUES: usize = 32;

/// Appends `values` to `output` in blocks: the scale in half precision, then 32 signed bytes.
pub(super) fn q8_0(values: &[f16], output: &mut Vec<u8>) -> Result<(), SpeechError> {
    let (blocks, rest) = values.as_chunks::<BLOCK_VALUES>();
    if !rest.is_empty() {
        return Err(SpeechError::Malformed(format!("{} values do not fill blocks of {BLOCK_VALUES}", values.len())));
    }
    for block in blocks {
        let block = block.map(f16::to_f32);
        let peak = block.iter().fold(0.0f32, |peak, value| peak.max(value.abs()));
        let scale = peak / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        output.extend_from_slice(&f16::from_f32(scale).to_le_bytes());
        // `round` takes halves away from zero, like the reference's roundf.
        output.extend(block.iter().map(|value| (value * inverse).round() as i8 as u8));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_becomes_127_and_halves_round_away_from_zero() {
        let mut values = [f16::ZERO; 32];
        values[0] = f16::from_f32(127.0);
        values[1] = f16::from_f32(-2.5);
        values[2] = f16::from_f32(0.25);
        let mut bytes = Vec::new();
        q8_0(&values, &mut bytes).unwrap();
        assert_eq!(bytes.len(), 34);
        assert_eq!(&bytes[..2], f16::ONE.to_le_bytes());
        assert_eq!(bytes[2..5], [127, -3i8 as u8, 0]);
    }

    #[test]
    fn silence_quantises_to_zeroes() {
        let mut bytes = Vec::new();
        q8_0(&[f16::ZERO; 64], &mut bytes).unwrap();
        assert_eq!(bytes, [0; 68]);
    }

    #[test]
    fn a_broken_block_is_refused() {
        assert!(q8_0(&[f16::ONE; 33], &mut Vec::new()).is_err());
    }
}
