//! Text to speech: voices, and what they are asked for.

mod heart;
mod network;
mod phonemes;
mod sentences;
mod vocoder;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

pub use heart::HeartSynthesizer;

use super::SpeechError;

/// Longest text that is spoken at once, in characters: about five minutes of speech.
pub const MAX_TEXT_CHARACTERS: usize = 5_000;

/// An engine that speaks.
pub trait Synthesizer: Send + Sync {
    /// The voices there are, at least one.
    fn voices(&self) -> &[Voice];

    /// Speaks `text`, written as people write; the same text by the same voice gives the same samples.
    ///
    /// # Errors
    /// [`SpeechError::Refused`] when the voice is unknown, the text is too long, or nothing in it can be spoken.
    fn synthesize(&self, text: &str, voice: &VoiceId) -> Result<Pcm, SpeechError>;
}

/// The name a voice is chosen by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoiceId(Cow<'static, str>);

impl VoiceId {
    /// The voice of this name, whether there is one or not.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// As [`VoiceId::new`], for constants.
    pub const fn from_static(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VoiceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A voice, described for people who choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Voice {
    /// The name it is chosen by.
    pub id: VoiceId,
    /// The language it speaks, as a BCP 47 tag.
    pub language: &'static str,
    /// Whose voice it sounds like.
    pub gender: Gender,
    /// The model it needs, by its name in the manifest.
    pub model: &'static str,
}

/// Whose voice a voice sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gender {
    /// A woman's.
    Female,
    /// A man's.
    Male,
}

/// Spoken audio: one channel of samples in −1.0..=1.0.
#[derive(Clone, Debug, PartialEq)]
pub struct Pcm {
    /// Sampling rate in Hz.
    pub rate_hz: u32,
    /// The samples.
    pub samples: Vec<f32>,
}

impl Pcm {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate_hz)
    }
}
