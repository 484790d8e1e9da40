//! Events on their way to a portal: posted to an endpoint, listed, and streamed.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, task::JoinHandle};
use voicemill_sql::Kind;
use voicemill_testing::TestDatabase;
use voicemill_types::clock::Clock;

use crate::harness::{TestApp, Wish, detail, ok, sample_bytes, sqlite};

const PATIENCE: Duration = Duration::from_secs(60);

on_both![
    each_event_reaches_the_endpoint_signed_and_can_be_listed,
    an_endpoint_that_was_down_misses_nothing,
    what_is_kept_can_be_replayed_by_id_type_and_time,
    a_secret_is_replaced_without_a_gap,
    an_endpoint_that_is_gone_is_disabled_and_others_are_told,
    an_endpoint_that_takes_nothing_for_days_is_disabled_and_loses_nothing,
    an_endpoint_says_when_it_wants_to_be_asked_again_and_leads_nowhere_else,
    a_slow_endpoint_delays_nobody,
    a_stream_goes_on_where_it_ended_though_the_service_was_restarted,
    lamps_are_told_at_most_once_a_second,
];

/// One request that an endpoint got.
#[derive(Clone)]
struct Got {
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether one of its signatures is by that secret, reckoned as the specification says.
    fn is_signed_by(&self, secret: &str) -> bool {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        for part in [self.header("webhook-id"), ".", self.header("webhook-timestamp"), "."] {
            mac.update(part.as_bytes());
        }
        mac.update(&self.body);
        let wanted = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == wanted)
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// A status, and perhaps a header.
type Answer = (u16, Option<(&'static str, String)>);

#[derive(Clone, Default)]
struct Inside {
    got: Arc<Mutex<Vec<Got>>>,
    answer: Arc<Mutex<Answer>>,
    hangs: Arc<Mutex<bool>>,
}

/// A portal's own server.
struct Endpoint {
    address: SocketAddr,
    inside: Inside,
    server: Option<JoinHandle<()>>,
}

impl Endpoint {
    async fn start() -> Self {
        let inside = Inside::default();
        *inside.answer.lock().unwrap() = (204, None);
        let mut endpoint = Self { address: "127.0.0.1:0".parse().unwrap(), inside, server: None };
        endpoint.start_again().await;
        endpoint
    }

    async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let routes = Router::new().fallback(take).with_state(self.inside.clone());
        self.server = Some(tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() }));
    }

    /// From now on nobody listens there.
    async fn stop(&mut self) {
        let server = self.server.take().unwrap();
        server.abort();
        drop(server.await);
    }

    fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }

    fn answer(&self, status: u16, header: Option<(&'static str, String)>) {
        *self.inside.answer.lock().unwrap() = (status, header);
    }

    fn got(&self) -> Vec<Got> {
        self.inside.got.lock().unwrap().clone()
    }

    /// The events that it got of a type, once there are so many.
    async fn until(&self, kind: &str, count: usize) -> Vec<Got> {
        let began = Instant::now();
        loop {
            let found: Vec<_> = self.got().into_iter().filter(|got| got.event()["type"] == kind).collect();
            if found.len() >= count {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{} of {count} {kind} came", found.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

async fn take(State(inside): State<Inside>, headers: HeaderMap, body: Bytes) -> Response {
    inside.got.lock().unwrap().push(Got { headers, body });
    if *inside.hangs.lock().unwrap() {
        std::future::pending::<()>().await;
    }
    let (status, header) = inside.answer.lock().unwrap().clone();
    let mut response = (axum::http::StatusCode::from_u16(status).unwrap(), "as you like").into_response();
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// The service on a database of this kind, with a clock that stands still.
async fn start(kind: Kind) -> (TestApp, Option<TestDatabase>) {
    let server = (kind == Kind::Postgres).then(TestDatabase::new);
    let wish = Wish {
        clock: Clock::fixed("2026-11-30T12:00:00Z".parse().unwrap()),
        configure: Box::new(|config| config.webhooks.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()]),
        database: server.as_ref().map(|server| server.url().parse().unwrap()),
        ..Wish::default()
    };
    (TestApp::start_with(wish).await, server)
}

async fn hook(test: &TestApp, endpoint: &Endpoint, types: &[&str]) -> Value {
    let new = json!({"url": endpoint.url(), "types": types});
    ok(test.portal(Method::POST, "/v1/webhooks").json(&new)).await
}

fn path(hook: &Value, rest: &str) -> String {
    format!("/v1/webhooks/{}{rest}", hook["id"].as_str().unwrap())
}

/// Something that makes one event and costs little.
async fn happen(test: &TestApp, times: usize) {
    for _ in 0..times {
        test.mailbox("101", json!({"transcribe": false})).await;
    }
}

/// The deliveries of a hook once `done` holds of all.
async fn settled(test: &TestApp, hook: &Value, state: &str, count: usize) -> Vec<Value> {
    let path = path(hook, &format!("/deliveries?limit=500&state={state}"));
    let listed = test.until(&path, |listed| listed.as_array().unwrap().len() >= count).await;
    listed.as_array().unwrap().clone()
}

async fn each_event_reaches_the_endpoint_signed_and_can_be_listed(kind: Kind) {
    let (test, _server) = start(kind).await;
    let endpoint = Endpoint::start().await;
    let made = hook(&test, &endpoint, &[]).await;
    let secret = made["secret"].as_str().unwrap();
    let shown = ok(test.portal(Method::GET, &path(&made, ""))).await;
    assert!(shown.get("secret").is_none(), "{shown}");
    assert!(!ok(test.portal(Method::GET, "/v1/webhooks")).await.to_string().contains("whsec_"));

    test.mailbox("101", json!({"transcribe": false})).await;
    let message = test.leave("101", "m1", "voicemail-short.wav").await;
    let got = endpoint.until("message.available", 1).await.remove(0);
    let event = got.event();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["source"], "/v1/domains/acme.example");
    assert_eq!(event["subject"], format!("mailboxes/101/messages/{}", message["id"].as_str().unwrap()));
    let data = &event["data"];
    assert_eq!((&data["mailbox"], &data["message"]), (&json!("101"), &message["id"]));
    assert_eq!(data["caller_number"], "4155550132");
    assert!(data["duration_ms"].as_i64().unwrap() > 1_000, "{data}");
    assert_eq!(got.header("content-type"), "application/cloudevents+json");
    assert_eq!(got.header("webhook-id"), event["id"].as_str().unwrap());
    for got in endpoint.got() {
        assert!(got.is_signed_by(secret));
        assert!(!got.is_signed_by("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert!(got.body.len() < 20_000);
    }

    ok(test
        .portal(Method::PATCH, &format!("/v1/messages/{}", message["id"].as_str().unwrap()))
        .json(&json!({"folder": "trash"})))
    .await;
    let moved = endpoint.until("message.moved", 1).await.remove(0).event();
    assert_eq!((&moved["data"]["from"], &moved["data"]["to"]), (&json!("new"), &json!("trash")));
    assert!(moved["sequence"].as_str() > event["sequence"].as_str());

    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ok(test.portal(Method::GET, &format!("/v1/events?limit=2{cursor}"))).await;
        let items = page["items"].as_array().unwrap().clone();
        if items.is_empty() {
            break;
        }
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
        listed.extend(items);
    }
    for wanted in ["key.created", "mailbox.created", "message.received", "message.available", "message.moved"] {
        assert_eq!(
            listed.iter().filter(|event| event["type"] == wanted).count(),
            if wanted == "key.created" { 2 } else { 1 }
        );
    }
    assert!(listed.contains(&event), "the same everywhere");
    let only = ok(test.portal(Method::GET, "/v1/events?types=message.read,message.moved")).await;
    assert_eq!(only["items"], json!([moved]));
    for bad in ["/v1/events?types=message.eaten", "/v1/events?cursor=-1", "/v1/events?cursor=x"] {
        assert_eq!(
            test.portal(Method::GET, bad).send().await.unwrap().status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{bad}"
        );
    }
    let (_, other) = test.domain("other.example").await;
    let theirs = test.http.get(format!("{}/v1/events", test.base)).bearer_auth(&other);
    let theirs = ok(theirs).await;
    assert!(theirs["items"].as_array().unwrap().iter().all(|event| event["type"] == "key.created"), "{theirs}");
    let theirs = test.http.get(format!("{}{}", test.base, path(&made, ""))).bearer_auth(&other).send().await.unwrap();
    assert_eq!(theirs.status(), StatusCode::NOT_FOUND);
}

async fn an_endpoint_that_was_down_misses_nothing(kind: Kind) {
    const EVENTS: usize = 25;
    let (test, _server) = start(kind).await;
    let mut endpoint = Endpoint::start().await;
    let made = hook(&test, &endpoint, &["mailbox.changed"]).await;
    happen(&test, 2).await;
    endpoint.until("mailbox.changed", 1).await;
    endpoint.stop().await;
    happen(&test, EVENTS).await;
    let tried = |delivery: &Value| !delivery["attempts"].as_array().unwrap().is_empty();
    let due = path(&made, "/deliveries?limit=500&state=due");
    test.until(&due, |due| due.as_array().unwrap().len() == EVENTS && due.as_array().unwrap().iter().all(tried)).await;
    test.advance(jiff::SignedDuration::from_secs(7));
    let twice = |delivery: &Value| delivery["tries"] == 2;
    test.until(&due, |due| due.as_array().unwrap().iter().all(twice)).await;
    endpoint.start_again().await;
    test.advance(jiff::SignedDuration::from_mins(7));
    endpoint.until("mailbox.changed", EVENTS + 1).await;
    let delivered = settled(&test, &made, "delivered", EVENTS + 1).await;
    let attempts = delivered[0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    assert_eq!((&attempts[0]["status"], &attempts[2]["status"]), (&Value::Null, &json!(204)));
    assert!(attempts[0]["answer"].as_str().unwrap().contains("refused"), "{attempts:?}");
    let ids: std::collections::HashSet<_> =
        endpoint.got().iter().map(|got| got.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), EVENTS + 1);
    assert_eq!(endpoint.got().len(), EVENTS + 1, "none came twice");
}

async fn what_is_kept_can_be_replayed_by_id_type_and_time(kind: Kind) {
    let (test, _server) = start(kind).await;
    let endpoint = Endpoint::start().await;
    happen(&test, 3).await;
    test.advance(jiff::SignedDuration::from_hours(1));
    happen(&test, 1).await;
    // What is read from the outbox after the endpoint was made would reach it by itself.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let made = hook(&test, &endpoint, &["mailbox.changed"]).await;
    let replay = async |which: Value| ok(test.portal(Method::POST, &path(&made, "/replay")).json(&which)).await;

    let page = ok(test.portal(Method::GET, "/v1/events?types=mailbox.changed")).await;
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(replay(json!({"events": [ids[0]]})).await, json!({"events": 1, "next": null}));
    let first = endpoint.until("mailbox.changed", 1).await;
    assert_eq!(first[0].event()["id"], ids[0], "what happened before the endpoint was made");
    assert_eq!(replay(json!({"from": "2026-11-30T12:30:00Z"})).await["events"], 1);
    let second = endpoint.until("mailbox.changed", 2).await;
    assert_eq!(second[1].event()["id"], ids[2]);
    assert_eq!(replay(json!({"types": ["mailbox.created"]})).await["events"], 1);
    endpoint.until("mailbox.created", 1).await;
    assert_eq!(replay(json!({"from": "2026-11-30T00:00:00Z", "to": "2026-11-30T12:30:00Z"})).await["events"], 2);
    let all = endpoint.until("mailbox.changed", 4).await;
    let all: Vec<_> = all.iter().map(|got| got.event()["id"].clone()).collect();
    assert_eq!(all.iter().filter(|id| **id == ids[0]).count(), 2, "again, under the same id: {all:?} of {ids:?}");

    for bad in [json!({}), json!({"types": ["x"]})] {
        let refused = test.portal(Method::POST, &path(&made, "/replay")).json(&bad).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let unknown = json!({"events": [uuid::Uuid::now_v7()]});
    let refused = test.portal(Method::POST, &path(&made, "/replay")).json(&unknown).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    let other = Endpoint::start().await;
    hook(&test, &other, &[]).await;
    let tested = test.portal(Method::POST, &path(&made, "/test")).send().await.unwrap();
    assert_eq!(tested.status(), StatusCode::ACCEPTED);
    endpoint.until("webhook.test", 1).await;
    test.idle().await;
    assert!(other.got().iter().all(|got| got.event()["type"] != "webhook.test"), "it is for the one that is tried");
}

async fn a_secret_is_replaced_without_a_gap(kind: Kind) {
    let (test, _server) = start(kind).await;
    let endpoint = Endpoint::start().await;
    let made = hook(&test, &endpoint, &["mailbox.changed", "mailbox.created"]).await;
    let old = made["secret"].as_str().unwrap();
    let rotated = ok(test.portal(Method::POST, &path(&made, "/secret"))).await;
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(old, new);
    happen(&test, 1).await;
    let got = endpoint.until("mailbox.created", 1).await.remove(0);
    assert!(got.is_signed_by(old) && got.is_signed_by(new));
    test.advance(jiff::SignedDuration::from_hours(24));
    happen(&test, 1).await;
    let got = endpoint.until("mailbox.changed", 1).await.remove(0);
    assert!(!got.is_signed_by(old) && got.is_signed_by(new));
}

async fn an_endpoint_that_is_gone_is_disabled_and_others_are_told(kind: Kind) {
    let (test, _server) = start(kind).await;
    let (gone, other) = (Endpoint::start().await, Endpoint::start().await);
    let made = hook(&test, &gone, &["mailbox.created", "mailbox.changed"]).await;
    hook(&test, &other, &["webhook.disabled"]).await;
    gone.answer(410, None);
    happen(&test, 1).await;
    let told = other.until("webhook.disabled", 1).await.remove(0).event();
    assert_eq!(told["data"]["webhook"], made["id"]);
    let shown = ok(test.portal(Method::GET, &path(&made, ""))).await;
    assert_eq!(shown["state"], "disabled");
    assert!(shown["reason"].as_str().unwrap().contains("410"), "{shown}");
    happen(&test, 1).await;
    test.idle().await;
    assert_eq!(gone.got().len(), 1, "it was asked once, and never again");
    let dead = settled(&test, &made, "dead", 1).await;
    assert_eq!(dead[0]["attempts"][0]["answer"], "as you like");

    gone.answer(204, None);
    ok(test.portal(Method::PATCH, &path(&made, "")).json(&json!({"state": "enabled"}))).await;
    happen(&test, 1).await;
    gone.until("mailbox.changed", 1).await;
}

async fn an_endpoint_that_takes_nothing_for_days_is_disabled_and_loses_nothing(kind: Kind) {
    const EVENTS: usize = 22;
    let (test, _server) = start(kind).await;
    let endpoint = Endpoint::start().await;
    let made = hook(&test, &endpoint, &["mailbox.changed"]).await;
    endpoint.answer(500, None);
    happen(&test, EVENTS + 1).await;
    for tries in 1..=9 {
        endpoint.until("mailbox.changed", tries * EVENTS).await;
        test.idle().await;
        test.advance(jiff::SignedDuration::from_hours(30));
    }
    // The twentieth to die disables it; what is left of the last round is not tried any more.
    endpoint.until("mailbox.changed", 9 * EVENTS + 20).await;
    let dead = settled(&test, &made, "dead", EVENTS).await;
    assert_eq!(dead.len(), EVENTS);
    assert!(dead.iter().filter(|delivery| delivery["tries"] == 10).count() >= 20, "{dead:?}");
    test.idle().await;
    let shown = ok(test.portal(Method::GET, &path(&made, ""))).await;
    assert_eq!(shown["state"], "disabled", "{shown}");
    let refused = test.portal(Method::POST, &path(&made, "/test")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(detail(refused).await.contains("enable it"));

    endpoint.answer(200, None);
    let before = endpoint.got().len();
    ok(test.portal(Method::PATCH, &path(&made, "")).json(&json!({"state": "enabled"}))).await;
    let replayed = json!({"from": "2026-11-30T00:00:00Z"});
    let replayed = ok(test.portal(Method::POST, &path(&made, "/replay")).json(&replayed)).await;
    assert_eq!(replayed["events"], EVENTS);
    let all = endpoint.until("mailbox.changed", before + EVENTS).await;
    let ids: std::collections::HashSet<_> = all[before..].iter().map(|got| got.event()["id"].to_string()).collect();
    assert_eq!(ids.len(), EVENTS);
    settled(&test, &made, "delivered", EVENTS).await;
}

async fn an_endpoint_says_when_it_wants_to_be_asked_again_and_leads_nowhere_else(kind: Kind) {
    let (test, _server) = start(kind).await;
    let (endpoint, other) = (Endpoint::start().await, Endpoint::start().await);
    let made = hook(&test, &endpoint, &["mailbox.created"]).await;
    endpoint.answer(429, Some(("retry-after", "3600".to_owned())));
    happen(&test, 1).await;
    let listed = test.until(&path(&made, "/deliveries"), |listed| listed[0]["tries"] == 1).await;
    assert_eq!(listed[0]["next_at"], "2026-11-30T13:00:00Z");
    endpoint.answer(307, Some(("location", other.url())));
    test.advance(jiff::SignedDuration::from_hours(1));
    test.until(&path(&made, "/deliveries"), |listed| listed[0]["tries"] == 2).await;
    assert_eq!(other.got().len(), 0, "no redirect is followed");
}

async fn a_slow_endpoint_delays_nobody(kind: Kind) {
    let (test, _server) = start(kind).await;
    let (slow, quick) = (Endpoint::start().await, Endpoint::start().await);
    *slow.inside.hangs.lock().unwrap() = true;
    hook(&test, &slow, &[]).await;
    happen(&test, 40).await;
    slow.until("mailbox.changed", 3).await;
    hook(&test, &quick, &["mailbox.changed"]).await;
    let began = Instant::now();
    happen(&test, 1).await;
    quick.until("mailbox.changed", 1).await;
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    assert!(slow.got().len() <= 8, "of one endpoint, four are under way at most: {}", slow.got().len());
}

/// What a stream brings, event by event.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(test: &TestApp, last: Option<&str>) -> Self {
        let mut request = test.portal(Method::GET, "/v1/events/stream?types=mailbox.changed,mailbox.created");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The id and the data of the next event.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let found = field("id:").zip(field("data:"));
                let found = found.map(|(id, data)| (id.to_owned(), serde_json::from_str(data).unwrap()));
                self.text = rest.to_owned();
                if let Some(event) = found {
                    return event;
                }
            } else {
                let chunk = self.response.chunk().await.unwrap().expect("the stream ended");
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        }
    }
}

async fn a_stream_goes_on_where_it_ended_though_the_service_was_restarted(kind: Kind) {
    let (test, _server) = start(kind).await;
    happen(&test, 1).await;
    let mut stream = Stream::open(&test, None).await;
    happen(&test, 1).await;
    let (last, event) = stream.next().await;
    assert_eq!(event["type"], "mailbox.changed", "what happened before is not told");
    let began = Instant::now();
    let test = test.restart().await;
    assert!(began.elapsed() < Duration::from_secs(8), "a stream keeps the service from ending: {:?}", began.elapsed());
    happen(&test, 5).await;
    let mut stream = Stream::open(&test, Some(&last)).await;
    let mut seen = vec![event["id"].clone()];
    for _ in 0..5 {
        seen.push(stream.next().await.1["id"].clone());
    }
    let page = ok(test.portal(Method::GET, "/v1/events?types=mailbox.changed")).await;
    let all: Vec<_> = page["items"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(seen, all, "each once, in order");

    let mut open = Vec::new();
    for _ in 1..20 {
        open.push(Stream::open(&test, None).await);
    }
    let one_more = test.portal(Method::GET, "/v1/events/stream").send().await.unwrap();
    assert_eq!(one_more.status(), StatusCode::TOO_MANY_REQUESTS);
}

async fn lamps_are_told_at_most_once_a_second(kind: Kind) {
    let (test, _server) = start(kind).await;
    let endpoint = Endpoint::start().await;
    hook(&test, &endpoint, &["mailbox.counts"]).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let mut sound = sample_bytes("voicemail-short.wav");
        sound.extend([0; 2].repeat(number));
        let dropped: Value = test.drop_message("101", &format!("m{number}"), sound).await.json().await.unwrap();
        ids.push(dropped["id"].clone());
    }
    for id in &ids {
        test.message(id, |message| message["state"] == "available").await;
    }
    test.idle().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(endpoint.got().len(), 1, "the clock stands still, so that the rest has to wait");
    test.advance(jiff::SignedDuration::from_secs(1));
    let last = endpoint.until("mailbox.counts", 2).await.remove(1).event();
    let counts =
        |value: &Value| [&value["new"], &value["old"], &value["urgent_new"], &value["trash"]].map(Value::as_i64);
    assert_eq!(counts(&last["data"]), [Some(3), Some(0), Some(0), Some(0)]);
    assert_eq!(last["data"]["mailbox"], "101");

    let folder = json!({"folder": "saved"});
    ok(test.portal(Method::PATCH, &format!("/v1/messages/{}", ids[0].as_str().unwrap())).json(&folder)).await;
    let folder = json!({"folder": "trash"});
    ok(test.portal(Method::PATCH, &format!("/v1/messages/{}", ids[1].as_str().unwrap())).json(&folder)).await;
    test.advance(jiff::SignedDuration::from_secs(1));
    let told = endpoint.until("mailbox.counts", 3).await.pop().unwrap().event();
    let asked = ok(test.core(Method::GET, "/v1/mailboxes/101/counts")).await;
    assert_eq!(counts(&asked), [Some(1), Some(1), Some(0), Some(1)]);
    if counts(&told["data"]) != counts(&asked) {
        // The first of the two moves was told by itself.
        test.advance(jiff::SignedDuration::from_secs(1));
        let told = endpoint.until("mailbox.counts", 4).await.pop().unwrap().event();
        assert_eq!(counts(&told["data"]), counts(&asked));
    }
    assert!(asked["bytes"].as_i64().unwrap() > 10_000);
    assert_eq!(
        test.core(Method::GET, "/v1/mailboxes/999/counts").send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_inside_our_own_network_is_refused_when_saved_and_when_connected_to() {
    let test =
        TestApp::start_with(Wish { clock: Clock::fixed("2026-11-30T12:00:00Z".parse().unwrap()), ..Wish::default() })
            .await;
    for url in [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://169.254.169.254/latest/meta-data/",
        "http://1.1.1.1/x",
        "gopher://1.1.1.1/",
    ] {
        let refused = test.portal(Method::POST, "/v1/webhooks").json(&json!({"url": url})).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{url}");
    }
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let new = json!({"url": "https://1.1.1.1/x", "types": ["mailbox.created"]});
    for (number, host) in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"].into_iter().enumerate() {
        let made = ok(test.portal(Method::POST, "/v1/webhooks").json(&new)).await;
        // As if its name had led elsewhere when it was saved.
        let query = sqlx::query("UPDATE webhook SET url = ?1 WHERE url = 'https://1.1.1.1/x'");
        query.bind(format!("http://{host}:{port}/x")).execute(&sqlite(&test.app).write).await.unwrap();
        test.mailbox(&format!("10{number}"), json!({})).await;
        let tried = test.until(&path(&made, "/deliveries"), |listed| listed[0]["tries"] == 1).await;
        let answer = tried[0]["attempts"][0]["answer"].as_str().unwrap();
        assert!(answer.contains("not public"), "{host}: {answer}");
        delete(&test, &path(&made, "")).await;
    }
    let connected = tokio::time::timeout(Duration::from_millis(200), inside.accept()).await;
    assert!(connected.is_err(), "nobody connected");
}

async fn delete(test: &TestApp, path: &str) {
    assert_eq!(test.portal(Method::DELETE, path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
}
