//! The outbox: what is in it, in which order, and that no reader misses any of it.

use std::{collections::HashMap, time::Duration};

use voicemill_sql::Kind;
use voicemill_types::{MailboxId, PromptId};

use super::{Event, advance, position, prune, read};
use crate::testing::{on_both, open};

on_both!(
    an_event_is_there_exactly_when_its_fact_is_committed,
    a_reader_beside_twenty_writers_sees_each_event_once_and_those_of_a_subject_in_order,
    a_transaction_that_began_first_and_commits_last_is_not_missed,
    a_cursor_is_as_durable_as_what_was_done_about_the_event,
    old_events_are_removed_and_positions_go_on,
);

async fn an_event_is_there_exactly_when_its_fact_is_committed(kind: Kind) {
    let opened = open(kind).await;
    let (app, domain) = (&opened.app, opened.domain.id);
    let event = Event::MailboxChanged { mailbox: MailboxId::new() };

    let mut forgotten = app.begin().await.unwrap();
    forgotten.emit(domain, event.clone()).await.unwrap();
    drop(forgotten);
    assert_eq!(read(app, 0, 10).await.unwrap(), [], "a transaction without a commit leaves nothing");

    let mut heard = app.events.subscribe();
    let mut tx = app.begin().await.unwrap();
    tx.emit(domain, event.clone()).await.unwrap();
    assert!(heard.try_recv().is_err(), "nobody hears of what is not committed");
    tx.commit().await.unwrap();
    assert_eq!(heard.try_recv().unwrap(), event);
    let recorded = read(app, 0, 10).await.unwrap();
    assert_eq!(recorded.len(), 1);
    assert_eq!((recorded[0].event(), recorded[0].domain_id, recorded[0].position), (&event, domain, 1));
    assert_eq!(read(app, 1, 10).await.unwrap(), []);
}

async fn a_reader_beside_twenty_writers_sees_each_event_once_and_those_of_a_subject_in_order(kind: Kind) {
    const WRITERS: usize = 20;
    const EACH: i64 = 15;
    let opened = open(kind).await;
    let domain = opened.domain.id;
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let app = opened.app.clone();
            tokio::spawn(async move {
                let prompt = PromptId::new();
                for version in 1..=EACH {
                    let mut tx = app.begin().await.unwrap();
                    tx.emit(domain, Event::PromptReplaced { prompt, version }).await.unwrap();
                    // So that others commit between what this one wrote and its commit.
                    tokio::task::yield_now().await;
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    let (mut position, mut seen): (i64, HashMap<PromptId, Vec<i64>>) = (0, HashMap::new());
    let wanted = WRITERS as i64 * EACH;
    let reading = async {
        while position < wanted {
            for recorded in read(&opened.app, position, 7).await.unwrap() {
                assert_eq!(recorded.position, position + 1, "positions have no gaps");
                position = recorded.position;
                let Event::PromptReplaced { prompt, version } = *recorded.event() else { panic!("{recorded:?}") };
                seen.entry(prompt).or_default().push(version);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reading).await.expect("an event was missed");
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(read(&opened.app, position, 10).await.unwrap(), [], "none comes twice");
    assert_eq!(seen.len(), WRITERS);
    for versions in seen.values() {
        assert_eq!(*versions, (1..=EACH).collect::<Vec<_>>());
    }
}

async fn a_transaction_that_began_first_and_commits_last_is_not_missed(kind: Kind) {
    // SQLite has one writer at a time, so that there is no such thing.
    if kind == Kind::Sqlite {
        return;
    }
    let opened = open(kind).await;
    let (app, domain) = (&opened.app, opened.domain.id);
    let (early, late) = (MailboxId::new(), MailboxId::new());
    let mut first = app.begin().await.unwrap();
    first.emit(domain, Event::MailboxChanged { mailbox: early }).await.unwrap();
    let mut second = app.begin().await.unwrap();
    second.emit(domain, Event::MailboxChanged { mailbox: late }).await.unwrap();
    second.commit().await.unwrap();
    let seen = read(app, 0, 10).await.unwrap();
    assert_eq!(seen.iter().map(|one| one.event().subject().1).collect::<Vec<_>>(), [late.0]);
    first.commit().await.unwrap();
    let seen = read(app, seen[0].position, 10).await.unwrap();
    assert_eq!(seen.iter().map(|one| one.event().subject().1).collect::<Vec<_>>(), [early.0]);
}

async fn a_cursor_is_as_durable_as_what_was_done_about_the_event(kind: Kind) {
    let opened = open(kind).await;
    let app = &opened.app;
    assert_eq!(position(app, "webhooks").await.unwrap(), 0);
    let mut tx = app.begin().await.unwrap();
    advance(&mut tx, "webhooks", 3).await.unwrap();
    drop(tx);
    assert_eq!(position(app, "webhooks").await.unwrap(), 0);
    for place in [3, 5] {
        let mut tx = app.begin().await.unwrap();
        advance(&mut tx, "webhooks", place).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!((position(app, "webhooks").await.unwrap(), position(app, "pages").await.unwrap()), (5, 0));
}

async fn old_events_are_removed_and_positions_go_on(kind: Kind) {
    let opened = open(kind).await;
    let (app, domain) = (&opened.app, opened.domain.id);
    let emit = async || {
        let mut tx = app.begin().await.unwrap();
        tx.emit(domain, Event::MailboxChanged { mailbox: MailboxId::new() }).await.unwrap();
        tx.commit().await.unwrap();
    };
    emit().await;
    assert_eq!(read(app, 0, 10).await.unwrap()[0].position, 1);
    app.clock.advance(jiff::SignedDuration::from_hours(24 * 31));
    emit().await;
    assert_eq!(prune(app).await.unwrap(), 1);
    let left = read(app, 0, 10).await.unwrap();
    assert_eq!(left.iter().map(|one| one.position).collect::<Vec<_>>(), [2]);
}
