//! Several recordings one after the other in one file: joined MP3s, joined WAVs, streams that change their rate or channels.
//!
//! What follows takes the shape of what came first, because a stream of samples has one shape.

use crate::channels;
use crate::format::{AudioBlock, AudioError, AudioSource, AudioSpec};
use crate::resample::Resampler;

/// Brings samples to the shape that the stream began with.
pub(super) struct Adapter {
    from: AudioSpec,
    to: AudioSpec,
    resampler: Resampler,
    mapped: Vec<f32>,
}

impl Adapter {
    pub(super) fn new(from: AudioSpec, to: AudioSpec) -> Result<Self, AudioError> {
        let mapped = AudioSpec { rate_hz: from.rate_hz, channels: to.channels };
        Ok(Self { from, to, resampler: Resampler::new(mapped, to.rate_hz)?, mapped: Vec::new() })
    }

    /// The shape of what it takes.
    pub(super) fn from(&self) -> AudioSpec {
        self.from
    }

    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), AudioError> {
        self.mapped.clear();
        channels::map(samples, self.from.channels, self.to.channels, &mut self.mapped);
        self.resampler.push(&self.mapped, out)
    }

    /// Gives out what the resampler held back.
    pub(super) fn finish(mut self, out: &mut Vec<f32>) -> Result<(), AudioError> {
        self.resampler.finish(out)
    }
}

/// Plays one source after the other; `next` opens the one that follows the one given, or tells that there is none.
pub(super) struct Joined<S, F> {
    current: S,
    next: F,
    spec: AudioSpec,
    original: AudioSpec,
    /// There while a part of another shape is played.
    adapter: Option<Adapter>,
    part: AudioBlock,
    given: u64,
    /// Frames given of the first part, and how many of the original they stand for; nothing while it lasts.
    first: Option<(u64, u64)>,
    truncated: bool,
    cancels: bool,
    finished: bool,
}

impl<S, F> Joined<S, F>
where
    S: AudioSource,
    F: FnMut(&S) -> Result<Option<S>, AudioError> + Send,
{
    pub(super) fn new(first: S, next: F) -> Self {
        Self {
            spec: first.spec(),
            original: first.original_spec(),
            current: first,
            next,
            adapter: None,
            part: AudioBlock::default(),
            given: 0,
            first: None,
            truncated: false,
            cancels: false,
            finished: false,
        }
    }

    /// Tells that not all of it was announced, whatever the parts tell.
    pub(super) fn truncated(self) -> Self {
        Self { truncated: true, ..self }
    }

    /// Ends the current part and begins the next.
    fn advance(&mut self, block: &mut AudioBlock) -> Result<(), AudioError> {
        self.truncated |= self.current.is_truncated();
        self.cancels |= self.current.mono_cancels();
        if self.first.is_none() {
            self.first = Some((self.given, self.current.original_frames(self.given)));
        }
        if let Some(adapter) = self.adapter.take() {
            adapter.finish(&mut block.samples)?;
        }
        match (self.next)(&self.current) {
            Ok(Some(next)) => {
                if next.spec() != self.spec {
                    self.adapter = Some(Adapter::new(next.spec(), self.spec)?);
                }
                self.current = next;
            }
            Ok(None) => self.finished = true,
            Err(error @ AudioError::Io { .. }) => return Err(error),
            // What came before is good; the rest is lost.
            Err(_) => {
                self.truncated = true;
                self.finished = true;
            }
        }
        Ok(())
    }
}

impl<S, F> AudioSource for Joined<S, F>
where
    S: AudioSource,
    F: FnMut(&S) -> Result<Option<S>, AudioError> + Send,
{
    fn spec(&self) -> AudioSpec {
        self.spec
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        block.samples.clear();
        while block.samples.is_empty() && !self.finished {
            let more = match &mut self.adapter {
                None => self.current.next_block(block)?,
                Some(adapter) => {
                    let more = self.current.next_block(&mut self.part)?;
                    adapter.push(&self.part.samples, &mut block.samples)?;
                    more
                }
            };
            if !more {
                self.advance(block)?;
            }
        }
        self.given += (block.samples.len() / usize::from(self.spec.channels)) as u64;
        Ok(!block.samples.is_empty())
    }

    fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn mono_cancels(&self) -> bool {
        self.cancels
    }

    fn original_spec(&self) -> AudioSpec {
        self.original
    }

    fn original_frames(&self, given: u64) -> u64 {
        match self.first {
            None => self.current.original_frames(given),
            Some((frames, original)) => {
                let more = u128::from(given.saturating_sub(frames)) * u128::from(self.original.rate_hz);
                original + (more / u128::from(self.spec.rate_hz)) as u64
            }
        }
    }
}
