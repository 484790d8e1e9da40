//! English words to phonemes: a lexicon by `misaki-rs`, and a small network for words that no lexicon has.

use std::{collections::HashMap, path::Path};

use misaki_rs::{Fallback, G2P, Language, fallback::FallbackError};
use rten_tensor::Tensor;
use serde::Deserialize;

use super::network::{Network, failed};
use crate::{SpeechError, text::letters::plain};

/// Longest word that the network knows positions for, in letters; a longer one is said in parts.
const MAX_WORD_LETTERS: usize = 24;

/// How English is pronounced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accent {
    American,
    British,
}

/// Pronounces English.
pub(super) struct Phonemizer {
    grapheme_to_phoneme: G2P,
}

impl Phonemizer {
    /// The accent's dictionary, with the fallback network and its alphabet from a model's folder.
    pub(super) fn load(accent: Accent, folder: &Path) -> Result<Self, SpeechError> {
        let fallback = UnknownWords::load(&folder.join("oov.onnx"), &folder.join("oov.json"))?;
        let language = match accent {
            Accent::American => Language::EnglishUS,
            Accent::British => Language::EnglishGB,
        };
        Ok(Self { grapheme_to_phoneme: G2P::with_fallback(language, Some(Box::new(fallback))) })
    }

    /// The phonemes of a sentence made of words and punctuation.
    pub(super) fn phonemes(&self, sentence: &str) -> Result<String, SpeechError> {
        let (phonemes, _) = self
            .grapheme_to_phoneme
            .g2p(sentence)
            .map_err(|error| SpeechError::Engine(format!("a sentence could not be pronounced: {error:?}")))?;
        Ok(phonemes)
    }
}

/// The number that a model's networks know each phoneme by.
pub(super) fn phoneme_ids(folder: &Path) -> Result<HashMap<char, i32>, SpeechError> {
    let vocabulary = std::fs::read(folder.join("vocab.json")).map_err(SpeechError::io("reading the phonemes"))?;
    serde_json::from_slice(&vocabulary).map_err(|error| SpeechError::Malformed(format!("the phonemes: {error}")))
}

/// Guesses how a word is said that the lexicon does not have: a name, mostly.
struct UnknownWords {
    network: Network,
    letters: HashMap<char, i32>,
    phonemes: Vec<String>,
}

#[derive(Deserialize)]
struct Alphabet {
    #[serde(rename = "in")]
    letters: Vec<char>,
    #[serde(rename = "out")]
    phonemes: Vec<String>,
}

impl UnknownWords {
    fn load(network: &Path, alphabet: &Path) -> Result<Self, SpeechError> {
        let bytes = std::fs::read(alphabet).map_err(SpeechError::io("reading the alphabet of unknown words"))?;
        let alphabet: Alphabet = serde_json::from_slice(&bytes)
            .map_err(|error| SpeechError::Malformed(format!("the alphabet of unknown words: {error}")))?;
        Ok(Self {
            network: Network::load(network)?,
            // Zero is the blank on both sides.
            letters: alphabet.letters.into_iter().zip(1..).collect(),
            phonemes: alphabet.phonemes,
        })
    }

    fn guess(&self, word: &str) -> Result<String, SpeechError> {
        // A letter that the network does not know is said as the plain one under its marks, never as nothing.
        let known = |letter: char| self.letters.get(&letter).copied();
        let lower = |letter: char| letter.to_lowercase().next().and_then(known);
        let nearest = |letter: char| known(letter).or_else(|| lower(letter)).or_else(|| known(plain(letter)?));
        let letters: Vec<i32> = word.chars().filter_map(nearest).collect();
        letters.chunks(MAX_WORD_LETTERS).map(|part| self.guess_part(part)).collect()
    }

    /// The network's best phoneme at each step, repeats and blanks removed.
    fn guess_part(&self, letters: &[i32]) -> Result<String, SpeechError> {
        let input = Tensor::from_data(&[1, letters.len()], letters.to_vec());
        let [steps] = self.network.run([("chars", input.into())], ["ids"])?;
        let steps = Tensor::<i32>::try_from(steps).map_err(failed)?.into_data();
        let blank_first = std::iter::once(&0).chain(&steps);
        let changes = blank_first.zip(&steps).filter(|(before, now)| before != now);
        let phonemes = changes.filter_map(|(_, &now)| self.phonemes.get(usize::try_from(now).ok()?.checked_sub(1)?));
        Ok(phonemes.map(String::as_str).collect())
    }
}

impl Fallback for UnknownWords {
    fn phonemize(&self, word: &str) -> Result<String, FallbackError> {
        // A symbol is not a word: it is passed over in silence rather than read as noise.
        if !word.chars().any(char::is_alphabetic) {
            return Ok(String::new());
        }
        self.guess(word).map_err(|error| {
            // The crate's only variant that carries a reason.
            FallbackError::Espeak { word: word.to_owned(), error: error.to_string() }
        })
    }
}
