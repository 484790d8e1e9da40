//! Times of the day.

use regex::Captures;

use super::{
    numbers::cardinal,
    rule::{Rule, group, number},
};

pub(super) const RULES: &[Rule] = &[
    // 9a-5p, 8:30a
    (r"(?i)\b(\d{1,2}(?::\d{2})?)\s?([ap])\s?-\s?(\d{1,2}(?::\d{2})?)\s?([ap])\b", |found| {
        let (from, to) = (meridiem(found, 2)?, meridiem(found, 4)?);
        Some(format!("{} {from} to {} {to}", group(found, 1), group(found, 3)))
    }),
    (r"(?i)\b(\d{1,2}:\d{2})([ap])\b", |found| Some(format!("{} {}", group(found, 1), meridiem(found, 2)?))),
    (r"\b(at|by|until|till|before|after|from|to) (\d{1,2})\s?([ap])([\s,;!?)]|\.\s|\.?$)", |found| {
        Some(format!("{} {} {}{}", group(found, 1), group(found, 2), meridiem(found, 3)?, group(found, 4)))
    }),
    (r"(?i)\b(noon|midnight)\s?-\s?", |found| Some(format!("{} to ", group(found, 1)))),
    (r"(?i)(\d(?:\s?[ap]\.?m\.?)?)\s?-\s?(noon|midnight)\b", |found| {
        Some(format!("{} to {}", group(found, 1), group(found, 2)))
    }),
    // 17h30
    (r"\b([01]?\d|2[0-4])h([0-5]\d)?\b", |found| time(number(found, 1)?, number(found, 2).unwrap_or(0), None)),
    // From one time to another.
    (r"(?i)(\d(?::\d{2})?(?:\s?[ap]\.?m\.?)?)\s*-\s*(\d{1,2}(?::\d{2}|(?::\d{2})?\s?[ap]\.?m))", |found| {
        Some(format!("{} to {}", group(found, 1), group(found, 2)))
    }),
    (r"(?i)\b(\d{1,2})[:.](\d{2})\s?([ap])(?:\.m\.?|m\b)", |found| {
        time(number(found, 1)?, number(found, 2)?, meridiem(found, 3))
    }),
    (r"(?i)\b(\d{1,2}):(\d{2})(?::\d{2})?(?:\s?([ap])(?:\.m\.?|m\b))?", |found| {
        time(number(found, 1)?, number(found, 2)?, meridiem(found, 3))
    }),
    (r"(?i)\b(\d{1,2})\s?([ap])(?:\.m\.?|m\b)", |found| time(number(found, 1)?, 0, meridiem(found, 2))),
];

/// AM and PM stay unspaced: a voice reads them better so.
fn meridiem(found: &Captures<'_>, index: usize) -> Option<&'static str> {
    match group(found, index) {
        "a" | "A" => Some("AM"),
        "p" | "P" => Some("PM"),
        _ => None,
    }
}

/// "nine oh five AM", if the clock has such a time.
fn time(hour: u64, minute: u64, meridiem: Option<&str>) -> Option<String> {
    if hour > 24 || minute > 59 {
        return None;
    }
    let hour_said = cardinal(hour);
    let said = match (minute, meridiem) {
        (0, Some(_)) => hour_said,
        (0, None) if hour > 12 || hour == 0 => format!("{hour_said} hundred hours"),
        (0, None) => format!("{hour_said} o'clock"),
        (1..10, _) => format!("{hour_said} oh {}", cardinal(minute)),
        _ => format!("{hour_said} {}", cardinal(minute)),
    };
    Some(meridiem.map_or(said.clone(), |meridiem| format!("{said} {meridiem}")))
}
