//! Rule 10: a message is forwarded as a copy of its own, whose sound is stored once.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{Started, blobs, is_there, move_to, path};
use crate::harness::{TestApp, ok, sample_bytes};

on_both![
    rule_10_a_forward_is_a_copy_of_its_own_that_shares_its_sound,
    rule_10_a_forward_reaches_all_or_nobody,
    rule_10_a_message_forwarded_while_it_is_made_ready_is_ready_and_mailed_with_it,
    rule_10_a_forward_beside_a_purge_gives_a_whole_copy_or_none,
];

async fn forward(test: &TestApp, message: &Value, body: Value) -> Response {
    test.portal(Method::POST, &format!("{}/forwards", path(message))).json(&body).send().await.unwrap()
}

async fn purge(test: &TestApp, message: &Value) {
    let gone = test.portal(Method::DELETE, &format!("{}?now=true", path(message))).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
}

async fn rule_10_a_forward_is_a_copy_of_its_own_that_shares_its_sound(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    test.mailbox("102", json!({"transcribe": false, "email_mode": "link", "recipients": ["b@acme.example"]})).await;
    let left = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&left["id"], |message| message["state"] == "available").await;
    let stored = blobs(&test);
    // From the trash, to somebody else and to oneself.
    move_to(&test, &message, "trash").await;
    test.clock.advance(jiff::SignedDuration::from_secs(60));
    let copies = forward(&test, &message, json!({"to": ["102", "101"], "note": "Please call back"})).await;
    assert_eq!(copies.status(), StatusCode::CREATED);
    let copies = copies.json::<Value>().await.unwrap()["items"].clone();
    test.idle().await;
    let from = json!({"mailbox": "101", "message": message["id"], "received_at": message["received_at"]});
    for copy in copies.as_array().unwrap() {
        let copy = ok(test.portal(Method::GET, &path(copy))).await;
        assert_eq!(
            (&copy["folder"], &copy["state"], &copy["read_at"]),
            (&json!("new"), &json!("available"), &Value::Null)
        );
        assert_eq!((&copy["forwarded_from"], &copy["note"]), (&from, &json!("Please call back")));
        assert_eq!(
            (&copy["caller_number"], &copy["received_at"]),
            (&message["caller_number"], &json!("2026-11-30T12:01:00Z"))
        );
        assert_eq!(copy["renditions"], message["renditions"], "the same sound");
        assert_eq!(copy["core_id"], Value::Null);
    }
    assert_eq!(test.mails().len(), 1, "of the copy in 102, which is mailed");
    assert_eq!(blobs(&test), stored + 1, "the mail; the sound is stored once");
    let (other, own) = (&copies[0], &copies[1]);
    // Marks and folders are each one's own.
    ok(test.portal(Method::PATCH, &path(other)).json(&json!({"read": true, "folder": "saved"}))).await;
    let same = ok(test.portal(Method::GET, &path(own))).await;
    assert_eq!((&same["folder"], &same["read_at"]), (&json!("new"), &Value::Null));
    // Whoever goes first leaves the others playing.
    purge(&test, &message).await;
    test.idle().await;
    let renditions = message["renditions"].as_array().unwrap();
    for rendition in renditions {
        assert!(!test.media(rendition).await.is_empty());
    }
    purge(&test, own).await;
    test.idle().await;
    assert!(!test.media(&renditions[0]).await.is_empty());
    purge(&test, other).await;
    test.idle().await;
    assert_eq!(blobs(&test), 0, "nothing is left");
    let told = ok(test.portal(Method::GET, "/v1/events?types=message.forwarded")).await["items"].clone();
    assert_eq!(told[0]["data"]["to"], json!([other["id"], own["id"]]));
    test.stop().await;
}

async fn rule_10_a_forward_reaches_all_or_nobody(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    for extension in ["101", "102"] {
        test.mailbox(extension, json!({"transcribe": false})).await;
    }
    test.mailbox("103", json!({"transcribe": false, "quota_bytes": 10})).await;
    let message = test.leave("101", "m", "voicemail-short.wav").await;
    let full = forward(&test, &message, json!({"to": ["102", "103"]})).await;
    assert_eq!(full.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(full.json::<Value>().await.unwrap()["parameters"]["extension"], "103");
    for (body, pointer) in [
        (json!({"to": ["102", "999"]}), "/to/1"),
        (json!({"to": ["102", "102"]}), "/to/1"),
        (json!({"to": []}), "/to"),
        (json!({"to": (0..51).map(|number| number.to_string()).collect::<Vec<_>>()}), "/to"),
        (json!({"to": ["102"], "note": "x".repeat(1_001)}), "/note"),
    ] {
        let refused = forward(&test, &message, body).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.json::<Value>().await.unwrap()["errors"][0]["pointer"], pointer);
    }
    let counts = ok(test.portal(Method::GET, "/v1/mailboxes/102/counts")).await;
    assert_eq!(counts["bytes"], 0, "nobody got any of it");
    // Another domain has no such message, and none of its mailboxes is one of ours.
    let (_, other) = test.domain("other.example").await;
    let theirs = test.browser(Method::POST, &format!("{}/forwards", path(&message))).bearer_auth(other);
    assert_eq!(theirs.json(&json!({"to": ["102"]})).send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

async fn rule_10_a_message_forwarded_while_it_is_made_ready_is_ready_and_mailed_with_it(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    test.mailbox("102", json!({"transcribe": false, "email_mode": "link", "recipients": ["b@acme.example"]})).await;
    for number in 0..8 {
        let message = test.leave("101", &format!("m{number}"), "voicemail-short.wav").await;
        // Some before, some in the middle of, and some after the work.
        tokio::time::sleep(std::time::Duration::from_millis(60 * number)).await;
        let copies = forward(&test, &message, json!({"to": ["102"]})).await.json::<Value>().await.unwrap();
        let copy = copies["items"][0]["id"].clone();
        test.message(&copy, |copy| copy["state"] == "available" && copy["notices"][0]["state"] == "accepted").await;
    }
    assert_eq!(test.mails().len(), 8);
    test.stop().await;
}

async fn rule_10_a_forward_beside_a_purge_gives_a_whole_copy_or_none(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    for extension in ["101", "102"] {
        test.mailbox(extension, json!({"transcribe": false})).await;
    }
    let mut whole = 0;
    for number in 0..20 {
        let dropped = test.drop_message("101", &format!("m{number}"), sample_bytes("voicemail-short.wav")).await;
        let message: Value = dropped.json().await.unwrap();
        let forwarding = forward(&test, &message, json!({"to": ["102"]}));
        let (copies, ()) = if number % 2 == 0 {
            tokio::join!(forwarding, purge(&test, &message))
        } else {
            let (gone, copies) = tokio::join!(purge(&test, &message), forwarding);
            (copies, gone)
        };
        assert!(!is_there(&test, &message).await);
        if copies.status() == StatusCode::NOT_FOUND {
            continue;
        }
        assert_eq!(copies.status(), StatusCode::CREATED);
        whole += 1;
    }
    let counts = ok(test.portal(Method::GET, "/v1/mailboxes/102/counts")).await;
    let size = i64::try_from(sample_bytes("voicemail-short.wav").len()).unwrap();
    assert_eq!(counts["bytes"], whole * size, "the count is that of the copies");
    let originals = crate::rules::originals(&test);
    assert!(originals >= usize::try_from(whole).unwrap(), "{originals} originals of {whole} copies");
}
