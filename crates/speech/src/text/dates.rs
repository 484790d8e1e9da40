//! Dates and times, the American way: month before day, hours with AM and PM.

use regex::Captures;

use super::{
    Rule, group, number,
    numbers::{cardinal, ordinal, year},
};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

pub(super) const RULES: &[Rule] = &[
    (r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\s?-\s?(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?", |found| {
        Some(format!("{} to {}", named(&DAYS, group(found, 1))?, named(&DAYS, group(found, 2))?))
    }),
    // A short day needs its period or a date after it, for people sit in the sun and were wed.
    (r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.", |found| named(&DAYS, group(found, 1)).map(str::to_owned)),
    (
        r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)(,? (?:\d|at\b|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))",
        |found| Some(format!("{}{}", named(&DAYS, group(found, 1))?, group(found, 2))),
    ),
    (r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?\s+(\d)", |found| {
        Some(format!("{} {}", named(&MONTHS, group(found, 1))?, group(found, 2)))
    }),
    (r"\b(\d{1,2})\s+(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?", |found| {
        Some(format!("{} {}", group(found, 1), named(&MONTHS, group(found, 2))?))
    }),
    (r"\b(\d{1,2})[/-](\d{1,2})[/-](\d{4})\b", |found| date(number(found, 1)?, number(found, 2)?, number(found, 3))),
    (r"\b(\d{1,2})/(\d{1,2})/(\d{2})\b", |found| {
        date(number(found, 1)?, number(found, 2)?, number(found, 3).map(|year| 2000 + year))
    }),
    (r"\b(\d{4})-(\d{2})-(\d{2})\b", |found| date(number(found, 2)?, number(found, 3)?, number(found, 1))),
    (
        r"(?i)\b(on|by|until|before|after|since|(?:mon|tues|wednes|thurs|fri|satur|sun)day,?) (\d{1,2})/(\d{1,2})\b",
        |found| Some(format!("{} {}", group(found, 1), date(number(found, 2)?, number(found, 3)?, None)?)),
    ),
    (
        r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{1,2})\s?-\s?(\d{1,2})\b",
        |found| Some(format!("{} {} to {}", group(found, 1), ordinal(number(found, 2)?), ordinal(number(found, 3)?))),
    ),
    (
        r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{1,2})(?:st|nd|rd|th)?\b(?:,? (\d{4})\b)?",
        |found| {
            let month = MONTHS.iter().position(|month| *month == group(found, 1))? as u64 + 1;
            date(month, number(found, 2)?, number(found, 3))
        },
    ),
    (
        r"\b(the )?(\d{1,2})(?:st|nd|rd|th)?( of)? (January|February|March|April|May|June|July|August|September|October|November|December)\b(?:,? (\d{4})\b)?",
        |found| {
            let month = MONTHS.iter().position(|month| *month == group(found, 4))? as u64 + 1;
            let said = date(month, number(found, 2)?, number(found, 5))?;
            if group(found, 1).is_empty() || group(found, 3).is_empty() {
                return Some(said);
            }
            let year = number(found, 5).map(|number| format!(", {}", year(number))).unwrap_or_default();
            Some(format!("the {} of {}{year}", ordinal(number(found, 2)?), group(found, 4)))
        },
    ),
    (r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{4})\b", |found| {
        Some(format!("{} {}", group(found, 1), year(number(found, 2)?)))
    }),
    (r"\b((?:1[1-9]|20)\d)0s\b", |found| Some(decade(10 * number(found, 1)?))),
    (r"'(\d)0s\b", |found| Some(decade(10 * number(found, 1)?))),
    (r"\b((?:19|20)\d{2})\s?-\s?((?:19|20)\d{2})\b", |found| {
        Some(format!("{} to {}", year(number(found, 1)?), year(number(found, 2)?)))
    }),
    (r"(?i)\b(in|since|of|from|until|by|year|before|after|copyright)\s+((?:19|20)\d{2})\b", |found| {
        Some(format!("{} {}", group(found, 1), year(number(found, 2)?)))
    }),
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

/// The full name that a short one begins.
fn named(names: &[&'static str], short: &str) -> Option<&'static str> {
    names.iter().find(|name| name.starts_with(short)).copied()
}

/// "March fourteenth, twenty twenty six", if there is such a day.
fn date(month: u64, day: u64, year_number: Option<u64>) -> Option<String> {
    let name = MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if !(1..=31).contains(&day) {
        return None;
    }
    let year = year_number.map(|number| format!(", {}", year(number))).unwrap_or_default();
    Some(format!("{name} {}{year}", ordinal(day)))
}

fn decade(year_number: u64) -> String {
    let said = year(year_number);
    match said.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{said}s"),
    }
}

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
