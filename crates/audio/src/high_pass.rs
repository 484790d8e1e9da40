//! Takes away rumble, hum and breath pops that a phone's loudspeaker can't play but its limiter would duck for.

use super::format::AudioSpec;

/// A second-order Butterworth high-pass for interleaved audio.
pub(crate) struct HighPass {
    b: [f64; 3],
    a: [f64; 2],
    /// Two state variables for each channel.
    state: Vec<[f64; 2]>,
}

impl HighPass {
    /// `corner_hz` is where the level is down by 3 dB.
    pub(crate) fn new(spec: AudioSpec, corner_hz: f64) -> Self {
        let corner_hz = corner_hz.clamp(1.0, f64::from(spec.rate_hz) * 0.45);
        let omega = std::f64::consts::TAU * corner_hz / f64::from(spec.rate_hz);
        let (sin, cos) = omega.sin_cos();
        let alpha = sin * std::f64::consts::FRAC_1_SQRT_2;
        let scale = 1.0 / (1.0 + alpha);
        let edge = (1.0 + cos) / 2.0 * scale;
        Self {
            b: [edge, -2.0 * edge, edge],
            a: [-2.0 * cos * scale, (1.0 - alpha) * scale],
            state: vec![[0.0; 2]; usize::from(spec.channels)],
        }
    }

    /// Filters in place.
    pub(crate) fn process(&mut self, samples: &mut [f32]) {
        let channels = self.state.len();
        for frame in samples.chunks_exact_mut(channels) {
            for (sample, state) in frame.iter_mut().zip(&mut self.state) {
                let x = f64::from(*sample);
                let y = self.b[0] * x + state[0];
                state[0] = self.b[1] * x - self.a[0] * y + state[1];
                state[1] = self.b[2] * x - self.a[1] * y;
                *sample = y as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hum_goes_and_voice_stays() {
        for (hz, range_db) in [(20.0, -30.0..-20.0), (80.0, -3.5..-2.5), (300.0, -0.1..0.1), (3_000.0, -0.05..0.05)] {
            let mut tone: Vec<f32> =
                (0..16_000).map(|n| (f64::from(n) * hz * std::f64::consts::TAU / 8_000.0).sin() as f32).collect();
            HighPass::new(AudioSpec::mono(8_000), 80.0).process(&mut tone);
            let power = tone[8_000..].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 8_000.0;
            let db = 10.0 * (power / 0.5).log10();
            assert!(range_db.contains(&db), "{hz} Hz: {db:.2} dB");
        }
    }
}
