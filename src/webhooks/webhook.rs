//! An endpoint, and one event's delivery to it.

use sqlx::types::Json;
use uuid::Uuid;
use voicemill_types::{DomainId, EventId, Time, WebhookId};

/// What an event's body says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[sqlx(type_name = "text")]
pub enum ContentType {
    /// As CloudEvents has it.
    #[default]
    #[serde(rename = "application/cloudevents+json")]
    #[sqlx(rename = "application/cloudevents+json")]
    CloudEvents,
    /// For servers that read no other.
    #[serde(rename = "application/json")]
    #[sqlx(rename = "application/json")]
    Json,
}

impl ContentType {
    /// The value of the header.
    pub fn header(self) -> &'static str {
        match self {
            Self::CloudEvents => "application/cloudevents+json",
            Self::Json => "application/json",
        }
    }
}

/// What is told beside ids and small facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Include {
    /// The words, with `transcript.ready`.
    Transcript,
}

/// Whether an endpoint gets anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum WebhookState {
    /// It gets its events.
    Enabled,
    /// It gets none; what happens meanwhile can be replayed.
    Disabled,
}

/// An endpoint that a domain's events are sent to. It is never answered as it stands: it holds secrets.
#[derive(Clone, PartialEq, sqlx::FromRow)]
pub struct Webhook {
    /// Identity; also the tenant of its jobs, so that each endpoint has a share of the lane.
    pub id: WebhookId,
    /// Whose it is.
    pub domain_id: DomainId,
    /// What people call it.
    pub name: String,
    /// Where events are posted.
    pub url: String,
    /// The types that it gets; all of them if there are none.
    #[sqlx(json)]
    pub types: Vec<String>,
    /// What it is told beside small facts.
    #[sqlx(json)]
    pub include: Vec<Include>,
    /// What bodies say they are.
    pub content_type: ContentType,
    /// Whether it gets anything.
    pub state: WebhookState,
    /// Why it gets nothing.
    pub reason: Option<String>,
    pub(crate) secret: String,
    pub(crate) previous_secret: Option<String>,
    /// Until when the secret before signs too.
    pub previous_until: Option<Time>,
    /// When it last took an event, or was made or enabled.
    pub delivered_at: Time,
    /// Events given up since then.
    pub dead: i64,
    /// Grows with each change that people make.
    pub version: i64,
    /// When it was made.
    pub created_at: Time,
}

impl Webhook {
    /// Most endpoints of a domain.
    pub const MOST: usize = 20;

    /// Whether it gets anything.
    pub fn is_enabled(&self) -> bool {
        self.state == WebhookState::Enabled
    }

    /// Whether it wants events of that type.
    pub fn wants(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted == kind)
    }
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be tried, again or for the first time.
    Due,
    /// The endpoint took it.
    Delivered,
    /// It was given up; it can be replayed.
    Dead,
}

/// One try of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeliveryAttempt {
    /// When it began.
    pub at: Time,
    /// The status of the answer; none if there was no answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The beginning of the answer, or why there was none.
    pub answer: String,
}

/// One event on its way to one endpoint.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Delivery {
    /// Identity.
    pub id: Uuid,
    /// The endpoint.
    pub webhook_id: WebhookId,
    /// The event.
    pub event_id: EventId,
    /// The event's type.
    pub kind: String,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried since it was made or last replayed.
    pub tries: i64,
    /// How often it was replayed.
    pub(crate) round: i64,
    /// When it is tried next, while it is due.
    pub next_at: Time,
    pub(crate) attempts: Json<Vec<DeliveryAttempt>>,
    /// When it was made.
    pub created_at: Time,
    /// When it ended.
    pub settled_at: Option<Time>,
}

impl Delivery {
    /// Its tries, the last ones, oldest first.
    pub fn attempts(&self) -> &[DeliveryAttempt] {
        &self.attempts.0
    }
}
