//! The mel filter bank that whisper was trained with: Slaney's scale, linear below 1 kHz and logarithmic above.

/// Half the sampling rate that whisper hears, in Hz.
const NYQUIST_HZ: f64 = 8000.0;
/// Where Slaney's scale turns from linear to logarithmic, in Hz.
const KNEE_HZ: f64 = 1000.0;
/// Width of a mel below the knee, in Hz.
const LINEAR_HZ: f64 = 200.0 / 3.0;
/// The knee in mels.
const KNEE_MEL: f64 = KNEE_HZ / LINEAR_HZ;

/// Growth of the frequency's logarithm for a mel above the knee.
fn log_step() -> f64 {
    6.4f64.ln() / 27.0
}

/// `bands × bins` triangular weights, a row a band, each of unit area.
pub(super) fn filter_bank(bands: usize, bins: usize) -> Vec<f32> {
    let edges = band_edges_hz(bands);
    let bin_hz = NYQUIST_HZ / (bins - 1) as f64;
    let mut weights = Vec::with_capacity(bands * bins);
    for edge in edges.windows(3) {
        let area = 2.0 / (edge[2] - edge[0]);
        for bin in 0..bins {
            let frequency = bin_hz * bin as f64;
            let rising = -(edge[0] - frequency) / (edge[1] - edge[0]);
            let falling = (edge[2] - frequency) / (edge[2] - edge[1]);
            // Rounded to single precision before and after scaling, as the reference does; adding zero turns a
            // negative zero positive.
            let height = rising.min(falling).max(0.0) as f32;
            weights.push((f64::from(height) * area) as f32 + 0.0);
        }
    }
    weights
}

/// The `bands + 2` frequencies at which the triangles begin, peak and end.
fn band_edges_hz(bands: usize) -> Vec<f64> {
    let top = KNEE_MEL + (NYQUIST_HZ / KNEE_HZ).ln() / log_step();
    let step = top / (bands + 1) as f64;
    (0..bands + 2).map(|index| if index == bands + 1 { top } else { index as f64 * step }).map(mel_to_hz).collect()
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel >= KNEE_MEL { KNEE_HZ * (log_step() * (mel - KNEE_MEL)).exp() } else { LINEAR_HZ * mel }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_linear_below_the_knee_and_ends_at_nyquist() {
        assert!((mel_to_hz(3.0) - 200.0).abs() < 1e-9);
        let edges = band_edges_hz(80);
        assert_eq!(edges.len(), 82);
        assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
        assert!((edges[81] - NYQUIST_HZ).abs() < 1e-6);
    }

    #[test]
    fn no_weight_is_negative_not_even_a_zero() {
        let weights = filter_bank(80, 201);
        assert_eq!(weights.len(), 80 * 201);
        assert!(weights.iter().all(|weight| weight.is_sign_positive()));
        assert!(weights.chunks(201).all(|band| band.iter().any(|&weight| weight > 0.0)));
    }

    #[test]
    fn the_first_band_matches_the_published_filters() {
        let weights = filter_bank(80, 201);
        assert_eq!(weights[0], 0.0);
        assert_eq!(weights[1], 0.024_862_594);
    }
}
