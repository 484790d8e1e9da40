//! What providers report to our webhook: that an SMS arrived or did not, and what people reply.
//!
//! A report is found by our own notice's id where the provider hands that back, which is known before anything is sent;
//! else by the name that the provider gave the SMS.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::proof::Proof;
use voicemill_types::NoticeId;

/// Something that came back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Callback {
    /// What became of an SMS.
    Report {
        /// Which one, by our name for it.
        notice: Option<NoticeId>,
        /// Which one, by the provider's name for it.
        reference: Option<String>,
        /// Whether it arrived; else it never will.
        delivered: bool,
        /// What the provider says of it.
        answer: String,
    },
    /// What somebody wrote to one of our senders.
    Reply {
        /// Whose number.
        from: String,
        /// Which sender of ours.
        to: String,
        /// What they wrote.
        text: String,
    },
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report { delivered, .. } => {
                f.debug_struct("Report").field("delivered", delivered).finish_non_exhaustive()
            }
            Self::Reply { .. } => f.write_str("Reply(…)"),
        }
    }
}

/// Where in a provider's calls the things stand that we want to know.
///
/// A place is a path of names and numbers with dots between them, into the JSON or the form; what stands in the
/// address's query is there too, by its name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CallbackFormat {
    /// How a call proves that it is the provider's.
    pub(super) proof: Proof,
    /// The place of the word that tells kinds of calls apart, if there is one.
    kind: String,
    /// Reports of delivery.
    report: ReportPlaces,
    /// Replies.
    reply: ReplyPlaces,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReportPlaces {
    /// The kinds of calls that are reports; all, if none is named.
    kinds: Vec<String>,
    /// The place of our own id.
    notice: String,
    /// The place of the provider's name for the SMS.
    reference: String,
    /// The place of the state.
    state: String,
    /// States that mean that it arrived.
    delivered: Vec<String>,
    /// States that mean that it never will; all others mean that it is on its way.
    failed: Vec<String>,
    /// The place of what went wrong.
    detail: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReplyPlaces {
    /// The kinds of calls that are replies; all, if none is named.
    kinds: Vec<String>,
    from: String,
    to: String,
    text: String,
}

/// Most things that one call may tell of.
const MOST_AT_ONCE: usize = 1_000;

impl CallbackFormat {
    /// Reads one call.
    pub(super) fn parse(&self, query: &str, content_type: &str, body: &[u8]) -> Result<Vec<Callback>, &'static str> {
        let told = match content_type {
            "application/x-www-form-urlencoded" => {
                form(std::str::from_utf8(body).map_err(|_| "the form is not UTF-8")?)
            }
            _ if body.is_empty() => Value::Object(Map::new()),
            // Some providers call their JSON text.
            _ => serde_json::from_slice(body).map_err(|_| "the body is neither a form nor JSON")?,
        };
        let asked = form(query);
        let items = match told {
            Value::Array(items) => items,
            told => vec![told],
        };
        Ok(items.iter().take(MOST_AT_ONCE).filter_map(|item| self.understand(&unwrapped(item), &asked)).collect())
    }

    fn understand(&self, item: &Value, asked: &Value) -> Option<Callback> {
        let at = |place: &str| found(item, place).or_else(|| found(asked, place));
        let kind = at(&self.kind).unwrap_or_default();
        let is_kind = |kinds: &[String]| kinds.is_empty() || kinds.contains(&kind);
        if is_kind(&self.report.kinds)
            && let Some(state) = at(&self.report.state)
        {
            let delivered = self.report.delivered.contains(&state);
            if !delivered && !self.report.failed.contains(&state) {
                return None;
            }
            let detail = at(&self.report.detail).filter(|detail| *detail != state);
            return Some(Callback::Report {
                notice: at(&self.report.notice).and_then(|id| id.parse().ok()),
                reference: at(&self.report.reference),
                delivered,
                answer: detail.map_or(state.clone(), |detail| format!("{state}: {detail}")),
            });
        }
        if !is_kind(&self.reply.kinds) {
            return None;
        }
        Some(Callback::Reply { from: at(&self.reply.from)?, to: at(&self.reply.to)?, text: at(&self.reply.text)? })
    }
}

/// What AWS hands on by SNS stands as text inside of it.
fn unwrapped(item: &Value) -> Value {
    let inner = item.get("Message").and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    inner.unwrap_or_else(|| item.clone())
}

/// A form, or a query, as an object of texts.
fn form(encoded: &str) -> Value {
    let base = reqwest::Url::parse(&format!("http://form/?{encoded}"));
    let pairs = base.iter().flat_map(|url| url.query_pairs().into_owned().collect::<Vec<_>>());
    Value::Object(pairs.map(|(name, value)| (name, Value::String(value))).collect())
}

/// The text, number or flag at a place; an empty place, or an empty text, is none.
pub(super) fn found(value: &Value, place: &str) -> Option<String> {
    if place.is_empty() {
        return None;
    }
    // Forms may have dots in their names.
    let mut at = value.get(place);
    if at.is_none() {
        at = place.split('.').try_fold(value, |value, name| match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            value => value.get(name),
        });
    }
    match at? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
