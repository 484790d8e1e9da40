//! The settings by which a provider with an HTTP interface is asked: an address, fields with placeholders, and what its
//! answers mean.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sms::callbacks::CallbackFormat;
use voicemill_types::digits;

/// How a provider is asked, and how it answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its public address; `sms.base_url` takes its place.
    #[serde(default)]
    pub(super) base: String,
    /// Where one SMS is asked for, beginning with `{base}`.
    pub(super) url: String,
    #[serde(default)]
    pub(super) login: Login,
    #[serde(default)]
    pub(super) encoding: Encoding,
    /// What is asked; a field whose placeholders are all empty is left out.
    pub(super) fields: Map<String, Value>,
    #[serde(default)]
    pub(super) answer: AnswerPlaces,
    #[serde(default)]
    codes: Codes,
    #[serde(default)]
    pub(super) callbacks: CallbackFormat,
}

/// How we say who we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Login {
    /// In a field, or not at all.
    #[default]
    None,
    /// With `sms.user` (or else `sms.account`) and `sms.secret`.
    Basic,
    /// With `sms.secret`.
    Bearer,
}

/// How the fields travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    /// By POST, as a form.
    #[default]
    Form,
    /// By POST, as JSON.
    Json,
    /// By GET, in the address.
    Query,
}

/// Where in an answer the things stand that we want to know.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AnswerPlaces {
    /// The provider's name for the SMS.
    pub(super) reference: String,
    /// The code of an error.
    pub(super) code: String,
    /// What is said of it.
    pub(super) text: String,
}

/// What codes mean; a code that stands in none of the lists leaves it to the HTTP status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Codes {
    /// It is taken, for providers that say so by a code; then nothing else means it.
    accepted: Vec<String>,
    /// This number will never get it.
    refused: Vec<String>,
    /// Not now.
    retry: Vec<String>,
    /// Our account, sender or settings are at fault.
    ours: Vec<String>,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Refused,
    Retry,
    Ours,
}

/// What placeholders stand for.
pub(super) struct Facts<'a> {
    pub(super) base: &'a str,
    pub(super) account: &'a str,
    pub(super) user: &'a str,
    pub(super) application: &'a str,
    pub(super) secret: &'a str,
    pub(super) to: &'a str,
    pub(super) from: &'a str,
    pub(super) text: &'a str,
    pub(super) notice: &'a str,
    pub(super) callback: &'a str,
    pub(super) unicode: bool,
}

impl Facts<'_> {
    fn get(&self, name: &str) -> Option<String> {
        // A question mark marks what may be missing.
        let name = name.trim_end_matches('?');
        Some(match name {
            "to" => self.to.to_owned(),
            "to_digits" => digits(self.to),
            "from" => self.from.to_owned(),
            // A name is no number, and stays as it is.
            "from_digits" => self.from.trim_start_matches('+').to_owned(),
            "text" => self.text.to_owned(),
            "notice" => self.notice.to_owned(),
            "callback" if self.callback.is_empty() => String::new(),
            "callback" => format!("{}?notice={}", self.callback, self.notice),
            "coding" => if self.unicode { "2" } else { "0" }.to_owned(),
            "kind" => if self.unicode { "unicode" } else { "text" }.to_owned(),
            "account" => self.account.to_owned(),
            "user" => self.user.to_owned(),
            "application" => self.application.to_owned(),
            "secret" => self.secret.to_owned(),
            _ => return None,
        })
    }

    /// The text with its placeholders filled; none if it has some and all of them are empty. A single pass, so that what
    /// is filled in is never read as a placeholder.
    fn fill(&self, pattern: &str) -> Option<String> {
        let (mut filled, mut rest) = (String::new(), pattern);
        let (mut placeholders, mut empty) = (0, 0);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            match after.split_once('}').and_then(|(name, after)| Some((self.get(name)?, after))) {
                Some((value, after)) => {
                    placeholders += 1;
                    empty += usize::from(value.is_empty());
                    filled.push_str(&value);
                    rest = after;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        (placeholders == 0 || empty < placeholders).then_some(filled)
    }

    fn fill_value(&self, value: &Value) -> Option<Value> {
        Some(match value {
            Value::String(pattern) => Value::String(self.fill(pattern)?),
            Value::Array(items) => Value::Array(items.iter().filter_map(|item| self.fill_value(item)).collect()),
            Value::Object(fields) => Value::Object(
                fields.iter().filter_map(|(name, value)| Some((name.clone(), self.fill_value(value)?))).collect(),
            ),
            other => other.clone(),
        })
    }
}

impl Template {
    /// Whether the placeholder stands anywhere in what is asked.
    pub(super) fn needs(&self, placeholder: &str) -> bool {
        let by_login = placeholder == "{secret}" && self.login != Login::None;
        let fields = Value::Object(self.fields.clone()).to_string();
        by_login || self.url.contains(placeholder) || fields.contains(placeholder)
    }

    pub(super) fn address(&self, facts: &Facts<'_>) -> String {
        let base = facts.base.trim_end_matches('/');
        facts.fill(&self.url.replace("{base}", base)).unwrap_or_default()
    }

    pub(super) fn pairs(&self, facts: &Facts<'_>) -> Vec<(String, String)> {
        let filled = self.fields.iter().filter_map(|(name, value)| Some((name.clone(), facts.fill_value(value)?)));
        filled.map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect()
    }

    pub(super) fn json(&self, facts: &Facts<'_>) -> Value {
        facts.fill_value(&Value::Object(self.fields.clone())).unwrap_or(Value::Null)
    }

    pub(super) fn verdict(&self, status: u16, code: Option<&str>) -> Verdict {
        let is_in = |list: &[String]| code.is_some_and(|code| list.iter().any(|known| known == code));
        let codes = &self.codes;
        if is_in(&codes.refused) {
            return Verdict::Refused;
        }
        if is_in(&codes.retry) {
            return Verdict::Retry;
        }
        if is_in(&codes.ours) {
            return Verdict::Ours;
        }
        match status {
            200..=299 if codes.accepted.is_empty() || is_in(&codes.accepted) => Verdict::Accepted,
            // An error, by a code that we do not know.
            200..=299 => Verdict::Refused,
            408 | 425 | 429 | 500..=599 => Verdict::Retry,
            // No login, no money, no right, no such account; or an address that has moved.
            300..=399 | 401..=405 | 407 => Verdict::Ours,
            _ => Verdict::Refused,
        }
    }
}
