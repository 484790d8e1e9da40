//! Cuts a stream into windows short enough for the engine, at pauses where there are any.

use super::RATE_HZ;
use crate::SpeechError;
use voicemill_audio::format::{AudioBlock, AudioSource};

/// The end of a window is looked for in its last 10 s.
const SEARCH_SAMPLES: usize = 10 * RATE_HZ as usize;

/// A pause is judged over 200 ms, moved in steps of 20 ms.
const STEP_SAMPLES: usize = RATE_HZ as usize / 50;
const PAUSE_STEPS: usize = 10;

/// A stretch of the audio.
pub(super) struct Window {
    /// Where it begins, in samples from the start of the audio.
    pub(super) start: u64,
    pub(super) samples: Vec<f32>,
}

/// Reads a source window by window, holding little more than one.
pub(super) struct Windows<'a> {
    source: &'a mut dyn AudioSource,
    block: AudioBlock,
    pending: Vec<f32>,
    /// Samples handed out so far.
    done: u64,
    ended: bool,
    max_samples: usize,
}

impl<'a> Windows<'a> {
    /// Windows of at most so many seconds, more than the 10 s in which their ends are looked for.
    pub(super) fn new(source: &'a mut dyn AudioSource, max_seconds: usize) -> Result<Self, SpeechError> {
        let spec = source.spec();
        if spec.rate_hz != RATE_HZ || spec.channels != 1 {
            return Err(SpeechError::Malformed(format!(
                "speech is heard at {RATE_HZ} Hz on one channel, not at {} Hz on {}",
                spec.rate_hz, spec.channels
            )));
        }
        Ok(Self {
            source,
            block: AudioBlock::default(),
            pending: Vec::new(),
            done: 0,
            ended: false,
            max_samples: max_seconds * RATE_HZ as usize,
        })
    }

    /// The next window; `None` at the end of the audio.
    pub(super) fn next(&mut self) -> Result<Option<Window>, SpeechError> {
        while !self.ended && self.pending.len() <= self.max_samples {
            self.ended = !self.source.next_block(&mut self.block)?;
            self.pending.extend_from_slice(&self.block.samples);
        }
        if self.pending.is_empty() {
            return Ok(None);
        }
        let cut = if self.pending.len() <= self.max_samples {
            self.pending.len()
        } else {
            quietest_point(&self.pending[..self.max_samples])
        };
        let start = self.done;
        let rest = self.pending.split_off(cut);
        let samples = std::mem::replace(&mut self.pending, rest);
        self.done += cut as u64;
        Ok(Some(Window { start, samples }))
    }

    /// Samples handed out so far.
    pub(super) fn done(&self) -> u64 {
        self.done
    }
}

/// The middle of the quietest 200 ms among the last 10 s of a full window.
fn quietest_point(window: &[f32]) -> usize {
    let search = window.len() - SEARCH_SAMPLES;
    let energies: Vec<f32> = window[search..]
        .chunks_exact(STEP_SAMPLES)
        .map(|step| step.iter().map(|sample| sample * sample).sum())
        .collect();
    let pause = |steps: &[f32]| steps.iter().sum::<f32>();
    let quietest =
        energies.windows(PAUSE_STEPS).enumerate().min_by(|(_, one), (_, other)| pause(one).total_cmp(&pause(other)));
    let first_step = quietest.map_or(0, |(index, _)| index);
    search + (first_step + PAUSE_STEPS / 2) * STEP_SAMPLES
}

#[cfg(test)]
mod tests {
    use super::*;
    use voicemill_audio::format::{AudioError, AudioSpec};

    /// A tone of `seconds` with silence from `pause_at` for half a second, in blocks of an odd size.
    struct Tone {
        at: usize,
        length: usize,
        pause_at: usize,
    }

    impl AudioSource for Tone {
        fn spec(&self) -> AudioSpec {
            AudioSpec { rate_hz: RATE_HZ, channels: 1 }
        }

        fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
            block.samples.clear();
            let end = (self.at + 7001).min(self.length);
            for index in self.at..end {
                let silent = (self.pause_at..self.pause_at + 8000).contains(&index);
                block.samples.push(if silent { 0.0 } else { (index as f32 * 0.3).sin() });
            }
            self.at = end;
            Ok(!block.samples.is_empty())
        }
    }

    #[test]
    fn windows_cover_everything_once_and_end_at_the_pause() {
        let pause_at = 22 * 16_000;
        let mut tone = Tone { at: 0, length: 100 * 16_000 + 5, pause_at };
        let mut windows = Windows::new(&mut tone, 28).unwrap();
        let mut expected_start = 0;
        let mut lengths = Vec::new();
        while let Some(window) = windows.next().unwrap() {
            assert_eq!(window.start, expected_start);
            assert!(window.samples.len() <= 28 * RATE_HZ as usize);
            expected_start += window.samples.len() as u64;
            lengths.push(window.samples.len());
        }
        assert_eq!(expected_start, 100 * 16_000 + 5);
        assert!((pause_at..pause_at + 8000).contains(&lengths[0]), "{lengths:?}");
        assert_eq!(windows.done(), expected_start);
    }

    #[test]
    fn an_empty_source_has_no_window() {
        let mut tone = Tone { at: 0, length: 0, pause_at: 0 };
        assert!(Windows::new(&mut tone, 28).unwrap().next().unwrap().is_none());
    }
}
