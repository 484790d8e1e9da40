//! Announcements built from facts: when a message came and from whom, a place in a queue, numbers and dates.

use std::time::Duration;

use jiff::{
    Timestamp, Zoned,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use super::{
    contacts, dates, days, is_day_first,
    numbers::{cardinal, digits, ordinal, year},
    spelled, unspeakable,
};

/// One fact of an announcement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Words, as people write them.
    Text(String),
    /// A number that counts something.
    Number(u64),
    /// A place in an order.
    Ordinal(u64),
    /// A number that names something, digit by digit.
    Digits(String),
    /// A telephone number, in groups with pauses.
    Telephone(String),
    /// A name, letter by letter.
    Spelled(String),
    /// A day of the calendar.
    Date(Date),
    /// A moment, in the zone of who listens: today, yesterday, a day of this week, or its date.
    Moment(Timestamp),
    /// A length of time in seconds, as people say it.
    Seconds(u64),
    /// When a message came, and from whom as far as that is known.
    Received {
        /// When it came.
        at: Timestamp,
        /// The number it came from.
        #[serde(default)]
        from_number: String,
        /// Whose number that is.
        #[serde(default)]
        from_name: String,
    },
    /// When a message came, and nothing of who left it.
    ReceivedAt(Timestamp),
    /// Who left a message, as far as that is known, and nothing of when.
    ReceivedFrom {
        /// The number it came from.
        #[serde(default)]
        number: String,
        /// Whose number that is.
        #[serde(default)]
        name: String,
    },
    /// A caller's place in a queue, and how long it may take.
    Queue {
        /// 1 for who is next.
        position: u64,
        /// The expected time in seconds; said in minutes, rounded up.
        waiting_seconds: Option<u64>,
    },
}

/// Where and when an announcement is heard.
#[derive(Clone, Debug)]
pub struct Place {
    now: Zoned,
    day_first: bool,
}

impl Place {
    /// In an IANA time zone (UTC when it is unknown), among people of a BCP 47 `locale`, at a moment.
    pub fn new(time_zone: &str, locale: &str, now: Timestamp) -> Self {
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        Self { now: now.to_zoned(zone), day_first: is_day_first(locale) }
    }

    /// A day, with its year where that is not this one.
    fn date(&self, date: Date) -> String {
        let name = day_name(date.weekday());
        let month = dates::MONTHS[usize::from(date.month().unsigned_abs()).saturating_sub(1) % 12];
        let day = ordinal(u64::from(date.day().unsigned_abs()));
        let said = match self.day_first {
            true => format!("{name} the {day} of {month}"),
            false => format!("{name}, {month} {day}"),
        };
        match date.year() == self.now.year() {
            true => said,
            false => format!("{said}, {}", year(u64::from(date.year().unsigned_abs()))),
        }
    }

    fn moment(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.now.time_zone().clone());
        let days_ago = self.now.date().since(at.date()).map_or(i32::MAX, |span| span.get_days());
        let day = match days_ago {
            0 => "today".to_owned(),
            1 => "yesterday".to_owned(),
            2..=6 => format!("on {}", day_name(at.weekday())),
            _ => format!("on {}", self.date(at.date())),
        };
        format!("{day} at {}", clock(at.time()))
    }
}

/// The words of an announcement, one part after the other.
pub fn announcement(parts: &[Part], place: &Place) -> String {
    parts.iter().map(|part| say(part, place)).filter(|said| !said.is_empty()).collect::<Vec<_>>().join(" ")
}

fn say(part: &Part, place: &Place) -> String {
    match part {
        Part::Text(text) => text.trim().to_owned(),
        Part::Number(number) => cardinal(*number),
        Part::Ordinal(number) => ordinal(*number),
        Part::Digits(text) => digits(text),
        Part::Telephone(number) => match contacts::caller(number).as_str() {
            "" => "an unknown caller".to_owned(),
            number => number.to_owned(),
        },
        Part::Spelled(name) => spelled(name),
        Part::Date(date) => place.date(*date),
        Part::Moment(at) => place.moment(*at),
        Part::Seconds(seconds) => length(Duration::from_secs(*seconds)),
        Part::Received { at, from_number, from_name } => {
            format!("Message received {}, {}.", place.moment(*at), from(from_number, from_name))
        }
        Part::ReceivedAt(at) => format!("Message received {}.", place.moment(*at)),
        Part::ReceivedFrom { number, name } => format!("Message {}.", from(number, name)),
        Part::Queue { position, waiting_seconds } => {
            let place_in_line = match position {
                0 | 1 => "You are next in line.".to_owned(),
                position => format!("You are number {} in line.", cardinal(*position)),
            };
            let minutes = waiting_seconds.map(|seconds| seconds.div_ceil(60));
            match minutes {
                None => place_in_line,
                Some(0 | 1) => format!("{place_in_line} The expected wait is less than a minute."),
                Some(minutes) => {
                    format!("{place_in_line} The expected wait is {}.", length(Duration::from_secs(minutes * 60)))
                }
            }
        }
    }
}

/// Who called, as far as that is known.
fn from(number: &str, name: &str) -> String {
    let said = contacts::caller(number);
    match (caller_name(name, number), said.as_str()) {
        ("", "") => "from an unknown caller".to_owned(),
        ("", number) => format!("from {number}"),
        (name, "") => format!("from {name}"),
        (name, number) => format!("from {name}, {number}"),
    }
}

/// The name that a caller is announced by; nothing where it is withheld, is the number again, or cannot be spoken.
fn caller_name<'a>(name: &'a str, number: &str) -> &'a str {
    let name = name.trim_matches(|character: char| character == '"' || character.is_whitespace());
    let is_number = !digits(name).is_empty() && digits(name) == digits(contacts::user(number).0);
    if contacts::is_withheld(name) || is_number || unspeakable(name).is_some() { "" } else { name }
}

fn day_name(day: Weekday) -> &'static str {
    days::DAYS[usize::from(day.to_monday_zero_offset().unsigned_abs()) % 7]
}

/// "nine oh five AM", in twelve hours, as people say it everywhere.
fn clock(time: Time) -> String {
    let (hour, minute) = (u64::from(time.hour().unsigned_abs()), u64::from(time.minute().unsigned_abs()));
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = cardinal(if hour % 12 == 0 { 12 } else { hour % 12 });
    match minute {
        0 => format!("{hour} {half}"),
        1..10 => format!("{hour} oh {} {half}", cardinal(minute)),
        _ => format!("{hour} {} {half}", cardinal(minute)),
    }
}

/// "one hour and five minutes"; seconds only where there is no hour.
fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let counted = |count: u64, name: &str| {
        (count > 0).then(|| format!("{} {name}{}", cardinal(count), if count == 1 { "" } else { "s" }))
    };
    let seconds = if hours == 0 { counted(seconds, "second") } else { None };
    let said: Vec<String> =
        [counted(hours, "hour"), counted(minutes, "minute"), seconds].into_iter().flatten().collect();
    if said.is_empty() { "no time".to_owned() } else { said.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::speakable;

    fn said(parts: &str, locale: &str) -> String {
        let parts: Vec<Part> = serde_json::from_str(parts).unwrap();
        // A Sunday, just past noon in New York.
        let place = Place::new("America/New_York", locale, "2026-11-22T17:05:00Z".parse().unwrap());
        let said = announcement(&parts, &place);
        assert_eq!(speakable(&said), said.trim_end_matches([' ', ',']), "it is said as it stands");
        said
    }

    #[test]
    fn a_message_tells_when_it_came_and_from_whom() {
        for (received, words) in [
            (
                r#"{"at": "2026-11-22T14:05:00Z", "from_number": "4155550132"}"#,
                "Message received today at nine oh five AM, from four one five, five five five, zero one three two.",
            ),
            (
                r#"{"at": "2026-11-22T04:59:00Z", "from_number": "+14155550132", "from_name": "Robin Stone"}"#,
                "Message received yesterday at eleven fifty nine PM, from Robin Stone, four one five, five five five, \
                 zero one three two.",
            ),
            (
                r#"{"at": "2026-11-18T17:00:00Z", "from_number": "101"}"#,
                "Message received on Wednesday at twelve PM, from extension one zero one.",
            ),
            (
                r#"{"at": "2026-10-01T16:30:00Z"}"#,
                "Message received on Thursday, October first at twelve thirty PM, from an unknown caller.",
            ),
            (
                r#"{"at": "2025-12-25T05:30:00Z", "from_number": "anonymous"}"#,
                "Message received on Thursday, December twenty fifth, twenty twenty five at twelve thirty AM, from an \
                 unknown caller.",
            ),
        ] {
            assert_eq!(said(&format!(r#"[{{"received": {received}}}]"#), "en-US"), words);
        }
    }

    #[test]
    fn a_message_tells_only_when_it_came_or_only_from_whom() {
        assert_eq!(
            said(r#"[{"received_at": "2026-11-22T14:05:00Z"}]"#, "en-US"),
            "Message received today at nine oh five AM."
        );
        assert_eq!(
            said(r#"[{"received_from": {"number": "101", "name": "Robin Stone"}}]"#, "en-US"),
            "Message from Robin Stone, extension one zero one."
        );
        assert_eq!(said(r#"[{"received_from": {}}]"#, "en-US"), "Message from an unknown caller.");
    }

    #[test]
    fn k23_a_caller_is_announced_by_what_a_person_would_dial() {
        for (number, words) in [
            ("sip:4155550132@10.0.0.1", "four one five, five five five, zero one three two"),
            ("<sip:+14155550132@pbx.example;transport=udp>", "four one five, five five five, zero one three two"),
            ("sips:204@pbx.example", "extension two zero four"),
            ("sip:4155550132;phone-context=+1@10.0.0.1", "four one five, five five five, zero one three two"),
            ("tel:+14155550132;ext=22", "four one five, five five five, zero one three two, extension two two"),
            ("tel:+442079460958", "plus four four, two zero seven, nine four six, zero nine five eight"),
            ("+1-800-FLOWERS", "eight hundred, flowers"),
            ("1-800-FLOWERS", "eight hundred, flowers"),
            ("800-GO-FEDEX", "eight hundred, go fedex"),
            ("*97", "star nine seven"),
            ("#31", "pound three one"),
            ("911", "nine one one"),
            ("411", "four one one"),
            ("988", "nine eight eight"),
            ("112", "one one two"),
            ("204", "extension two zero four"),
            ("1001", "extension one zero zero one"),
            ("anonymous", "an unknown caller"),
            ("Restricted", "an unknown caller"),
            ("sip:anonymous@anonymous.invalid", "an unknown caller"),
            ("sip:alice@example.com", "alice"),
            ("", "an unknown caller"),
            ("+", "an unknown caller"),
            ("00442079460958", "zero zero four four two zero seven nine four six zero nine five eight"),
        ] {
            assert_eq!(said(&serde_json::json!([{ "telephone": number }]).to_string(), "en-US"), words, "{number}");
        }
    }

    #[test]
    fn k23_a_name_that_says_nothing_is_left_out_of_the_announcement() {
        let from = |name: &str, number: &str| {
            let received = serde_json::json!([{"received": {
                "at": "2026-11-22T14:05:00Z", "from_number": number, "from_name": name,
            }}]);
            let announcement = said(&received.to_string(), "en-US");
            announcement.split_once(", ").unwrap().1.trim_end_matches('.').to_owned()
        };
        let number = "four one five, five five five, zero one three two";
        assert_eq!(from("4155550132", "sip:4155550132@10.0.0.1"), format!("from {number}"));
        assert_eq!(from("Anonymous", "4155550132"), format!("from {number}"));
        assert_eq!(from("Иван", "4155550132"), format!("from {number}"), "no voice reads it");
        assert_eq!(from("\"Robin Stone\"", "4155550132"), format!("from Robin Stone, {number}"));
        assert_eq!(from("anonymous", "anonymous"), "from an unknown caller");
        assert_eq!(from("Иван", ""), "from an unknown caller");
    }

    #[test]
    fn a_date_follows_the_locale() {
        let date = r#"[{"text": "We are closed on"}, {"date": "2026-12-25"}]"#;
        assert_eq!(said(date, "en-US"), "We are closed on Friday, December twenty fifth");
        assert_eq!(said(date, "en-GB"), "We are closed on Friday the twenty fifth of December");
    }

    #[test]
    fn a_queue_tells_the_place_and_the_wait() {
        for (queue, words) in [
            (r#"{"position": 1}"#, "You are next in line."),
            (
                r#"{"position": 3, "waiting_seconds": 250}"#,
                "You are number three in line. The expected wait is five minutes.",
            ),
            (
                r#"{"position": 2, "waiting_seconds": 40}"#,
                "You are number two in line. The expected wait is less than a minute.",
            ),
            (
                r#"{"position": 12, "waiting_seconds": 3900}"#,
                "You are number twelve in line. The expected wait is one hour and five minutes.",
            ),
        ] {
            assert_eq!(said(&format!(r#"[{{"queue": {queue}}}]"#), "en-US"), words);
        }
    }

    #[test]
    fn parts_join_to_sentences() {
        let parts = r#"[{"text": "You have"}, {"number": 21}, {"text": "new messages. The"}, {"ordinal": 3},
            {"text": "is"}, {"seconds": 95}, {"text": "long. Your code is"}, {"digits": "0042"}]"#;
        assert_eq!(
            said(parts, "en-US"),
            "You have twenty one new messages. The third is one minute and thirty five seconds long. Your code is zero \
             zero four two"
        );
        assert_eq!(said(r#"[{"spelled": "Dana"}]"#, "en-US"), "D, ay, N, ay.");
    }

    #[test]
    fn an_unknown_part_is_refused() {
        assert!(serde_json::from_str::<Part>(r#"{"weather": "fine"}"#).is_err());
        assert!(serde_json::from_str::<Part>(r#"{"queue": {"position": 1, "waiting": 5}}"#).is_err());
    }
}
