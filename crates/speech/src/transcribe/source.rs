//! Brings any audio to what an engine hears: 16 kHz, one channel.

use super::RATE_HZ;
use voicemill_audio::{
    format::{AudioBlock, AudioError, AudioSource, AudioSpec, Fault},
    resample::Resampler,
};

/// Another source, with its channels mixed into one or one of them chosen, and its rate changed, block by block.
pub struct SpeechSource {
    source: Box<dyn AudioSource>,
    channels: usize,
    /// The channel to listen to; all mixed if none.
    only: Option<usize>,
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
        Self::listen(source, None)
    }

    /// Listens to one channel of `source`, counted from zero.
    ///
    /// # Errors
    /// As [`SpeechSource::new`]; [`AudioError::Malformed`] when there is no such channel.
    pub fn channel(source: Box<dyn AudioSource>, channel: u16) -> Result<Self, AudioError> {
        let channels = source.spec().channels;
        if channel >= channels {
            return Err(AudioError::Malformed(Fault::MissingSpeaker { channels }));
        }
        Self::listen(source, Some(usize::from(channel)))
    }

    fn listen(source: Box<dyn AudioSource>, only: Option<usize>) -> Result<Self, AudioError> {
        let spec = source.spec();
        let resampler = Resampler::new(AudioSpec { channels: 1, ..spec }, RATE_HZ)?;
        Ok(Self {
            source,
            channels: usize::from(spec.channels).max(1),
            only,
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
                match self.only {
                    Some(channel) => self.mixed.extend(frames.map(|frame| frame[channel])),
                    None => self.mixed.extend(frames.map(|frame| frame.iter().sum::<f32>() / self.channels as f32)),
                }
                self.resampler.push(&self.mixed, &mut block.samples)?;
            } else {
                self.ended = true;
                self.resampler.finish(&mut block.samples)?;
            }
        }
        Ok(!block.samples.is_empty())
    }
}
