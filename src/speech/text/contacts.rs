//! How to reach somebody: telephone numbers, extensions, codes, e-mail and web addresses.

use super::{
    Rule, group, initials,
    numbers::{cardinal, digits},
};

pub(super) const RULES: &[Rule] = &[
    (r"(?i)\b[a-z0-9][a-z0-9._+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+\b", |found| Some(address(group(found, 0)))),
    (r"(?i)\b(?:https?://|www\.)(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[a-z0-9-]+)*)/?", |found| {
        Some(address(group(found, 1)))
    }),
    (r"(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|io|co\.uk)\b(?:/[a-z0-9-]+)*", |found| {
        Some(address(group(found, 0)))
    }),
    // North America: an optional country code, then 3-3-4, in any usual dress.
    (
        r"(?:(\+?1)[-.\s]*)?(?:\((\d{3})\)\s*|\b(\d{3})[-.\s]\s?)(\d{3})[-.\s](\d{4})\b(?:,?\s*(?i:extension|ext\.?|x)\s*(\d{1,6})\b)?",
        |found| {
            let area = format!("{}{}", group(found, 2), group(found, 3));
            Some(telephone(group(found, 1), &area, group(found, 4), group(found, 5), group(found, 6)))
        },
    ),
    (r"(\+1)?\b([2-9]\d{2})([2-9]\d{2})(\d{4})\b", |found| {
        Some(telephone(group(found, 1), group(found, 2), group(found, 3), group(found, 4), ""))
    }),
    (r"\b1-(8\d\d)-([A-Z][A-Z-]{3,9})\b", |found| {
        let name = group(found, 2).to_lowercase().replace('-', " ");
        Some(format!("one, {}, {name}", area(group(found, 1))))
    }),
    // Anywhere else: the plus sign tells.
    (r"\+\d[\d\s.-]{5,18}\d\b", |found| {
        let parts =
            group(found, 0).split(|character: char| !character.is_ascii_digit()).filter(|part| !part.is_empty());
        Some(format!("plus {}", parts.map(digits).collect::<Vec<_>>().join(", ")))
    }),
    (r"\b([2-9]\d{2})[-.](\d{4})\b", |found| Some(format!("{}, {}", digits(group(found, 1)), digits(group(found, 2))))),
    (r"(?i)\b(?:extension|ext\.?|x)\s?(\d{1,6})\b", |found| Some(format!("extension {}", digits(group(found, 1))))),
    (r"(?i)\b(dial|call)\s+(\d11)\b", |found| Some(format!("{} {}", group(found, 1), digits(group(found, 2))))),
    // What is read out to be written down.
    (
        r"(?i)\b((?:order|account|confirmation|reference|invoice|ticket|case|policy|claim|member|tracking|serial|flight|pin|passcode|code|zip|id)(?:\s+(?:number|no\.?|code|id))?(?:\s+is)?:?)\s+#?([A-Z]{0,3}-?\d[\d-]*)\b",
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

/// `800` as "eight hundred", `415` digit by digit.
fn area(code: &str) -> String {
    match code.parse() {
        Ok(value) if code.ends_with("00") && value > 0 => cardinal(value),
        _ => digits(code),
    }
}

/// Letters and digits one by one, with a pause at each hyphen.
fn reference(text: &str) -> String {
    let parts = text.split('-').filter(|part| !part.is_empty()).map(|part| {
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
