//! Rule 21: the members of a group see one shared state.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::Started;
use crate::harness::ok;

on_both![rule_21_what_one_member_reads_is_read_for_all_and_who_leaves_sees_it_no_more];

async fn rule_21_what_one_member_reads_is_read_for_all_and_who_leaves_sees_it_no_more(kind: Kind) {
    let Started { test, _server } = Started::with(kind, crate::harness::Wish::default()).await;
    for extension in ["101", "102", "103", "sales"] {
        test.mailbox(extension, json!({"transcribe": false})).await;
    }
    let set_members = async |members: Value| {
        let request = test.portal(Method::PUT, "/v1/mailboxes/sales/members").json(&json!({"members": members}));
        request.send().await.unwrap()
    };
    assert_eq!(set_members(json!(["101", "102"])).await.status(), StatusCode::OK);
    assert_eq!(ok(test.portal(Method::GET, "/v1/mailboxes/sales/members")).await, json!({"members": ["101", "102"]}));
    for (members, pointer) in [(json!(["101", "999"]), "/members/1"), (json!(["sales"]), "/members/0")] {
        let refused = set_members(members).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.json::<Value>().await.unwrap()["errors"][0]["pointer"], pointer);
    }
    let left = test.leave("sales", "m", "voicemail-short.wav").await;
    let own = test.leave("101", "own", "voicemail-short.wav").await;
    for message in [&left, &own] {
        test.message(&message["id"], |message| message["state"] == "available").await;
    }
    let id = left["id"].as_str().unwrap();
    let lamp = async |extension: &str| {
        let counts = ok(test.core(Method::GET, &format!("/v1/mailboxes/{extension}/counts"))).await;
        let groups: Vec<_> = counts["groups"].as_array().unwrap().iter().map(|group| group["new"].clone()).collect();
        (counts["new"].clone(), groups)
    };
    assert_eq!(lamp("101").await, (json!(1), vec![json!(1)]), "beside its own, never added");
    assert_eq!(lamp("102").await, (json!(0), vec![json!(1)]));
    assert_eq!(lamp("103").await, (json!(0), vec![]));
    let seen = async |extension: &str| {
        let path = format!("/v1/mailboxes/{extension}/messages/{id}");
        test.portal(Method::GET, &path).send().await.unwrap().status()
    };
    for (extension, status) in [("101", 200), ("102", 200), ("sales", 200), ("103", 404)] {
        assert_eq!(seen(extension).await, status, "{extension}");
    }
    // Read by one is read for both, and the lamps of both fall.
    let read = test.portal(Method::PATCH, &format!("/v1/mailboxes/101/messages/{id}")).json(&json!({"read": true}));
    assert!(ok(read).await["read_at"].is_string());
    let other = ok(test.portal(Method::GET, &format!("/v1/mailboxes/102/messages/{id}"))).await;
    assert!(other["read_at"].is_string());
    assert_eq!(lamp("101").await, (json!(1), vec![json!(0)]));
    assert_eq!(lamp("102").await, (json!(0), vec![json!(0)]));
    let told = |events: &Value| {
        let mut counts = events["items"].as_array().unwrap().iter().filter(|event| event["data"]["mailbox"] == "sales");
        counts.next_back().is_some_and(|event| {
            (&event["data"]["new"], &event["data"]["members"]) == (&json!(0), &json!(["101", "102"]))
        })
    };
    test.until("/v1/events?types=mailbox.counts", told).await;
    // Who leaves sees it no more; it stays for the others.
    assert_eq!(set_members(json!(["102"])).await.status(), StatusCode::OK);
    assert_eq!((seen("101").await, seen("102").await), (StatusCode::NOT_FOUND, StatusCode::OK));
    let moved =
        test.portal(Method::PATCH, &format!("/v1/mailboxes/101/messages/{id}")).json(&json!({"folder": "trash"}));
    assert_eq!(moved.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(lamp("101").await, (json!(1), vec![]));
    test.stop().await;
}
