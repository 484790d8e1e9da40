//! Keys: made, listed, bound to addresses, rotated, revoked at once, and what each may do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill::keys::Role;
use voicemill_sql::Kind;
use voicemill_testing::TestDatabase;
use voicemill_types::clock::Clock;

use crate::harness::{OPERATOR_KEY, TestApp, Wish, detail, ok, sample_bytes};

on_both![
    a_revoked_key_opens_nothing_from_the_answer_on,
    a_rotated_key_is_good_with_both_secrets_for_a_while,
    what_was_revoked_is_not_remembered_while_the_database_is_down,
    a_key_is_listed_with_its_last_use_and_never_with_its_secret,
];

async fn start(kind: Kind, clock: Clock) -> (TestApp, Option<TestDatabase>) {
    let server = (kind == Kind::Postgres).then(TestDatabase::new);
    let database = server.as_ref().map(|server| server.url().parse().unwrap());
    (TestApp::start_with(Wish { clock, database, ..Wish::default() }).await, server)
}

const KEYS: &str = "/v1/domains/acme.example/keys";

/// Makes a key; returns its id and its secret.
async fn make(test: &TestApp, new: Value) -> (String, String) {
    let made = ok(test.operator(Method::POST, KEYS).json(&new)).await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

async fn status(test: &TestApp, key: &str, path: &str) -> StatusCode {
    test.browser(Method::GET, path).bearer_auth(key).send().await.unwrap().status()
}

async fn a_revoked_key_opens_nothing_from_the_answer_on(kind: Kind) {
    let (test, _server) = start(kind, Clock::system()).await;
    let (id, key) = make(&test, json!({"scope": "portal", "name": "a portal"})).await;
    let token = json!({"subject": "dana", "role": "manager"});
    let tokens = "/v1/domains/~/tokens";
    let token = ok(test.browser(Method::POST, tokens).bearer_auth(&key).json(&token)).await;
    let token = token["token"].as_str().unwrap().to_owned();
    let (revoked, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let askers: Vec<_> = (0..6)
        .map(|number| {
            let (revoked, good) = (revoked.clone(), good.clone());
            let secret = if number % 2 == 0 { key.clone() } else { token.clone() };
            let request = test.browser(Method::GET, "/v1/mailboxes").bearer_auth(secret);
            tokio::spawn(async move {
                let mut refused = 0;
                while refused < 3 {
                    let was_revoked = revoked.load(Ordering::SeqCst);
                    let status = request.try_clone().unwrap().send().await.unwrap().status();
                    match status {
                        StatusCode::OK => assert!(!was_revoked, "it was revoked before this was asked"),
                        // It is a wrong key by now, and tried often.
                        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => refused += 1,
                        other => panic!("{other}"),
                    }
                    good.fetch_add(usize::from(status == StatusCode::OK), Ordering::SeqCst);
                }
            })
        })
        .collect();
    while good.load(Ordering::SeqCst) < 30 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = test.operator(Method::DELETE, &format!("{KEYS}/{id}")).send().await.unwrap();
    revoked.store(true, Ordering::SeqCst);
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    for asker in askers {
        asker.await.unwrap();
    }
    let again = test.operator(Method::DELETE, &format!("{KEYS}/{id}")).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NO_CONTENT, "once more changes nothing");
    let rotate = test.operator(Method::POST, &format!("{KEYS}/{id}/rotate")).json(&json!({})).send().await.unwrap();
    assert_eq!(rotate.status(), StatusCode::CONFLICT, "it does not come back");
    let events = ok(test.portal(Method::GET, "/v1/events?types=key.revoked")).await;
    assert_eq!(events["items"].as_array().unwrap().len(), 1);
    assert_eq!(events["items"][0]["data"], json!({"key": id, "scope": "portal"}));
}

async fn a_rotated_key_is_good_with_both_secrets_for_a_while(kind: Kind) {
    let (test, _server) = start(kind, Clock::fixed("2026-11-30T12:00:00Z".parse().unwrap())).await;
    let (id, old) = make(&test, json!({"scope": "portal", "name": "a portal"})).await;
    let rotation = json!({"previous_good_seconds": 3600});
    let rotated = ok(test.operator(Method::POST, &format!("{KEYS}/{id}/rotate")).json(&rotation)).await;
    assert_eq!(rotated["previous_good_until"], "2026-11-30T13:00:00Z");
    let new = rotated["key"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    test.advance(SignedDuration::from_secs(3599));
    for key in [&old, &new] {
        assert_eq!(status(&test, key, "/v1/mailboxes").await, StatusCode::OK);
    }
    test.advance(SignedDuration::from_secs(1));
    assert_eq!(status(&test, &old, "/v1/mailboxes").await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&test, &new, "/v1/mailboxes").await, StatusCode::OK);
    let too_long = json!({"previous_good_seconds": 604_801});
    let refused = test.operator(Method::POST, &format!("{KEYS}/{id}/rotate")).json(&too_long).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let at_once = json!({"previous_good_seconds": 0});
    ok(test.operator(Method::POST, &format!("{KEYS}/{id}/rotate")).json(&at_once)).await;
    assert_eq!(status(&test, &new, "/v1/mailboxes").await, StatusCode::UNAUTHORIZED, "a leaked secret ends at once");
}

/// Another process revokes, and the one that remembers the key loses the database a second later.
async fn what_was_revoked_is_not_remembered_while_the_database_is_down(kind: Kind) {
    let (test, server) = start(kind, Clock::system()).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let (id, key) = make(&test, json!({"scope": "core", "name": "a core"})).await;
    let (_, other) = make(&test, json!({"scope": "core", "name": "another core"})).await;
    // On SQLite there is one process; PostgreSQL has another one, which alone is told.
    let teller = match &server {
        None => None,
        Some(server) => {
            let operator = TestApp::beside(server.url().parse().unwrap()).await;
            Some(operator)
        }
    };
    let drop = async |key: &str, id: &str| {
        let path = format!("/core/v1/mailboxes/101/messages/{id}");
        let body = sample_bytes("voicemail-short.wav");
        test.browser(Method::PUT, &path).bearer_auth(key).body(body).send().await.unwrap().status()
    };
    assert_eq!(drop(&key, "m1").await, StatusCode::CREATED);
    assert_eq!(drop(&other, "m2").await, StatusCode::CREATED);
    let by = teller.as_ref().unwrap_or(&test);
    let revoked = by.operator(Method::DELETE, &format!("{KEYS}/{id}")).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    tokio::time::sleep(Duration::from_secs(1)).await;
    test.close_database().await;
    assert_eq!(drop(&other, "m3").await, StatusCode::ACCEPTED, "a good core goes on dropping");
    assert_ne!(drop(&key, "m4").await, StatusCode::ACCEPTED, "a revoked one does not");
}

async fn a_key_is_listed_with_its_last_use_and_never_with_its_secret(kind: Kind) {
    let (test, _server) = start(kind, Clock::system()).await;
    let (id, key) = make(&test, json!({"scope": "portal", "name": "Lobby's portal"})).await;
    let began = Instant::now();
    let listed = loop {
        assert_eq!(status(&test, &key, "/v1/mailboxes").await, StatusCode::OK);
        let listed = ok(test.operator(Method::GET, &format!("{KEYS}/{id}"))).await;
        if listed["last_used_at"].is_string() {
            break listed;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "its use is never written");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(listed["name"], "Lobby's portal");
    assert_eq!(listed.get("key"), None);
    // A portal sees its domain's keys, and makes none.
    let seen = ok(test.portal(Method::GET, "/v1/domains/~/keys")).await;
    assert_eq!(seen.as_array().unwrap().len(), 3, "the harness has two");
    assert!(!seen.to_string().contains("vm_"));
    let new = json!({"scope": "portal", "name": "x"});
    for path in [KEYS, "/v1/domains/~/keys"] {
        let refused = test.portal(Method::POST, path).json(&new).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
    test.domain("other.example").await;
    let other = test.portal(Method::GET, "/v1/domains/other.example/keys").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
    let page = ok(test.operator(Method::GET, &format!("{KEYS}?limit=1&before={id}"))).await;
    assert_eq!(page.as_array().unwrap().len(), 1);
    let unknown = test.operator(Method::GET, "/v1/domains/other.example/keys/".to_owned().as_str()).send().await;
    assert_eq!(unknown.unwrap().status(), StatusCode::NOT_FOUND);
    let of_other = test.operator(Method::DELETE, &format!("/v1/domains/other.example/keys/{id}")).send().await.unwrap();
    assert_eq!(of_other.status(), StatusCode::NOT_FOUND, "a key is its domain's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_key_fetches_media_also_from_its_address_and_does_nothing_else() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], |message| message["state"] == "available").await;
    let rendition = message["renditions"][0]["id"].as_str().unwrap();
    let (id, key) = make(&test, json!({"scope": "media", "name": "phones"})).await;
    let plain = format!("/media/{rendition}/x.ulaw");
    let in_address = format!("/media/{key}/{rendition}/x.ulaw");
    assert_eq!(status(&test, &key, &plain).await, StatusCode::OK);
    let basic = test.browser(Method::GET, &plain).basic_auth("asterisk", Some(&key)).send().await.unwrap();
    assert_eq!(basic.status(), StatusCode::OK);
    let bare = test.browser(Method::GET, &in_address).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::OK);
    assert_eq!(bare.bytes().await.unwrap(), basic.bytes().await.unwrap());
    for (key, name) in [(&test.core_key, "core"), (&test.portal_key, "portal"), (&OPERATOR_KEY.to_owned(), "operator")]
    {
        let path = format!("/media/{}/{rendition}/x.ulaw", key.replace(' ', "%20"));
        let answer = test.browser(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "a {name} key is not for addresses");
    }
    for route in voicemill::http::keyed_methods().iter().filter(|route| !route.roles.contains(&Role::Media)) {
        let path = route.path.replace("{domain}", "acme.example").replace(['{', '}'], "");
        let request = test.browser(route.method.clone(), &path).bearer_auth(&key).json(&json!({}));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{} {path}", route.method);
    }
    let (other_core, _) = test.domain("other.example").await;
    let other =
        ok(test.operator(Method::POST, "/v1/domains/other.example/keys").json(&json!({"scope": "media", "name": "x"})));
    let other = other.await["key"].as_str().unwrap().to_owned();
    for path in [plain.clone(), format!("/media/{other}/{rendition}/x.ulaw")] {
        assert_eq!(status(&test, &other, &path).await, StatusCode::NOT_FOUND, "{path}");
    }
    drop(other_core);
    assert_eq!(test.operator(Method::DELETE, &format!("{KEYS}/{id}")).send().await.unwrap().status(), 204);
    assert_eq!(status(&test, &key, &in_address).await, StatusCode::UNAUTHORIZED);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_from_its_own_addresses_alone() {
    let test = TestApp::start_with(Wish {
        configure: Box::new(|config| config.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]),
        ..Wish::default()
    })
    .await;
    let new = json!({"scope": "portal", "name": "x", "addresses": ["192.0.2.0/24", "2001:db8::7"]});
    let (id, key) = make(&test, new).await;
    let from = async |address: &str| {
        let request = test.browser(Method::GET, "/v1/mailboxes").bearer_auth(&key);
        request.header("x-forwarded-for", address).send().await.unwrap()
    };
    for inside in ["192.0.2.9", "2001:db8::7"] {
        assert_eq!(from(inside).await.status(), StatusCode::OK, "{inside}");
    }
    for outside in ["192.0.3.9", "2001:db8::8"] {
        let refused = from(outside).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{outside}");
        assert!(detail(refused).await.contains("address"));
    }
    let listed = ok(test.operator(Method::GET, &format!("{KEYS}/{id}"))).await;
    assert_eq!(listed["addresses"], json!(["192.0.2.0/24", "2001:db8::7/128"]));
    for wrong in [json!(["nowhere"]), json!(["192.0.2.0/33"])] {
        let new = json!({"scope": "core", "name": "x", "addresses": wrong});
        let refused = test.operator(Method::POST, KEYS).json(&new).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
    let many: Vec<_> = (0..51).map(|number| format!("192.0.2.{number}")).collect();
    let new = json!({"scope": "core", "name": "x", "addresses": many});
    let refused = test.operator(Method::POST, KEYS).json(&new).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_has_keys_of_their_own_which_can_be_revoked() {
    let test = TestApp::start().await;
    let made = ok(test.operator(Method::POST, "/v1/keys").json(&json!({"scope": "operator", "name": "Kim"}))).await;
    let key = made["key"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(status(&test, key, "/v1/domains/acme.example").await, StatusCode::OK);
    assert_eq!(status(&test, key, "/v1/jobs").await, StatusCode::OK);
    for (path, scope) in [("/v1/keys", "core"), (KEYS, "operator")] {
        let refused =
            test.operator(Method::POST, path).json(&json!({"scope": scope, "name": "x"})).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{scope} at {path}");
    }
    let listed = ok(test.operator(Method::GET, "/v1/keys")).await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "those of domains are not among them");
    let of_domain = test.operator(Method::DELETE, &format!("{KEYS}/{id}")).send().await.unwrap();
    assert_eq!(of_domain.status(), StatusCode::NOT_FOUND);
    assert_eq!(test.operator(Method::DELETE, &format!("/v1/keys/{id}")).send().await.unwrap().status(), 204);
    assert_eq!(status(&test, key, "/v1/jobs").await, StatusCode::UNAUTHORIZED);
    test.stop().await;
}
