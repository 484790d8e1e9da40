//! One try: a body, signed, posted to an endpoint, and what it answered.

use std::time::{Duration, Instant};

use reqwest::{
    Client, Response, Url,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect::Policy,
};
use voicemill_types::Time;

use super::{BadAddress, DeliveryAttempt, Webhook, WebhooksConfig, address::AddressRules, schedule, signature::sign};
use crate::{error::ServiceError, events::CloudEvent};

/// How long an endpoint may take to answer.
const DEADLINE: Duration = Duration::from_secs(15);

/// How long it may take to be connected to.
const CONNECT: Duration = Duration::from_secs(5);

/// How many of its connections wait for the next event, each for how long.
const IDLE_CONNECTIONS: usize = 2;
const IDLE: Duration = Duration::from_secs(30);

/// Most bytes of an answer that are kept.
const EXCERPT: usize = 1_024;

/// Posts events.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    rules: AddressRules,
}

/// How a try ended.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) attempt: DeliveryAttempt,
    /// What the endpoint asks for.
    pub(super) retry_after: Option<Duration>,
}

impl Tried {
    pub(super) fn is_good(&self) -> bool {
        self.attempt.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// The endpoint wants nothing any more.
    pub(super) fn is_gone(&self) -> bool {
        self.attempt.status == Some(410)
    }
}

impl Sender {
    /// Posts to public addresses, and into the networks that are configured.
    ///
    /// # Errors
    /// No HTTP client can be made here.
    pub fn new(config: &WebhooksConfig) -> anyhow::Result<Self> {
        let rules = AddressRules::new(config.allowed_networks.clone());
        let client = Client::builder()
            // A redirect, or a proxy that looks names up itself, would lead around the rules.
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(rules.clone())
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("voicemill/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, rules })
    }

    /// Judges an address that is to be saved.
    pub(super) async fn check(&self, url: &str) -> Result<(), BadAddress> {
        self.rules.check(url).await.map(drop)
    }

    /// Posts an event once.
    ///
    /// # Errors
    /// What is broken on our side; what the endpoint does wrong is in the answer.
    pub(super) async fn post(&self, hook: &Webhook, event: &CloudEvent, now: Time) -> Result<Tried, ServiceError> {
        let body = serde_json::to_vec(event).map_err(|error| ServiceError::Internal(error.into()))?;
        let (id, seconds) = (event.id.to_string(), now.timestamp().as_second());
        let mut signatures = sign(&hook.secret, &id, seconds, &body)?;
        if let (Some(previous), Some(until)) = (&hook.previous_secret, hook.previous_until)
            && now < until
        {
            signatures = format!("{signatures} {}", sign(previous, &id, seconds, &body)?);
        }
        let began = Instant::now();
        let asked = async {
            let url = Url::parse(&hook.url).map_err(|_| "its address cannot be read".to_owned())?;
            self.rules.check_literal(&url).map_err(|error| error.to_string())?;
            let request = self
                .client
                .post(url)
                .header(CONTENT_TYPE, hook.content_type.header())
                .header("webhook-id", id)
                .header("webhook-timestamp", seconds)
                .header("webhook-signature", signatures)
                .body(body);
            let response = request.send().await.map_err(|error| reason(&error))?;
            let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = header.and_then(|header| schedule::retry_after(header, seconds));
            Ok::<_, String>((response.status().as_u16(), retry_after, excerpt(response).await))
        };
        let answered = match tokio::time::timeout(DEADLINE, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("no answer within {} s", DEADLINE.as_secs())),
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (status, retry_after, answer) = match answered {
            Ok((status, retry_after, answer)) => (Some(status), retry_after, answer),
            Err(reason) => (None, None, reason),
        };
        Ok(Tried { attempt: DeliveryAttempt { at: now, status, took_ms, answer }, retry_after })
    }
}

/// The innermost cause: the outer ones only say that a request failed, and where to.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string().chars().take(300).collect()
}

/// The beginning of an answer as text, whatever it is.
async fn excerpt(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < EXCERPT {
        // What breaks off is as good as what ends: the status has been read.
        let Ok(Some(chunk)) = response.chunk().await else { break };
        bytes.extend_from_slice(&chunk[..chunk.len().min(EXCERPT - bytes.len())]);
    }
    let text = String::from_utf8_lossy(&bytes);
    // Of which PostgreSQL takes all but the character of value zero.
    let mut text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    text.truncate(text.floor_char_boundary(EXCERPT));
    text
}
