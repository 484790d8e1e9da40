//! How a domain wants its words said: respelled as they sound, or in the International Phonetic Alphabet.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use regex::{Captures, Regex, RegexBuilder};

use super::phonemes::Accent;
use crate::{
    SpeechError,
    error::Refusal,
    synthesize::{Phonetic, Pronunciation},
    text,
};

/// Most words whose pronunciation a domain may set.
pub const MAX_PRONUNCIATIONS: usize = 1_000;
/// Longest word, and longest way to say it, in characters.
const MAX_CHARACTERS: usize = 100;

/// Words, and how they are said; found in a text whatever their case.
#[derive(Clone, Default)]
pub struct Pronunciations {
    /// Finds the longest entry at a place as a whole word, with a possessive s behind it; none where there is no entry.
    finder: Option<Regex>,
    entries: Arc<HashMap<String, Phonetic>>,
}

impl Pronunciations {
    /// No word is said otherwise than the voice would.
    pub fn none() -> &'static Self {
        static NONE: LazyLock<Pronunciations> = LazyLock::new(Pronunciations::default);
        &NONE
    }

    /// What the entries say; of two for one word, the later.
    ///
    /// # Errors
    /// [`SpeechError::Refused`] names what cannot be found in a text, or not be said.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a Pronunciation>) -> Result<Self, SpeechError> {
        let mut known = HashMap::new();
        for entry in entries {
            check(entry)?;
            known.insert(key(&entry.word), entry.phonetic.clone());
        }
        if known.len() > MAX_PRONUNCIATIONS {
            return Err(Refusal::TooManyPronunciations { most: MAX_PRONUNCIATIONS }.into());
        }
        if known.is_empty() {
            return Ok(Self::default());
        }
        let mut words: Vec<&String> = known.keys().collect();
        // Of several that begin at one place the first in the pattern is found.
        words.sort_by_key(|word| (std::cmp::Reverse(word.len()), *word));
        let words: Vec<String> = words.into_iter().map(|word| regex::escape(word)).collect();
        let finder = RegexBuilder::new(&format!(r"\b({})('s)?\b", words.join("|"))).case_insensitive(true).build();
        let finder = finder.map_err(|error| SpeechError::Engine(format!("these words are too many: {error}")))?;
        Ok(Self { finder: Some(finder), entries: Arc::new(known) })
    }

    /// The entries that a text, as people write it, makes use of, in an order that does not change.
    pub fn used_in(&self, script: &str) -> Vec<(&str, &Phonetic)> {
        let Some(finder) = &self.finder else { return Vec::new() };
        let speakable = text::speakable(script);
        let mut used: Vec<(&str, &Phonetic)> = finder
            .captures_iter(&speakable)
            .filter_map(|found| self.entries.get_key_value(&found[1].to_lowercase()))
            .map(|(word, said)| (word.as_str(), said))
            .collect();
        used.sort_by_key(|(word, _)| *word);
        used.dedup_by_key(|(word, _)| *word);
        used
    }

    /// Speakable text with its words respelled; where an entry has phonemes only, the word stays.
    pub(crate) fn respelled(&self, speakable: &str) -> String {
        self.replaced(speakable, |word, _| word.to_owned())
    }

    /// Speakable text with its words respelled, or marked with phonemes as `misaki-rs` reads them.
    pub(super) fn marked(&self, speakable: &str, accent: Accent) -> String {
        self.replaced(speakable, |word, phonemes| format!("[{word}](/{}/)", house_phonemes(phonemes, accent)))
    }

    fn replaced(&self, speakable: &str, say_phonemes: impl Fn(&str, &str) -> String) -> String {
        let Some(finder) = &self.finder else { return speakable.to_owned() };
        let said = finder.replace_all(speakable, |found: &Captures<'_>| {
            let (word, possessive) = (&found[1], found.get(2).map_or("", |possessive| possessive.as_str()));
            match self.entries.get(&word.to_lowercase()) {
                Some(Phonetic::Respelling(respelling)) => {
                    format!("{}{possessive}", text::speakable(respelling).trim_end_matches(['.', '!', '?']))
                }
                Some(Phonetic::Ipa(phonemes)) if possessive.is_empty() => say_phonemes(word, phonemes),
                Some(Phonetic::Ipa(phonemes)) => {
                    say_phonemes(word, &format!("{phonemes}{}", possessive_sound(phonemes)))
                }
                None => found[0].to_owned(),
            }
        });
        said.into_owned()
    }
}

/// The form in which a word is found: as it is said when nothing is known of it.
pub fn key(word: &str) -> String {
    text::speakable(word).trim_end_matches(['.', '!', '?']).to_lowercase()
}

fn check(entry: &Pronunciation) -> Result<(), SpeechError> {
    let (word, refused) = (&entry.word, |refusal: Refusal| Err(refusal.into()));
    let (Phonetic::Respelling(said) | Phonetic::Ipa(said)) = &entry.phonetic;
    if word.chars().count() > MAX_CHARACTERS || said.chars().count() > MAX_CHARACTERS {
        return refused(Refusal::PronunciationTooLong { most: MAX_CHARACTERS });
    }
    if !key(word).chars().any(char::is_alphabetic) {
        return refused(Refusal::NoWord { word: word.clone() });
    }
    match &entry.phonetic {
        Phonetic::Respelling(respelling) if !text::speakable(respelling).chars().any(char::is_alphabetic) => {
            refused(Refusal::UnspeakableRespelling { respelling: respelling.clone() })
        }
        Phonetic::Ipa(phonemes) => match phonemes.chars().find(|&symbol| !is_phonetic(symbol)) {
            Some(symbol) => refused(Refusal::UnknownPhoneme { symbol }),
            None if phonemes.chars().any(|symbol| !"ːˈˌ'ˑ.‿͡ /[]".contains(symbol)) => Ok(()),
            None => refused(Refusal::SilentPhonemes),
        },
        Phonetic::Respelling(_) => Ok(()),
    }
}

/// The sounds of English, length, stress, and what people put between sounds.
fn is_phonetic(symbol: char) -> bool {
    "abdefhijklmnopstuvwxzðŋɐɑɒɔəɚɛɜɝɡgɪɫɹrɾʃʊʌʒʔʤʧθæᵻːˈˌ'ˑ.‿͡ /[]".contains(symbol)
}

/// International phonemes as the voices know them: one letter a diphthong or affricate, and the accent's own vowels.
fn house_phonemes(ipa: &str, accent: Accent) -> String {
    let british = accent == Accent::British;
    let mut phonemes: String = ipa.chars().filter(|symbol| !"ˑ.‿͡/[]".contains(*symbol)).collect();
    let diphthong_of_go = if british { "Q" } else { "O" };
    for (sound, known) in [
        ("eɪ", "A"),
        ("aɪ", "I"),
        ("aʊ", "W"),
        ("ɔɪ", "Y"),
        ("oʊ", diphthong_of_go),
        ("əʊ", diphthong_of_go),
        ("dʒ", "ʤ"),
        ("tʃ", "ʧ"),
        ("'", "ˈ"),
        ("r", "ɹ"),
        ("g", "ɡ"),
        ("ɫ", "l"),
        ("ɝ", "ɜɹ"),
        ("ɚ", "əɹ"),
        ("e", "ɛ"),
        ("o", diphthong_of_go),
    ] {
        phonemes = phonemes.replace(sound, known);
    }
    if !british {
        for (sound, known) in [("ː", ""), ("ɒ", "ɑ"), ("a", "ɑ")] {
            phonemes = phonemes.replace(sound, known);
        }
    }
    stress_before_vowels(phonemes.trim())
}

/// The voices mark stress right before the vowel, not before the syllable: `ˈdɑ` as `dˈɑ`.
fn stress_before_vowels(phonemes: &str) -> String {
    const VOWELS: &str = "AIOQWYaiuæɐɑɒɔəɛɜɪʊʌᵻ";
    let mut moved = String::with_capacity(phonemes.len());
    let mut stress = None;
    for symbol in phonemes.chars() {
        match symbol {
            'ˈ' | 'ˌ' => stress = Some(symbol),
            symbol => {
                if VOWELS.contains(symbol) {
                    moved.extend(stress.take());
                }
                moved.push(symbol);
            }
        }
    }
    moved
}

/// How the s of a possessive sounds after a word.
fn possessive_sound(phonemes: &str) -> &'static str {
    match phonemes.trim_end_matches(['/', ']', ' ']).chars().last() {
        Some('s' | 'z' | 'ʃ' | 'ʒ' | 'ʤ' | 'ʧ') => "ɪz",
        Some('p' | 't' | 'k' | 'f' | 'θ') => "s",
        _ => "z",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(word: &str, phonetic: Phonetic) -> Pronunciation {
        Pronunciation { word: word.to_owned(), phonetic }
    }

    fn respelling(word: &str, said: &str) -> Pronunciation {
        entry(word, Phonetic::Respelling(said.to_owned()))
    }

    fn ipa(word: &str, said: &str) -> Pronunciation {
        entry(word, Phonetic::Ipa(said.to_owned()))
    }

    fn marked(entries: &[Pronunciation], script: &str) -> String {
        Pronunciations::new(entries).unwrap().marked(&text::speakable(script), Accent::American)
    }

    #[test]
    fn words_are_said_as_the_domain_wants() {
        let entries = [respelling("Nguyen", "win"), respelling("SQL", "sequel"), ipa("Siobhan", "ʃɪˈvɔːn")];
        assert_eq!(marked(&entries, "Dr. NGUYEN, ext. 5"), "Doctor win, extension five");
        assert_eq!(marked(&entries, "our SQL team"), "our sequel team", "found as it would have been said");
        assert_eq!(marked(&entries, "Nguyen's office, Siobhan's desk"), "win's office, [Siobhan](/ʃɪvˈɔnz/) desk");
        assert_eq!(marked(&entries, "Nguyenne"), "Nguyenne", "whole words only");
    }

    #[test]
    fn the_longest_entry_is_said() {
        let entries = [respelling("Acme", "ack me"), respelling("Acme Dental", "ackmee dental")];
        assert_eq!(marked(&entries, "Acme Dental, by Acme"), "ackmee dental, by ack me");
    }

    #[test]
    fn phonemes_become_those_of_the_voices_accent() {
        assert_eq!(house_phonemes("/ˈdʒoʊ.nə/", Accent::American), "ʤˈOnə");
        assert_eq!(house_phonemes("ˈkɑːstə", Accent::American), "kˈɑstə");
        assert_eq!(house_phonemes("ˈkɑːstəʊ", Accent::British), "kˈɑːstQ");
        assert_eq!(house_phonemes("t͡ʃɛr", Accent::American), "ʧɛɹ");
    }

    #[test]
    fn only_what_is_used_counts() {
        let known = Pronunciations::new(&[respelling("Nguyen", "win"), respelling("Oaxaca", "wahaka")]).unwrap();
        let used: Vec<&str> = known.used_in("Ask for Nguyen, NGUYEN or Lee.").iter().map(|(word, _)| *word).collect();
        assert_eq!(used, ["nguyen"]);
    }

    #[test]
    fn what_cannot_be_said_is_refused_in_words() {
        let refused = |entry: Pronunciation| Pronunciations::new(&[entry]).err().unwrap().to_string();
        assert!(refused(respelling("★", "star")).contains("no word"));
        assert!(refused(respelling("Li", "日本")).contains("as it sounds"));
        assert!(refused(ipa("Li", "lǃi")).contains("'ǃ'"));
        assert!(refused(ipa("Li", "ˈ")).contains("no sound"));
        assert!(refused(respelling(&"a".repeat(101), "a")).contains("at most 100"));
    }
}
