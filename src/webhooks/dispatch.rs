//! Who reads the outbox: each event becomes a job an endpoint, and mailboxes are noted whose counts it may change.
//!
//! The jobs, the deliveries and how far was read are written in one transaction, so that each event reaches each endpoint's
//! queue exactly once.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use tokio::sync::broadcast::error::RecvError;
use voicemill_queue::NewJob;
use voicemill_types::{DomainId, Time};

use super::{DeliverEvent, Webhook, rows};
use crate::{
    app::App,
    error::ServiceError,
    events::{self, Event, Recorded},
    mailboxes::counts,
};

/// The name of this reader.
const READER: &str = "webhooks";

/// Most events that are read at once.
const BATCH: i64 = 100;

/// How often is looked though nothing was heard: another process may have written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How soon is looked again for counts that have to wait.
const COUNTS_WAIT: Duration = Duration::from_millis(200);

/// Reads the outbox for ever.
pub(crate) async fn run(app: &App) -> std::convert::Infallible {
    loop {
        // Before the look, so that what is committed after it is heard.
        let mut committed = app.events.subscribe();
        let wait = match Box::pin(pass(app)).await {
            Ok(true) => COUNTS_WAIT,
            Ok(false) => LOOK_EVERY,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "events could not be handed on");
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
        };
        if let Ok(Err(RecvError::Closed)) = tokio::time::timeout(wait, committed.recv()).await {
            tokio::time::sleep(wait).await;
        }
    }
}

/// Hands on whatever happened; true if counts are left that have to wait.
pub(crate) async fn pass(app: &App) -> Result<bool, ServiceError> {
    while hand_on(app).await? {}
    let waiting = counts::tell(app).await?;
    while hand_on(app).await? {}
    Ok(waiting)
}

/// Hands on some of what happened; true if there may be more.
async fn hand_on(app: &App) -> Result<bool, ServiceError> {
    if !events::any_for(app, READER).await? {
        return Ok(false);
    }
    let mut tx = app.begin().await?;
    let now = Time::from(app.clock.now());
    let recorded = events::take(&mut tx, READER, BATCH).await?;
    let Some(last) = recorded.last().map(|event| event.position) else { return Ok(false) };
    let mut hooks: HashMap<DomainId, Vec<Webhook>> = HashMap::new();
    let mut jobs = Vec::new();
    for event in &recorded {
        if let Some(mailbox) = event.event().changes_counts() {
            counts::note(tx.connection(), mailbox, now).await?;
        }
        let hooks = match hooks.entry(event.domain_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(rows::list(tx.connection(), event.domain_id).await?),
        };
        for hook in hooks.iter().filter(|hook| is_for(event, hook)) {
            let delivery = rows::due(tx.connection(), hook.id, event, now).await?;
            jobs.push((hook.id, DeliverEvent { delivery }));
        }
    }
    if !jobs.is_empty() {
        let new = jobs.iter().map(|(hook, job)| NewJob::new(hook.0, job).unique(job.delivery)).collect();
        let (queue, connection) = tx.queue();
        queue.enqueue_all(connection, new).await?;
    }
    events::advance(&mut tx, READER, last).await?;
    tx.commit().await?;
    Ok(true)
}

fn is_for(event: &Recorded, hook: &Webhook) -> bool {
    let wanted = match event.event() {
        Event::WebhookTest { webhook } => *webhook == hook.id,
        event => hook.wants(event.kind()),
    };
    hook.is_enabled() && wanted
}
