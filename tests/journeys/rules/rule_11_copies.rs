//! Rule 11: mailboxes that a mailbox has copies made for get each their own.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{Started, blobs, path};
use crate::harness::{TestApp, ok, sample_bytes};

on_both![
    rule_11_each_mailbox_gets_a_copy_of_its_own_and_no_copy_is_copied,
    rule_11_a_full_mailbox_is_left_out_and_told,
    rule_11_mailboxes_that_copy_to_each_other_take_what_comes_at_once,
];

async fn events(test: &TestApp, kind: &str) -> Vec<Value> {
    let page = ok(test.portal(Method::GET, &format!("/v1/events?limit=500&types={kind}"))).await;
    page["items"].as_array().unwrap().clone()
}

async fn rule_11_each_mailbox_gets_a_copy_of_its_own_and_no_copy_is_copied(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    for extension in ["101", "102", "103"] {
        test.mailbox(extension, json!({"transcribe": false})).await;
    }
    let mailed =
        json!({"transcribe": false, "copy_to": ["101", "103"], "email_mode": "link", "recipients": ["b@acme.example"]});
    test.mailbox("102", mailed).await;
    let set = test.mailbox("101", json!({"transcribe": false, "copy_to": ["102"]})).await;
    assert_eq!(set["copy_to"], json!(["102"]));
    let message = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&message["id"], |message| message["state"] == "available").await;
    // The same drop again is the same message, and makes no more copies.
    let again = test.drop_message("101", "m", sample_bytes("voicemail-short.wav")).await;
    assert_eq!(again.status(), StatusCode::OK);
    test.idle().await;
    let received = events(&test, "message.received").await;
    let boxes: Vec<&str> = received.iter().map(|event| event["data"]["mailbox"].as_str().unwrap()).collect();
    assert_eq!(boxes, ["101", "102"], "102 has copies made of what is left there, not of copies");
    let copy = json!({"id": received[1]["data"]["message"]});
    let copy = ok(test.portal(Method::GET, &path(&copy))).await;
    let from = json!({"mailbox": "101", "message": message["id"], "received_at": message["received_at"]});
    assert_eq!((&copy["copied_from"], &copy["forwarded_from"]), (&from, &Value::Null));
    assert_eq!((&copy["received_at"], &copy["renditions"]), (&message["received_at"], &message["renditions"]));
    assert_eq!(test.mails().len(), 1, "by the settings of the mailbox that has it");
    let gone = test.portal(Method::DELETE, &format!("{}?now=true", path(&message))).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    test.idle().await;
    assert!(!test.media(&copy["renditions"][0]).await.is_empty(), "deleting one leaves the other");
    ok(test.portal(Method::PATCH, &path(&copy)).json(&json!({"folder": "trash"}))).await;
    ok(test.portal(Method::DELETE, "/v1/mailboxes/102/messages?folder=trash")).await;
    test.idle().await;
    assert_eq!(blobs(&test), 0);
    for (copy_to, pointer) in [(json!(["101"]), "/copy_to/0"), (json!(["102", "999"]), "/copy_to/1")] {
        let refused =
            test.portal(Method::PUT, "/v1/mailboxes/101").json(&json!({"copy_to": copy_to})).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.json::<Value>().await.unwrap()["errors"][0]["pointer"], pointer);
    }
    test.stop().await;
}

async fn rule_11_a_full_mailbox_is_left_out_and_told(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    let full = json!({"transcribe": false, "quota_bytes": 10, "recipients": ["full@acme.example"]});
    test.mailbox("102", full).await;
    test.mailbox("103", json!({"transcribe": false})).await;
    test.mailbox("101", json!({"transcribe": false, "copy_to": ["102", "103"]})).await;
    for core_id in ["m1", "m2"] {
        test.leave("101", core_id, "voicemail-short.wav").await;
    }
    let received = events(&test, "message.received").await;
    let boxes: Vec<&str> = received.iter().map(|event| event["data"]["mailbox"].as_str().unwrap()).collect();
    assert_eq!(boxes, ["101", "103", "101", "103"]);
    let told = events(&test, "mailbox.full").await;
    assert_eq!(told.len(), 1, "once");
    assert_eq!(told[0]["data"]["mailbox"], "102");
    let notices = ok(test.portal(Method::GET, "/v1/domains/acme.example/notices")).await;
    assert_eq!(notices.as_array().unwrap().len(), 1);
    assert_eq!(
        (&notices[0]["occasion"], &notices[0]["recipient"]),
        (&json!("mailbox_full"), &json!("full@acme.example"))
    );
}

async fn rule_11_mailboxes_that_copy_to_each_other_take_what_comes_at_once(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    for extension in ["101", "102"] {
        test.mailbox(extension, json!({"transcribe": false})).await;
    }
    test.mailbox("101", json!({"transcribe": false, "copy_to": ["102"]})).await;
    test.mailbox("102", json!({"transcribe": false, "copy_to": ["101"]})).await;
    let bytes = sample_bytes("voicemail-short.wav");
    let drops = (0..20).map(|number| {
        let (test, bytes) = (&test, bytes.clone());
        let extension = if number % 2 == 0 { "101" } else { "102" };
        async move { test.drop_message(extension, &format!("m{number}"), bytes).await.status() }
    });
    let answers = futures_util::future::join_all(drops).await;
    assert!(answers.iter().all(|status| *status == StatusCode::CREATED), "{answers:?}");
    for extension in ["101", "102"] {
        let counts = ok(test.portal(Method::GET, &format!("/v1/mailboxes/{extension}/counts"))).await;
        assert_eq!(counts["bytes"], 20 * i64::try_from(bytes.len()).unwrap(), "ten of its own, and ten copies");
    }
}
