//! Brings any audio to what an engine hears: 16 kHz, one channel.

use super::RATE_HZ;
use crate::audio::{
    format::{AudioBlock, AudioError, AudioSource, AudioSpec},
    resample::Resampler,
};

/// Another source, with its channels mixed into one and its rate changed, block by block.
pub struct SpeechSource {
    source: Box<dyn AudioSource>,
    channels: usize,
    resampler: Resampler,
    input: AudioBlock,
    mixed: Vec<f32>,
    ended: bool,
}

impl SpeechSource {
    /// Listens to `source`.
    ///
    /// # Errors
    /// [`AudioError::Unsupported`] when its rate cannot be brought to 16 kHz.
    pub fn new(source: Box<dyn AudioSource>) -> Result<Self, AudioError> {
        let spec = source.spec();
        let resampler = Resampler::new(AudioSpec { channels: 1, ..spec }, RATE_HZ)?;
        Ok(Self {
            source,
            channels: usize::from(spec.channels).max(1),
            resampler,
            input: AudioBlock::default(),
            mixed: Vec::new(),
            ended: false,
        })
    }
}

impl AudioSource for SpeechSource {
    fn spec(&self) -> AudioSpec {
        AudioSpec { rate_hz: RATE_HZ, channels: 1 }
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        block.samples.clear();
        // The resampler may hold back all of a short block.
        while block.samples.is_empty() && !self.ended {
            if self.source.next_block(&mut self.input)? {
                let frames = self.input.samples.chunks_exact(self.channels);
                self.mixed.clear();
                self.mixed.extend(frames.map(|frame| frame.iter().sum::<f32>() / self.channels as f32));
                self.resampler.push(&self.mixed, &mut block.samples)?;
            } else {
                self.ended = true;
                self.resampler.finish(&mut block.samples)?;
            }
        }
        Ok(!block.samples.is_empty())
    }
}
