//! Text to speech: voices, and what they are asked for.

#[cfg(feature = "cloud")]
mod cloud;
mod engine;
mod heart;
mod kokoro;
mod local;
mod manner;
mod network;
mod phonemes;
mod pronunciation;
mod pronunciations;
mod sentences;
mod vocoder;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[cfg(feature = "cloud")]
pub use cloud::{AllVoices, CloudVoices, CloudVoicesConfig};
pub use local::LocalVoices;
pub use manner::Manner;
pub use pronunciation::{Phonetic, Pronunciation};
pub use pronunciations::{MAX_PRONUNCIATIONS, Pronunciations, key as pronunciation_key};

use super::{SpeechError, error::Refusal, text};

/// Longest text that is spoken at once, in characters: about five minutes of speech.
pub(crate) const MAX_TEXT_CHARACTERS: usize = 5_000;

/// Counts up whenever the same text would sound otherwise than before, so that nothing old is taken from a cache.
pub(crate) const REVISION: u32 = 1;

/// What a voice says to be chosen by: a greeting, with a number and a time in it.
pub const SAMPLE: &str = "Thank you for calling. We open at 9:30 AM. For sales, press 1, or call 415-555-0132.";

/// An engine that speaks.
pub trait Synthesizer: Send + Sync {
    /// The voices there are, at least one, the ones that cannot speak yet among them.
    fn voices(&self) -> Vec<Voice>;

    /// Speaks a text; the same request gives the same samples, wherever the voice is one of this machine's.
    ///
    /// # Errors
    /// [`SpeechError::Refused`] when the voice is unknown, the text is too long, or nothing in it can be spoken;
    /// [`SpeechError::MissingModel`] when the voice was not fetched; [`SpeechError::Cancelled`] when the request says so.
    fn synthesize(&self, speech: &Speech<'_>) -> Result<Pcm, SpeechError>;
}

/// What is to be said, and how.
#[derive(Clone, Copy)]
pub struct Speech<'a> {
    /// The words, written as people write.
    pub text: &'a str,
    /// Who says them.
    pub voice: &'a VoiceId,
    /// Where they are said, as a BCP 47 tag: it decides whether `5/6` is in May or in June.
    pub locale: &'a str,
    /// How fast, and with what pauses.
    pub manner: Manner,
    /// How words are said that the voice would guess wrongly.
    pub pronunciations: &'a Pronunciations,
    /// Asked after every sentence; the work stops when it says true.
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
}

impl<'a> Speech<'a> {
    /// `text` in the voice's own manner, as it is said in the United States.
    pub fn new(text: &'a str, voice: &'a VoiceId) -> Self {
        let pronunciations = Pronunciations::none();
        Self { text, voice, locale: "en-US", manner: Manner::default(), pronunciations, cancelled: None }
    }

    /// A digest, in hex, of all that decides how it sounds: speech of the same digest is the same speech. `model` is that
    /// of the voice.
    pub fn digest(&self, model: &str) -> String {
        let mut hasher = Sha256::new();
        let manner = format!("{}/{}", self.manner.rate, self.manner.pauses);
        let said = self.pronunciations.used_in(self.text);
        for part in
            [&REVISION.to_string(), self.voice.as_str(), model, &manner, &text::speakable_for(self.text, self.locale)]
        {
            hasher.update(part);
            hasher.update([0]);
        }
        hasher.update(format!("{said:?}"));
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Refuses work that is no longer wanted.
    fn check(&self) -> Result<(), SpeechError> {
        if self.cancelled.is_some_and(|cancelled| cancelled()) {
            return Err(SpeechError::Cancelled);
        }
        Ok(())
    }
}

/// Tells before a text is kept whether all of it will be spoken.
///
/// # Errors
/// [`SpeechError::Refused`] when it is too long, holds words in letters that no voice here reads, or nothing to speak.
pub fn check_text(text: &str) -> Result<(), SpeechError> {
    let characters = text.chars().count();
    if characters > MAX_TEXT_CHARACTERS {
        return Err(Refusal::TextTooLong { characters, most: MAX_TEXT_CHARACTERS }.into());
    }
    if let Some(words) = text::unspeakable(text) {
        return Err(Refusal::UnspeakableWords { words }.into());
    }
    if text::speakable(text).is_empty() {
        return Err(Refusal::NothingToSpeak.into());
    }
    Ok(())
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Voice {
    /// The name it is chosen by.
    pub id: VoiceId,
    /// The language it speaks, as a BCP 47 tag.
    pub language: Cow<'static, str>,
    /// Whose voice it sounds like, where that is known.
    pub gender: Option<Gender>,
    /// The model it needs: its name in the manifest, or at its provider.
    pub model: Cow<'static, str>,
    /// Seconds of speech made in a second on one core, about; none where the work is done elsewhere.
    pub speed: Option<f32>,
    /// True when it can speak now: its model is here.
    pub ready: bool,
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

/// The voice of this name among `voices`.
///
/// # Errors
/// [`SpeechError::Refused`] names those there are.
pub fn find<'a>(voices: &'a [Voice], id: &VoiceId) -> Result<&'a Voice, SpeechError> {
    voices.iter().find(|voice| voice.id == *id).ok_or_else(|| {
        let known: Vec<&str> = voices.iter().map(|voice| voice.id.as_str()).collect();
        Refusal::UnknownVoice { name: id.to_string(), known: known.join(", ") }.into()
    })
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

    /// A WAV file of it, with 16-bit samples.
    ///
    /// # Errors
    /// [`SpeechError::Io`] when it is longer than a WAV file may be.
    pub fn to_wav(&self) -> Result<Vec<u8>, SpeechError> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: self.rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let writing = |error| SpeechError::io("writing a WAV file")(std::io::Error::other(error));
        let mut file = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).map_err(writing)?;
        for sample in &self.samples {
            writer.write_sample((sample * f32::from(i16::MAX)).round() as i16).map_err(writing)?;
        }
        writer.finalize().map_err(writing)?;
        Ok(file.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::synthesize::{Phonetic, Pronunciation};

    fn pronounced(word: &str, phonetic: Phonetic) -> Pronunciations {
        Pronunciations::new(&[Pronunciation { word: word.to_owned(), phonetic }]).unwrap()
    }

    #[test]
    fn speech_has_a_digest_of_all_that_decides_how_it_sounds() {
        let (heart, other) = (VoiceId::from_static("heart"), VoiceId::from_static("other"));
        let respelled = pronounced("Acme", Phonetic::Respelling("ack me".to_owned()));
        let in_phonemes = pronounced("Acme", Phonetic::Ipa("ækmi".to_owned()));
        let manner = |rate, pauses| Manner::new(rate, pauses).unwrap();
        let plain = Speech::new("Acme opens at 9:30 AM.", &heart);
        let different = [
            plain.digest("model"),
            plain.digest("another model"),
            Speech { voice: &other, ..plain }.digest("model"),
            Speech { text: "Acme opens at 9:31 AM.", ..plain }.digest("model"),
            Speech { text: "Acme opens on 5/6/2027.", ..plain }.digest("model"),
            Speech { text: "Acme opens on 5/6/2027.", locale: "en-GB", ..plain }.digest("model"),
            Speech { manner: manner(Some(0.8), None), ..plain }.digest("model"),
            Speech { manner: manner(None, Some(2.0)), ..plain }.digest("model"),
            Speech { pronunciations: &respelled, ..plain }.digest("model"),
            Speech { pronunciations: &in_phonemes, ..plain }.digest("model"),
        ];
        assert_eq!(HashSet::from(different.clone()).len(), different.len(), "{different:?}");
        let unused = pronounced("Nguyen", Phonetic::Respelling("win".to_owned()));
        let the_same =
            [Speech { text: "Acme opens  at 9.30am.", ..plain }, Speech { pronunciations: &unused, ..plain }];
        for speech in the_same {
            assert_eq!(speech.digest("model"), different[0], "{}", speech.text);
        }
    }
}
