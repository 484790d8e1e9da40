//! What holds for every request: who changed what is put down, a POST that is sent twice is done once, two editors do not undo
//! each other, nobody asks too often, and each answer has a name.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use voicemill::config::RateConfig;
use voicemill_sql::Kind;
use voicemill_testing::TestDatabase;
use voicemill_types::clock::Clock;

use crate::harness::{TestApp, Wish, ok, sample_bytes};

on_both![
    each_change_is_put_down_with_who_what_and_from_where,
    a_post_that_is_sent_twice_is_done_once_and_answered_twice,
    of_many_that_send_the_same_post_at_once_one_does_it,
    of_two_editors_the_second_is_told,
    an_answer_that_was_lost_is_made_up_for_by_what_was_made,
];

async fn start(kind: Kind, clock: Clock) -> (TestApp, Option<TestDatabase>) {
    let server = (kind == Kind::Postgres).then(TestDatabase::new);
    let database = server.as_ref().map(|server| server.url().parse().unwrap());
    (TestApp::start_with(Wish { clock, database, ..Wish::default() }).await, server)
}

fn fixed() -> Clock {
    Clock::fixed("2026-11-30T12:00:00Z".parse().unwrap())
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

const AUDIT: &str = "/v1/domains/acme.example/audit";

async fn each_change_is_put_down_with_who_what_and_from_where(kind: Kind) {
    let (test, _server) = start(kind, fixed()).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    test.message(&dropped["id"], |message| message["state"] == "available").await;
    let before = ok(test.operator(Method::GET, AUDIT)).await.as_array().unwrap().len();
    let actions = |entries: &Value| -> Vec<String> {
        let entries = entries.as_array().unwrap();
        entries.iter().rev().skip(before).map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };

    // A person, by their token.
    let new = json!({"subject": "dana", "mailboxes": ["101"]});
    let token = ok(test.portal(Method::POST, "/v1/domains/~/tokens").json(&new)).await;
    let message = format!("/v1/messages/{}", dropped["id"].as_str().unwrap());
    let saved = test.browser(Method::PATCH, &message).bearer_auth(token["token"].as_str().unwrap());
    let saved = send(saved.json(&json!({"folder": "saved"}))).await;
    assert_eq!(saved.status(), StatusCode::OK);
    let request = saved.headers()["request-id"].to_str().unwrap().to_owned();
    // A portal for somebody, a portal for itself, and an operator.
    let acting = test.portal(Method::PATCH, &message).header("Voicemill-Act-For", "101");
    assert_eq!(send(acting.json(&json!({"folder": "trash"}))).await.status(), StatusCode::OK);
    let hook = ok(test.portal(Method::POST, "/v1/webhooks").json(&json!({"url": "https://1.1.1.1/x"}))).await;
    let number =
        send(test.portal(Method::PUT, "/v1/service-numbers/8005550100").json(&json!({"recipients": []}))).await;
    assert_eq!(number.status(), StatusCode::OK);
    assert_eq!(test.change_domain("acme.example", json!({"brand": "Acme Ltd"})).await.status(), StatusCode::OK);
    // What is refused changes nothing, and what only looks neither.
    assert!(test.change_domain("acme.example", json!({"brand": ""})).await.status().is_client_error());
    ok(test.portal(Method::GET, "/v1/events")).await;

    let entries = ok(test.operator(Method::GET, AUDIT)).await;
    assert_eq!(
        actions(&entries),
        [
            "POST /v1/domains/{domain}/tokens",
            "message.moved",
            "message.moved",
            "POST /v1/webhooks",
            "service_number.changed",
            "PATCH /v1/domains/{domain}",
        ],
        "{entries:#}"
    );
    let entry = |from_last: usize| &entries[from_last];
    assert_eq!(entry(0)["who"], json!({"by": "operator", "id": null, "role": "operator", "acts_for": null}));
    assert_eq!(entry(0)["subject"], "/v1/domains/acme.example");
    assert!(entry(1)["subject"].as_str().unwrap().starts_with("service_numbers/"));
    assert_eq!(entry(2)["subject"], format!("webhooks/{}", hook["id"].as_str().unwrap()));
    assert_eq!(entry(3)["who"]["by"], "key");
    assert_eq!(entry(3)["who"]["acts_for"], "mailbox 101");
    let moved = entry(4);
    assert_eq!(moved["who"], json!({"by": "token", "id": token["id"], "role": "user", "acts_for": "dana"}));
    assert_eq!(moved["subject"], format!("messages/{}", dropped["id"].as_str().unwrap()));
    assert_eq!(moved["client"], "127.0.0.1");
    assert_eq!(moved["request_id"], request);
    assert_eq!(moved["domain"], "acme.example");
    assert!(!entries.to_string().contains("vmt_") && !entries.to_string().contains("4155550132"), "{entries:#}");

    // By subject, in time, in pages, and for whom it is.
    let subject = format!("{AUDIT}?subject=messages/{}", dropped["id"].as_str().unwrap());
    assert_eq!(ok(test.operator(Method::GET, &subject)).await.as_array().unwrap().len(), 2);
    let later = format!("{AUDIT}?from=2026-11-30T12:00:01Z");
    assert_eq!(ok(test.operator(Method::GET, &later)).await, json!([]));
    let page =
        ok(test.operator(Method::GET, &format!("{AUDIT}?limit=1&before={}", entry(0)["id"].as_str().unwrap()))).await;
    assert_eq!(page[0]["id"], entry(1)["id"]);
    assert_eq!(ok(test.portal(Method::GET, "/v1/domains/~/audit?limit=1")).await.as_array().unwrap().len(), 1);
    test.domain("other.example").await;
    assert_eq!(send(test.portal(Method::GET, "/v1/domains/other.example/audit")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(send(test.core(Method::GET, AUDIT)).await.status(), StatusCode::FORBIDDEN);
    let new = json!({"scope": "compliance", "name": "auditors"});
    let compliance = ok(test.operator(Method::POST, "/v1/domains/acme.example/keys").json(&new)).await;
    let read = test.browser(Method::GET, "/v1/domains/~/audit").bearer_auth(compliance["key"].as_str().unwrap());
    assert_eq!(ok(read).await[0]["action"], "key.created");
    let all = ok(test.operator(Method::GET, "/v1/audit?limit=500")).await;
    assert!(all.as_array().unwrap().iter().any(|entry| entry["domain"] == "other.example"), "of every domain");
    // Operators' own keys are no domain's.
    ok(test.operator(Method::POST, "/v1/keys").json(&json!({"scope": "operator", "name": "Kim"}))).await;
    let last = ok(test.operator(Method::GET, "/v1/audit?limit=1")).await;
    assert_eq!((&last[0]["action"], &last[0]["domain"]), (&json!("POST /v1/keys"), &Value::Null));
}

fn once(request: RequestBuilder, key: &str) -> RequestBuilder {
    request.header("Idempotency-Key", key)
}

fn is_replayed(answer: &Response) -> bool {
    answer.headers().get("idempotency-replayed").is_some_and(|value| value == "true")
}

async fn prompts(test: &TestApp) -> usize {
    ok(test.portal(Method::GET, "/v1/prompts")).await.as_array().unwrap().len()
}

fn upload(test: &TestApp, name: &str, sound: &str) -> RequestBuilder {
    let part = reqwest::multipart::Part::bytes(sample_bytes(sound)).file_name("lobby.mp3");
    let form = reqwest::multipart::Form::new().text("kind", "hold_music").text("name", name.to_owned());
    test.portal(Method::POST, "/v1/prompts").multipart(form.part("file", part))
}

async fn a_post_that_is_sent_twice_is_done_once_and_answered_twice(kind: Kind) {
    let (test, _server) = start(kind, fixed()).await;
    let (_, other_portal) = test.domain("other.example").await;
    // A form: each try has another boundary.
    let first = send(once(upload(&test, "Lobby", "hold-music.mp3"), "k1")).await;
    assert!(first.status().is_success() && !is_replayed(&first));
    let status = first.status();
    let first = first.text().await.unwrap();
    let again = send(once(upload(&test, "Lobby", "hold-music.mp3"), "k1")).await;
    assert!(is_replayed(&again) && again.status() == status, "{}", again.status());
    assert_eq!(again.headers()["content-type"], "application/json");
    assert_eq!(again.text().await.unwrap(), first);
    assert_eq!(prompts(&test).await, 1);
    for another in [upload(&test, "Hall", "hold-music.mp3"), upload(&test, "Lobby", "voicemail-short.wav")] {
        let refused = send(once(another, "k1")).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["type"], "/problems/idempotency-key-reused");
    }
    assert_eq!(prompts(&test).await, 1);

    // JSON; and what is refused by a rule is refused again, though it may be good by now.
    let spoken = |name: &str| {
        let new = json!({"kind": "hold_message", "name": name, "script": "Please hold."});
        test.portal(Method::POST, "/v1/prompts/text").json(&new)
    };
    let first: Value = send(once(spoken("One"), "k2")).await.json().await.unwrap();
    let again = send(once(spoken("One"), "k2")).await;
    assert!(is_replayed(&again));
    assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);
    let refused = send(once(spoken(""), "k3")).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused_again = send(once(spoken(""), "k3")).await;
    assert!(is_replayed(&refused_again) && refused_again.status() == StatusCode::UNPROCESSABLE_ENTITY);
    // What is no request of this kind frees the key.
    let wrong = test.portal(Method::POST, "/v1/prompts/text").json(&json!({"nonsense": 1}));
    assert_eq!(send(once(wrong, "k4")).await.status(), StatusCode::BAD_REQUEST);
    assert!(!is_replayed(&send(once(spoken("Two"), "k4")).await));
    let count = prompts(&test).await;

    // Keys are of who sends them, and of a day.
    let other = test.browser(Method::POST, "/v1/prompts/text").bearer_auth(&other_portal);
    let other = other.json(&json!({"kind": "hold_message", "name": "One", "script": "Please hold."}));
    assert!(!is_replayed(&send(once(other, "k2")).await), "another sender's key");
    let stranger = test.browser(Method::POST, "/v1/prompts/text").bearer_auth("vm_wrong").json(&json!({}));
    assert_eq!(send(once(stranger, "k2")).await.status(), StatusCode::UNAUTHORIZED, "who it is comes first");
    test.advance(SignedDuration::from_hours(23));
    assert!(is_replayed(&send(once(spoken("One"), "k2")).await));
    test.advance(SignedDuration::from_hours(2));
    assert!(!is_replayed(&send(once(spoken("One"), "k2")).await), "it is forgotten");
    assert_eq!(prompts(&test).await, count + 1);
    for bad in ["", "with space", &"x".repeat(256)] {
        assert_eq!(send(once(spoken("Bad"), bad)).await.status(), StatusCode::BAD_REQUEST, "{bad:?}");
    }
    assert_eq!(prompts(&test).await, count + 1);

    // A secret is shown once, and kept nowhere: who asks again is told which key it was.
    let key =
        || test.operator(Method::POST, "/v1/domains/acme.example/keys").json(&json!({"scope": "core", "name": "x"}));
    let made = ok(once(key(), "k5")).await;
    let again = send(once(key(), "k5")).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let problem: Value = again.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/answer-not-kept");
    assert_eq!(problem["parameters"]["effect"], format!("keys/{}", made["id"].as_str().unwrap()));
}

async fn of_many_that_send_the_same_post_at_once_one_does_it(kind: Kind) {
    let (test, _server) = start(kind, Clock::system()).await;
    let new = json!({"kind": "hold_message", "name": "One", "script": "Please hold."});
    let tries: Vec<_> = (0..12)
        .map(|_| {
            let request = once(test.portal(Method::POST, "/v1/prompts/text").json(&new), "at-once");
            tokio::spawn(async move {
                loop {
                    let answer = send(request.try_clone().unwrap()).await;
                    if answer.status() != StatusCode::CONFLICT {
                        return answer.json::<Value>().await.unwrap()["id"].clone();
                    }
                    assert!(answer.headers().contains_key("retry-after"));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        })
        .collect();
    let mut ids = Vec::new();
    for one in tries {
        ids.push(one.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(prompts(&test).await, 1);
}

async fn an_answer_that_was_lost_is_made_up_for_by_what_was_made(kind: Kind) {
    let (test, _server) = start(kind, Clock::system()).await;
    let new = json!({"kind": "hold_message", "name": "One", "script": "Please hold, we are with you in a moment."});
    let request = || once(test.portal(Method::POST, "/v1/prompts/text").json(&new), "lost");
    // Whoever hangs up while it is under way finds it done.
    drop(request().timeout(Duration::from_millis(30)).send().await);
    let answer = loop {
        let answer = send(request()).await;
        if answer.status() != StatusCode::CONFLICT {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(answer.status().is_success());
    assert_eq!(prompts(&test).await, 1);
}

async fn of_two_editors_the_second_is_told(kind: Kind) {
    let (test, _server) = start(kind, fixed()).await;
    let path = "/v1/mailboxes/101";
    let recipients = json!({"name": "Dana", "email_mode": "link", "recipients": ["dana@acme.example"]});
    let made = send(test.portal(Method::PUT, path).json(&recipients)).await;
    assert_eq!(made.status(), StatusCode::OK);
    let first = made.headers()["etag"].to_str().unwrap().to_owned();
    // A second PUT would reset what it does not name.
    let sms = json!({"sms_recipients": "4155550133"});
    assert_eq!(send(test.portal(Method::PUT, path).json(&sms)).await.status(), StatusCode::PRECONDITION_REQUIRED);
    let made_anew = send(test.portal(Method::PUT, path).header("If-None-Match", "*").json(&sms)).await;
    assert_eq!(made_anew.status(), StatusCode::PRECONDITION_FAILED);
    let patched = send(test.portal(Method::PATCH, path).header("If-Match", &first).json(&sms)).await;
    assert_eq!(patched.status(), StatusCode::OK);
    let second = patched.headers()["etag"].to_str().unwrap().to_owned();
    assert_ne!(first, second);
    let mailbox: Value = patched.json().await.unwrap();
    assert_eq!(mailbox["recipients"], json!(["dana@acme.example"]), "what is left out stays");
    assert_eq!(mailbox["sms_recipients"], json!(["+14155550133"]));
    for (method, tag) in [(Method::PATCH, &*first), (Method::PUT, &*first), (Method::PATCH, "\"nonsense\"")] {
        let stale = send(test.portal(method, path).header("If-Match", tag).json(&json!({"name": "Robin"}))).await;
        assert_eq!(stale.status(), StatusCode::PRECONDITION_FAILED, "{tag}");
        let problem: Value = stale.json().await.unwrap();
        assert_eq!(problem["type"], "/problems/changed-meanwhile");
    }
    let shown = send(test.portal(Method::GET, path)).await;
    assert_eq!(shown.headers()["etag"], *second);
    let reset = json!({"email_mode": null, "sms_recipients": null, "quota_bytes": null});
    let reset = ok(test.portal(Method::PATCH, path).json(&reset)).await;
    assert_eq!((&reset["email_mode"], &reset["sms_recipients"]), (&json!("none"), &json!([])), "null is the default");
    assert_eq!(reset["name"], "Dana");
    let replaced = ok(test.portal(Method::PUT, path).header("If-Match", "*").json(&json!({"name": "Robin"}))).await;
    assert_eq!((&replaced["name"], &replaced["recipients"]), (&json!("Robin"), &json!([])), "as a whole");
    let nobody = send(test.portal(Method::PATCH, "/v1/mailboxes/999").json(&json!({}))).await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    let bad = send(test.portal(Method::PATCH, path).json(&json!({"brief_seconds": 1}))).await;
    assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);

    // Of many at once with the same tag, one is not told.
    let tag = send(test.portal(Method::GET, path)).await.headers()["etag"].to_str().unwrap().to_owned();
    let tries: Vec<_> = (0..10)
        .map(|number| {
            let change = json!({"name": format!("Editor {number}")});
            tokio::spawn(send(test.portal(Method::PATCH, path).header("If-Match", &tag).json(&change)))
        })
        .collect();
    let mut good = 0;
    for one in tries {
        good += usize::from(one.await.unwrap().status() == StatusCode::OK);
    }
    assert_eq!(good, 1);

    // A domain and a webhook are the same.
    let domain = "/v1/domains/acme.example";
    let tag = send(test.operator(Method::GET, domain)).await.headers()["etag"].to_str().unwrap().to_owned();
    let change = |tag: &str| test.operator(Method::PATCH, domain).header("If-Match", tag).json(&json!({"brand": "A"}));
    assert_eq!(send(change(&tag)).await.status(), StatusCode::OK);
    assert_eq!(send(change(&tag)).await.status(), StatusCode::PRECONDITION_FAILED);
    let hook = send(test.portal(Method::POST, "/v1/webhooks").json(&json!({"url": "https://1.1.1.1/x"}))).await;
    let tag = hook.headers()["etag"].to_str().unwrap().to_owned();
    let hook = hook.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let at = |method| test.portal(method, &format!("/v1/webhooks/{hook}")).header("If-Match", &tag);
    assert_eq!(send(at(Method::PATCH).json(&json!({"name": "x"}))).await.status(), StatusCode::OK);
    assert_eq!(send(at(Method::PATCH).json(&json!({"name": "y"}))).await.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(send(at(Method::DELETE)).await.status(), StatusCode::PRECONDITION_FAILED);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_waits_and_cores_do_not() {
    let test = TestApp::start_with(Wish {
        configure: Box::new(|config| config.http.rate = RateConfig { per_second: 2, burst: 20 }),
        ..Wish::default()
    })
    .await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let ask = async || send(test.portal(Method::GET, "/v1/mailboxes")).await;
    let first = ask().await;
    assert_eq!(first.headers()["ratelimit-policy"], "\"key\";q=20;w=10");
    assert!(first.headers()["ratelimit"].to_str().unwrap().starts_with("\"key\";r="));
    let refused = loop {
        let answer = ask().await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
    };
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(refused.headers()["ratelimit"].to_str().unwrap().starts_with("\"key\";r=0;"));
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/rate-limited");
    assert_eq!(
        send(test.operator(Method::GET, "/v1/domains/acme.example")).await.status(),
        StatusCode::OK,
        "another key"
    );
    for number in 0..30 {
        let dropped = test.drop_message("101", &format!("m{number}"), sample_bytes("voicemail-short.wav")).await;
        assert_eq!(dropped.status(), StatusCode::CREATED);
    }
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(ask().await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_name_that_its_problem_says_too() {
    let test = TestApp::start().await;
    let good = send(test.browser(Method::GET, "/healthz")).await;
    let names = [
        good.headers()["request-id"].clone(),
        send(test.portal(Method::GET, "/v1/voices")).await.headers()["request-id"].clone(),
    ];
    assert_ne!(names[0], names[1]);
    for request in [
        test.browser(Method::GET, "/v1/voices"),
        test.browser(Method::GET, "/nowhere"),
        test.portal(Method::GET, "/v1/mailboxes/999"),
        test.portal(Method::POST, "/v1/webhooks").body("no json"),
    ] {
        let answer = send(request.header("Request-Id", "mine")).await;
        let name = answer.headers()["request-id"].to_str().unwrap().to_owned();
        assert_ne!(name, "mine");
        assert_eq!(answer.json::<Value>().await.unwrap()["request_id"], name);
    }
    test.stop().await;
}
