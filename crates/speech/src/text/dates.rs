//! Dates of the calendar, years and decades.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{
    numbers::{ordinal, year},
    rule::{Rule, group, number},
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

pub(super) const RULES: &[Rule] = &[
    (r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?\s+(\d)", |found| {
        Some(format!("{} {}", month(group(found, 1))?, group(found, 2)))
    }),
    (r"\b(\d{1,2})(st|nd|rd|th)?\s+(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?", |found| {
        Some(format!("{}{} {}", group(found, 1), group(found, 2), month(group(found, 3))?))
    }),
    // Jan 1, '27
    (
        r"\b((?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}(?:st|nd|rd|th)?),? '(\d{2})\b",
        |found| Some(format!("{}, 20{}", group(found, 1), group(found, 2))),
    ),
    (r"\b(\d{1,2})[/-](\d{1,2})[/-](\d{4})\b", |found| numeric(number(found, 1)?, number(found, 2)?, number(found, 3))),
    // Points between the numbers are used where the day comes first.
    (r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b", |found| numeric(number(found, 2)?, number(found, 1)?, number(found, 3))),
    (r"\b(\d{1,2})/(\d{1,2})/(\d{2})\b", |found| {
        numeric(number(found, 1)?, number(found, 2)?, number(found, 3).map(|year| 2000 + year))
    }),
    (r"\b(\d{4})[-/](\d{2})[-/](\d{2})\b", |found| date(number(found, 2)?, number(found, 3)?, number(found, 1))),
    (r"\b(\d{1,2})/(\d{1,2})\s?(?:-|to|thru|through)\s?(\d{1,2})/(\d{1,2})\b", |found| {
        let (first, last) =
            (date(number(found, 1)?, number(found, 2)?, None)?, date(number(found, 3)?, number(found, 4)?, None)?);
        Some(format!("{first} to {last}"))
    }),
    (
        r"(?i)\b(on|by|until|before|after|since|from|(?:mon|tues|wednes|thurs|fri|satur|sun)day,?) (\d{1,2})/(\d{1,2})\b",
        |found| Some(format!("{} {}", group(found, 1), date(number(found, 2)?, number(found, 3)?, None)?)),
    ),
    (r"\b(\d{1,2})/(\d{1,2})\b", |found| {
        let (month, day) = (number(found, 1)?, number(found, 2)?);
        // 3/4 is three quarters; 9 of 10 is a share, too.
        let fraction = month < day && day <= 10;
        (!fraction && month != day).then(|| date(month, day, None)).flatten()
    }),
    (
        r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{1,2})(?:st|nd|rd|th)?\s?(?:-|to|thru|through|&|and)\s?(\d{1,2})(?:st|nd|rd|th)?\b(?:,? (\d{4})\b)?",
        |found| {
            let joint =
                if group(found, 0).contains(['&', 'n']) && group(found, 0).contains("&") { "and" } else { "to" };
            let days = format!("{} {joint} {}", ordinal(number(found, 2)?), ordinal(number(found, 3)?));
            let year = number(found, 4).map(|number| format!(", {}", year(number))).unwrap_or_default();
            Some(format!("{} {days}{year}", group(found, 1)))
        },
    ),
    (
        r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{1,2})(?:st|nd|rd|th)?\s-\s",
        |found| Some(format!("{} to ", date(number_of(group(found, 1))?, number(found, 2)?, None)?)),
    ),
    (
        r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{1,2})(?:st|nd|rd|th)?\b(?:,? (\d{4})\b)?",
        |found| date(number_of(group(found, 1))?, number(found, 2)?, number(found, 3)),
    ),
    (
        r"\b(the )?(\d{1,2})(?:st|nd|rd|th)?( of)? (January|February|March|April|May|June|July|August|September|October|November|December)\b(?:,? (\d{4})\b)?",
        |found| {
            let said = date(number_of(group(found, 4))?, number(found, 2)?, number(found, 5))?;
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
];

/// The dates of `text` that begin with the day, with their months by name: `5/6/2026` as `5 June 2026`.
pub(super) fn month_named(text: &str) -> String {
    static DAY_FIRST: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\b(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})\b").expect("the pattern is well-formed")
    });
    let named = DAY_FIRST.replace_all(text, |found: &Captures<'_>| {
        let known = || {
            let (day, month) = (number(found, 1)?, number(found, 2)?);
            let name = MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
            let year = number(found, 3)?;
            let year = if year < 100 { 2000 + year } else { year };
            (1..=31).contains(&day).then(|| format!("{day} {name} {year}"))
        };
        known().unwrap_or_else(|| found[0].to_owned())
    });
    named.into_owned()
}

/// The full name of a month that a short one begins.
fn month(short: &str) -> Option<&'static str> {
    MONTHS.iter().find(|name| name.starts_with(short)).copied()
}

/// A month's place in the year.
fn number_of(month: &str) -> Option<u64> {
    MONTHS.iter().position(|name| *name == month).map(|index| index as u64 + 1)
}

/// A date that is written with the month first, unless only the day can be meant by its first number.
fn numeric(first: u64, second: u64, year: Option<u64>) -> Option<String> {
    if first > 12 { date(second, first, year) } else { date(first, second, year) }
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
