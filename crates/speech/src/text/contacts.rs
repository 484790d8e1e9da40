//! How to reach somebody: telephone numbers in every usual punctuation, extensions, codes.

use super::{
    capitals::initials,
    numbers::{cardinal, digits},
    rule::{Rule, group},
};

pub(super) const RULES: &[Rule] = &[
    (r"(?i)\btel:(\+?[\d.()-]{3,24})(?:;ext=(\d{1,6}))?(?:;[\w=.+-]*)*", |found| {
        let extension = Some(group(found, 2)).filter(|digits| !digits.is_empty());
        Some(format!("{}{}", group(found, 1), extension.map(|digits| format!(" ext {digits}")).unwrap_or_default()))
    }),
    // North America: an optional prefix, then 3-3-4, whatever stands between.
    (
        r"(?:(\+?1|\b001)(?:\s?[-./]\s?|\s)?)?(?:\((\d{3})\)(?:\s?[-./]\s?|\s)?|\b(\d{3})(?:\s?[-./]\s?|\s))(\d{3})(?:\s?[-./]\s?|\s)?(\d{4})\b(?:,?\s*(?i:extension|extn\.?|ext\.?|x)\s?[:#]?\s?(\d{1,6})\b)?",
        |found| {
            let area = format!("{}{}", group(found, 2), group(found, 3));
            Some(telephone(group(found, 1), &area, group(found, 4), group(found, 5), group(found, 6)))
        },
    ),
    (
        r"(\+1|\b1|\b)([2-9]\d{2})([2-9]\d{2})(\d{4})\b(?:,?\s*(?i:extension|extn\.?|ext\.?|x)\s?[:#]?\s?(\d{1,6})\b)?",
        |found| Some(telephone(group(found, 1), group(found, 2), group(found, 3), group(found, 4), group(found, 5))),
    ),
    (r"(?:\+?\b1[-.\s])?\(?\b(8\d\d)\)?[-.\s]([A-Z][A-Z-]{3,9})\b", |found| {
        let prefix = if group(found, 0).starts_with(['1', '+']) { "one, " } else { "" };
        Some(format!("{prefix}{}", vanity(group(found, 1), group(found, 2))))
    }),
    // Anywhere else: the plus sign tells, or the prefix for abroad, or the zero before a city.
    (r"\+(\d{7,15})\b", |found| Some(format!("plus {}", international(group(found, 1))))),
    (r"\+\d[\d\s().-]{5,22}\d\b", |found| {
        // The zero in brackets is not dialled from abroad.
        Some(format!("plus {}", grouped(&group(found, 0).replace("(0)", " "))))
    }),
    (r"\b(?:011|00)[\s-]\d{1,3}(?:[\s-]?\(?\d{1,5}\)?){2,6}\b", |found| Some(grouped(group(found, 0)))),
    (r"\(?\b0\d{1,4}\)?[\s-]\d{3,4}[\s-]\d{3,4}\b", |found| Some(grouped(group(found, 0)))),
    (r"\b0\d{2,4}[\s-]\d{5,7}\b", |found| Some(grouped(group(found, 0)))),
    (r"\b1[38]00[\s-]\d{3}[\s-]\d{3}\b", |found| Some(grouped(group(found, 0)))),
    (r"(?i)\b(call|dial|phone|ring|text|on|at)\s(13[\s-]\d\d[\s-]\d\d)\b", |found| {
        Some(format!("{} {}", group(found, 1), grouped(group(found, 2))))
    }),
    (r"\b([2-9]\d{2})[-.](\d{4})\b(?:,?\s*(?i:extension|extn\.?|ext\.?|x)\s?[:#]?\s?(\d{1,6})\b)?", |found| {
        Some(local(group(found, 1), group(found, 2), group(found, 3)))
    }),
    (
        r"(?i)(\b\w+\.?\s|^)([2-9]\d{2}) (\d{4})\b(?:,?\s*(?:extension|extn\.?|ext\.?|x)\s?[:#]?\s?(\d{1,6})\b)?",
        |found| {
            // A suite with a house number behind it, or a year.
            let before = group(found, 1).trim_end_matches([' ', '.']).to_lowercase();
            let address = ["suite", "ste", "room", "rm", "unit", "apartment", "apt", "box", "of", "in"]
                .contains(&before.as_str());
            let year = group(found, 3).starts_with("19") || group(found, 3).starts_with("20");
            (!address && !year)
                .then(|| format!("{}{}", group(found, 1), local(group(found, 2), group(found, 3), group(found, 4))))
        },
    ),
    // A size is no extension.
    (r"\b(\d{1,4})(?:\sx\s|x|\s×\s)(\d{1,4})\b", |found| match (group(found, 0).contains('×'), group(found, 0)) {
        (true, _) => None,
        (_, "24x7") => Some("twenty four seven".to_owned()),
        _ => Some(format!("{} by {}", group(found, 1), group(found, 2))),
    }),
    (r"(?i)\b(?:extensions|exts\.?)\s?[:#]?\s?(\d{1,6})\s?-\s?(\d{1,6})\b", |found| {
        Some(format!("extensions {} to {}", digits(group(found, 1)), digits(group(found, 2))))
    }),
    (r"(?i)\b(?:extensions?|extn|exts?|x)\.?\s?[:#]?\s?(\d{1,6})(?:\s?/\s?(\d{1,6}))?\b", |found| {
        let second = Some(group(found, 2)).filter(|digits| !digits.is_empty());
        let second = second.map(|text| format!(", {}", digits(text))).unwrap_or_default();
        Some(format!("extension {}{second}", digits(group(found, 1))))
    }),
    (r"(?i)\b(dial|call|text|or|and)\s+(\d11|988|999|112)\b", |found| {
        Some(format!("{} {}", group(found, 1), digits(group(found, 2))))
    }),
    // What is read out to be written down.
    (
        r"(?i)\b((?:order|account|confirmation|reference|invoice|ticket|case|policy|claim|member|tracking|serial|flight|pin|passcode|code|zip|id)(?:\s+(?:number|no\.?|code|id))?(?:\s+is)?:?)\s+#?((?-i:[A-Z]{0,3})[- ]?\d[\d-]*(?: \d+)*)\b",
        |found| {
            let named = group(found, 1).replace(" no.", " number").replace(" No.", " number");
            Some(format!("{named} {}", reference(group(found, 2))))
        },
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

/// What a call core sends in place of a number that it does not have or may not tell.
const WITHHELD: [&str; 11] = [
    "anonymous",
    "unknown",
    "unavailable",
    "private",
    "restricted",
    "withheld",
    "blocked",
    "not available",
    "no caller id",
    "private number",
    "unknown caller",
];

/// The number that a call came from, as callers are announced: of a URI the user's part. Nothing where there is none.
pub(super) fn caller(number: &str) -> String {
    let (number, extension) = user(number);
    if is_withheld(number) {
        return String::new();
    }
    let plain: String = number.chars().filter(char::is_ascii_digit).collect();
    let said = match plain.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(&plain) {
        _ if number.chars().any(|character| character.is_ascii_alphabetic()) => named(number),
        "" => String::new(),
        _ if number.contains(['*', '#']) => keys(number),
        national if national.len() == 10 && national.starts_with(|digit| digit >= '2') => {
            telephone("", &national[..3], &national[3..6], &national[6..], "")
        }
        code if is_service(code) => digits(code),
        short if short.len() <= 6 && number.chars().all(|digit| digit.is_ascii_digit()) => {
            format!("extension {}", digits(short))
        }
        _ if number.starts_with('+') => format!("plus {}", international(&plain)),
        _ => digits(&plain),
    };
    match extension {
        Some(extension) if !said.is_empty() => format!("{said}, extension {}", digits(extension)),
        _ => said,
    }
}

/// True for what is no name and no number of a caller.
pub(super) fn is_withheld(caller: &str) -> bool {
    WITHHELD.contains(&caller.trim().to_lowercase().as_str())
}

/// The user's part of a SIP or telephone URI (RFC 3261, RFC 3966), and its extension; of anything else all of it.
pub(super) fn user(address: &str) -> (&str, Option<&str>) {
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    let lower = address.to_ascii_lowercase();
    let uri = ["sip:", "sips:", "tel:"].iter().find(|scheme| lower.starts_with(**scheme));
    let rest = uri.map_or(address, |scheme| &address[scheme.len()..]);
    let (user, _) = rest.split_once('@').unwrap_or((rest, ""));
    let (user, parameters) = user.split_once(';').unwrap_or((user, ""));
    let extension = parameters.split(';').find_map(|parameter| parameter.strip_prefix("ext="));
    (user.trim(), extension.filter(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit())))
}

/// A number with letters as a name, or a user's name by itself.
fn named(number: &str) -> String {
    let letters = number.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(0);
    let (digits_before, name) = number.split_at(letters);
    let plain: String = digits_before.chars().filter(char::is_ascii_digit).collect();
    let name: String =
        name.chars().map(|character| if character.is_alphanumeric() { character } else { ' ' }).collect();
    match plain.strip_prefix('1').unwrap_or(&plain) {
        "" => name.trim().to_owned(),
        code if code.len() == 3 => vanity(code, &name),
        code => format!("{}, {}", digits(code), name.trim().to_lowercase()),
    }
}

/// `*97` as "star nine seven".
fn keys(number: &str) -> String {
    let name = |character: char| match character {
        '*' => Some("star".to_owned()),
        '#' => Some("pound".to_owned()),
        digit => digit.to_digit(10).map(|_| digits(&digit.to_string())),
    };
    number.chars().filter_map(name).collect::<Vec<_>>().join(" ")
}

/// Numbers of services that everybody knows by their digits, in North America, Europe and Britain.
fn is_service(number: &str) -> bool {
    matches!(number.as_bytes(), [b'2'..=b'9', b'1', b'1']) || matches!(number, "988" | "999" | "112" | "000")
}

/// `800` and `FLOWERS` as "eight hundred, flowers".
fn vanity(area_code: &str, name: &str) -> String {
    let name = name.to_lowercase().replace('-', " ");
    format!("{}, {}", area(area_code), name.trim())
}

/// `555` and `0132`, with an extension where there is one.
fn local(exchange: &str, line: &str, extension: &str) -> String {
    let number = format!("{}, {}", digits(exchange), digits(line));
    match extension {
        "" => number,
        extension => format!("{number}, extension {}", digits(extension)),
    }
}

/// Digits one by one, with a pause wherever something else stands between them.
fn grouped(number: &str) -> String {
    let groups = number.split(|character: char| !character.is_ascii_digit()).filter(|group| !group.is_empty());
    groups.map(digits).collect::<Vec<_>>().join(", ")
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
