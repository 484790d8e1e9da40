//! Facts that a core wants spoken.

use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use voicemill_speech::text::parts;

use super::whole::Whole;

/// What is to be announced, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Announcement {
    pub(in crate::http) parts: Vec<Part>,
    /// The mailbox whose clock tells the times; the domain's does if none is named.
    pub(in crate::http) extension: Option<String>,
    pub(in crate::http) voice: Option<String>,
    pub(in crate::http) speaking_rate: Option<f64>,
    pub(in crate::http) pauses: Option<f64>,
}

/// One fact.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::http) enum Part {
    /// Words, as people write them.
    Text(String),
    /// A number that counts something.
    Number(Whole<u64>),
    /// A place in an order.
    Ordinal(Whole<u64>),
    /// A number that names something.
    Digits(String),
    Telephone(String),
    /// A name, letter by letter.
    Spelled(String),
    Date(Date),
    Moment(Timestamp),
    /// A length of time.
    Seconds(Whole<u64>),
    /// When a message came, and from whom as far as that is known.
    Received {
        at: Timestamp,
        #[serde(default)]
        from_number: String,
        #[serde(default)]
        from_name: String,
    },
    /// A caller's place in a queue, and how long it may take.
    Queue {
        /// 1 for who is next.
        position: Whole<u64>,
        waiting_seconds: Option<Whole<u64>>,
    },
}

impl From<Part> for parts::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => Self::Text(text),
            Part::Number(number) => Self::Number(number.0),
            Part::Ordinal(number) => Self::Ordinal(number.0),
            Part::Digits(digits) => Self::Digits(digits),
            Part::Telephone(number) => Self::Telephone(number),
            Part::Spelled(name) => Self::Spelled(name),
            Part::Date(date) => Self::Date(date),
            Part::Moment(at) => Self::Moment(at),
            Part::Seconds(seconds) => Self::Seconds(seconds.0),
            Part::Received { at, from_number, from_name } => Self::Received { at, from_number, from_name },
            Part::Queue { position, waiting_seconds } => {
                Self::Queue { position: position.0, waiting_seconds: waiting_seconds.map(|seconds| seconds.0) }
            }
        }
    }
}
