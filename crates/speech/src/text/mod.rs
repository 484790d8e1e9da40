//! Telephone English: what people write, as the words a voice says.
//!
//! [`speakable`] applies rules in order, the most specific first, so that a telephone number is found before its parts
//! could be taken for plain numbers. Each file holds the rules of one subject. The result holds nothing but letters, spaces
//! and the punctuation that a voice pauses at. [`unspeakable`] tells beforehand what would be lost.

mod abbreviations;
mod addresses;
mod capitals;
#[cfg(test)]
mod cases;
mod clean;
mod contacts;
mod dates;
mod days;
#[cfg(test)]
mod field_cases;
mod keypad;
pub(crate) mod letters;
mod measures;
mod money;
mod numbers;
pub mod parts;
mod rule;
mod states;
#[cfg(test)]
mod tests;
mod times;

use std::sync::LazyLock;

use regex::{Captures, Regex};

use self::{
    letters::is_letter,
    rule::{Rule, Say},
};

/// The words of `text`, as a voice should say them to people of the United States.
///
/// Accepts anything; symbols that mean nothing aloud are left out, and the result of nothing speakable is empty.
pub fn speakable(text: &str) -> String {
    speakable_for(text, "en-US")
}

/// The words of `text`, as a voice should say them to people of a BCP 47 `locale`: `5/6/2026` is in June but in the United
/// States.
pub fn speakable_for(text: &str, locale: &str) -> String {
    let mut text = keypad::named(&clean::calm(clean::fold(text)));
    if is_day_first(locale) {
        text = dates::month_named(&text);
    }
    for (pattern, say) in RULES.iter() {
        let said = pattern.replace_all(&text, |found: &Captures<'_>| {
            say(found).unwrap_or_else(|| found.get(0).map_or("", |whole| whole.as_str()).to_owned())
        });
        text = said.into_owned();
    }
    clean::finish(&text)
}

/// What of `text` a voice that reads English cannot speak, and would pass over in silence: the first words in letters that
/// are not Latin, such as `Привет`. None where all is spoken.
pub fn unspeakable(text: &str) -> Option<String> {
    letters::unspeakable(text)
}

/// True where people write the day before the month.
pub(crate) fn is_day_first(locale: &str) -> bool {
    !matches!(locale.to_ascii_lowercase().as_str(), "en" | "en-us")
}

/// The letters and digits of `text` one by one with a gap between, for names that no voice can guess.
pub fn spelled(text: &str) -> String {
    let mut names = Vec::new();
    for character in clean::fold(text).chars() {
        if let Some(digit) = character.to_digit(10) {
            names.push(numbers::cardinal(digit.into()));
        } else if is_letter(character) {
            names.push(capitals::letter(character));
        }
    }
    match names.is_empty() {
        true => String::new(),
        false => format!("{}.", names.join(", ")),
    }
}

static RULES: LazyLock<Vec<(Regex, Say)>> = LazyLock::new(|| {
    let subjects = [
        clean::RULES,
        addresses::RULES,
        contacts::RULES,
        days::RULES,
        dates::RULES,
        times::RULES,
        money::RULES,
        measures::RULES,
        abbreviations::RULES,
        numbers::RULES,
    ];
    let compile = |(pattern, say): &Rule| {
        // Every pattern is compiled by every test: a bad one cannot reach a user.
        (Regex::new(pattern).expect("a rule's pattern is well-formed"), *say)
    };
    subjects.into_iter().flatten().map(compile).collect()
});
