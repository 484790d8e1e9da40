//! Endpoints and deliveries as they are answered and asked for.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_types::{EventId, Time, WebhookId};

use super::whole::Whole;
use crate::webhooks::{self, ContentType, DeliveryState, Include, WebhookState};

/// An endpoint, without its secrets.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Webhook {
    id: WebhookId,
    name: String,
    url: String,
    types: Vec<String>,
    include: Vec<Include>,
    content_type: ContentType,
    state: WebhookState,
    /// Why it gets nothing.
    reason: Option<String>,
    /// Until when the secret before signs too.
    previous_secret_until: Option<Time>,
    created_at: Time,
    /// Shown once: to who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Webhook {
    /// The endpoint with the secret that was just made for it.
    pub(in crate::http) fn with_secret((hook, secret): (webhooks::Webhook, String)) -> Self {
        Self { secret: Some(secret), ..hook.into() }
    }
}

impl From<webhooks::Webhook> for Webhook {
    fn from(hook: webhooks::Webhook) -> Self {
        Self {
            id: hook.id,
            name: hook.name,
            url: hook.url,
            types: hook.types,
            include: hook.include,
            content_type: hook.content_type,
            state: hook.state,
            reason: hook.reason,
            previous_secret_until: hook.previous_until,
            created_at: hook.created_at,
            secret: None,
        }
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Delivery {
    id: Uuid,
    event_id: EventId,
    #[serde(rename = "type")]
    kind: String,
    state: DeliveryState,
    tries: i64,
    /// When it is tried next, while it is due.
    next_at: Option<Time>,
    attempts: Vec<DeliveryAttempt>,
    created_at: Time,
    settled_at: Option<Time>,
}

/// One try of a delivery.
#[derive(Debug, Serialize)]
struct DeliveryAttempt {
    at: Time,
    /// The answer's; null if there was none.
    status: Option<u16>,
    took_ms: u64,
    /// The beginning of the answer, or why there was none.
    answer: String,
}

/// A new endpoint; what is left out has a default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewWebhook {
    url: String,
    name: Option<String>,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    include: Vec<Include>,
    #[serde(default)]
    content_type: ContentType,
}

/// Changes of an endpoint, as a merge patch (RFC 7396): what is left out stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WebhookChanges {
    url: Option<String>,
    name: Option<String>,
    types: Option<Vec<String>>,
    include: Option<Vec<Include>>,
    content_type: Option<ContentType>,
    state: Option<WebhookState>,
}

/// Which events are to be sent again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Replay {
    #[serde(default)]
    events: Vec<EventId>,
    #[serde(default)]
    types: Vec<String>,
    from: Option<Time>,
    to: Option<Time>,
    /// The `next` of the answer before.
    #[serde(default)]
    after: Whole<i64>,
}

/// What was sent again.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Replayed {
    events: usize,
    /// What to send as `after` for the rest; null if there is none.
    next: Option<i64>,
}

impl From<NewWebhook> for webhooks::NewWebhook {
    fn from(new: NewWebhook) -> Self {
        Self { url: new.url, name: new.name, types: new.types, include: new.include, content_type: new.content_type }
    }
}

impl From<WebhookChanges> for webhooks::WebhookChanges {
    fn from(changes: WebhookChanges) -> Self {
        Self {
            url: changes.url,
            name: changes.name,
            types: changes.types,
            include: changes.include,
            content_type: changes.content_type,
            state: changes.state,
        }
    }
}

impl From<Replay> for webhooks::Replay {
    fn from(which: Replay) -> Self {
        Self { events: which.events, types: which.types, from: which.from, to: which.to, after: which.after.0 }
    }
}

impl From<webhooks::Replayed> for Replayed {
    fn from(replayed: webhooks::Replayed) -> Self {
        Self { events: replayed.events, next: replayed.next }
    }
}

impl From<&webhooks::DeliveryAttempt> for DeliveryAttempt {
    fn from(attempt: &webhooks::DeliveryAttempt) -> Self {
        Self { at: attempt.at, status: attempt.status, took_ms: attempt.took_ms, answer: attempt.answer.clone() }
    }
}

impl From<webhooks::Delivery> for Delivery {
    fn from(delivery: webhooks::Delivery) -> Self {
        Self {
            attempts: delivery.attempts().iter().map(DeliveryAttempt::from).collect(),
            id: delivery.id,
            event_id: delivery.event_id,
            kind: delivery.kind,
            state: delivery.state,
            tries: delivery.tries,
            next_at: (delivery.state == DeliveryState::Due).then_some(delivery.next_at),
            created_at: delivery.created_at,
            settled_at: delivery.settled_at,
        }
    }
}
