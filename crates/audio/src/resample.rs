//! Changes the sampling rate: flat to the edge of the band, no aliases, no delay, exact length.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use super::format::{AudioError, AudioSpec, Fault};

/// Frames at the lower rate that are transformed together, at least. Shorter chunks would soften the edge of the band (10 dB at
/// 3.8 kHz), longer ones only cost more.
const CHUNK_FRAMES: u32 = 800;

/// How long something is, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Frames at this rate.
    pub frames: u64,
    /// In Hz.
    pub rate_hz: u32,
}

impl Length {
    /// In seconds.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.rate_hz)
    }

    /// Frames at another rate that it reaches into.
    fn frames_at(&self, rate_hz: u32) -> u64 {
        (u128::from(self.frames) * u128::from(rate_hz)).div_ceil(u128::from(self.rate_hz)) as u64
    }
}

/// Streams interleaved audio from one rate to another; equal rates pass unchanged.
pub struct Resampler {
    fft: Option<Fft<f32>>,
    from: AudioSpec,
    to_rate_hz: u32,
    pending: Vec<f32>,
    chunk: Vec<f32>,
    /// Output frames of delay still to be left out.
    delay_frames: usize,
    frames_in: u64,
    frames_out: u64,
}

impl Resampler {
    /// Prepares to bring audio of the shape `from` to `to_rate_hz`.
    ///
    /// # Errors
    /// [`AudioError::Unsupported`] if there is no way between the rates.
    pub fn new(from: AudioSpec, to_rate_hz: u32) -> Result<Self, AudioError> {
        let fft = (from.rate_hz != to_rate_hz)
            .then(|| {
                let channels = usize::from(from.channels);
                let (rate_in, rate_out) = (from.rate_hz as usize, to_rate_hz as usize);
                let window = WindowFunction::BlackmanHarris2;
                let chunk_frames = chunk_frames(from.rate_hz, to_rate_hz);
                Fft::new_custom(rate_in, rate_out, chunk_frames, 1, channels, window, FixedSync::Both)
            })
            .transpose()
            .map_err(|error| {
                AudioError::Unsupported(Fault::NoResampling {
                    from_hz: from.rate_hz,
                    to_hz: to_rate_hz,
                    reason: error.to_string(),
                })
            })?;
        let delay_frames = fft.as_ref().map_or(0, |fft| fft.output_delay());
        let chunk_frames = fft.as_ref().map_or(0, |fft| fft.output_frames_max());
        Ok(Self {
            fft,
            from,
            to_rate_hz,
            pending: Vec::new(),
            chunk: vec![0.0; chunk_frames * usize::from(from.channels)],
            delay_frames,
            frames_in: 0,
            frames_out: 0,
        })
    }

    /// Appends to `out` what can be said about `samples` so far.
    ///
    /// # Errors
    /// None that a well-formed call can meet.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), AudioError> {
        self.frames_in += (samples.len() / usize::from(self.from.channels)) as u64;
        if self.fft.is_none() {
            out.extend_from_slice(samples);
            return Ok(());
        }
        self.pending.extend_from_slice(samples);
        self.process_pending(out)
    }

    /// Appends the rest, so that in all ⌈frames in × rate out ÷ rate in⌉ frames came out.
    ///
    /// # Errors
    /// None that a well-formed call can meet.
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), AudioError> {
        self.finish_at(Length { frames: self.frames_in, rate_hz: self.from.rate_hz }, out)
    }

    /// Appends the rest of what was `length` long before samples of it were left out: no more than ⌈length × rate out⌉ frames
    /// in all.
    ///
    /// # Errors
    /// None that a well-formed call can meet.
    pub(crate) fn finish_at(&mut self, length: Length, out: &mut Vec<f32>) -> Result<(), AudioError> {
        let Some(chunk_frames) = self.fft.as_ref().map(|fft| fft.input_frames_next()) else {
            return Ok(());
        };
        let channels = usize::from(self.from.channels);
        let wanted = length.frames_at(self.to_rate_hz);
        let before = (self.frames_out, out.len());
        while self.frames_out < wanted {
            // Whole chunks of silence push out what the filter still holds.
            let chunk_samples = chunk_frames * channels;
            self.pending.resize(self.pending.len().next_multiple_of(chunk_samples).max(chunk_samples), 0.0);
            self.process_pending(out)?;
        }
        out.truncate(before.1 + (wanted - before.0) as usize * channels);
        self.frames_out = wanted;
        Ok(())
    }

    fn process_pending(&mut self, out: &mut Vec<f32>) -> Result<(), AudioError> {
        let Some(fft) = &mut self.fft else { return Ok(()) };
        let channels = usize::from(self.from.channels);
        let (frames_in, frames_out) = (fft.input_frames_next(), fft.output_frames_max());
        let mut used = 0;
        while self.pending.len() - used >= frames_in * channels {
            let input = &self.pending[used..used + frames_in * channels];
            let produced = InterleavedSlice::new(input, channels, frames_in)
                .ok()
                .zip(InterleavedSlice::new_mut(&mut self.chunk, channels, frames_out).ok())
                .and_then(|(input, mut output)| fft.process_into_buffer(&input, &mut output, None).ok())
                .map(|(_, produced)| produced)
                .ok_or(AudioError::Malformed(Fault::ResamplingFailed {}))?;
            used += frames_in * channels;
            let skipped = self.delay_frames.min(produced);
            self.delay_frames -= skipped;
            out.extend_from_slice(&self.chunk[skipped * channels..produced * channels]);
            self.frames_out += (produced - skipped) as u64;
        }
        self.pending.drain(..used);
        Ok(())
    }
}

/// Frames of a chunk at the rate `from_hz`: even ones at both rates, as the delay is half a chunk.
fn chunk_frames(from_hz: u32, to_hz: u32) -> usize {
    let (mut a, mut b) = (from_hz, to_hz);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let unit = u64::from(2 * (from_hz / a));
    let least = (u64::from(CHUNK_FRAMES) * u64::from(from_hz)).div_ceil(u64::from(from_hz.min(to_hz)));
    least.next_multiple_of(unit) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resample(from: AudioSpec, to_rate_hz: u32, samples: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to_rate_hz).unwrap();
        let mut out = Vec::new();
        for piece in samples.chunks(piece * usize::from(from.channels)) {
            resampler.push(piece, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    fn tone(rate_hz: u32, hz: f64, frames: usize) -> Vec<f32> {
        (0..frames).map(|n| (0.5 * (n as f64 * hz * std::f64::consts::TAU / f64::from(rate_hz)).sin()) as f32).collect()
    }

    fn level_db(samples: &[f32]) -> f64 {
        let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * (power / 0.125).log10()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_length_is_exact(
            from in prop::sample::select(vec![8_000u32, 11_025, 16_000, 22_050, 44_100, 48_000]),
            to in prop::sample::select(vec![8_000u32, 16_000, 24_000, 48_000]),
            channels in 1u16..=2, frames in 0usize..30_000, piece in 1usize..5_000,
        ) {
            let spec = AudioSpec { rate_hz: from, channels };
            let out = resample(spec, to, &vec![0.1; frames * usize::from(channels)], piece);
            let expected = (frames as u64 * u64::from(to)).div_ceil(u64::from(from));
            prop_assert_eq!(out.len() as u64, expected * u64::from(channels));
        }
    }

    #[test]
    fn the_signal_keeps_its_place() {
        for from_hz in [11_025, 12_000, 16_000, 44_100, 48_000] {
            let out = resample(AudioSpec::mono(from_hz), 8_000, &tone(from_hz, 1_000.0, 2 * from_hz as usize), 512);
            let expected = tone(8_000, 1_000.0, 16_000);
            let error: Vec<f32> = out.iter().zip(&expected).map(|(a, b)| a - b).collect();
            let off_db = level_db(&error[1_000..15_000]);
            assert!(off_db < -80.0, "off by {off_db:.1} dB from {from_hz} Hz");
        }
    }

    #[test]
    fn the_band_is_flat_and_nothing_folds_into_it() {
        for hz in [300.0, 1_000.0, 3_400.0] {
            let out = resample(AudioSpec::mono(44_100), 8_000, &tone(44_100, hz, 88_200), 1_152);
            let gain_db = level_db(&out[2_000..14_000]);
            assert!(gain_db.abs() < 0.05, "{hz} Hz is off by {gain_db:.3} dB");
        }
        for hz in [4_200.0, 7_000.0, 15_000.0] {
            let out = resample(AudioSpec::mono(44_100), 8_000, &tone(44_100, hz, 88_200), 1_152);
            let alias_db = level_db(&out[2_000..14_000]);
            assert!(alias_db < -100.0, "{hz} Hz leaves {alias_db:.1} dB");
        }
    }
}
