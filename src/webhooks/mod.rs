//! Endpoints that a domain's events are sent to, signed, until each has taken each.
//!
//! `dispatch.rs` reads the outbox; `deliver_event.rs` tries one event at one endpoint by `schedule.rs`; `address.rs` keeps
//! customers out of our own network.

mod address;
mod config;
mod deliver_event;
pub(crate) mod dispatch;
pub(crate) mod rows;
mod schedule;
mod sender;
mod signature;
mod webhook;

pub use self::{
    address::BadAddress,
    config::WebhooksConfig,
    deliver_event::DeliverEvent,
    sender::Sender,
    webhook::{ContentType, Delivery, DeliveryAttempt, DeliveryState, Include, Webhook, WebhookState},
};

use std::time::Duration;

use uuid::Uuid;
use voicemill_queue::NewJob;
use voicemill_types::{EventId, Time, WebhookId};

use crate::{
    app::App,
    domains::Domain,
    error::ServiceError,
    events::{self, Event, Recorded},
    precondition::Precondition,
    refusal::{Conflict, Rule, Thing},
    transaction::Tx,
};

/// How long the secret before signs beside a new one.
const BOTH_SIGN: Duration = Duration::from_secs(24 * 3_600);

/// How long deliveries are kept after they ended; as long as events.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Most events that one request replays, or that are removed at once.
const BATCH: i64 = 1_000;

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// What a new endpoint needs; what is left out has a default.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Where events are posted.
    pub url: String,
    /// What people call it; its address if left out.
    pub name: Option<String>,
    /// The types that it gets; all of them if left out or empty.
    pub types: Vec<String>,
    /// What it is told beside small facts; nothing if left out.
    pub include: Vec<Include>,
    /// What bodies say they are.
    pub content_type: ContentType,
}

/// What is changed of an endpoint; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookChanges {
    /// Where events are posted.
    pub url: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// The types that it gets; all of them if there are none.
    pub types: Option<Vec<String>>,
    /// What it is told beside small facts.
    pub include: Option<Vec<Include>>,
    /// What bodies say they are.
    pub content_type: Option<ContentType>,
    /// Whether it gets anything.
    pub state: Option<WebhookState>,
}

/// Which events are to be sent again: those named, or those of some types and some time.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// These.
    pub events: Vec<EventId>,
    /// Of these types; of those that the endpoint gets if none is named.
    pub types: Vec<String>,
    /// From this moment on.
    pub from: Option<Time>,
    /// Until before this one; the present if left out.
    pub to: Option<Time>,
    /// Where the replay before it ended.
    pub after: i64,
}

/// What was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How many events.
    pub events: usize,
    /// Where to go on, if there may be more.
    pub next: Option<i64>,
}

/// Makes an endpoint and returns it with its secret, which is shown this once.
pub async fn create(app: &App, domain: &Domain, new: NewWebhook) -> Result<(Webhook, String), ServiceError> {
    let now = Time::from(app.clock.now());
    let hook = Webhook {
        id: WebhookId::new(),
        domain_id: domain.id,
        name: new.name.unwrap_or_else(|| new.url.chars().take(MAX_NAME).collect()),
        url: new.url,
        types: new.types,
        include: new.include,
        content_type: new.content_type,
        state: WebhookState::Enabled,
        reason: None,
        secret: signature::new_secret()?,
        previous_secret: None,
        previous_until: None,
        delivered_at: now,
        dead: 0,
        version: now.microseconds(),
        created_at: now,
    };
    check(app, &hook, true).await?;
    let mut tx = app.begin().await?;
    tx.connection().lock(domain.id.0).await?;
    if rows::list(tx.connection(), domain.id).await?.len() >= Webhook::MOST {
        return Err(ServiceError::Conflict(Conflict::WebhooksFull { most: Webhook::MOST }));
    }
    rows::insert(tx.connection(), &hook).await?;
    tx.about(Some(domain.id), format!("webhooks/{}", hook.id)).await?;
    tx.commit().await?;
    let secret = hook.secret.clone();
    Ok((hook, secret))
}

/// Refuses what cannot be an endpoint.
async fn check(app: &App, hook: &Webhook, new_address: bool) -> Result<(), ServiceError> {
    if !(1..=MAX_NAME).contains(&hook.name.chars().count()) || hook.name.chars().any(char::is_control) {
        return Err(ServiceError::invalid("/name", Rule::BadWebhookName { most: MAX_NAME }));
    }
    events::check_types(&hook.types)?;
    if hook.types.len() > events::TYPES.len() {
        return Err(ServiceError::invalid("/types", Rule::NamedTwice {}));
    }
    if hook.include.len() > 1 {
        return Err(ServiceError::invalid("/include", Rule::NamedTwice {}));
    }
    if new_address {
        let refused = |cause: &dyn std::fmt::Display| Rule::BadWebhookAddress { cause: cause.to_string() };
        app.webhooks.check(&hook.url).await.map_err(|error| ServiceError::invalid("/url", refused(&error)))?;
    }
    Ok(())
}

/// The domain's endpoints, oldest first.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Webhook>, ServiceError> {
    Ok(rows::list(&mut app.database.read().await?, domain.id).await?)
}

/// One endpoint.
pub async fn find(app: &App, domain: &Domain, id: WebhookId) -> Result<Webhook, ServiceError> {
    let found = rows::in_domain(&mut app.database.read().await?, domain.id, id).await?;
    found.ok_or(NOTHING)
}

const NOTHING: ServiceError = ServiceError::NotFound(Thing::Webhook {});

/// Changes an endpoint. One that is enabled again begins with a clean slate.
pub async fn change(
    app: &App,
    domain: &Domain,
    id: WebhookId,
    changes: WebhookChanges,
    wanted: &Precondition,
) -> Result<Webhook, ServiceError> {
    let apply = |mut hook: Webhook| {
        hook.name = changes.name.clone().unwrap_or(hook.name);
        hook.url = changes.url.clone().unwrap_or(hook.url);
        hook.types = changes.types.clone().unwrap_or(hook.types);
        hook.include = changes.include.clone().unwrap_or(hook.include);
        hook.content_type = changes.content_type.unwrap_or(hook.content_type);
        hook
    };
    // Before the transaction, for a name may take long to be looked up.
    check(app, &apply(find(app, domain, id).await?), changes.url.is_some()).await?;
    let mut tx = app.begin().await?;
    let standing = locked(&mut tx, domain, id).await?;
    wanted.check(Some(standing.version))?;
    let mut hook = apply(standing);
    match changes.state {
        Some(WebhookState::Enabled) if hook.state == WebhookState::Disabled => {
            hook.state = WebhookState::Enabled;
            hook.reason = None;
            hook.dead = 0;
            hook.delivered_at = Time::from(app.clock.now());
        }
        Some(WebhookState::Disabled) if hook.state == WebhookState::Enabled => {
            hook.state = WebhookState::Disabled;
            hook.reason = Some("it was disabled by hand".to_owned());
        }
        _ => {}
    }
    hook.version += 1;
    rows::update(tx.connection(), &hook).await?;
    tx.commit().await?;
    Ok(hook)
}

/// The endpoint as it stands; who changes it meanwhile waits.
async fn locked(tx: &mut Tx<'_>, domain: &Domain, id: WebhookId) -> Result<Webhook, ServiceError> {
    tx.connection().lock(id.0).await?;
    rows::in_domain(tx.connection(), domain.id, id).await?.ok_or(NOTHING)
}

/// Gives an endpoint a new secret and returns it, this once; the one before signs beside it for a day.
pub async fn rotate(app: &App, domain: &Domain, id: WebhookId) -> Result<(Webhook, String), ServiceError> {
    let mut tx = app.begin().await?;
    let mut hook = locked(&mut tx, domain, id).await?;
    let secret = signature::new_secret()?;
    hook.previous_secret = Some(std::mem::replace(&mut hook.secret, secret.clone()));
    hook.version += 1;
    hook.previous_until = Some(Time::from(app.clock.now()).after(BOTH_SIGN));
    rows::update(tx.connection(), &hook).await?;
    tx.commit().await?;
    Ok((hook, secret))
}

/// Removes an endpoint, with what is under way to it.
pub async fn delete(app: &App, domain: &Domain, id: WebhookId, wanted: &Precondition) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    wanted.check(Some(locked(&mut tx, domain, id).await?.version))?;
    if !rows::delete(tx.connection(), domain.id, id).await? {
        return Err(NOTHING);
    }
    Ok(tx.commit().await?)
}

/// A page of what was and is to be sent to an endpoint, the latest first.
pub async fn deliveries(
    app: &App,
    domain: &Domain,
    id: WebhookId,
    state: Option<DeliveryState>,
    before: Option<Uuid>,
    limit: u16,
) -> Result<Vec<Delivery>, ServiceError> {
    find(app, domain, id).await?;
    let before = before.unwrap_or(Uuid::max());
    Ok(rows::deliveries(&mut app.database.read().await?, id, before, state, i64::from(limit)).await?)
}

/// Has an endpoint told that somebody tries it; returns the event.
pub async fn test(app: &App, domain: &Domain, id: WebhookId) -> Result<(), ServiceError> {
    enabled(find(app, domain, id).await?)?;
    let mut tx = app.begin().await?;
    tx.emit(domain.id, Event::WebhookTest { webhook: id }).await?;
    Ok(tx.commit().await?)
}

fn enabled(hook: Webhook) -> Result<Webhook, ServiceError> {
    match hook.is_enabled() {
        true => Ok(hook),
        false => Err(ServiceError::Conflict(Conflict::WebhookDisabled {})),
    }
}

/// Sends events to an endpoint again, or for the first time.
pub async fn replay(app: &App, domain: &Domain, id: WebhookId, which: Replay) -> Result<Replayed, ServiceError> {
    let hook = enabled(find(app, domain, id).await?)?;
    events::check_types(&which.types)?;
    let limit = usize::try_from(BATCH).unwrap_or(usize::MAX);
    if which.events.len() > limit {
        return Err(ServiceError::invalid("/events", Rule::TooMany { field: "events".to_owned(), most: limit }));
    }
    if which.events.is_empty() && which.types.is_empty() && which.from.is_none() {
        return Err(ServiceError::invalid("", Rule::EventsMissing {}));
    }
    // What was committed before this request can be replayed by it.
    events::last(app).await?;
    let mut tx = app.begin().await?;
    let (chosen, next) = chosen(&mut tx, domain, &hook, &which).await?;
    let now = Time::from(app.clock.now());
    for event in &chosen {
        let job = DeliverEvent { delivery: rows::due(tx.connection(), id, event, now).await? };
        let new = NewJob::new(id.0, &job).unique(job.delivery);
        if !tx.enqueue(new).await?.fresh {
            tx.expedite::<DeliverEvent>(&job.delivery.to_string(), now.timestamp()).await?;
        }
    }
    tx.commit().await?;
    Ok(Replayed { events: chosen.len(), next })
}

async fn chosen(
    tx: &mut Tx<'_>,
    domain: &Domain,
    hook: &Webhook,
    which: &Replay,
) -> Result<(Vec<Recorded>, Option<i64>), ServiceError> {
    if !which.events.is_empty() {
        let mut chosen = Vec::new();
        for id in &which.events {
            chosen.extend(events::rows::of_id(tx.connection(), domain.id, *id).await?);
        }
        if chosen.len() < which.events.len() {
            return Err(ServiceError::NotFound(Thing::Event {}));
        }
        return Ok((chosen, None));
    }
    let types = if which.types.is_empty() { &hook.types } else { &which.types };
    let span =
        (which.from.unwrap_or(Time::from_microseconds(0)), which.to.unwrap_or(Time::from_microseconds(i64::MAX)));
    let chosen = events::rows::between(tx.connection(), domain.id, which.after, span, types, BATCH).await?;
    let full = chosen.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
    let next = chosen.last().filter(|_| full).map(|event| event.position);
    // A test is for the endpoint that was tried.
    let chosen =
        chosen.into_iter().filter(|one| !matches!(one.event(), Event::WebhookTest { webhook } if *webhook != hook.id));
    Ok((chosen.collect(), next))
}

/// Removes deliveries that ended too long ago to be kept.
pub(crate) async fn prune(app: &App) -> Result<(), ServiceError> {
    let kept = i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX);
    let before = Time::from_microseconds(Time::from(app.clock.now()).microseconds().saturating_sub(kept));
    loop {
        let mut tx = app.begin().await?;
        let removed = rows::prune(tx.connection(), before, BATCH).await?;
        tx.commit().await?;
        if removed < BATCH.unsigned_abs() {
            return Ok(());
        }
    }
}
