//! Finds where two channels are in opposite phase, so that adding them would leave nothing of a voice.
//!
//! That is how a balanced cable in a stereo input records, and what some effects do. The channels are then subtracted instead.

use super::format::AudioSpec;

/// Windows that are judged, in seconds.
const WINDOW_SECONDS: f64 = 0.5;
/// The difference has so much more energy than the sum where channels are in opposite phase, at least: 6 dB.
const RATIO: f64 = 4.0;
/// Mean squares below this tell nothing (−80 dBFS).
const AUDIBLE: f64 = 1e-8;
/// From one way of mixing to the other, in seconds, so that the change is not heard.
const FADE_SECONDS: f64 = 0.01;

/// Compares sum and difference of two channels, window by window.
pub(crate) struct PhaseMeter {
    window_frames: u64,
    frames: u64,
    sum: f64,
    difference: f64,
    opposite: Vec<bool>,
}

impl PhaseMeter {
    /// Nothing to compare where there are not two channels.
    pub(crate) fn new(spec: AudioSpec) -> Option<Self> {
        let window_frames = (f64::from(spec.rate_hz) * WINDOW_SECONDS) as u64;
        (spec.channels == 2).then_some(Self {
            window_frames,
            frames: 0,
            sum: 0.0,
            difference: 0.0,
            opposite: Vec::new(),
        })
    }

    pub(crate) fn push(&mut self, mut samples: &[f32]) {
        while samples.len() >= 2 {
            let left = (self.window_frames - self.frames) as usize;
            let (part, rest) = samples.split_at((2 * left).min(samples.len()));
            let (mut sum, mut difference) = (0f32, 0f32);
            for frame in part.chunks_exact(2) {
                sum += (frame[0] + frame[1]).powi(2);
                difference += (frame[0] - frame[1]).powi(2);
            }
            self.sum += f64::from(sum);
            self.difference += f64::from(difference);
            self.frames += (part.len() / 2) as u64;
            samples = rest;
            if self.frames == self.window_frames {
                self.judge();
            }
        }
    }

    fn judge(&mut self) {
        let audible = self.sum + self.difference > 4.0 * AUDIBLE * self.frames as f64;
        let before = self.opposite.last().copied();
        // What is neither clearly one nor the other goes on as it was.
        let opposite = match before {
            _ if audible && self.difference > RATIO * self.sum => true,
            _ if audible && self.sum > self.difference => false,
            before => before.unwrap_or(false),
        };
        self.opposite.push(opposite);
        (self.frames, self.sum, self.difference) = (0, 0.0, 0.0);
    }

    /// How to mix, if adding alone would not do.
    pub(crate) fn finish(mut self) -> Option<PhasePlan> {
        if self.frames > 0 {
            self.judge();
        }
        // What leads in, too quiet to tell, belongs to what it leads to.
        self.opposite
            .contains(&true)
            .then_some(PhasePlan { window_frames: self.window_frames, opposite: self.opposite })
    }
}

/// Where the second of two channels is to be inverted.
pub(crate) struct PhasePlan {
    window_frames: u64,
    opposite: Vec<bool>,
}

impl PhasePlan {
    /// Begins at the first frame.
    pub(crate) fn inverter(&self, spec: AudioSpec) -> Inverter<'_> {
        let step = 2.0 / (f64::from(spec.rate_hz) * FADE_SECONDS);
        Inverter { plan: self, frame: 0, sign: self.sign_at(0), step: step as f32 }
    }

    fn sign_at(&self, frame: u64) -> f32 {
        let window = (frame / self.window_frames) as usize;
        let opposite = self.opposite.get(window).or(self.opposite.last()).copied().unwrap_or(false);
        if opposite { -1.0 } else { 1.0 }
    }
}

/// Inverts the second channel as planned.
pub(crate) struct Inverter<'a> {
    plan: &'a PhasePlan,
    frame: u64,
    sign: f32,
    step: f32,
}

impl Inverter<'_> {
    /// Works on interleaved frames of two channels, in place.
    pub(crate) fn process(&mut self, samples: &mut [f32]) {
        for frame in samples.chunks_exact_mut(2) {
            let goal = self.plan.sign_at(self.frame);
            self.sign += (goal - self.sign).clamp(-self.step, self.step);
            frame[1] *= self.sign;
            self.frame += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: AudioSpec = AudioSpec { rate_hz: 8_000, channels: 2 };

    fn stereo(seconds: u32, right: impl Fn(u32, f32) -> f32) -> Vec<f32> {
        (0..seconds * 8_000)
            .flat_map(|n| {
                let left = 0.3 * (n as f32 * 0.3).sin();
                [left, right(n, left)]
            })
            .collect()
    }

    fn mixed_power(samples: &[f32]) -> f64 {
        let mut meter = PhaseMeter::new(SPEC).unwrap();
        samples.chunks(998).for_each(|block| meter.push(block));
        let mut samples = samples.to_vec();
        if let Some(plan) = meter.finish() {
            let mut inverter = plan.inverter(SPEC);
            samples.chunks_mut(998).for_each(|block| inverter.process(block));
        }
        let power: f64 = samples.chunks_exact(2).map(|frame| f64::from(0.5 * (frame[0] + frame[1])).powi(2)).sum();
        power / (samples.len() / 2) as f64
    }

    #[test]
    fn k05_channels_in_opposite_phase_do_not_cancel() {
        let whole = mixed_power(&stereo(3, |_, left| left));
        for (what, samples) in [
            ("opposite", stereo(3, |_, left| -left)),
            ("nearly opposite", stereo(3, |_, left| -0.97 * left)),
            ("opposite from the middle on", stereo(4, |n, left| if n < 16_000 { left } else { -left })),
            ("opposite up to the middle", stereo(4, |n, left| if n >= 16_000 { left } else { -left })),
        ] {
            let power = mixed_power(&samples);
            assert!((0.9..1.1).contains(&(power / whole)), "{what}: {power} of {whole}");
        }
    }

    #[test]
    fn ordinary_stereo_is_added() {
        for samples in [
            stereo(3, |_, left| left),
            stereo(3, |_, _| 0.0),
            stereo(3, |n, _| 0.3 * (n as f32 * 0.37).sin()),
            stereo(3, |n, left| 0.3 * (n as f32 * 0.37).sin() - 0.2 * left),
        ] {
            let mut meter = PhaseMeter::new(SPEC).unwrap();
            meter.push(&samples);
            assert!(meter.finish().is_none());
        }
    }
}
