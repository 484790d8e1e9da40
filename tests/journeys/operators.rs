//! Operators look after the queue.

use std::time::Duration;

use crate::harness::{TestApp, detail, ok, sample_bytes};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_tell_of_each_that_is_pending_when_it_should_be_there() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let ready = test.leave("101", "ready", "voicemail-short.wav").await;
    test.message(&ready["id"], |message| message["state"] == "available").await;
    ok(test.operator(Method::POST, "/v1/jobs/pause").json(&json!({"lane": "cpu"}))).await;
    // A worker heeds it within a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    for core_id in ["first", "second"] {
        test.leave("101", core_id, "voicemail-short.wav").await;
    }
    test.upload("hold_music", "hold-music.mp3").await;
    ok(test.core(Method::PUT, "/core/v1/recordings/call-1")).await;
    let leg = test.core(Method::PUT, "/core/v1/recordings/call-1/legs/caller");
    ok(leg.body(sample_bytes("voicemail-short.wav"))).await;
    ok(test.core(Method::POST, "/core/v1/recordings/call-1/complete")).await;
    for (list, each, pending) in [
        ("/v1/mailboxes/101/messages", "/v1/messages", 2),
        ("/v1/prompts", "/v1/prompts", 1),
        ("/v1/recordings", "/v1/recordings", 1),
    ] {
        let listed = ok(test.portal(Method::GET, list)).await;
        let mut told = 0;
        // Some lists are pages.
        let listed = listed.get("items").unwrap_or(&listed);
        for one in listed.as_array().unwrap() {
            let details = ok(test.portal(Method::GET, &format!("{each}/{}", one["id"].as_str().unwrap()))).await;
            assert_eq!(one.get("queue"), details.get("queue"), "{list}");
            assert_eq!(one["state"] == "pending", one["queue"]["position"].is_number(), "{one:#}");
            told += usize::from(one["queue"]["position"].is_number());
        }
        assert_eq!(told, pending, "{listed:#}");
    }
    let listed = ok(test.portal(Method::GET, "/v1/mailboxes/101/messages")).await;
    let positions: Vec<_> =
        listed["items"].as_array().unwrap().iter().filter_map(|one| one["queue"]["position"].as_i64()).collect();
    assert_eq!(positions, [2, 1], "the newest is listed first and has its turn last");
    ok(test.operator(Method::POST, "/v1/jobs/resume").json(&json!({"lane": "cpu"}))).await;
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_domain_waits_with_its_place_and_goes_on() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let paused = ok(test.operator(Method::POST, "/v1/jobs/pause").json(&json!({"lane": "cpu"}))).await;
    assert_eq!(paused["paused"][0]["lane"], "cpu");
    // A worker heeds it within a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let waiting = test.message(&dropped["id"], |message| message["queue"]["position"] == 1).await;
    assert_eq!(waiting["state"], "pending");
    let job = waiting["queue"]["job"].as_i64().unwrap();
    let shown = ok(test.operator(Method::GET, &format!("/v1/jobs/{job}"))).await;
    assert_eq!((&shown["kind"], &shown["state"]), (&json!("render_media"), &json!("available")));
    let listed = ok(test.operator(Method::GET, "/v1/jobs?domain=acme.example&kind=render_media")).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let stats = ok(test.operator(Method::GET, "/v1/jobs/stats")).await;
    assert_eq!(stats["stats"][0]["count"], 1, "{stats:#}");
    let resumed = ok(test.operator(Method::POST, "/v1/jobs/resume").json(&json!({"lane": "cpu"}))).await;
    assert_eq!(resumed["paused"], json!([]));
    let done = test.message(&dropped["id"], |message| message["state"] == "available").await;
    assert_eq!(done.get("queue"), None);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_starts_anew_or_is_removed() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    for core_id in ["a", "b"] {
        let answer = test.drop_message("101", core_id, sample_bytes("bad/empty.wav")).await;
        let message: Value = answer.json().await.unwrap();
        test.message(&message["id"], |message| message["state"] == "failed").await;
    }
    let dead = async || ok(test.operator(Method::GET, "/v1/jobs?state=discarded")).await.as_array().unwrap().len();
    until("two dead letters", async || dead().await == 2).await;
    let changed = ok(test.operator(Method::POST, "/v1/jobs/retry").json(&json!({"kind": "render_media"}))).await;
    assert_eq!(changed["changed"], 2);
    until("dead again", async || dead().await == 2).await;
    let listed = ok(test.operator(Method::GET, "/v1/jobs?state=discarded&limit=1")).await;
    let path = format!("/v1/jobs/{}", listed[0]["id"]);
    assert!(!listed[0]["errors"].as_array().unwrap().is_empty(), "{listed:#}");
    let cancelled = test.operator(Method::POST, &format!("{path}/cancel")).send().await.unwrap();
    assert_eq!(cancelled.status(), StatusCode::CONFLICT);
    assert!(detail(cancelled).await.contains("given up already"));
    let removed = test.operator(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    assert_eq!(test.operator(Method::GET, &path).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let changed = ok(test.operator(Method::POST, "/v1/jobs/discard").json(&json!({}))).await;
    assert_eq!((changed["changed"].as_i64(), dead().await), (Some(1), 0));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_the_operators_alone() {
    let test = TestApp::start().await;
    for path in ["/v1/jobs", "/v1/jobs/stats", "/v1/jobs/1"] {
        assert_eq!(test.portal(Method::GET, path).send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
        assert_eq!(test.browser(Method::GET, path).send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let unknown = test.operator(Method::POST, "/v1/jobs/pause").json(&json!({"domain": "nowhere.example"}));
    assert_eq!(unknown.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    test.stop().await;
}
