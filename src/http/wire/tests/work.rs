//! Jobs, deliveries and the store.

use sqlx::types::Json;
use voicemill_queue::{Awaited, Failure, JobInfo, Pause, Priority, Stat, State};
use voicemill_types::{EventId, WebhookId};

use super::{at, moment, notice, shown, uuid};
use crate::{
    http::wire::{Delivery, EventPage, Job, Notice, Queue, Storage},
    jobs::operate::Overview,
    media::{
        blobs,
        sweep::{self, PassReport},
    },
    notices::{self, MissedCall, Occasion},
    webhooks::{self, DeliveryAttempt, DeliveryState},
};

#[test]
fn a_job_is_answered() {
    let job = JobInfo {
        id: 17,
        lane: "cpu".to_owned(),
        kind: "render_media".to_owned(),
        tenant: uuid(2),
        priority: Priority::Normal,
        state: State::Blocked,
        attempt: 1,
        max_attempts: 10,
        crashes: 0,
        progress: 0.5,
        run_at: moment(),
        created_at: moment(),
        started_at: Some(moment()),
        unique_key: Some("4-1".to_owned()),
        give_up_reason: None,
        cancel: None,
        errors: vec![Failure { attempt: 1, at: moment(), error: "no space left on device".to_owned() }],
        waits: 1,
        waits_for: vec![Awaited { id: 16, kind: "synthesize_prompt".to_owned(), state: State::Discarded }],
    };
    insta::assert_snapshot!(shown(Job::from(job)));
}

#[test]
fn the_queue_is_answered() {
    let stat = Stat {
        lane: "cpu".to_owned(),
        kind: "render_media".to_owned(),
        state: State::Available,
        count: 4,
        oldest: moment(),
    };
    let paused = [Pause::Lane("cpu".to_owned()), Pause::Kind("render_media".to_owned()), Pause::Tenant(uuid(2))]
        .map(|what| voicemill_queue::Paused { what, since: moment() });
    insta::assert_snapshot!(shown(Queue::from(Overview { stats: vec![stat], paused: paused.into() })));
}

#[test]
fn a_notice_is_answered_without_its_text_and_link() {
    insta::assert_snapshot!(shown(Notice::from(notice())));
}

#[test]
fn a_notice_of_a_missed_call_is_answered() {
    let call =
        MissedCall { caller_number: "4155550132".to_owned(), caller_name: "Robin Stone".to_owned(), called_at: at() };
    let told = notices::Notice {
        message_id: None,
        occasion: Occasion::MissedCall,
        mode: None,
        missed_call: Some(call),
        ..notice()
    };
    insta::assert_snapshot!(shown(Notice::from(told)));
}

#[test]
fn a_delivery_is_answered() {
    let attempt = DeliveryAttempt { at: at(), status: Some(503), took_ms: 120, answer: "busy".to_owned() };
    let delivery = webhooks::Delivery {
        id: uuid(1),
        webhook_id: WebhookId(uuid(2)),
        event_id: EventId(uuid(3)),
        kind: "message.available".to_owned(),
        state: DeliveryState::Due,
        tries: 1,
        round: 0,
        next_at: at(),
        attempts: Json(vec![attempt]),
        created_at: at(),
        settled_at: None,
    };
    insta::assert_snapshot!(shown(Delivery::from(delivery)));
}

#[test]
fn a_page_of_events_is_answered() {
    insta::assert_snapshot!(shown(EventPage { items: Vec::new(), next_cursor: Some("7".to_owned()) }));
}

#[test]
fn store_and_spool_are_answered() {
    let seen = sweep::Counts { seen: 9, bytes: 4_096, waiting: 1, adopted: 0, removed: 2, kept: 0, faulty: 1 };
    let pass = PassReport {
        name: "orphans",
        started_at: Some(at()),
        finished_at: None,
        last: seen,
        so_far: Some(sweep::Counts::default()),
    };
    let report = sweep::Report {
        store: "the folder store".to_owned(),
        spool: voicemill_storage::Depth { entries: 2, bytes: 128, oldest_at: Some(at()), set_aside: 1 },
        spool_age_seconds: 60,
        free_bytes: 1_000_000,
        min_free_bytes: 500_000,
        passes: vec![pass],
        faults: 1,
        first_faults: vec![blobs::Fault { key: "a/b".to_owned(), fault: "missing".to_owned(), found_at: at() }],
    };
    insta::assert_snapshot!(shown(Storage::from(report)));
}
