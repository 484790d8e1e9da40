//! What comes from outside: bad files, wrong keys, other domains, and a process that dies.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::harness::{TestApp, detail, mails_in, models_folder, ok, sample_bytes, samples};
use reqwest::{
    Method, RequestBuilder, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test(flavor = "multi_thread")]
async fn bad_files_end_with_a_reason_the_original_kept_and_the_service_unharmed() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(samples().join("expected.json")).unwrap()).unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(samples().join("bad")).unwrap() {
        let name = format!("bad/{}", entry.unwrap().file_name().to_str().unwrap());
        let dropped = test.leave("101", &name.replace('/', "-"), &name).await;
        let message = test.message(&dropped["id"], |message| message["state"] != "pending").await;
        if let Some(wanted) = expected[&name]["recovered_seconds"].as_f64() {
            assert_eq!(message["state"], "available", "{name}: {message:#}");
            let measured = message["duration_ms"].as_f64().unwrap() / 1000.0;
            assert!((measured - wanted).abs() < 0.1, "{name}: {measured} s, not {wanted} s");
        } else {
            assert_eq!(message["state"], "failed", "{name}");
            let reason = message["failure"]["detail"].as_str().unwrap();
            assert!(reason.ends_with('.') && !reason.contains('/'), "{name}: {reason}");
        }
        seen += 1;
    }
    assert!(seen >= 4);
    let store = test.app.config.storage.folder.join("store");
    let originals = std::fs::read_dir(store)
        .unwrap()
        .flatten()
        .filter(|folder| folder.path().is_dir())
        .flat_map(|folder| std::fs::read_dir(folder.path()).unwrap())
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "orig"))
        .count();
    assert_eq!(originals, seen, "every original is kept");
    let good = test.leave("101", "good", "voicemail-short.wav").await;
    test.message(&good["id"], |message| message["state"] == "available").await;
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_its_own_domain_only() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], |message| message["state"] == "available").await;
    let (other_core, other_portal) = test.domain("other.example").await;
    let ask =
        async |key: &str, path: &str| test.browser(Method::GET, path).bearer_auth(key).send().await.unwrap().status();
    let id = dropped["id"].as_str().unwrap();
    let rendition = message["renditions"][0]["id"].as_str().unwrap();
    assert_eq!(ask(&other_portal, &format!("/v1/messages/{id}")).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(&other_core, &format!("/core/v1/messages/{id}")).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(&other_core, &format!("/media/{rendition}/x.ulaw")).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(&other_portal, "/v1/mailboxes/101").await, StatusCode::NOT_FOUND);
    assert_eq!(ask("vm_wrong", &format!("/v1/messages/{id}")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&test.core_key, &format!("/v1/messages/{id}")).await, StatusCode::FORBIDDEN, "one scope a key");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_checked_when_they_are_saved() {
    let test = TestApp::start().await;
    let save =
        async |settings: Value| test.portal(Method::PUT, "/v1/mailboxes/101").json(&settings).send().await.unwrap();
    let answer = save(json!({"recipients": ["dana@acme.example", "not an address"]})).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(answer).await.contains("not an address"), "the bad one is named");
    assert_eq!(save(json!({"brief_seconds": 1})).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(save(json!({"emailmode": "link"})).await.status().is_client_error(), "an unknown setting is no setting");
    let answer = save(json!({"email_mode": "carrier pigeon"})).await;
    assert!(detail(answer).await.contains("carrier pigeon"), "a wrong value is named");
    let saved: Value = save(json!({"brief_seconds": 55.0, "quota_bytes": 2.5e7})).await.json().await.unwrap();
    assert_eq!(
        (&saved["brief_seconds"], &saved["quota_bytes"]),
        (&55.into(), &25_000_000.into()),
        "as PHP writes them"
    );
    let huge = save(json!({"name": "x".repeat(2_000_000)})).await;
    assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE, "settings are no place for megabytes");
    test.stop().await;
}

/// Who sends a parameter, or a field of a form, believes that it counts.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reads_is_refused_by_its_name() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let refused = async |request: RequestBuilder, kind: &str, pointer: &str, code: &str| {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{pointer}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(
            (&problem["type"], &problem["errors"][0]["pointer"]),
            (&kind.into(), &pointer.into()),
            "{problem:#}"
        );
        assert_eq!(problem["errors"][0]["code"], code, "{problem:#}");
    };
    let get = |path| test.portal(Method::GET, path);
    let query = "/problems/bad-query";
    refused(get("/v1/mailboxes?q=zebra"), query, "/q", "unknown_field").await;
    refused(get("/v1/mailboxes/101/messages?sort=oldest"), query, "/sort", "unknown_field").await;
    refused(get("/v1/mailboxes/101/messages?limit=many"), query, "/limit", "bad_value").await;
    refused(get("/v1/mailboxes/101/messages?folder=inbox"), query, "/folder", "bad_value").await;
    refused(test.operator(Method::GET, "/v1/jobs?state=lost"), query, "/state", "bad_value").await;
    let script = json!({"kind": "greeting", "name": "x", "extension": "101", "script": "Hi"});
    let spoken = test.portal(Method::POST, "/v1/prompts/text?loudly=true").json(&script);
    refused(spoken, query, "/loudly", "unknown_field").await;
    let announced = test.core(Method::PUT, "/core/v1/recordings/call-1?caller_number=1&state=none");
    refused(announced, query, "/state", "unknown_field").await;

    let form = "/problems/bad-form";
    let file = || Part::bytes(sample_bytes("voicemail-short.wav")).file_name("a.wav");
    let upload = |form| test.portal(Method::POST, "/v1/prompts").multipart(form);
    let fields = || Form::new().text("kind", "hold_music").text("name", "x");
    refused(upload(fields().text("slot", "welcome").part("file", file())), form, "/slot", "unknown_field").await;
    refused(upload(fields()), form, "/file", "file_missing").await;
    refused(upload(fields().part("file", file()).part("more", file())), form, "/more", "file_twice").await;
    refused(upload(fields().text("note", "x".repeat(5_000))), form, "/note", "field_too_long").await;

    // Of a voicemail, nothing that is said beside it costs it.
    let path = "/core/v1/mailboxes/101/messages/m-1?caller_number=4155550132&duration=3";
    let dropped = test.core(Method::PUT, path).body(sample_bytes("voicemail-short.wav")).send().await.unwrap();
    assert_eq!(dropped.status(), StatusCode::CREATED);
    test.stop().await;
}

/// The answer to bytes that no HTTP client would send.
async fn raw(test: &TestApp, request: &str) -> String {
    let mut socket = TcpStream::connect(test.base.strip_prefix("http://").unwrap()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(30), socket.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_host() {
    let test = TestApp::start().await;
    let ask =
        async |hosts: &str| raw(&test, &format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
    assert!(ask("Host: a.example\r\n").await.starts_with("HTTP/1.1 200 "));
    for hosts in ["Host: a.example\r\nHost: b.example\r\n", "", "Host: a.example/x\r\n"] {
        let answer = ask(hosts).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("application/problem+json"), "{answer}");
    }
    test.stop().await;
}

/// A service process of its own.
struct Service {
    process: Child,
    base: String,
}

impl Service {
    async fn start(folder: &Path, port: u16) -> Self {
        let base = format!("http://127.0.0.1:{port}");
        let process = Command::new(env!("CARGO_BIN_EXE_voicemill"))
            .arg("serve")
            .current_dir(folder)
            .env("VOICEMILL_STORAGE__FOLDER", folder.join("data"))
            .env("VOICEMILL_HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .env("VOICEMILL_HTTP__PUBLIC_URL", &base)
            .env("VOICEMILL_HTTP__OPERATOR_KEY", "a key for operators that is long enough")
            .env("VOICEMILL_SPEECH__MODELS_FOLDER", models_folder())
            .env("VOICEMILL_WORKERS__LEASE_SECONDS", "3")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while reqwest::get(format!("{base}/healthz")).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the service does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { process, base }
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_loses_nothing_and_mails_nothing_twice() {
    const MESSAGES: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    voicemill::app::choose_tls();
    let mut service = Service::start(folder.path(), port).await;
    let http = reqwest::Client::new();
    let operator = |path: &str, body: Value| {
        let key = "a key for operators that is long enough";
        http.post(format!("{}{path}", service.base)).bearer_auth(key).json(&body)
    };
    ok(operator("/v1/domains", json!({"name": "acme.example"}))).await;
    let mut keys = Vec::new();
    for scope in ["core", "portal"] {
        let made = ok(operator("/v1/domains/acme.example/keys", json!({"scope": scope, "name": "x"}))).await;
        keys.push(made["key"].as_str().unwrap().to_owned());
    }
    let base = service.base.clone();
    let settings = json!({"email_mode": "attachment", "recipients": ["d@acme.example"], "quota_bytes": 1_000_000_000});
    ok(http.put(format!("{base}/v1/mailboxes/101")).bearer_auth(&keys[1]).json(&settings)).await;
    for number in 0..MESSAGES {
        let path = format!("{base}/core/v1/mailboxes/101/messages/m{number}");
        ok(http.put(path).bearer_auth(&keys[0]).body(sample_bytes("voicemail-short.wav"))).await;
        // Dead in the middle of rendering, transcribing and mailing, whichever it is by now.
        if number % 4 == 3 {
            service.signal("-KILL");
            drop(service);
            service = Service::start(folder.path(), port).await;
        }
    }
    let began = Instant::now();
    loop {
        let path = format!("{base}/v1/mailboxes/101/messages");
        let listed = ok(http.get(path).bearer_auth(&keys[1])).await;
        let listed = listed["items"].as_array().unwrap();
        assert_eq!(listed.len(), MESSAGES);
        let done = |message: &Value| message["state"] == "available" && message["transcript_state"] == "available";
        if listed.iter().all(done) && mails_in(&folder.path().join("data")).len() == MESSAGES {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "never done: {listed:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let stopped = Instant::now();
    service.signal("-TERM");
    let status = service.process.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(stopped.elapsed() < Duration::from_secs(15), "an idle service stops at once");
    assert_eq!(mails_in(&folder.path().join("data")).len(), MESSAGES);
}
