//! The keys of a telephone, and what else `#` and `*` stand for.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::numbers::digits;

/// What tells that a sentence is about keys.
static ABOUT_KEYS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(press(es|ing)?|dial|hit|enter|keys?|keypad|push|type|touch|tap|followed by|then|select|choose|pin)\b",
    )
});

/// A key by its name with its symbol behind it, or the other way round.
static NAMED_TWICE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b((?:pound|hash|star|asterisk)(?:\s+(?:key|sign|button|symbol))?)\s*[("'\[]\s*[#*]\s*[)"'\]]|[#*]\s*\(((?:pound|hash|star|asterisk)(?:\s+(?:key|sign|button|symbol))?)\)"#,
    )
});

/// A symbol or a digit by itself in quotes or brackets, with the stop that may stand within them.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#"["'(\[]\s?([#*\d])([.,]?)\s?["')\]]"#));

fn pattern(pattern: &str) -> Regex {
    // Every pattern is compiled by every test: a bad one cannot reach a user.
    Regex::new(pattern).expect("the pattern is well-formed")
}

/// `text` with its keys by their names: `Press "#".` as `Press pound.`
pub(super) fn named(text: &str) -> String {
    if !text.contains(['#', '*', '\'', '"', '[', '(']) {
        return text.to_owned();
    }
    let once = NAMED_TWICE.replace_all(text, "$1$2");
    once.split_inclusive(['.', '!', '?', '\n']).map(sentence).collect()
}

fn sentence(text: &str) -> String {
    let about_keys = ABOUT_KEYS.is_match(text);
    let unquoted = QUOTED.replace_all(text, |found: &Captures<'_>| match &found[1] {
        "#" => format!(" pound{} ", &found[2]),
        "*" => format!(" star{} ", &found[2]),
        digit if about_keys => format!("{digit}{}", &found[2]),
        _ => found[0].to_owned(),
    });
    if !unquoted.contains(['#', '*']) {
        return unquoted.into_owned();
    }
    let characters: Vec<char> = unquoted.chars().collect();
    let mut said = String::with_capacity(unquoted.len());
    let mut index = 0;
    while let Some(&character) = characters.get(index) {
        let after = &characters[index + 1..];
        match character {
            '#' if is_pound(&said, after, about_keys) => said.push_str(" pound "),
            // A note of music.
            '#' if is_single_capital(&said) && !after.first().is_some_and(|next| next.is_alphanumeric()) => {
                said.push_str(" sharp");
            }
            '*' if after.first().is_some_and(char::is_ascii_digit) => {
                let code: String = after.iter().take_while(|character| character.is_ascii_digit()).collect();
                index += code.len();
                // A digit by itself is left to be read as the number that it is.
                let code_said = if code.len() == 1 { code.clone() } else { digits(&code) };
                said.push_str(&format!(" star {code_said} "));
            }
            '*' if about_keys && is_key(&said, after) => said.push_str(" star "),
            character => said.push(character),
        }
        index += 1;
    }
    said
}

/// True when `#` is the key, and neither a number sign nor a hashtag.
fn is_pound(before: &str, after: &[char], about_keys: bool) -> bool {
    const BEFORE_KEYS: [&str; 12] =
        ["press", "dial", "hit", "enter", "push", "key", "type", "touch", "then", "or", "and", "the"];
    let follows_digit = before.ends_with(|last: char| last.is_ascii_digit());
    let next = after.iter().find(|next| **next != ' ');
    if follows_digit {
        return true;
    }
    let word = before.trim_end().rsplit(' ').next().unwrap_or_default().to_lowercase();
    let word = word.trim_matches(|character: char| !character.is_alphanumeric());
    match next {
        Some(next) if next.is_ascii_digit() => about_keys && (BEFORE_KEYS.contains(&word) || word == "pound"),
        Some(next) if next.is_alphabetic() && after.first() == Some(next) => false,
        _ => (about_keys || BEFORE_KEYS.contains(&word)) && is_key(before, after),
    }
}

/// True when a symbol stands by itself, or beside another or a digit; a third in a row is an ornament.
fn is_key(before: &str, after: &[char]) -> bool {
    let beside = |character: Option<char>| character.is_none_or(|character| !character.is_alphabetic());
    let in_a_row = after.iter().take_while(|character| **character == '*').count();
    beside(before.chars().last()) && beside(after.first().copied()) && in_a_row < 2 && !before.ends_with("**")
}

fn is_single_capital(before: &str) -> bool {
    let word = before.rsplit(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
    matches!(word, "A" | "B" | "C" | "D" | "E" | "F" | "G")
}
