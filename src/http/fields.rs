//! Named texts, of a query or a form, as call cores write them: no odd spelling of a caller's name or of a time costs a
//! message.

use std::collections::HashMap;

use axum::{extract::FromRequestParts, http::request::Parts};
use jiff::{
    Timestamp,
    civil::DateTime,
    fmt::{rfc2822, strtime},
};
use serde::Deserialize;
use voicemill_types::Time;

use crate::{
    http::error::Problem,
    refusal::{RequestRefusal, Rule},
};

/// Named texts; of a name that comes twice, the last counts.
#[derive(Debug, Default)]
pub(super) struct Fields(HashMap<String, String>);

impl Fields {
    /// Reads what stands after the `?`.
    pub(super) fn of_query(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (text(&percent_decoded(name)), text(&percent_decoded(value)))).collect())
    }

    /// Adds a field of a form.
    pub(super) fn insert(&mut self, name: String, value: &[u8]) {
        self.0.insert(name, text(value));
    }

    /// Adds the fields of another, which win.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The text of that name, if there is one that says anything.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|text| !text.trim().is_empty())
    }

    /// Refuses what was not taken: who sent it believes that it counts. Not asked where sound came along, which no unknown
    /// name may cost.
    pub(super) fn nothing_else(&self, refusal: RequestRefusal) -> Result<(), Problem> {
        match self.0.keys().min() {
            None => Ok(()),
            Some(name) => Err(Problem::at(refusal, pointer(name), &Rule::UnknownField {})),
        }
    }

    /// The text of that name; empty if there is none.
    pub(super) fn text(&mut self, name: &str) -> String {
        self.take(name).unwrap_or_default()
    }

    /// The telephone number or SIP address of that name. A `+` that was not encoded in a query came as a space.
    pub(super) fn number(&mut self, name: &str) -> String {
        let mut number = self.text(name);
        let lost = number.starts_with(' ') && number[1..].starts_with(|first: char| first.is_ascii_digit());
        if lost {
            number.replace_range(..1, "+");
        }
        for (written, meant) in [(": ", ":+"), ("< ", "<+")] {
            number = number.replace(written, meant);
        }
        number.trim().to_owned()
    }

    /// The time of that name in any form that [`moment`] reads. None where it is left out or cannot be read: the moment of
    /// its arrival is near the truth, and a refusal would cost the message.
    pub(super) fn moment(&mut self, name: &'static str, time_zone: &str) -> Option<Time> {
        Moment::Text(self.take(name)?).read(name, time_zone)
    }
}

/// A time as a core writes it into JSON.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Moment {
    /// Since 1970.
    Number(serde_json::Number),
    /// In any form that [`moment`] reads.
    Text(String),
}

impl Moment {
    /// The time, as [`Fields::moment`] has it.
    pub(super) fn read(&self, name: &'static str, time_zone: &str) -> Option<Time> {
        let read = match self {
            Self::Number(number) => moment(&number.to_string(), time_zone),
            Self::Text(text) if text.trim().is_empty() => return None,
            Self::Text(text) => moment(text, time_zone),
        };
        if read.is_none() {
            tracing::warn!(name, "a core's time cannot be read; send RFC 3339 or seconds since 1970");
        }
        read
    }
}

impl<S: Sync> FromRequestParts<S> for Fields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::of_query(parts.uri.query().unwrap_or_default()))
    }
}

/// The JSON pointer (RFC 6901) to the field of that name.
pub(super) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Reads UTF-8, and what is none as Latin-1, which every byte is.
fn text(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Undoes what forms do to a text within an address; a `%` that begins no code stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                decoded.push(code);
                at += 3;
            }
            None => {
                decoded.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    decoded
}

/// Reads a time: RFC 3339, RFC 2822, seconds or fractions of them since 1970, or a date and time without a zone, which is
/// then one of `time_zone` (an IANA name).
pub(super) fn moment(text: &str, time_zone: &str) -> Option<Time> {
    let text = text.trim();
    let local = |time: DateTime| time.in_tz(time_zone).ok().map(|zoned| zoned.timestamp());
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let timestamp = if digits && text.len() == 14 {
        local(strtime::parse("%Y%m%d%H%M%S", text).and_then(|time| time.to_datetime()).ok()?)
    } else if let Some(timestamp) = epoch(text) {
        Some(timestamp)
    } else if let Ok(timestamp) = text.parse::<Timestamp>() {
        Some(timestamp)
    } else if let Some(timestamp) = lost_plus(text) {
        Some(timestamp)
    } else if let Ok(zoned) = rfc2822::parse(text) {
        Some(zoned.timestamp())
    } else {
        local(text.parse::<DateTime>().ok()?)
    };
    timestamp.map(Time::from)
}

/// Reads seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size: as seconds, the largest
/// number taken for them lies beyond the year 5000.
fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 19 || !is_number(whole) || fraction.len() > 9 || !is_number(fraction) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let unit: i128 = match whole {
        ..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::from_nanosecond(whole * unit + fraction * unit / 1_000_000_000).ok()
}

/// Reads RFC 3339 whose `+` before the offset was not encoded in a query, and came as a space.
fn lost_plus(text: &str) -> Option<Timestamp> {
    let (time, offset) = text.rsplit_once(' ')?;
    format!("{time}+{offset}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        moment(text, "America/New_York").map_or_else(|| "none".to_owned(), |time| time.timestamp().to_string())
    }

    #[test]
    fn times_are_read_as_cores_write_them() {
        let meant = "2026-11-22T14:31:00Z";
        for written in [
            "2026-11-22T14:31:00Z",
            "2026-11-22T09:31:00-05:00",
            "2026-11-22T15:31:00+01:00",
            "2026-11-22T15:31:00 01:00",
            "1795357860",
            "1795357860.000",
            "1795357860000",
            "1795357860000000",
            "1795357860000000000",
            "2026-11-22T09:31:00",
            "2026-11-22 09:31:00",
            "20261122093100",
            "Sun, 22 Nov 2026 14:31:00 +0000",
            " 2026-11-22T14:31:00Z ",
        ] {
            assert_eq!(read(written), meant, "{written}");
        }
        assert_eq!(read("1795357860.25"), "2026-11-22T14:31:00.25Z");
        for none in ["", "yesterday", "99999999999999999999", "-1", "1.2.3", "14:31"] {
            assert_eq!(read(none), "none", "{none}");
        }
    }

    #[test]
    fn a_plus_that_a_query_lost_comes_back() {
        let number = |query: &str| Fields::of_query(query).number("n");
        assert_eq!(number("n=+14155550132"), "+14155550132");
        assert_eq!(number("n=%2B14155550132"), "+14155550132");
        assert_eq!(number("n=sip:+14155550132@example.com"), "sip:+14155550132@example.com");
        assert_eq!(number("n=4155550132"), "4155550132");
        assert_eq!(number("n=+Anonymous+"), "Anonymous");
    }

    #[test]
    fn what_nobody_takes_is_named() {
        let mut fields = Fields::of_query("caller_number=1&state=none&x%2Fy=");
        fields.number("caller_number");
        let problem = fields.nothing_else(RequestRefusal::BadQuery {}).unwrap_err();
        assert_eq!(serde_json::to_value(problem).unwrap()["errors"][0]["pointer"], "/state");
        fields.take("state");
        let problem = fields.nothing_else(RequestRefusal::BadForm {}).unwrap_err();
        let problem = serde_json::to_value(problem).unwrap();
        assert_eq!((&problem["type"], &problem["status"]), (&"/problems/bad-form".into(), &400.into()));
        assert_eq!(problem["errors"][0]["pointer"], "/x~1y");
        assert!(Fields::of_query("").nothing_else(RequestRefusal::BadQuery {}).is_ok());
    }

    #[test]
    fn names_in_any_bytes_are_kept() {
        let name = |query: &str| Fields::of_query(query).text("n");
        assert_eq!(name("n=Jos%C3%A9"), "José");
        assert_eq!(name("n=Jos%E9"), "José", "Latin-1");
        assert_eq!(name("n=100%+of+it&x"), "100% of it");
        assert_eq!(name("n=%zz%4"), "%zz%4");
        assert_eq!(name("a&n=1&n=2"), "2");
        assert_eq!(Fields::of_query("n=+").take("n"), None, "what says nothing is left out");
    }
}
