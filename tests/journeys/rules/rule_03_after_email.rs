//! Rule 3: what a mail's acceptance did, a bounce takes back, also after the next midnight.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{Started, blobs, is_there, sweep};
use crate::{harness::ok, mail::report};

on_both![rule_03_a_bounce_after_midnight_brings_a_message_back_for_five_days];

async fn rule_03_a_bounce_after_midnight_brings_a_message_back_for_five_days(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    let settings = json!({
        "email_mode": "attachment", "after_email": "move_to_trash", "recipients": ["d@acme.example"], "transcribe": false,
    });
    test.mailbox("101", settings).await;
    let usage = async || ok(test.core(Method::GET, "/core/v1/mailboxes/101")).await["free_bytes"].as_i64().unwrap();
    let empty = usage().await;
    let mut mailed = Vec::new();
    for core_id in ["m1", "m2"] {
        let dropped = test.leave("101", core_id, "voicemail-short.wav").await;
        let message = test.message(&dropped["id"], |message| message["folder"] == "trash").await;
        assert_eq!(message["trash_until"], "2026-12-01T05:00:00Z");
        mailed.push(message);
    }
    assert_eq!(usage().await, empty, "the trash does not count");
    let listed = async || {
        let listed = ok(test.portal(Method::GET, "/v1/mailboxes/101/messages?folder=trash")).await;
        listed["items"].as_array().unwrap().len()
    };
    assert_eq!(listed().await, 2);
    test.clock.advance(SignedDuration::from_hours(24));
    sweep(&test).await;
    assert_eq!(listed().await, 0, "its owner sees it no more");
    assert!(!is_there(&test, &mailed[0]).await);
    let path = format!("/v1/messages/{}", mailed[0]["id"].as_str().unwrap());
    let saved = test.portal(Method::PATCH, &path).json(&json!({"folder": "saved"})).send().await.unwrap();
    assert_eq!(saved.status(), StatusCode::NOT_FOUND);
    // Four days later.
    test.clock.advance(SignedDuration::from_hours(4 * 24));
    sweep(&test).await;
    let mail = mailed[0]["notices"][0]["internet_message_id"].as_str().unwrap();
    let bounced = test.operator(Method::POST, "/v1/bounces").body(report(mail, "failed")).send().await.unwrap();
    assert_eq!(bounced.json::<Value>().await.unwrap()["state"], "bounced");
    let restored = test.message(&mailed[0]["id"], |message| message["folder"] == "new").await;
    assert_eq!(restored["trash_until"], Value::Null);
    assert!(usage().await < empty, "it counts again");
    for rendition in restored["renditions"].as_array().unwrap() {
        assert!(!test.media(rendition).await.is_empty());
    }
    // The other one's five days are over.
    let both = blobs(&test);
    test.clock.advance(SignedDuration::from_hours(24));
    sweep(&test).await;
    test.idle().await;
    assert!(blobs(&test) < both);
    let mail = mailed[1]["notices"][0]["internet_message_id"].as_str().unwrap();
    let late = test.operator(Method::POST, "/v1/bounces").body(report(mail, "failed")).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::NOT_FOUND);
    test.stop().await;
}
