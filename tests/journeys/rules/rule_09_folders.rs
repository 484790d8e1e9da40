//! Rule 9: folders and reading are two things; the trash goes at the end of its owner's day.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{Started, blobs, is_there, move_to, patch, path, sweep};
use crate::harness::{TestApp, ok};

on_both![
    rule_09_only_the_moves_that_folders_allow_are_made,
    rule_09_reading_moves_nothing,
    rule_09_the_trash_goes_at_the_end_of_its_owners_day,
    rule_09_another_clock_lets_the_trash_stay_longer_but_never_shorter,
    rule_09_what_was_due_while_the_service_was_down_goes_when_it_starts,
    rule_09_deleting_is_for_good,
];

const FOLDERS: [&str; 3] = ["new", "saved", "trash"];

async fn rule_09_only_the_moves_that_folders_allow_are_made(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    for from in FOLDERS {
        for to in FOLDERS {
            let message = test.leave("101", &format!("{from}-{to}"), "voicemail-short.wav").await;
            move_to(&test, &message, from).await;
            let answer = patch(&test, &message, json!({"folder": to})).await;
            let allowed = from == to || to != "new";
            assert_eq!(answer.status(), if allowed { StatusCode::OK } else { StatusCode::CONFLICT }, "{from} to {to}");
            if !allowed {
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(problem["type"], "/problems/wrong-move");
            }
            let now = ok(test.portal(Method::GET, &path(&message))).await;
            assert_eq!(now["folder"], if allowed { to } else { from }, "{from} to {to}");
            assert_eq!(now["trash_until"].is_string(), now["folder"] == "trash", "{now:#}");
        }
    }
    // The way round it that there was.
    let message = test.leave("101", "round", "voicemail-short.wav").await;
    move_to(&test, &message, "trash").await;
    move_to(&test, &message, "saved").await;
    assert_eq!(patch(&test, &message, json!({"folder": "new"})).await.status(), StatusCode::CONFLICT);
}

async fn rule_09_reading_moves_nothing(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let message = test.leave("101", "m", "voicemail-short.wav").await;
    test.message(&message["id"], |message| message["state"] == "available").await;
    let counts = async || {
        let counts = ok(test.core(Method::GET, "/v1/mailboxes/101/counts")).await;
        [counts["new"].clone(), counts["old"].clone(), counts["urgent_new"].clone()]
    };
    let read = ok(test.portal(Method::PATCH, &path(&message)).json(&json!({"read": true}))).await;
    assert_eq!((&read["folder"], &read["read_at"]), (&json!("new"), &json!("2026-11-30T12:00:00Z")));
    assert_eq!(counts().await, [0, 1, 0]);
    test.clock.advance(SignedDuration::from_secs(60));
    let again = ok(test.portal(Method::PATCH, &path(&message)).json(&json!({"read": true}))).await;
    assert_eq!(again["read_at"], read["read_at"], "the first time counts");
    let unread = json!({"read": false, "urgent": true, "label": "Family"});
    // The core's menu does the same as the portal's page.
    let unread = ok(test.core(Method::PATCH, &path(&message)).json(&unread)).await;
    assert_eq!((&unread["folder"], &unread["read_at"]), (&json!("new"), &Value::Null));
    assert_eq!((&unread["urgent"], &unread["label"]), (&json!(true), &json!("Family")));
    assert_eq!(counts().await, [1, 0, 1]);
    for folder in ["saved", "trash", "saved"] {
        let moved = move_to(&test, &message, folder).await;
        assert_eq!(moved["read_at"], Value::Null, "moving is not reading");
    }
    let unnamed = ok(test.portal(Method::PATCH, &path(&message)).json(&json!({"label": null}))).await;
    assert_eq!((&unnamed["label"], &unnamed["urgent"]), (&Value::Null, &json!(true)));
    let refused = patch(&test, &message, json!({"label": "x".repeat(65)})).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let events = ok(test.portal(Method::GET, "/v1/events?types=message.read,message.unread,message.changed")).await;
    let types: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["message.read", "message.unread", "message.changed", "message.changed"]);
}

/// Puts a message of a mailbox in this time zone into the trash; the moment at which it will go.
async fn trashed(test: &TestApp, extension: &str, zone: &str) -> (Value, String) {
    test.mailbox(extension, json!({"transcribe": false, "time_zone": zone})).await;
    let message = test.leave(extension, extension, "voicemail-short.wav").await;
    let until = move_to(test, &message, "trash").await["trash_until"].as_str().unwrap().to_owned();
    (message, until)
}

async fn rule_09_the_trash_goes_at_the_end_of_its_owners_day(kind: Kind) {
    // Of 2027-03-14 there is no midnight in Havana; on 2027-11-07 there are two.
    for (now, zone, until) in [
        ("2027-03-14T04:00:00Z", "America/Havana", "2027-03-14T05:00:00Z"),
        ("2027-11-07T03:30:00Z", "America/Havana", "2027-11-07T04:00:00Z"),
        ("2027-11-07T04:30:00Z", "America/Havana", "2027-11-08T05:00:00Z"),
        ("2026-11-30T09:00:00Z", "Pacific/Kiritimati", "2026-11-30T10:00:00Z"),
        ("2026-11-30T23:00:00Z", "America/New_York", "2026-12-01T05:00:00Z"),
    ] {
        let Started { test, _server } = Started::at(kind, now, false).await;
        let (message, told) = trashed(&test, "101", zone).await;
        assert_eq!(told, until, "{zone} at {now}");
        let end: jiff::Timestamp = until.parse().unwrap();
        test.clock.advance(end.duration_since(test.clock.now()) - SignedDuration::from_secs(1));
        sweep(&test).await;
        assert!(is_there(&test, &message).await, "the day is not over");
        test.clock.advance(SignedDuration::from_secs(1));
        sweep(&test).await;
        assert!(!is_there(&test, &message).await, "the day is over");
        if kind == Kind::Postgres {
            break; // The calendar is the same; each start takes a server some time.
        }
    }
}

async fn rule_09_another_clock_lets_the_trash_stay_longer_but_never_shorter(kind: Kind) {
    // A quarter to midnight in Tokyo; in New York it is morning.
    let Started { test, _server } = Started::at(kind, "2026-11-27T14:45:00Z", false).await;
    let until = async |message: &Value| ok(test.portal(Method::GET, &path(message))).await["trash_until"].clone();
    let (message, told) = trashed(&test, "101", "Asia/Tokyo").await;
    assert_eq!(told, "2026-11-27T15:00:00Z");
    test.mailbox("101", json!({"transcribe": false, "time_zone": "America/New_York"})).await;
    assert_eq!(until(&message).await, "2026-11-28T05:00:00Z", "later");
    test.mailbox("101", json!({"transcribe": false, "time_zone": "Asia/Tokyo"})).await;
    assert_eq!(until(&message).await, "2026-11-28T05:00:00Z", "not earlier");
    // By the domain's clock, which is New York's.
    test.mailbox("102", json!({"transcribe": false})).await;
    let other = test.leave("102", "other", "voicemail-short.wav").await;
    move_to(&test, &other, "trash").await;
    assert_eq!(until(&other).await, "2026-11-28T05:00:00Z");
    let changed = test.change_domain("acme.example", json!({"time_zone": "Pacific/Honolulu"})).await;
    assert_eq!(changed.status(), StatusCode::OK);
    assert_eq!(until(&other).await, "2026-11-28T10:00:00Z");
    assert_eq!(until(&message).await, "2026-11-28T05:00:00Z", "this one has a clock of its own");
    // What is due already is not brought back.
    test.clock.advance(SignedDuration::from_hours(15));
    test.mailbox("101", json!({"transcribe": false, "time_zone": "Pacific/Pago_Pago"})).await;
    sweep(&test).await;
    assert!(!is_there(&test, &message).await && is_there(&test, &other).await);
}

async fn rule_09_what_was_due_while_the_service_was_down_goes_when_it_starts(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-28T04:45:00Z", true).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let message = test.leave("101", "m", "voicemail-short.wav").await;
    test.message(&message["id"], |message| message["state"] == "available").await;
    move_to(&test, &message, "trash").await;
    assert!(blobs(&test) > 1);
    test.clock.advance(SignedDuration::from_hours(8));
    let test = test.restart().await;
    let began = std::time::Instant::now();
    while is_there(&test, &message).await || blobs(&test) > 0 {
        assert!(began.elapsed().as_secs() < 30, "{} blobs are left", blobs(&test));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    test.stop().await;
}

async fn rule_09_deleting_is_for_good(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let mut messages = Vec::new();
    for core_id in ["m1", "m2", "m3", "m4"] {
        let message = test.leave("101", core_id, "voicemail-short.wav").await;
        messages.push(test.message(&message["id"], |message| message["state"] == "available").await);
    }
    let delete = async |path: String| test.portal(Method::DELETE, &path).send().await.unwrap();
    let refused = delete(path(&messages[0])).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert_eq!(refused.json::<Value>().await.unwrap()["type"], "/problems/not-in-trash");
    move_to(&test, &messages[0], "trash").await;
    assert_eq!(delete(path(&messages[0])).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(delete(path(&messages[0])).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(delete(format!("{}?now=true", path(&messages[1]))).await.status(), StatusCode::NO_CONTENT);
    assert!(!is_there(&test, &messages[1]).await);
    let audio = test.core(Method::GET, &format!("/media/{}/x", messages[1]["renditions"][0]["id"].as_str().unwrap()));
    assert_eq!(audio.send().await.unwrap().status(), StatusCode::NOT_FOUND, "at once");
    // All that lies in the trash, and nothing else.
    move_to(&test, &messages[2], "trash").await;
    assert_eq!(delete("/v1/mailboxes/101/messages".to_owned()).await.status(), StatusCode::BAD_REQUEST);
    let emptied = ok(test.portal(Method::DELETE, "/v1/mailboxes/101/messages?folder=trash")).await;
    assert_eq!(emptied, json!({"removed": 1}));
    assert!(!is_there(&test, &messages[2]).await && is_there(&test, &messages[3]).await);
    let one = messages[3]["renditions"].as_array().unwrap().len() + 1;
    test.idle().await;
    assert_eq!(blobs(&test), one, "the bytes of the others are gone");
    test.stop().await;
}
