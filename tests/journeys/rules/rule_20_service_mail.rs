//! Rule 20: a service number has addresses of its own.

use reqwest::Method;
use serde_json::json;
use voicemill_sql::Kind;

use super::Started;
use crate::harness::{Wish, ok, sample_bytes};

on_both![rule_20_a_service_number_has_addresses_of_its_own,];

async fn rule_20_a_service_number_has_addresses_of_its_own(kind: Kind) {
    let Started { test, _server } = Started::with(kind, Wish::default()).await;
    test.mailbox("101", json!({"email_mode": "link", "recipients": ["dana@acme.example"], "transcribe": false})).await;
    let number = json!({"recipients": ["ops@acme.example", "boss@acme.example"], "email_mode": "attachment"});
    ok(test.portal(Method::PUT, "/v1/service-numbers/+15550100").json(&number)).await;
    for (id, number) in [("called", "+15550100"), ("direct", "")] {
        let path = format!("/core/v1/mailboxes/101/messages/{id}");
        let query = [("caller_number", "4155550132"), ("service_number", number)];
        ok(test.core(Method::PUT, &path).query(&query).body(sample_bytes("voicemail-short.wav"))).await;
    }
    test.idle().await;
    let notices = ok(test.portal(Method::GET, "/v1/domains/acme.example/notices")).await;
    let notices = notices.as_array().or_else(|| notices["items"].as_array()).unwrap();
    let mut told: Vec<(&str, &str)> =
        notices.iter().map(|one| (one["recipient"].as_str().unwrap(), one["mode"].as_str().unwrap())).collect();
    told.sort_unstable();
    let wanted = [
        ("boss@acme.example", "attachment"),
        ("dana@acme.example", "link"),
        ("dana@acme.example", "link"),
        ("ops@acme.example", "attachment"),
    ];
    assert_eq!(told, wanted, "each has a notice of its own, and of a direct call the mailbox's alone");
    assert!(notices.iter().all(|one| one["state"] == "accepted"));
    test.stop().await;
}
