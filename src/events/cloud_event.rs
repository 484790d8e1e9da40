//! An event as it is told to others: CloudEvents 1.0, in its structured JSON form.

use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::types::Json;
use voicemill_types::{EventId, Time};

use super::Event;
use crate::{
    notices::{Medium, Occasion},
    prompts::PromptKind,
};

/// An event as it is told to others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    /// Identity, the same however often and to whomever it is told.
    pub id: EventId,
    /// One of [`super::TYPES`].
    #[serde(rename = "type")]
    pub kind: &'static str,
    source: String,
    subject: String,
    /// When it happened.
    pub time: Time,
    datacontenttype: &'static str,
    /// Grows from event to event of a domain, with gaps; its texts sort as its numbers do.
    sequence: String,
    /// Ids and small facts.
    pub data: Map<String, Value>,
    /// Its place among all events: what a reader goes on after.
    #[serde(skip)]
    pub position: i64,
    /// What happened.
    #[serde(skip)]
    pub event: Event,
}

/// An event with what is told of its subject, as far as that is still there.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Told {
    position: i64,
    event_id: EventId,
    body: Json<Event>,
    at: Time,
    domain: String,
    extension: Option<String>,
    caller_number: Option<String>,
    caller_name: Option<String>,
    received_at: Option<Time>,
    call_id: Option<String>,
    recording_caller: Option<String>,
    callee_number: Option<String>,
    started_at: Option<Time>,
    duration_ms: Option<i64>,
    prompt_kind: Option<PromptKind>,
    prompt_name: Option<String>,
    medium: Option<Medium>,
    occasion: Option<Occasion>,
}

impl From<Told> for CloudEvent {
    fn from(told: Told) -> Self {
        let event = told.body.0;
        let mut data = match serde_json::to_value(&event) {
            Ok(Value::Object(data)) => data,
            _ => Map::new(),
        };
        data.remove("kind");
        // A mailbox goes by its extension, as in every address.
        let mailbox = data.remove("mailbox");
        let mailbox = told.extension.map(Value::from).or(mailbox);
        let subject = subject(&event, mailbox.as_ref().and_then(Value::as_str));
        let mut tell = |name: &str, value: Value| {
            if !value.is_null() {
                data.insert(name.to_owned(), value);
            }
        };
        tell("mailbox", mailbox.into());
        tell("caller_number", told.caller_number.or(told.recording_caller).into());
        tell("caller_name", told.caller_name.into());
        tell("received_at", time(told.received_at));
        tell("call_id", told.call_id.into());
        tell("callee_number", told.callee_number.into());
        tell("started_at", time(told.started_at));
        // Before, it is not known; and a later try must not say more than the first.
        if !matches!(event, Event::MessageReceived { .. } | Event::RecordingAnnounced { .. }) {
            tell("duration_ms", told.duration_ms.into());
        }
        tell("prompt_kind", name(told.prompt_kind));
        tell("prompt_name", told.prompt_name.into());
        tell("medium", name(told.medium));
        tell("occasion", name(told.occasion));
        Self {
            specversion: "1.0",
            id: told.event_id,
            kind: event.kind(),
            source: format!("/v1/domains/{}", told.domain),
            subject,
            time: told.at,
            datacontenttype: "application/json",
            sequence: format!("{:019}", told.position),
            data,
            position: told.position,
            event,
        }
    }
}

fn time(time: Option<Time>) -> Value {
    time.map_or(Value::Null, |time| time.to_string().into())
}

fn name(value: Option<impl Serialize>) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The path of what it happened to, below the domain's.
fn subject(event: &Event, mailbox: Option<&str>) -> String {
    let mailbox = mailbox.unwrap_or_default();
    let (kind, id) = event.subject();
    match kind {
        "message" => format!("mailboxes/{mailbox}/messages/{id}"),
        "missed_call" => format!("mailboxes/{mailbox}/missed-calls/{id}"),
        "mailbox" => format!("mailboxes/{mailbox}"),
        "service_number" => format!("service-numbers/{id}"),
        kind => format!("{kind}s/{id}"),
    }
}
