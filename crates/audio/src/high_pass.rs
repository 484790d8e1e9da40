//! Takes away rumble, hum, an offset and breath pops, which a phone's loudspeaker can't play but its limiter would duck for.

use super::format::AudioSpec;

/// A Butterworth high-pass for interleaved audio.
pub(crate) struct HighPass {
    sections: Vec<Section>,
    channels: usize,
    /// Nothing was filtered yet.
    fresh: bool,
}

/// What a recording begins with is taken for its offset, over this many frames: else the filter would begin with a click.
const SETTLING_FRAMES: usize = 320;

/// Two poles of it.
struct Section {
    b: [f64; 3],
    a: [f64; 2],
    /// Two state variables for each channel.
    state: Vec<[f64; 2]>,
}

impl HighPass {
    /// Falls by 12 dB an octave below `corner_hz`, where the level is down by 3 dB.
    pub(crate) fn new(spec: AudioSpec, corner_hz: f64) -> Self {
        Self::of_order(spec, corner_hz, 2)
    }

    /// Falls by 48 dB an octave below `corner_hz`.
    pub(crate) fn steep(spec: AudioSpec, corner_hz: f64) -> Self {
        Self::of_order(spec, corner_hz, 8)
    }

    /// Falls by 6 dB an octave for each of an even number of poles.
    pub(crate) fn of_order(spec: AudioSpec, corner_hz: f64, poles: u32) -> Self {
        let corner_hz = corner_hz.clamp(1.0, f64::from(spec.rate_hz) * 0.45);
        let channels = usize::from(spec.channels);
        let omega = std::f64::consts::TAU * corner_hz / f64::from(spec.rate_hz);
        let (sin, cos) = omega.sin_cos();
        let section = |index: u32| {
            // Half of 1/Q: the poles lie at equal distances on a circle.
            let damping = (std::f64::consts::PI * f64::from(2 * index + 1) / f64::from(2 * poles)).cos();
            let alpha = sin * damping;
            let scale = 1.0 / (1.0 + alpha);
            let edge = (1.0 + cos) / 2.0 * scale;
            Section {
                b: [edge, -2.0 * edge, edge],
                a: [-2.0 * cos * scale, (1.0 - alpha) * scale],
                state: vec![[0.0; 2]; channels],
            }
        };
        Self { sections: (0..poles / 2).map(section).collect(), channels, fresh: true }
    }

    /// Filters in place.
    pub(crate) fn process(&mut self, samples: &mut [f32]) {
        if self.fresh && samples.len() >= self.channels {
            self.fresh = false;
            self.settle(samples);
        }
        for Section { b, a, state } in &mut self.sections {
            for frame in samples.chunks_exact_mut(self.channels) {
                for (sample, state) in frame.iter_mut().zip(&mut *state) {
                    let x = f64::from(*sample);
                    let y = b[0] * x + state[0];
                    state[0] = b[1] * x - a[0] * y + state[1];
                    state[1] = b[2] * x - a[1] * y;
                    *sample = y as f32;
                }
            }
        }
    }
}

impl HighPass {
    /// Takes up the state that the offset of `samples` would have left if it had always been there.
    fn settle(&mut self, samples: &[f32]) {
        let frames = (samples.len() / self.channels).min(SETTLING_FRAMES);
        let Some(Section { b, state, .. }) = self.sections.first_mut() else { return };
        for (channel, state) in state.iter_mut().enumerate() {
            let first = samples.iter().skip(channel).step_by(self.channels).take(frames);
            let offset = first.map(|sample| f64::from(*sample)).sum::<f64>() / frames as f64;
            // The output for it is zero, in this section and in all that follow.
            *state = [-b[0] * offset, b[2] * offset];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_db(mut filter: HighPass, hz: f64) -> f64 {
        let mut tone: Vec<f32> =
            (0..16_000).map(|n| (f64::from(n) * hz * std::f64::consts::TAU / 8_000.0).sin() as f32).collect();
        filter.process(&mut tone);
        let power = tone[8_000..].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 8_000.0;
        10.0 * (power / 0.5).log10()
    }

    #[test]
    fn hum_goes_and_voice_stays() {
        for (hz, range_db) in [(20.0, -30.0..-20.0), (80.0, -3.5..-2.5), (300.0, -0.1..0.1), (3_000.0, -0.05..0.05)] {
            let db = level_db(HighPass::new(AudioSpec::mono(8_000), 80.0), hz);
            assert!(range_db.contains(&db), "{hz} Hz: {db:.2} dB");
        }
    }

    #[test]
    fn an_offset_makes_no_click() {
        for poles in [2, 4, 8] {
            let mut samples = vec![0.3; 2_000];
            HighPass::of_order(AudioSpec::mono(8_000), 90.0, poles).process(&mut samples);
            let highest = samples.iter().map(|sample| sample.abs()).fold(0.0, f32::max);
            assert!(highest < 1e-5, "{poles} poles: {highest}");
        }
    }

    #[test]
    fn a_steep_one_leaves_nothing_of_hum_and_all_of_a_voice() {
        for (hz, range_db) in [(50.0, -200.0..-40.0), (60.0, -36.0..-28.0), (95.0, -3.5..-2.5), (150.0, -0.2..0.1)] {
            let db = level_db(HighPass::steep(AudioSpec::mono(8_000), 95.0), hz);
            assert!(range_db.contains(&db), "{hz} Hz: {db:.2} dB");
        }
    }
}
