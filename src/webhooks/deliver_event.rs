//! One event to one endpoint: tried by the schedule until it is taken or given up.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_types::{DomainId, Time, WebhookId};

use super::{Delivery, DeliveryAttempt, DeliveryState, Include, Webhook, rows, schedule, sender::Tried};
use crate::{
    app::App,
    db::{Connection, Transaction},
    error::ServiceError,
    events::{self, CloudEvent, Event},
    lanes::Lane,
    media, messages, recordings,
    transaction::Tx,
};

/// How many of a delivery's tries are kept.
const KEPT_ATTEMPTS: usize = 20;

/// An endpoint that took nothing for so long, and had so many events given up, is disabled.
const DISABLE_AFTER: Duration = Duration::from_secs(5 * 24 * 3_600);
const MOST_DEAD: i64 = 20;

/// Longest transcript inside an event, in bytes; the whole is at the subject's own address.
const MAX_TRANSCRIPT: usize = 16_000;

/// Somebody replayed the delivery while it was tried, and could not queue it beside itself: it is to be tried once more.
const REPLAYED: JobError = JobError::Snooze(Duration::ZERO);

/// Brings an event to an endpoint.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliverEvent {
    /// The delivery.
    pub delivery: Uuid,
}

impl Job for DeliverEvent {
    type Context = App;
    const KIND: &'static str = "deliver_event";
    const LANE: &'static str = Lane::Webhooks.name();
    /// Longer than the endpoint has.
    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let loaded = self.load(&mut app.database.read().await?).await?;
        let Some((delivery, hook, event)) = loaded else { return Ok(()) };
        let now = Time::from(app.clock.now());
        if let Ok(early) = Duration::try_from(delivery.next_at.since(now))
            && !early.is_zero()
        {
            return Err(JobError::Snooze(early));
        }
        let Some(event) = event.filter(|_| hook.is_enabled()) else {
            let why = "the endpoint is disabled, or the event is not kept any more";
            return give_up(app, attempt, delivery, why).await;
        };
        let tried = app.webhooks.post(&hook, &event, now).await?;
        record(app, attempt, delivery, &hook, tried).await
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        let mut tx = app.join(transaction);
        let delivery = rows::delivery(tx.connection(), self.delivery).await?;
        if let Some(delivery) = delivery.filter(|delivery| delivery.state == DeliveryState::Due) {
            dead(&mut tx, delivery, reason).await?;
        }
        Ok(())
    }
}

impl DeliverEvent {
    /// The delivery if it is due, its endpoint, and the event if it is still kept.
    async fn load(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<(Delivery, Webhook, Option<CloudEvent>)>, ServiceError> {
        let delivery = rows::delivery(connection, self.delivery).await?;
        let Some(delivery) = delivery.filter(|delivery| delivery.state == DeliveryState::Due) else { return Ok(None) };
        let Some(hook) = rows::by_id(connection, delivery.webhook_id).await? else { return Ok(None) };
        let mut event = events::by_id(connection, hook.domain_id, delivery.event_id).await?;
        if let Some(event) = &mut event
            && hook.include.contains(&Include::Transcript)
        {
            include_transcript(connection, hook.domain_id, event).await?;
        }
        Ok(Some((delivery, hook, event)))
    }
}

/// Adds the words to the event that tells that they are there.
async fn include_transcript(
    connection: &mut Connection,
    domain: DomainId,
    event: &mut CloudEvent,
) -> Result<(), ServiceError> {
    let media = match event.event {
        Event::MessageTranscribed { message, .. } => {
            messages::rows::by_id(connection, message).await?.map(|message| message.media_id)
        }
        Event::RecordingTranscribed { recording, .. } => {
            recordings::rows::in_domain(connection, domain, recording).await?.map(|recording| recording.media_id)
        }
        _ => None,
    };
    let Some(media) = media else { return Ok(()) };
    let Some(transcript) = media::state::transcript(connection, media).await? else { return Ok(()) };
    let text = &transcript.text;
    let cut = text.floor_char_boundary(MAX_TRANSCRIPT);
    event.data.insert("transcript".to_owned(), Value::from(&text[..cut]));
    event.data.insert("transcript_cut".to_owned(), Value::from(cut < text.len()));
    Ok(())
}

/// Records a try, and what follows of it.
async fn record(
    app: &App,
    attempt: &Attempt,
    mut delivery: Delivery,
    hook: &Webhook,
    tried: Tried,
) -> Result<(), JobError> {
    let now = Time::from(app.clock.now());
    delivery.tries += 1;
    let (good, gone, asked) = (tried.is_good(), tried.is_gone(), tried.retry_after);
    delivery.attempts.0.push(tried.attempt);
    let surplus = delivery.attempts.0.len().saturating_sub(KEPT_ATTEMPTS);
    delivery.attempts.0.drain(..surplus);
    let mut tx = app.begin().await?;
    let pause = schedule::pause(delivery.tries, asked, random()).filter(|_| !good && !gone);
    if let Some(pause) = pause {
        delivery.next_at = now.after(pause);
        if !rows::tried(tx.connection(), &delivery).await? {
            return Err(REPLAYED);
        }
        tx.commit_under(attempt).await?;
        return Err(JobError::Snooze(pause));
    }
    delivery.state = if good { DeliveryState::Delivered } else { DeliveryState::Dead };
    delivery.settled_at = Some(now);
    if !rows::tried(tx.connection(), &delivery).await? {
        return Err(REPLAYED);
    }
    if good {
        rows::took(tx.connection(), hook.id, now).await?;
    } else {
        count_dead(&mut tx, hook.id, gone).await?;
    }
    Ok(tx.finish(attempt).await?)
}

/// Gives a delivery up that cannot be tried.
async fn give_up(app: &App, attempt: &Attempt, delivery: Delivery, why: &str) -> Result<(), JobError> {
    let mut tx = app.begin().await?;
    dead(&mut tx, delivery, why).await?;
    Ok(tx.finish(attempt).await?)
}

/// Records that a delivery was given up, and why.
async fn dead(tx: &mut Tx<'_>, mut delivery: Delivery, why: &str) -> Result<(), ServiceError> {
    let at = Time::from(tx.app().clock.now());
    delivery.state = DeliveryState::Dead;
    delivery.settled_at = Some(at);
    delivery.attempts.0.push(DeliveryAttempt { at, status: None, took_ms: 0, answer: why.to_owned() });
    // One that was replayed meanwhile has nobody to try it either.
    rows::tried(tx.connection(), &delivery).await?;
    Ok(())
}

/// Counts an event that was given up, and disables an endpoint that is gone or has taken nothing for too long.
async fn count_dead(tx: &mut Tx<'_>, id: WebhookId, gone: bool) -> Result<(), ServiceError> {
    let Some(hook) = rows::gave_up(tx.connection(), id).await? else { return Ok(()) };
    let now = Time::from(tx.app().clock.now());
    let reason = match gone {
        true => "the endpoint answered 410 Gone: it wants no events any more".to_owned(),
        false if hook.dead >= MOST_DEAD && now >= hook.delivered_at.after(DISABLE_AFTER) => format!(
            "the endpoint took no event for 5 days, and {} were given up; mend it, enable it and replay them",
            hook.dead
        ),
        false => return Ok(()),
    };
    if rows::disable(tx.connection(), id, &reason).await? {
        tx.emit(hook.domain_id, Event::WebhookDisabled { webhook: id, reason }).await?;
    }
    Ok(())
}

/// From 0 to 1. Without random bytes, all that failed together comes back together, and no harm is done.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
}
