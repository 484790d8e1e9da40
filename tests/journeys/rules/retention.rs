//! How long a domain keeps things, legal holds, and the proof of what went.

use jiff::SignedDuration;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{Started, blobs, is_there, move_to, path, sweep};
use crate::harness::{TestApp, ok, sample_bytes};

on_both![
    retention_removes_what_is_too_old_and_proves_it,
    a_hold_keeps_what_it_covers_from_everybody,
    a_hold_set_against_a_running_sweep_keeps_all_that_it_finds,
];

const DOMAIN: &str = "/v1/domains/acme.example";

async fn hold(test: &TestApp, body: Value) -> Response {
    test.operator(Method::POST, &format!("{DOMAIN}/holds")).json(&body).send().await.unwrap()
}

async fn keep(test: &TestApp, retention: Value) {
    ok(test.operator(Method::PUT, &format!("{DOMAIN}/retention")).json(&retention)).await;
}

/// What the service does once a minute.
async fn sweep_all(test: &TestApp) {
    sweep(test).await;
    voicemill::retention::sweep(&test.app).await.unwrap();
}

async fn deletions(test: &TestApp) -> Vec<Value> {
    let page = ok(test.operator(Method::GET, &format!("{DOMAIN}/deletions?limit=500"))).await;
    page["items"].as_array().unwrap().clone()
}

async fn retention_removes_what_is_too_old_and_proves_it(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let left = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&left["id"], |message| message["state"] == "available").await;
    ok(test.core(Method::PUT, "/core/v1/recordings/call-1")).await;
    let leg = test.core(Method::PUT, "/core/v1/recordings/call-1/legs/caller");
    ok(leg.body(sample_bytes("voicemail-short.wav"))).await;
    let recording = ok(test.core(Method::POST, "/core/v1/recordings/call-1/complete")).await;
    let recording = format!("/v1/recordings/{}", recording["id"].as_str().unwrap());
    test.until(&recording, |recording| recording["state"] == "available").await;
    keep(&test, json!({"messages_days": 30, "recordings_days": 60})).await;
    assert_eq!(
        ok(test.operator(Method::GET, &format!("{DOMAIN}/retention"))).await,
        json!({"messages_days": 30, "recordings_days": 60})
    );
    let refused = test.operator(Method::PUT, &format!("{DOMAIN}/retention")).json(&json!({"messages_days": 0}));
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    test.clock.advance(SignedDuration::from_hours(30 * 24));
    sweep_all(&test).await;
    assert!(is_there(&test, &message).await, "to the day");
    test.clock.advance(SignedDuration::from_secs(1));
    sweep_all(&test).await;
    assert!(!is_there(&test, &message).await);
    assert_eq!(test.portal(Method::GET, &recording).send().await.unwrap().status(), StatusCode::OK);
    let held = ok(test.portal(Method::GET, "/v1/mailboxes/101/counts")).await;
    assert_eq!(held["bytes"], 0, "it counts no more");
    test.clock.advance(SignedDuration::from_hours(30 * 24));
    sweep_all(&test).await;
    assert_eq!(test.portal(Method::GET, &recording).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    test.idle().await;
    assert_eq!(blobs(&test), 0);
    let proofs = deletions(&test).await;
    let kinds: Vec<_> =
        proofs.iter().map(|proof| (proof["kind"].as_str().unwrap(), proof["cause"].as_str().unwrap())).collect();
    assert_eq!(kinds, [("recording", "retention"), ("message", "retention")]);
    for proof in &proofs {
        assert!(proof["verified_at"].is_string(), "the store was asked: {proof:#}");
        assert_eq!(proof["sha256"], json!([sha256(&sample_bytes("voicemail-short.wav"))]));
    }
    assert_eq!(proofs[1]["subject"], message["id"]);
    test.stop().await;
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_hold_keeps_what_it_covers_from_everybody(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    for extension in ["101", "102"] {
        test.mailbox(extension, json!({"transcribe": false})).await;
    }
    let mut messages = Vec::new();
    for (extension, core_id) in [("101", "m1"), ("101", "m2"), ("102", "m3"), ("102", "m4")] {
        messages.push(test.leave(extension, core_id, "bad/empty.wav").await);
    }
    let set = hold(&test, json!({"covers": "mailbox", "subject": "101", "reason": "Case 17"})).await;
    assert_eq!(set.status(), StatusCode::CREATED);
    let set: Value = set.json().await.unwrap();
    let one = hold(&test, json!({"covers": "message", "subject": messages[2]["id"], "reason": "Case 18"})).await;
    assert_eq!(one.status(), StatusCode::CREATED);
    for (body, pointer) in [
        (json!({"covers": "mailbox", "subject": "999", "reason": "x"}), "/subject"),
        (json!({"covers": "message", "subject": "101", "reason": "x"}), "/subject"),
        (json!({"covers": "domain", "reason": ""}), "/reason"),
    ] {
        let refused = hold(&test, body).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.json::<Value>().await.unwrap()["errors"][0]["pointer"], pointer);
    }
    // Neither by hand, nor with the trash, nor by age.
    for message in &messages[..3] {
        let refused = test.portal(Method::DELETE, &format!("{}?now=true", path(message))).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        assert_eq!(refused.json::<Value>().await.unwrap()["type"], "/problems/on-hold");
    }
    for message in &messages {
        move_to(&test, message, "trash").await;
    }
    let empty = async |extension: &str| {
        ok(test.portal(Method::DELETE, &format!("/v1/mailboxes/{extension}/messages?folder=trash"))).await["removed"]
            .clone()
    };
    assert_eq!((empty("101").await, empty("102").await), (json!(0), json!(1)));
    keep(&test, json!({"messages_days": 1})).await;
    test.clock.advance(SignedDuration::from_hours(49));
    sweep_all(&test).await;
    assert_eq!(deletions(&test).await.len(), 1, "the one that nothing holds");
    // It leaves its owner's trash on time all the same.
    let trash = ok(test.portal(Method::GET, "/v1/mailboxes/101/messages?folder=trash")).await;
    assert_eq!(trash["items"], json!([]));
    assert!(!is_there(&test, &messages[0]).await);
    // Released, it goes with the next sweep; a mailbox's hold is none of another's.
    let release = format!("{DOMAIN}/holds/{}", set["id"].as_str().unwrap());
    assert_eq!(test.operator(Method::DELETE, &release).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(test.operator(Method::DELETE, &release).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    sweep_all(&test).await;
    assert_eq!(deletions(&test).await.len(), 3);
    assert_eq!(ok(test.operator(Method::GET, &format!("{DOMAIN}/holds"))).await.as_array().unwrap().len(), 1);
    let by_portal = test.portal(Method::GET, &format!("{DOMAIN}/holds")).send().await.unwrap();
    assert_eq!(by_portal.status(), StatusCode::FORBIDDEN);
}

async fn a_hold_set_against_a_running_sweep_keeps_all_that_it_finds(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    const MESSAGES: usize = 150;
    for number in 0..MESSAGES {
        let message = test.leave("101", &format!("m{number}"), "bad/empty.wav").await;
        move_to(&test, &message, "trash").await;
    }
    test.clock.advance(SignedDuration::from_hours(24));
    let sweeping = sweep_all(&test);
    let holding = async {
        while deletions(&test).await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let answer = hold(&test, json!({"covers": "domain", "reason": "Case 19"})).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        // What went before the answer went; after it, nothing does.
        deletions(&test).await.len()
    };
    let ((), at_the_answer) = tokio::join!(sweeping, holding);
    assert!(at_the_answer < MESSAGES, "the sweep was done before the hold was set");
    sweep_all(&test).await;
    assert_eq!(deletions(&test).await.len(), at_the_answer);
}
