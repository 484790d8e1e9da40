//! Voices, and how words are said, as they are answered and asked for.

use serde::{Deserialize, Serialize};
use voicemill_speech::synthesize::{self, Gender, Phonetic};

/// A voice, described for people who choose.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Voice {
    id: String,
    language: String,
    gender: Option<Gender>,
    model: String,
    /// Seconds of speech made in a second on one core, about; none where the work is done elsewhere.
    speed: Option<f32>,
    /// Whether it can speak now.
    ready: bool,
    /// Where its sample is heard.
    sample: String,
}

/// How a word is said, by one of two ways.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Pronunciation {
    word: String,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    respelling: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipa: Option<String>,
}

/// How a word is to be said: one of the two.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum NewPronunciation {
    /// Respelled as it sounds.
    As(String),
    /// In the International Phonetic Alphabet.
    Ipa(String),
}

impl From<synthesize::Voice> for Voice {
    fn from(voice: synthesize::Voice) -> Self {
        Self {
            sample: format!("/v1/voices/{}/sample", voice.id),
            id: voice.id.to_string(),
            language: voice.language.into_owned(),
            gender: voice.gender,
            model: voice.model.into_owned(),
            speed: voice.speed,
            ready: voice.ready,
        }
    }
}

impl From<synthesize::Pronunciation> for Pronunciation {
    fn from(entry: synthesize::Pronunciation) -> Self {
        let (respelling, ipa) = match entry.phonetic {
            Phonetic::Respelling(respelling) => (Some(respelling), None),
            Phonetic::Ipa(ipa) => (None, Some(ipa)),
        };
        Self { word: entry.word, respelling, ipa }
    }
}

impl From<NewPronunciation> for Phonetic {
    fn from(new: NewPronunciation) -> Self {
        match new {
            NewPronunciation::As(respelling) => Self::Respelling(respelling),
            NewPronunciation::Ipa(ipa) => Self::Ipa(ipa),
        }
    }
}
