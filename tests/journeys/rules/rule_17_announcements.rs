//! Rule 17: what is said before a message follows its mailbox's settings.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{Started, prompts::status};
use crate::harness::{Wish, ok, sample_bytes};

on_both![rule_17_announcements_follow_the_mailboxs_settings,];

async fn rule_17_announcements_follow_the_mailboxs_settings(kind: Kind) {
    let Started { test, _server } = Started::with(kind, Wish::default()).await;
    // The clocks of New York go back on 2026-11-01: the same hour twice, and another offset a day later.
    let settings = |time: bool, caller: bool, newest: bool| json!({"transcribe": false, "announce_time": time, "announce_caller": caller, "newest_first": newest});
    let shown = test.mailbox("101", json!({"transcribe": false})).await;
    assert_eq!(
        (&shown["announce_time"], &shown["announce_caller"], &shown["newest_first"]),
        (&json!(true), &json!(true), &json!(true))
    );
    let leave = async |id: &str, at: &str| {
        let path = format!("/core/v1/mailboxes/101/messages/{id}");
        let query = [("caller_number", "4155550132"), ("received_at", at)];
        let request = test.core(Method::PUT, &path).query(&query).body(sample_bytes("voicemail-short.wav"));
        ok(request).await["id"].as_str().unwrap().to_owned()
    };
    let before = leave("before", "2026-10-31T13:30:00Z").await;
    let after = leave("after", "2026-11-02T13:30:00Z").await;
    let said = async |message: &str| {
        let answer =
            test.core(Method::POST, &format!("/core/v1/messages/{message}/announcement")).send().await.unwrap();
        match answer.status() {
            StatusCode::NO_CONTENT => Value::Null,
            _ => answer.json::<Value>().await.unwrap()["script"].clone(),
        }
    };
    let told = async || ok(test.core(Method::GET, "/core/v1/mailboxes/101")).await;
    let summer = said(&before).await;
    assert!(summer.as_str().unwrap().contains("nine thirty AM, from four one five"), "{summer}");
    let winter = said(&after).await;
    assert!(winter.as_str().unwrap().contains("eight thirty AM"), "{winter}");

    test.mailbox("101", settings(true, false, false)).await;
    let now = told().await;
    assert_eq!(
        (&now["announce_time"], &now["announce_caller"], &now["newest_first"]),
        (&json!(true), &json!(false), &json!(false))
    );
    let only_time = said(&before).await;
    assert!(only_time.as_str().unwrap().ends_with("nine thirty AM."), "{only_time}");
    test.mailbox("101", settings(false, true, true)).await;
    assert_eq!(said(&before).await, "Message from four one five, five five five, zero one three two.");
    test.mailbox("101", settings(false, false, true)).await;
    assert_eq!(said(&before).await, Value::Null);

    // Clock and language of the mailbox: the day comes first, by a British voice.
    let abroad = json!({"transcribe": false, "time_zone": "Europe/London", "locale": "en-GB"});
    test.mailbox("101", abroad).await;
    let now = told().await;
    assert_eq!((&now["time_zone"], &now["locale"]), (&json!("Europe/London"), &json!("en-GB")));
    let abroad = said(&before).await;
    assert!(abroad.as_str().unwrap().contains("the thirty first of October at one thirty PM"), "{abroad}");
    let bad = json!({"locale": "en_GB"});
    assert_eq!(
        status(test.portal(Method::PUT, "/v1/mailboxes/101").json(&bad)).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    test.stop().await;
}
