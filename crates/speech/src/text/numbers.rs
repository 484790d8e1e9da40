//! Plain numbers, and the words that every other subject builds on.

use super::{
    capitals::initials,
    letters::is_letter,
    rule::{Rule, group, number},
};

pub(super) const RULES: &[Rule] = &[
    (r"#\s?(\d)", |found| Some(format!("number {}", group(found, 1)))),
    (r"\b(\d[\d,]*)(?i:st|nd|rd|th)\b", |found| number(found, 1).map(ordinal)),
    (r"(?:\b(\d+)\s)?\b([1-9])/([2-9])\b", |found| {
        let fraction = fraction(number(found, 2)?, number(found, 3)?)?;
        Some(number(found, 1).map_or(fraction.clone(), |whole| format!("{} and {fraction}", cardinal(whole))))
    }),
    (r"\b(\d+)x\b", |found| Some(format!("{} times", cardinal(number(found, 1)?)))),
    (r"\b24/7(/365)?\b", |found| {
        let all_year = if group(found, 1).is_empty() { "" } else { " three sixty five" };
        Some(format!("twenty four seven{all_year}"))
    }),
    // Choices, as of keys.
    (r"\b(\d+)\s/\s(\d+)\b", |found| Some(format!("{}, {}", group(found, 1), group(found, 2)))),
    (r"(^|[\s(])-(\d)", |found| Some(format!("{}minus {}", group(found, 1), group(found, 2)))),
    (r"\b(\d[\d,]*)\s*-\s*(\d[\d,]*)\b", |found| {
        let (low, high) = (number(found, 1)?, number(found, 2)?);
        // Nine to five is a range of hours.
        (low < high || low <= 12).then(|| format!("{} to {}", cardinal(low), cardinal(high)))
    }),
    // Versions: three parts or more.
    (r"\b\d+(?:\.\d+){2,}\b", |found| {
        let parts = group(found, 0).split('.').map(|part| part.parse().map_or_else(|_| digits(part), cardinal));
        Some(parts.collect::<Vec<_>>().join(" point "))
    }),
    (r"\b(\d[\d,]*)\.(\d+)\b", |found| {
        Some(format!("{} point {}", cardinal(number(found, 1)?), digits(group(found, 2))))
    }),
    // Letters and digits together: 3B, B12, MP3, A1B2.
    (r"\b(?:\d+\p{L}[\p{L}\d]*|\p{L}+\d[\p{L}\d]*)\b", |found| Some(alphanumeric(group(found, 0)))),
    // Commas stand between thousands, or between numbers.
    (r"\b\d{1,3}(?:,\d{3})+\b|\d+", |found| Some(plain(group(found, 0)))),
];

/// `2/3` as "two thirds".
fn fraction(part: u64, whole: u64) -> Option<String> {
    if part >= whole {
        return None;
    }
    let name = match whole {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        whole => ordinal(whole),
    };
    Some(format!("{} {name}{}", cardinal(part), if part == 1 { "" } else { "s" }))
}

/// A number by itself: with thousands separators it counts something, long or zero-led it names something.
fn plain(text: &str) -> String {
    let plain = text.replace(',', "");
    let names_something = !text.contains(',') && (plain.len() > 4 || (plain.len() > 1 && plain.starts_with('0')));
    match plain.parse() {
        Ok(value) if !names_something => cardinal(value),
        _ => digits(&plain),
    }
}

/// Runs of letters as initials or words, runs of digits as small numbers or digit by digit.
fn alphanumeric(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let runs = characters.chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit());
    let said = runs.map(|run| {
        let run: String = run.iter().collect();
        match run.parse::<u64>() {
            Ok(value) if value < 100 && !run.starts_with('0') => cardinal(value),
            Ok(_) => digits(&run),
            Err(_) if run.len() <= 3 || run.chars().all(char::is_uppercase) => initials(&run),
            Err(_) => run.chars().filter(|&character| is_letter(character)).collect(),
        }
    });
    said.collect::<Vec<_>>().join(" ")
}

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(u64, &str); 6] = [
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
    (100, "hundred"),
];

/// `1234` as "one thousand two hundred thirty four".
pub(super) fn cardinal(value: u64) -> String {
    if let Some((scale, name)) = SCALES.iter().find(|(scale, _)| value >= *scale) {
        let whole = format!("{} {name}", cardinal(value / scale));
        return with_rest(whole, value % scale);
    }
    match value {
        0..20 => ONES[value as usize].to_owned(),
        _ => with_rest(TENS[value as usize / 10].to_owned(), value % 10),
    }
}

fn with_rest(whole: String, rest: u64) -> String {
    if rest == 0 { whole } else { format!("{whole} {}", cardinal(rest)) }
}

/// `22` as "twenty second".
pub(super) fn ordinal(value: u64) -> String {
    let cardinal = cardinal(value);
    let (before, last) = cardinal.rsplit_once(' ').map_or(("", cardinal.as_str()), |(before, last)| (before, last));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        tens if tens.ends_with('y') => format!("{}ieth", tens.trim_end_matches('y')),
        other => format!("{other}th"),
    };
    format!("{before} {last}").trim_start().to_owned()
}

/// `2019` as "twenty nineteen", `2004` as "two thousand four", `1905` as "nineteen oh five".
pub(super) fn year(value: u64) -> String {
    match (value, value % 100) {
        (2000..=2009, _) | (0..1000, _) | (10_000.., _) => cardinal(value),
        (_, 0) => format!("{} hundred", cardinal(value / 100)),
        (_, 1..10) => format!("{} oh {}", cardinal(value / 100), cardinal(value % 100)),
        (_, rest) => format!("{} {}", cardinal(value / 100), cardinal(rest)),
    }
}

/// Every digit by its name, anything else passed over.
pub(super) fn digits(text: &str) -> String {
    let digits = text.chars().filter_map(|character| character.to_digit(10));
    digits.map(|digit| ONES[digit as usize]).collect::<Vec<_>>().join(" ")
}
