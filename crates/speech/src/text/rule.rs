//! What the rules of every subject are made of.

use regex::Captures;

/// The words for what a pattern found; `None` leaves it to a later rule.
pub(super) type Say = fn(&Captures<'_>) -> Option<String>;

/// A pattern, and what to say for it.
pub(super) type Rule = (&'static str, Say);

/// The text of a group, empty where it took no part.
pub(super) fn group<'a>(found: &Captures<'a>, index: usize) -> &'a str {
    found.get(index).map_or("", |group| group.as_str())
}

/// The number a group holds, with or without thousands separators.
pub(super) fn number(found: &Captures<'_>, index: usize) -> Option<u64> {
    group(found, index).replace(',', "").parse().ok()
}
