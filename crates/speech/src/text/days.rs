//! Days of the week: alone, in lists and in ranges.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::rule::{Rule, group};

pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

pub(super) const RULES: &[Rule] = &[
    (r"\b(Mo|Tu|We|Th|Fr|Sa|Su)\s?-\s?(Mo|Tu|We|Th|Fr|Sa|Su)\b\.?", |found| {
        Some(format!("{} to {}", day(group(found, 1))?, day(group(found, 2))?))
    }),
    // Several in a row, whatever stands between.
    (
        r"\b(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?(?:(?:\s?[-/&,]\s?(?:and |or |& )?|\s(?:to|thru|through|until|till|and|or)\s)(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?)+(\s+\p{Lu})?",
        |found| {
            let (days, next) = group(found, 0).split_at(group(found, 0).len() - group(found, 1).len());
            // The last one's period ends the sentence where another begins.
            let stop = if days.ends_with('.') && !next.is_empty() { "." } else { "" };
            Some(format!("{}{stop}{next}", list(days)))
        },
    ),
    // One by itself, which is a day by its period or by what stands beside it, for people sit in the sun and were wed.
    (r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.", |found| day(group(found, 1)).map(str::to_owned)),
    (r"\b(Tues?|Thu(?:rs?)?|Fri|Mon)\b", |found| day(group(found, 1)).map(str::to_owned)),
    (r"\b(Wed|Sat|Sun)(,? (?:\d|at\b|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|:)", |found| {
        Some(format!("{}{}", day(group(found, 1))?, group(found, 2)))
    }),
    (
        r"(?i)\b(on|every|each|this|next|last|by|until|till|till|from|to|thru|through|and|or|&|closed|open|also|but|except|[ap]\.?m\.?,?)( )((?-i:Wed|Sat|Sun))\b",
        |found| Some(format!("{}{}{}", group(found, 1), group(found, 2), day(group(found, 3))?)),
    ),
];

/// The full name of a day that a short one begins.
fn day(short: &str) -> Option<&'static str> {
    DAYS.iter().find(|name| name.starts_with(short)).copied()
}

/// `Mon/Wed/Fri` as "Monday, Wednesday, Friday".
fn list(text: &str) -> String {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?").expect("the pattern is well-formed")
    });
    let named = NAME.replace_all(text, |found: &Captures<'_>| day(&found[1]).unwrap_or_default());
    let spoken = named.replace('/', ", ").replace(" thru ", " to ").replace(" through ", " to ");
    spoken.replace(" - ", "-").replace('-', " to ")
}
