//! How to reach somebody: telephone numbers, extensions, codes, e-mail and web addresses.

use super::{
    Rule, group, initials,
    numbers::{cardinal, digits},
};

pub(super) const RULES: &[Rule] = &[
    (r"(?i)\b[a-z0-9][a-z0-9._+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+\b", |found| Some(address(group(found, 0)))),
    (r"(?i)\b(?:https?://|www\.)(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[a-z0-9-]+)*)/?(?:[?#]\S*)?", |found| {
        Some(address(group(found, 1)))
    }),
    (
        r"(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|io|co\.uk|info|biz|us|ca|uk|dev|app|ai|health|care|law|dental|shop|store|online)\b(?:/[a-z0-9-]+)*",
        |found| Some(address(group(found, 0))),
    ),
    // North America: an optional country code, then 3-3-4, in any usual dress.
    (
        r"(?:(\+?1)[-.\s]*)?(?:\((\d{3})\)\s*|\b(\d{3})[-.\s]\s?)(\d{3})[-.\s]?(\d{4})\b(?:,?\s*(?i:extension|ext\.?|x)\s*(\d{1,6})\b)?",
        |found| {
            let area = format!("{}{}", group(found, 2), group(found, 3));
            Some(telephone(group(found, 1), &area, group(found, 4), group(found, 5), group(found, 6)))
        },
    ),
    (r"(\+1|\b1|\b)([2-9]\d{2})([2-9]\d{2})(\d{4})\b", |found| {
        Some(telephone(group(found, 1), group(found, 2), group(found, 3), group(found, 4), ""))
    }),
    (r"\b1-(8\d\d)-([A-Z][A-Z-]{3,9})\b", |found| {
        let name = group(found, 2).to_lowercase().replace('-', " ");
        Some(format!("one, {}, {name}", area(group(found, 1))))
    }),
    // Anywhere else: the plus sign tells, or the zero before a city.
    (r"\+(\d{7,15})\b", |found| Some(format!("plus {}", international(group(found, 1))))),
    (r"\b0\d{1,4}[\s-]\d{3,4}[\s-]\d{3,4}\b", |found| Some(reference(group(found, 0)))),
    (r"\+\d[\d\s.-]{5,18}\d\b", |found| {
        let parts =
            group(found, 0).split(|character: char| !character.is_ascii_digit()).filter(|part| !part.is_empty());
        Some(format!("plus {}", parts.map(digits).collect::<Vec<_>>().join(", ")))
    }),
    (r"\b([2-9]\d{2})[-.](\d{4})\b(?:,?\s*(?i:extension|ext\.?|x)\s*(\d{1,6})\b)?", |found| {
        let number = format!("{}, {}", digits(group(found, 1)), digits(group(found, 2)));
        Some(match group(found, 3) {
            "" => number,
            extension => format!("{number}, extension {}", digits(extension)),
        })
    }),
    (r"(?i)\b(?:extension|ext\.?|x)\s?(\d{1,6})\b", |found| Some(format!("extension {}", digits(group(found, 1))))),
    (r"\*(\d{2,})\b", |found| Some(format!(" star {}", digits(group(found, 1))))),
    (r"(?i)\b(dial|call|text|or|and)\s+(\d11|988|999)\b", |found| {
        Some(format!("{} {}", group(found, 1), digits(group(found, 2))))
    }),
    // What is read out to be written down.
    (
        r"(?i)\b((?:order|account|confirmation|reference|invoice|ticket|case|policy|claim|member|tracking|serial|flight|pin|passcode|code|zip|id)(?:\s+(?:number|no\.?|code|id))?(?:\s+is)?:?)\s+#?((?-i:[A-Z]{0,3})[- ]?\d[\d-]*(?: \d+)*)\b",
        |found| Some(format!("{} {}", group(found, 1), reference(group(found, 2)))),
    ),
    (r"\b([A-Z]{2})\s+(\d{5})(-\d{4})?\b", |found| {
        Some(format!("{} {}", group(found, 1), reference(&format!("{}{}", group(found, 2), group(found, 3)))))
    }),
];

fn telephone(country: &str, area_code: &str, exchange: &str, line: &str, extension: &str) -> String {
    let mut parts = Vec::new();
    if !country.is_empty() {
        parts.push(digits(country));
    }
    parts.extend([area(area_code), digits(exchange), digits(line)]);
    if !extension.is_empty() {
        parts.push(format!("extension {}", digits(extension)));
    }
    parts.join(", ")
}

/// The number that a call came from, as callers are announced; nothing where there is no number.
pub(super) fn caller(number: &str) -> String {
    let plain: String = number.chars().filter(char::is_ascii_digit).collect();
    let national = match plain.strip_prefix('1') {
        Some(rest) if rest.len() == 10 => rest,
        _ => plain.as_str(),
    };
    match national.len() {
        0 => String::new(),
        10 if national.starts_with(|digit| digit >= '2') => {
            telephone("", &national[..3], &national[3..6], &national[6..], "")
        }
        1..=6 if number.chars().all(|digit| digit.is_ascii_digit()) => format!("extension {}", digits(number)),
        _ if number.trim_start().starts_with('+') => format!("plus {}", international(&plain)),
        _ => digits(&plain),
    }
}

/// `800` as "eight hundred", `415` digit by digit.
fn area(code: &str) -> String {
    match code.parse() {
        Ok(value) if code.ends_with("00") && value > 0 => cardinal(value),
        _ => digits(code),
    }
}

/// `442079460958` as the country's code, then threes, the last of them four if it comes out so.
fn international(number: &str) -> String {
    let code = match number.as_bytes() {
        [b'1' | b'7', ..] => 1,
        // The countries of two digits; all others have three.
        [b'2', b'0' | b'7', ..] | [b'3', b'0'..=b'4' | b'6' | b'9', ..] | [b'4', b'0' | b'1' | b'3'..=b'9', ..] => 2,
        [b'5', b'1'..=b'8', ..] | [b'6', b'0'..=b'6', ..] | [b'8', b'1' | b'2' | b'4' | b'6', ..] => 2,
        [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    };
    let (code, mut rest) = number.split_at(code);
    let mut parts = vec![digits(code)];
    while rest.len() > 4 {
        let (three, after) = rest.split_at(3);
        parts.push(digits(three));
        rest = after;
    }
    parts.push(digits(rest));
    parts.join(", ")
}

/// Letters and digits one by one, with a pause at each hyphen and space.
fn reference(text: &str) -> String {
    // A space after the letters of a flight or a plate is no pause.
    let letters_end = text.find(|character: char| !character.is_alphabetic()).unwrap_or(0);
    let (letters, numbers) = text.split_at(letters_end);
    let text = format!("{letters}{}", numbers.trim_start_matches(' '));
    let parts = text.split(['-', ' ']).filter(|part| !part.is_empty()).map(|part| {
        let letters: String = part.chars().filter(|character| character.is_alphabetic()).collect();
        format!("{} {}", initials(&letters), digits(part)).trim().to_owned()
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// `jo.smith@acme.com/x` as "jo dot smith at acme dot com slash x".
fn address(text: &str) -> String {
    let mut said = String::new();
    for character in text.chars() {
        match character {
            '.' => said.push_str(" dot "),
            '@' => said.push_str(" at "),
            '-' => said.push_str(" dash "),
            '_' => said.push_str(" underscore "),
            '+' => said.push_str(" plus "),
            '/' => said.push_str(" slash "),
            character => said.push(character),
        }
    }
    said
}
