//! Telephone English: what people write, as the words a voice says.
//!
//! [`speakable`] applies rules in order, the most specific first, so that a telephone number is found before its parts
//! could be taken for plain numbers. Each file holds the rules of one subject. What no rule knows is passed over: the
//! result holds nothing but letters, spaces and the punctuation that a voice pauses at.

mod abbreviations;
#[cfg(test)]
mod cases;
mod clean;
mod contacts;
mod dates;
mod numbers;
pub mod parts;
mod quantities;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The words for what a pattern found; `None` leaves it to a later rule.
type Say = fn(&Captures<'_>) -> Option<String>;

/// A pattern, and what to say for it.
type Rule = (&'static str, Say);

/// The words of `text`, as a voice should say them.
///
/// Accepts anything; symbols that mean nothing aloud are left out, and the result of nothing speakable is empty.
pub fn speakable(text: &str) -> String {
    let mut text = clean::calm(clean::fold(text));
    for (pattern, say) in RULES.iter() {
        let said = pattern.replace_all(&text, |found: &Captures<'_>| {
            say(found).unwrap_or_else(|| found.get(0).map_or("", |whole| whole.as_str()).to_owned())
        });
        text = said.into_owned();
    }
    clean::finish(&text)
}

/// The letters and digits of `text` one by one with a gap between, for names that no voice can guess.
pub fn spelled(text: &str) -> String {
    let mut names = Vec::new();
    for character in clean::fold(text).chars() {
        if let Some(digit) = character.to_digit(10) {
            names.push(numbers::cardinal(digit.into()));
        } else if clean::is_letter(character) {
            names.push(letter(character));
        }
    }
    match names.is_empty() {
        true => String::new(),
        false => format!("{}.", names.join(", ")),
    }
}

/// The name of a letter: itself in upper case, but for the one that would be read as an article.
fn letter(character: char) -> String {
    // Some letters have no upper case of one character; the accent is left out then.
    let upper: String = character.to_uppercase().filter(|&letter| clean::is_letter(letter)).collect();
    match upper.as_str() {
        "A" => "ay".to_owned(),
        name => name.to_owned(),
    }
}

/// Letters one after the other without gaps, as initials are said.
fn initials(letters: &str) -> String {
    letters.chars().filter(|&character| clean::is_letter(character)).map(letter).collect::<Vec<_>>().join(" ")
}

/// The text of a group, empty where it took no part.
fn group<'a>(found: &Captures<'a>, index: usize) -> &'a str {
    found.get(index).map_or("", |group| group.as_str())
}

/// The number a group holds, with or without thousands separators.
fn number(found: &Captures<'_>, index: usize) -> Option<u64> {
    group(found, index).replace(',', "").parse().ok()
}

static RULES: LazyLock<Vec<(Regex, Say)>> = LazyLock::new(|| {
    let subjects =
        [clean::RULES, contacts::RULES, dates::RULES, quantities::RULES, abbreviations::RULES, numbers::RULES];
    let compile = |(pattern, say): &Rule| {
        // Every pattern is compiled by every test: a bad one cannot reach a user.
        (Regex::new(pattern).expect("a rule's pattern is well-formed"), *say)
    };
    subjects.into_iter().flatten().map(compile).collect()
});
