//! Endpoints and deliveries as they are answered.

use serde::Serialize;
use uuid::Uuid;
use voicemill_types::{EventId, Time, WebhookId};

use crate::webhooks::{self, ContentType, DeliveryAttempt, DeliveryState, Include, WebhookState};

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

impl From<webhooks::Delivery> for Delivery {
    fn from(delivery: webhooks::Delivery) -> Self {
        Self {
            attempts: delivery.attempts().to_vec(),
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
