//! How a domain wants a word said.

/// A word, and how it is said.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pronunciation {
    /// The word, or a few, as people write it.
    pub word: String,
    /// How it is said.
    #[serde(flatten)]
    pub phonetic: Phonetic,
}

/// A way to say something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phonetic {
    /// Respelled as it sounds: "win" for Nguyen.
    #[serde(rename = "as")]
    Respelling(String),
    /// In the International Phonetic Alphabet.
    Ipa(String),
}
