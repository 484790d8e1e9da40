//! The stretches of a stream in which somebody speaks, each by itself, so that several can be heard side by side.

use std::collections::VecDeque;

use super::{RATE_HZ, TranscribeControl, gate, windows::Windows};
use crate::SpeechError;
use voicemill_audio::format::AudioSource;

/// Longest stretch that is looked at: with its margin it still fits an engine's 30 s.
const WINDOW_SECONDS: usize = 28;

/// A stretch in which somebody speaks, no longer than an engine hears at once.
pub(super) struct Span {
    /// Where it begins, in seconds from the start of the audio.
    pub(super) start_seconds: f64,
    /// At 16 kHz.
    pub(super) samples: Vec<f32>,
}

impl Span {
    pub(super) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(RATE_HZ)
    }

    pub(super) fn end_seconds(&self) -> f64 {
        self.start_seconds + self.seconds()
    }
}

/// Reads a source span by span, holding no more than it is asked for and what one window has.
pub(super) struct Spans<'a> {
    windows: Windows<'a>,
    ready: VecDeque<Span>,
}

impl<'a> Spans<'a> {
    pub(super) fn new(audio: &'a mut dyn AudioSource) -> Result<Self, SpeechError> {
        Ok(Self { windows: Windows::new(audio, WINDOW_SECONDS)?, ready: VecDeque::new() })
    }

    /// The next spans in order, `most` at most; none at the end of the audio.
    pub(super) fn next(&mut self, most: usize, control: &TranscribeControl<'_>) -> Result<Vec<Span>, SpeechError> {
        while self.ready.len() < most {
            control.check()?;
            let Some(window) = self.windows.next()? else { break };
            self.ready.extend(gate::speech(window.samples).into_iter().map(|speech| Span {
                start_seconds: (window.start + speech.start as u64) as f64 / f64::from(RATE_HZ),
                samples: speech.samples,
            }));
        }
        let count = most.min(self.ready.len());
        Ok(self.ready.drain(..count).collect())
    }

    /// Seconds of the audio up to the last span that was handed out; all of it once there are no more.
    pub(super) fn done_seconds(&self) -> f64 {
        let read_seconds = self.windows.done() as f64 / f64::from(RATE_HZ);
        self.ready.front().map_or(read_seconds, |span| span.start_seconds)
    }
}
