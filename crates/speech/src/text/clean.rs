//! What comes before and after the rules: folding typography to plain characters, and leaving nothing unspeakable.

use super::{
    capitals::is_spelled,
    letters::{self, is_letter},
    rule::{Rule, group},
};

pub(super) const RULES: &[Rule] = &[
    // Markup, and faces made of punctuation.
    (r"</?\p{L}[^<>]{0,200}>", |_| Some(" ".to_owned())),
    (r"(?:^|\s)[:;]-?[()DP](?:\s|$)", |_| Some(" ".to_owned())),
    // What is quoted is set apart; a mark behind a number is left, which may stand for inches.
    (r#"(^|[\s(\[])"([^"]{1,500})""#, |found| Some(format!("{}, {}, ", group(found, 1), group(found, 2)))),
];

/// Brings letters, quotes, dashes and spaces to their plain forms, and symbols with one name to that name.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let composed = letters::composed(text);
    let mut characters = composed.chars().peekable();
    let mut within_word = false;
    while let Some(character) = characters.next() {
        let word_goes_on = characters.peek().is_some_and(|next| next.is_alphanumeric());
        match character {
            '‐' | '‑' | '−' => folded.push('-'),
            '–' | '—' | '―' => folded.push_str(" - "),
            '“' | '”' | '„' | '«' | '»' => folded.push('"'),
            '′' => folded.push('\''),
            '⁄' => folded.push('/'),
            '©' => folded.push_str(" copyright "),
            '\n' | '\u{2028}' | '\u{2029}' => folded.push('\n'),
            // What has no width has no sound.
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\r' => continue,
            character if character.is_whitespace() => folded.push(' '),
            character if letters::is_letter(character) => folded.push(character),
            character if character.is_alphabetic() => match (letters::nearest(character), letters::greek(character)) {
                (Some(near), _) => folded.push(near),
                (None, Some(name)) if !within_word && !word_goes_on => folded.push_str(name),
                _ => folded.push(' '),
            },
            // Accents that no letter has are those of the letter before.
            '\u{300}'..='\u{36f}' => continue,
            character => folded.push(character),
        }
        within_word = character.is_alphanumeric();
    }
    folded
}

/// Text all in capitals as if it were not, but for what is spelled anyway: "WE ARE OPEN MON." as "We Are Open Mon."
pub(super) fn calm(text: String) -> String {
    let words = || text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
    if text.chars().any(char::is_lowercase) || words().count() < 2 {
        return text;
    }
    let mut calm = String::with_capacity(text.len());
    let mut number_before = false;
    for word in text.split_inclusive(|character: char| !character.is_alphanumeric() && character != '\'') {
        let letters: String = word.chars().filter(|character| character.is_alphabetic()).collect();
        let spelled = match letters.as_str() {
            "AM" => number_before,
            "IT" | "US" | "UN" => false,
            letters => is_spelled(letters),
        };
        number_before = word.chars().any(|character| character.is_ascii_digit());
        let mut inside = false;
        for character in word.chars() {
            if inside && !spelled {
                calm.extend(character.to_lowercase());
            } else {
                calm.push(character);
            }
            inside = character.is_alphanumeric() || character == '\'';
        }
    }
    calm
}

/// Keeps letters, apostrophes and hyphens within words, and the punctuation of a sentence, without repeats.
pub(super) fn finish(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    for (index, &character) in characters.iter().enumerate() {
        let letter_at = |index: usize| characters.get(index).copied().is_some_and(is_letter);
        let within_word = index > 0 && letter_at(index - 1) && letter_at(index + 1);
        match character {
            character if is_letter(character) => kept.push(character),
            '\'' | '-' if within_word => kept.push(character),
            '.' | ',' | '!' | '?' | ';' | ':' => push_stop(&mut kept, character),
            // A dash between words, brackets and the like are heard as a pause.
            '-' | '(' | ')' | '[' | ']' | '"' | '“' | '”' => push_stop(&mut kept, ','),
            '\n' => push_stop(&mut kept, '.'),
            '\'' => {}
            _ => push_space(&mut kept),
        }
    }
    let kept = kept.trim_end_matches([' ', ',', ';', ':']);
    kept.to_owned()
}

/// Puts a stop after the last word; of several in a row the strongest stays.
fn push_stop(text: &mut String, stop: char) {
    let strength = |stop| match stop {
        '.' | '!' | '?' => 2,
        ';' | ':' => 1,
        _ => 0,
    };
    text.truncate(text.trim_end().len());
    match text.chars().last() {
        None => return,
        Some(last @ ('.' | ',' | '!' | '?' | ';' | ':')) => {
            if strength(stop) > strength(last) {
                text.pop();
                text.push(stop);
            }
        }
        Some(_) => text.push(stop),
    }
    text.push(' ');
}

fn push_space(text: &mut String) {
    if !text.is_empty() && !text.ends_with(' ') {
        text.push(' ');
    }
}
