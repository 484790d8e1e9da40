//! People: a token that a portal made for somebody opens their mailboxes, and nothing else, by any route.

use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use voicemill::{http::KeyedRoute, keys::Role};
use voicemill_types::clock::Clock;

use crate::harness::{TestApp, Wish, ok, sample_bytes};

const TOKENS: &str = "/v1/domains/~/tokens";

async fn mint(test: &TestApp, new: Value) -> Value {
    ok(test.portal(Method::POST, TOKENS).json(&new)).await
}

/// A token that opens these mailboxes.
async fn user(test: &TestApp, extensions: &[&str]) -> String {
    let made = mint(test, json!({"subject": "dana", "mailboxes": extensions})).await;
    made["token"].as_str().unwrap().to_owned()
}

/// What somebody has in their mailbox.
struct Belongings {
    extension: &'static str,
    message: String,
    rendition: String,
    prompt: String,
    prompt_rendition: String,
}

async fn belongings(test: &TestApp, extension: &'static str) -> Belongings {
    test.mailbox(extension, json!({"transcribe": false})).await;
    let dropped = test.leave(extension, extension, "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], |message| message["state"] == "available").await;
    let part = reqwest::multipart::Part::bytes(sample_bytes("voicemail-short.wav")).file_name("greeting.wav");
    let form = reqwest::multipart::Form::new().text("kind", "greeting").text("name", "Away").part("file", part);
    let form = form.text("extension", extension);
    let prompt = ok(test.portal(Method::POST, "/v1/prompts").multipart(form)).await;
    let prompt = test
        .until(&format!("/v1/prompts/{}", prompt["id"].as_str().unwrap()), |prompt| prompt["state"] == "available")
        .await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Belongings {
        extension,
        message: text(&dropped["id"]),
        rendition: text(&message["renditions"][0]["id"]),
        prompt: text(&prompt["id"]),
        prompt_rendition: text(&prompt["renditions"][0]["id"]),
    }
}

/// The addresses of a route, filled in with what somebody has.
fn addresses(route: &KeyedRoute, of: &Belongings, webhook: &str) -> Vec<String> {
    let path = route.path.replace("{domain}", "acme.example").replace("{extension}", of.extension);
    let ids: &[&str] = match (route.about, route.path) {
        (Some("message"), _) => &[&of.message],
        (Some("mailbox"), path) if path.contains("/messages/{id}") => &[&of.message],
        (Some("prompt"), _) => &[&of.prompt],
        (Some("rendition"), _) => &[&of.rendition, &of.prompt_rendition],
        (None, path) if path.starts_with("/v1/webhooks") => &[webhook],
        (_, path) if path.starts_with("/core/v1/messages") => &[&of.message],
        _ => &["019abc3e-7c1a-7d52-9e0b-6f2d0c3b5a11"],
    };
    let fill = |id: &&str| {
        let path = path.replace("{id}", id).replace("{rendition}", id).replace("{file}", "x.wav");
        path.replace("{voice}", "heart").replace(['{', '}'], "")
    };
    ids.iter().map(fill).collect()
}

/// Asks every route for what is another's. `narrow` makes a request one of somebody who has 101 alone.
async fn walk(test: &TestApp, narrow: impl Fn(RequestBuilder) -> RequestBuilder) {
    let (own, others) = (belongings(test, "101").await, belongings(test, "102").await);
    let lobby: Value = test.upload("hold_music", "hold-music.mp3").await.json().await.unwrap();
    let hook = json!({"url": "https://1.1.1.1/x", "types": ["webhook.test"]});
    let hook = ok(test.portal(Method::POST, "/v1/webhooks").json(&hook)).await;
    let hook = hook["id"].as_str().unwrap();
    let (mut refused, mut opened) = (0, 0);
    for route in voicemill::http::keyed_methods() {
        // Which has its key in its address.
        if route.path.contains("{key}") {
            continue;
        }
        for path in addresses(&route, &others, hook) {
            let ask = |path: &str| test.browser(route.method.clone(), path);
            let with_body = |request: RequestBuilder| match route.method {
                Method::GET | Method::DELETE => request,
                _ => request.json(&json!({})),
            };
            if route.in_parts {
                continue;
            }
            let answer = narrow(with_body(ask(&path))).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{} {path}", route.method);
            refused += 1;
            // What is refused is there, and one's own is opened.
            if route.method == Method::GET && route.about.is_some() && route.roles.contains(&Role::User) {
                let portals = ask(&path).bearer_auth(&test.portal_key).send().await.unwrap().status();
                let not_there = path.ends_with("transcript.vtt");
                assert!(portals == StatusCode::OK || not_there, "{portals} {path}");
                for path in addresses(&route, &own, hook) {
                    let status = narrow(ask(&path)).send().await.unwrap().status();
                    assert!(status == StatusCode::OK || not_there, "{status} {path}");
                    opened += 1;
                }
            }
        }
    }
    assert!(refused > 60 && opened >= 7, "{refused} {opened}");

    // What everybody gets their part of.
    for path in ["/v1/mailboxes", "/v1/prompts", "/v1/events?limit=500"] {
        let part = ok(narrow(test.browser(Method::GET, path))).await;
        let listed = part.as_array().or_else(|| part["items"].as_array()).unwrap();
        assert!(!listed.is_empty(), "{path}");
        for one in listed {
            let text = one.to_string();
            let strange = [&others.message, &others.prompt, "\"102\"", lobby["id"].as_str().unwrap(), "\"key."];
            assert!(!strange.iter().any(|strange| text.contains(strange)), "{path}: {text}");
        }
    }
    let script = |extension: Option<&str>| {
        let new = json!({"kind": "greeting", "name": "x", "script": "Hello.", "extension": extension});
        narrow(test.browser(Method::POST, "/v1/prompts/text")).json(&new).send()
    };
    assert_eq!(script(Some("102")).await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(script(None).await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(script(Some("101")).await.unwrap().status().is_success());
    let form = |extension: &'static str| {
        let part = reqwest::multipart::Part::bytes(sample_bytes("voicemail-short.wav")).file_name("a.wav");
        let form = reqwest::multipart::Form::new().text("kind", "greeting").text("name", "x").part("file", part);
        narrow(test.browser(Method::POST, "/v1/prompts")).multipart(form.text("extension", extension)).send()
    };
    assert_eq!(form("102").await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(form("101").await.unwrap().status().is_success());
    // A place in the middle of the list of events, at what is another's, tells nothing either.
    let all = ok(test.portal(Method::GET, "/v1/events?limit=500")).await;
    let count = all["items"].as_array().unwrap().len();
    let part = ok(narrow(test.browser(Method::GET, "/v1/events?limit=500&cursor=1"))).await;
    assert!(part["items"].as_array().unwrap().len() < count);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_mailbox_finds_nothing_of_another_by_any_route() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let token = user(&test, &["101"]).await;
    walk(&test, |request| request.bearer_auth(&token)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_acts_for_one_mailbox_finds_nothing_of_another_by_any_route() {
    let test = TestApp::start().await;
    let key = test.portal_key.clone();
    walk(&test, |request| request.bearer_auth(&key).header("Voicemill-Act-For", "101")).await;
    let nobody = test.portal(Method::GET, "/v1/mailboxes").header("Voicemill-Act-For", "999").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    let core = test.core(Method::GET, "/v1/mailboxes/101/counts").header("Voicemill-Act-For", "101");
    assert_eq!(core.send().await.unwrap().status(), StatusCode::FORBIDDEN, "a portal alone acts for somebody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_what_the_group_has_until_they_leave() {
    let test = TestApp::start().await;
    let sales = belongings(&test, "102").await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let token = user(&test, &["101"]).await;
    let paths = [
        "/v1/mailboxes/102/messages".to_owned(),
        format!("/v1/messages/{}", sales.message),
        format!("/v1/mailboxes/101/messages/{}", sales.message),
        format!("/media/{}/x.wav", sales.rendition),
    ];
    for members in [json!([]), json!(["101"]), json!([])] {
        let set = json!({"members": members});
        ok(test.portal(Method::PUT, "/v1/mailboxes/102/members").json(&set)).await;
        let wanted = if members == json!([]) { StatusCode::NOT_FOUND } else { StatusCode::OK };
        for path in &paths {
            let by_token = test.browser(Method::GET, path).bearer_auth(&token).send().await.unwrap();
            assert_eq!(by_token.status(), wanted, "{path}");
            let acting = test.portal(Method::GET, path).header("Voicemill-Act-For", "101").send().await.unwrap();
            assert_eq!(acting.status(), wanted, "{path}");
        }
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_in_its_own_domain_until_it_ends_or_is_revoked() {
    let test =
        TestApp::start_with(Wish { clock: Clock::fixed("2026-11-30T12:00:00Z".parse().unwrap()), ..Wish::default() })
            .await;
    test.mailbox("101", json!({})).await;
    let (_, other_portal) = test.domain("other.example").await;
    let made = mint(&test, json!({"subject": "dana", "mailboxes": ["101"], "ttl_seconds": 600})).await;
    assert_eq!(made["expires_at"], "2026-11-30T12:10:00Z");
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("vmt_"));
    let ask = async |token: &str, path: &str| {
        test.browser(Method::GET, path).bearer_auth(token).send().await.unwrap().status()
    };
    assert_eq!(ask(&token, "/v1/mailboxes/101").await, StatusCode::OK);
    for path in ["/v1/domains/other.example", "/v1/domains/acme.example", "/v1/domains/~/tokens"] {
        assert_eq!(ask(&token, path).await, StatusCode::NOT_FOUND, "{path}");
    }
    test.advance(SignedDuration::from_secs(599));
    assert_eq!(ask(&token, "/v1/mailboxes/101").await, StatusCode::OK);
    test.advance(SignedDuration::from_secs(1));
    assert_eq!(ask(&token, "/v1/mailboxes/101").await, StatusCode::UNAUTHORIZED, "it ended");

    let mut tokens = Vec::new();
    for subject in ["dana", "dana", "robin"] {
        let made = mint(&test, json!({"subject": subject, "mailboxes": ["101"]})).await;
        tokens.push((made["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned()));
    }
    let listed = ok(test.portal(Method::GET, &format!("{TOKENS}?subject=dana"))).await;
    assert_eq!(listed.as_array().unwrap().len(), 3, "the one that ended is there for a day");
    assert!(!listed.to_string().contains("vmt_"));
    let path = |domain: &str, id: &str| format!("/v1/domains/{domain}/tokens/{id}");
    let by_other = test.browser(Method::DELETE, &path("~", &tokens[0].0)).bearer_auth(&other_portal);
    assert_eq!(by_other.send().await.unwrap().status(), StatusCode::NOT_FOUND, "it is of another domain");
    assert_eq!(ask(&tokens[0].1, "/v1/mailboxes/101").await, StatusCode::OK);
    let revoked = test.portal(Method::DELETE, &path("~", &tokens[0].0)).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    assert_eq!(ask(&tokens[0].1, "/v1/mailboxes/101").await, StatusCode::UNAUTHORIZED);
    let all = ok(test.portal(Method::DELETE, &format!("{TOKENS}?subject=dana"))).await;
    assert_eq!(all["revoked"], 1, "the other one that was good");
    assert_eq!(ask(&tokens[1].1, "/v1/mailboxes/101").await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&tokens[2].1, "/v1/mailboxes/101").await, StatusCode::OK, "somebody else is not signed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_sees_all_of_the_domain_and_gives_nobody_leave() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({})).await;
    test.mailbox("102", json!({})).await;
    let made = mint(&test, json!({"subject": "boss", "role": "manager"})).await;
    let token = made["token"].as_str().unwrap();
    let ask = |method: Method, path: &str| test.browser(method, path).bearer_auth(token);
    assert_eq!(ok(ask(Method::GET, "/v1/mailboxes")).await.as_array().unwrap().len(), 2);
    ok(ask(Method::GET, "/v1/service-numbers")).await;
    let new = json!({"subject": "x", "mailboxes": ["101"]});
    for (method, path) in [
        (Method::POST, TOKENS),
        (Method::GET, "/v1/domains/~/keys"),
        (Method::GET, "/v1/webhooks"),
        (Method::GET, "/v1/jobs"),
    ] {
        let answer = ask(method, path).json(&new).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    for (new, wanted) in [
        (json!({"subject": "x"}), 422),
        (json!({"subject": "x", "role": "manager", "mailboxes": ["101"]}), 422),
        (json!({"subject": "", "mailboxes": ["101"]}), 422),
        (json!({"subject": "x", "mailboxes": ["101"], "ttl_seconds": 86_401}), 422),
        (json!({"subject": "x", "mailboxes": ["999"]}), 404),
        (json!({"subject": "x", "mailboxes": ["101"], "role": "operator"}), 400),
    ] {
        let refused = test.portal(Method::POST, TOKENS).json(&new).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), wanted, "{new}");
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({})).await;
    let made = mint(&test, json!({"subject": "dana", "mailboxes": ["101"]})).await;
    let open = test.browser(Method::GET, "/v1/events/stream").bearer_auth(made["token"].as_str().unwrap());
    let mut stream = open.send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let path = format!("{TOKENS}/{}", made["id"].as_str().unwrap());
    assert_eq!(test.portal(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    test.mailbox("101", json!({"name": "Dana"})).await;
    let ended = async {
        let mut told = Vec::new();
        while let Some(piece) = stream.chunk().await.unwrap() {
            told.extend_from_slice(&piece);
        }
        String::from_utf8(told).unwrap()
    };
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), ended).await.expect("it ends");
    assert!(!told.contains("mailbox.changed"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_does_not_take_is_a_problem_that_says_what_it_takes() {
    let test = TestApp::start().await;
    for (method, path, allowed) in [
        (Method::PUT, "/v1/mailboxes", "GET,HEAD"),
        (Method::PATCH, "/v1/webhooks", "GET,HEAD,POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
    ] {
        let answer = test.portal(method, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.headers()["allow"].to_str().unwrap().replace(' ', ""), allowed, "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], "/problems/method-not-allowed");
    }
    test.stop().await;
}
