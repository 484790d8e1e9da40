//! Takes noise away from behind speech, by RNNoise.

use std::path::Path;

use nnnoiseless::DenoiseState;

use super::format::{AudioError, AudioSpec};
use super::intake::Track;
use super::loudness::LoudnessMeter;
use super::resample::Resampler;
use super::spool::SpoolWriter;

/// Speech less than this far above its noise is worth cleaning, in dB; from there on, cleaning harms more than it helps.
pub(crate) const BELOW_SNR_DB: f64 = 15.0;

/// The only rate that the network knows.
const RATE_HZ: u32 = 48_000;
/// The network was trained on speech of this peak level, in steps of 16 bits.
const PEAK: f32 = 16_384.0;
const BLOCK_SAMPLES: usize = 16_384;

/// The same track without its noise: same place, same length.
pub(crate) fn denoised(noisy: &Track, directory: &Path) -> Result<Track, AudioError> {
    let spec = noisy.spec;
    let mut up = Resampler::new(spec, RATE_HZ)?;
    let mut down = Resampler::new(AudioSpec { rate_hz: RATE_HZ, ..spec }, spec.rate_hz)?;
    let mut denoiser = Denoiser::new(spec.channels, PEAK / noisy.meter.sample_peak().max(1e-4));
    let (mut meter, mut spool) = (LoudnessMeter::new(spec), SpoolWriter::new(directory)?);
    let (mut read, mut wide, mut clean, mut out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (total, mut at, mut written) = (noisy.spool.samples(), 0, 0u64);
    while written < total {
        let count = BLOCK_SAMPLES / usize::from(spec.channels) * usize::from(spec.channels);
        noisy.spool.read(at, count, &mut read)?;
        at += read.len() as u64;
        wide.clear();
        if read.is_empty() {
            up.finish(&mut wide)?;
            denoiser.finish(&wide, &mut clean);
            down.push(&clean, &mut out)?;
            down.finish(&mut out)?;
            // Rates that do not divide evenly may differ by a frame.
            out.resize((total - written) as usize, 0.0);
        } else {
            up.push(&read, &mut wide)?;
            denoiser.push(&wide, &mut clean);
            down.push(&clean, &mut out)?;
            out.truncate((total - written) as usize);
        }
        clean.clear();
        meter.push(&out);
        spool.push(&out)?;
        written += out.len() as u64;
        out.clear();
    }
    Ok(Track { spec, spool: spool.finish()?, meter })
}

/// Cuts interleaved audio into the network's frames, channel by channel.
struct Denoiser {
    channels: Vec<Box<DenoiseState<'static>>>,
    gain: f32,
    pending: Vec<f32>,
    /// What comes out first lies before the beginning.
    begun: bool,
}

impl Denoiser {
    fn new(channels: u16, gain: f32) -> Self {
        let channels = (0..channels).map(|_| DenoiseState::new()).collect();
        Self { channels, gain, pending: Vec::new(), begun: false }
    }

    fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.pending.extend_from_slice(samples);
        let frame_samples = DenoiseState::FRAME_SIZE * self.channels.len();
        let whole = self.pending.len() / frame_samples * frame_samples;
        for frame in self.pending[..whole].chunks_exact(frame_samples) {
            let start = out.len();
            out.resize(start + frame_samples, 0.0);
            for (channel, state) in self.channels.iter_mut().enumerate() {
                let (mut noisy, mut clean) = ([0.0; DenoiseState::FRAME_SIZE], [0.0; DenoiseState::FRAME_SIZE]);
                let step = frame_samples / DenoiseState::FRAME_SIZE;
                for (to, from) in noisy.iter_mut().zip(frame.iter().skip(channel).step_by(step)) {
                    *to = from * self.gain;
                }
                state.process_frame(&mut clean, &noisy);
                for (to, from) in out[start..].iter_mut().skip(channel).step_by(step).zip(clean) {
                    *to = from / self.gain;
                }
            }
            if !std::mem::replace(&mut self.begun, true) {
                out.truncate(start);
            }
        }
        self.pending.drain(..whole);
    }

    /// Pushes out what is held; as much has come out as went in, and some silence after it.
    fn finish(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let silence = vec![0.0; 2 * DenoiseState::FRAME_SIZE * self.channels.len()];
        self.push(samples, out);
        self.push(&silence, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech_activity::tests::{noise, voice};

    fn track(spec: AudioSpec, samples: &[f32]) -> Track {
        let folder = tempfile::tempdir().unwrap();
        let (mut meter, mut spool) = (LoudnessMeter::new(spec), SpoolWriter::new(folder.path()).unwrap());
        meter.push(samples);
        spool.push(samples).unwrap();
        Track { spec, spool: spool.finish().unwrap(), meter }
    }

    fn cleaned(spec: AudioSpec, samples: &[f32]) -> Vec<f32> {
        let folder = tempfile::tempdir().unwrap();
        let clean = denoised(&track(spec, samples), folder.path()).unwrap();
        let mut out = Vec::new();
        clean.spool.read(0, samples.len() + 10, &mut out).unwrap();
        out
    }

    #[test]
    fn the_length_stays_and_so_does_the_place() {
        for (rate_hz, channels, frames) in [(8_000, 1, 1), (8_000, 1, 40_001), (16_000, 1, 50_003), (16_000, 2, 33_333)]
        {
            let spec = AudioSpec { rate_hz, channels };
            let mono = voice(rate_hz, frames as f64 / f64::from(rate_hz) + 0.01);
            let samples: Vec<f32> =
                mono[..frames].iter().flat_map(|sample| vec![*sample; usize::from(channels)]).collect();
            let clean = cleaned(spec, &samples);
            assert_eq!(clean.len(), samples.len(), "{spec:?}");
            if frames > 1_000 {
                let likeness = |shift: usize| -> f64 {
                    let shift = shift * usize::from(channels);
                    clean[shift..].iter().zip(&samples).map(|(a, b)| f64::from(a * b)).sum()
                };
                let best = (0..40).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)));
                assert!(best <= Some(1), "{spec:?}: late by {best:?} frames");
            }
        }
    }

    #[test]
    fn noise_between_words_goes_down() {
        let spec = AudioSpec::mono(16_000);
        let mut talk = voice(16_000, 3.0);
        talk.extend(vec![0.0; 32_000]);
        let noisy: Vec<f32> = talk.iter().zip(noise(talk.len(), 0.05)).map(|(talk, noise)| talk + noise).collect();
        let level = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
        let pause = 64_000..78_000;
        let reduction_db =
            10.0 * (level(&noisy[pause.clone()]) / level(&cleaned(spec, &noisy)[pause]).max(1e-12)).log10();
        assert!(reduction_db > 10.0, "only {reduction_db:.1} dB less");
    }
}
