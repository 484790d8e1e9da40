//! Rule 5: a mailbox takes exactly what fits, says so once, and loses nothing that it took.

use futures_util::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{Started, move_to, patch};
use crate::harness::{TestApp, Wish, ok, sample_bytes};

on_both![
    rule_05_of_a_hundred_at_once_exactly_what_fits_is_taken_and_one_notice_goes_out,
    rule_05_deleting_makes_room_at_once_and_restoring_needs_it,
    rule_05_greetings_count,
    rule_05_what_was_confirmed_from_the_spool_is_taken_though_the_mailbox_is_full,
    rule_05_a_core_knows_before_it_records_and_is_refused_before_it_sends,
];

const SAMPLE: &str = "voicemail-short.wav";

fn size() -> i64 {
    i64::try_from(sample_bytes(SAMPLE).len()).unwrap()
}

async fn state(test: &TestApp) -> Value {
    ok(test.core(Method::GET, "/core/v1/mailboxes/101")).await
}

/// How many mails and SMS tell that a mailbox is full.
async fn notices(test: &TestApp) -> (usize, usize) {
    let listed = ok(test.portal(Method::GET, "/v1/domains/acme.example/notices?limit=500")).await;
    let of = |medium: &str| {
        let all = listed.as_array().unwrap().iter();
        all.filter(|notice| (&notice["medium"], &notice["occasion"]) == (&json!(medium), &json!("mailbox_full")))
            .count()
    };
    (of("mail"), of("sms"))
}

async fn events(test: &TestApp, types: &str) -> usize {
    ok(test.portal(Method::GET, &format!("/v1/events?types={types}"))).await["items"].as_array().unwrap().len()
}

async fn rule_05_of_a_hundred_at_once_exactly_what_fits_is_taken_and_one_notice_goes_out(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    let quota = 5 * size() + size() / 2;
    let settings = json!({
        "quota_bytes": quota, "transcribe": false, "recipients": ["q@acme.example"], "sms_recipients": "4155550133",
    });
    test.mailbox("101", settings).await;
    let bytes = sample_bytes(SAMPLE);
    let drops = (0..100).map(|number| {
        let (test, bytes) = (&test, bytes.clone());
        async move { (number, test.drop_message("101", &format!("q-{number}"), bytes).await) }
    });
    let answers: Vec<_> = stream::iter(drops).buffer_unordered(100).collect().await;
    let taken = answers.iter().filter(|(_, answer)| answer.status() == StatusCode::CREATED).count();
    let refused = answers.iter().filter(|(_, answer)| answer.status() == StatusCode::INSUFFICIENT_STORAGE).count();
    assert_eq!((taken, refused), (5, 95));
    let listed = ok(test.portal(Method::GET, "/v1/mailboxes/101/messages")).await["items"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 5, "what was confirmed is there");
    assert_eq!(state(&test).await["free_bytes"], quota - 5 * size(), "the count is that of the rows");
    assert_eq!((notices(&test).await, events(&test, "mailbox.full").await), ((1, 1), 1));
    // A small message that still fits is taken, and does not make it any less full.
    let small = sample_bytes("bad/empty.wav");
    assert_eq!(test.drop_message("101", "small", small).await.status(), StatusCode::CREATED);
    assert_eq!(events(&test, "mailbox.has_room").await, 0);
    assert_eq!(test.drop_message("101", "more", bytes.clone()).await.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(notices(&test).await, (1, 1), "they know");
    // Room for what was refused last: that is told, and the next refusal too.
    test.clock.advance(jiff::SignedDuration::from_secs(60));
    move_to(&test, &listed[0], "trash").await;
    assert_eq!(events(&test, "mailbox.has_room").await, 1);
    assert_eq!(test.drop_message("101", "fits", bytes.clone()).await.status(), StatusCode::CREATED);
    assert_eq!(test.drop_message("101", "again", bytes).await.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!((notices(&test).await, events(&test, "mailbox.full").await), ((2, 2), 2));
}

async fn rule_05_deleting_makes_room_at_once_and_restoring_needs_it(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    test.mailbox("101", json!({"quota_bytes": size(), "transcribe": false})).await;
    let first = test.leave("101", "first", SAMPLE).await;
    assert_eq!(test.drop_message("101", "second", sample_bytes(SAMPLE)).await.status(), 507);
    move_to(&test, &first, "trash").await;
    let second = test.leave("101", "second", SAMPLE).await;
    let refused = patch(&test, &first, json!({"folder": "saved"})).await;
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["parameters"], json!({"extension": "101", "stored": size(), "quota": size(), "more": size()}));
    let deleted = test.portal(Method::DELETE, &format!("{}?now=true", super::path(&second))).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert_eq!(move_to(&test, &first, "saved").await["folder"], "saved");
    assert_eq!(state(&test).await["free_bytes"], 0);
    // Less than it holds: nothing goes, and nothing comes.
    test.mailbox("101", json!({"quota_bytes": 10, "transcribe": false})).await;
    assert_eq!(state(&test).await["free_bytes"], 0);
    assert!(super::is_there(&test, &first).await);
    assert_eq!(test.drop_message("101", "third", sample_bytes("bad/empty.wav")).await.status(), 507);
    assert_eq!(events(&test, "mailbox.has_room").await, 1, "when the first went into the trash");
    test.mailbox("101", json!({"quota_bytes": 2 * size(), "transcribe": false})).await;
    assert_eq!(events(&test, "mailbox.has_room").await, 2, "by a raise, too");
}

async fn rule_05_greetings_count(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    test.mailbox("101", json!({"quota_bytes": 2 * size() - 1, "transcribe": false})).await;
    let upload = async |method: Method, path: &str| {
        let part = reqwest::multipart::Part::bytes(sample_bytes(SAMPLE)).file_name(SAMPLE);
        let form = reqwest::multipart::Form::new().part("file", part);
        let form = match method {
            Method::POST => form.text("kind", "greeting").text("name", "Hello").text("extension", "101"),
            _ => form,
        };
        test.portal(method, path).multipart(form).send().await.unwrap()
    };
    let made = upload(Method::POST, "/v1/prompts").await;
    assert!(made.status().is_success(), "{}", made.text().await.unwrap());
    let made: Value = made.json().await.unwrap();
    assert_eq!(state(&test).await["free_bytes"], size() - 1);
    assert_eq!(test.drop_message("101", "m", sample_bytes(SAMPLE)).await.status(), 507);
    assert_eq!(upload(Method::POST, "/v1/prompts").await.status(), 507, "no second greeting either");
    // In place of the first it fits.
    let replaced = upload(Method::PUT, &format!("/v1/prompts/{}/audio", made["id"].as_str().unwrap())).await;
    assert!(replaced.status().is_success(), "{}", replaced.text().await.unwrap());
    assert_eq!(state(&test).await["free_bytes"], size() - 1);
}

async fn rule_05_what_was_confirmed_from_the_spool_is_taken_though_the_mailbox_is_full(kind: Kind) {
    let Started { test, _server } = Started::with(kind, Wish { work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({"quota_bytes": size(), "transcribe": false})).await;
    assert_eq!(state(&test).await["free_bytes"], size());
    // As after a failure of the database just now; the key is known.
    test.app.breakers.reads.note(true);
    test.app.breakers.writes.note(true);
    let answer = test.drop_message("101", "spooled", sample_bytes(SAMPLE)).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED, "the core may forget it");
    let answer = test.drop_message("101", "spooled-too", sample_bytes(SAMPLE)).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    test.app.breakers.reads.note(false);
    test.app.breakers.writes.note(false);
    let listed =
        test.until("/v1/mailboxes/101/messages", |listed| listed["items"].as_array().unwrap().len() == 2).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(state(&test).await["free_bytes"], 0);
    assert_eq!(test.drop_message("101", "more", sample_bytes(SAMPLE)).await.status(), 507);
}

async fn rule_05_a_core_knows_before_it_records_and_is_refused_before_it_sends(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    test.mailbox("101", json!({"name": "Dana", "quota_bytes": size() + 100, "transcribe": false})).await;
    let empty = state(&test).await;
    assert_eq!(empty["accepting"], true);
    assert_eq!(
        (&empty["extension"], &empty["name"], &empty["free_bytes"]),
        (&json!("101"), &json!("Dana"), &json!(size() + 100))
    );
    let off = json!({"name": "Dana", "quota_bytes": size() + 100, "transcribe": false, "enabled": false});
    test.mailbox("101", off).await;
    let disabled = state(&test).await;
    assert_eq!((&disabled["enabled"], &disabled["accepting"]), (&json!(false), &json!(false)));
    // What is dropped all the same is taken.
    test.leave("101", "m", SAMPLE).await;
    test.mailbox("101", json!({"name": "Dana", "quota_bytes": size() + 100, "transcribe": false})).await;
    assert_eq!(state(&test).await["accepting"], true, "a little room is left, and nothing was refused");
    // The head tells how much will come: the answer does not wait for a body that never does.
    let (host, path) = (test.base.trim_start_matches("http://").to_owned(), "/core/v1/mailboxes/101/messages/late");
    let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        test.core_key,
        size()
    );
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(std::time::Duration::from_secs(10), stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 507");
    let full = state(&test).await;
    assert_eq!(
        (&full["accepting"], &full["free_bytes"], &full["full_since"]),
        (&json!(false), &json!(100), &json!("2026-11-30T12:00:00Z"))
    );
    let unknown = test.core(Method::GET, "/core/v1/mailboxes/999").send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}
