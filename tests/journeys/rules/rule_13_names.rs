//! Rule 13: a mailbox has a name that is heard, and letters where it has none.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{
    Started,
    prompts::{heard, ready, status},
};
use crate::harness::{Sound, Wish, ok, sample_bytes};

on_both![rule_13_a_name_comes_from_anywhere_and_is_spelled_without,];

async fn rule_13_a_name_comes_from_anywhere_and_is_spelled_without(kind: Kind) {
    let Started { test, _server } = Started::with(kind, Wish::default()).await;
    test.mailbox("101", json!({"name": "Dana Lee"})).await;
    let name = async || ok(test.core(Method::GET, "/core/v1/mailboxes/101")).await["recorded_name"].clone();
    let told = name().await;
    assert_eq!((&told["source"], &told["sound"]), (&json!("spelled"), &Value::Null), "a GET has nothing spoken");
    let shown = "/v1/mailboxes/101/recorded-name";
    let is_spoken = |name: &Value| name["prompt"]["state"] == "available";
    test.until(shown, is_spoken).await;
    let spelled = heard(&test, &told["address"]).await;
    assert!(Sound::decode(&spelled, "wav").seconds() > 1.5, "seven letters");
    let letters = ok(test.portal(Method::GET, shown)).await;
    assert_eq!((&letters["source"], &letters["prompt"]["voice"]), (&json!("spelled"), &json!("heart")));
    let letters = letters["prompt"]["script"].as_str().unwrap().to_owned();
    assert!(letters.contains('D') && !letters.contains("Dana"), "{letters}");

    let script = json!({"script": "Dana Lee."});
    let named = ok(test.portal(Method::PUT, "/v1/mailboxes/101/recorded-name").json(&script)).await;
    let named = ready(&test, &named).await;
    assert_eq!((&named["kind"], &named["origin"]), (&json!("recorded_name"), &json!("text")));
    let told_after = name().await;
    assert_eq!((&told_after["source"], &told_after["sound"]["prompt"]), (&json!("recorded"), &named["id"]));
    assert_eq!(told_after["address"], told["address"], "the address stays");
    let from_text = heard(&test, &told["address"]).await;
    assert!(from_text != spelled);

    let upload = test.portal(Method::PUT, "/v1/mailboxes/101/recorded-name").body(sample_bytes("voicemail-short.wav"));
    assert_eq!(ready(&test, &ok(upload).await).await["served_version"], 2, "a mailbox has one");
    let from_file = heard(&test, &told["address"]).await;
    let phone = test.core(Method::PUT, "/core/v1/mailboxes/101/recorded-name").body(sample_bytes("voicemail.wav"));
    let by_phone = ready(&test, &ok(phone).await).await;
    assert_eq!((&by_phone["id"], &by_phone["origin"]), (&named["id"], &json!("phone")));
    assert!(heard(&test, &told["address"]).await != from_file);
    let second = json!({"kind": "recorded_name", "name": "x", "extension": "101", "script": "Dana."});
    assert_eq!(status(test.portal(Method::POST, "/v1/prompts/text").json(&second)).await, StatusCode::CONFLICT);

    assert_eq!(status(test.portal(Method::DELETE, "/v1/mailboxes/101/recorded-name")).await, StatusCode::NO_CONTENT);
    assert_eq!(name().await["source"], "spelled");
    assert!(heard(&test, &told["address"]).await == spelled);

    // In the mailbox's language, by a voice that speaks it.
    test.mailbox("101", json!({"name": "Dana Lee", "locale": "en-GB"})).await;
    let british = test.until(shown, is_spoken).await;
    let voices = ok(test.portal(Method::GET, "/v1/voices")).await;
    let voice = voices.as_array().unwrap().iter().find(|voice| voice["id"] == british["prompt"]["voice"]).unwrap();
    assert_eq!(voice["language"], "en-GB");
    assert!(heard(&test, &told["address"]).await != spelled);
    test.stop().await;
}
