//! Store, database or disk fail while cores drop: nothing is lost, and nothing comes twice.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use voicemill_testing::s3_server::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};

use futures_util::{StreamExt, stream};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::{
    harness::{OPERATOR_KEY, TestApp, Wish, detail, ok, sqlite},
    storage::s3_server,
};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A service whose store is that server, and which does no jobs.
async fn on(server: &S3Server) -> TestApp {
    let s3 = server.config();
    let configure = Box::new(move |config: &mut voicemill::config::Config| config.storage.s3 = Some(s3.clone()));
    let test = TestApp::start_with(Wish { configure, work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({})).await;
    test
}

/// A clip that no other is like.
fn clip(number: usize) -> Vec<u8> {
    format!("RIFF clip {number}").into_bytes()
}

async fn storage(test: &TestApp) -> Value {
    ok(test.operator(Method::GET, "/v1/storage")).await
}

async fn until_worked_off(test: &TestApp) -> Value {
    let began = Instant::now();
    loop {
        let report = storage(test).await;
        if report["spool"]["entries"] == 0 {
            return report;
        }
        assert!(began.elapsed() < TIMEOUT, "the spool is not worked off: {report:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Works the spool off beside an app that tries in vain.
async fn work_off(app: &voicemill::app::App) {
    while app.spool.depth().await.unwrap().entries > 0 {
        voicemill::arrivals::drain::drain(app).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The core's ids of every message in the mailbox, and how many messages there are.
async fn messages(test: &TestApp) -> (BTreeSet<String>, usize) {
    let (mut ids, mut count, mut rest) = (BTreeSet::new(), 0, String::new());
    loop {
        let path = format!("/v1/mailboxes/101/messages?limit=100{rest}");
        let page = ok(test.portal(Method::GET, &path)).await;
        for message in page["items"].as_array().unwrap() {
            ids.insert(message["core_id"].as_str().unwrap().to_owned());
            count += 1;
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => rest = format!("&cursor={cursor}"),
            None => return (ids, count),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_store_killed_and_restarted_in_the_middle_of_a_thousand_drops_costs_none_and_doubles_none() {
    const DROPS: usize = 1_000;
    let server = s3_server();
    let test = on(&server).await;
    let server = Arc::new(std::sync::Mutex::new(server));
    let (done, spooled) = (AtomicUsize::new(0), AtomicUsize::new(0));
    stream::iter(0..DROPS)
        .for_each_concurrent(16, |number| {
            let (test, server, done, spooled) = (&test, server.clone(), &done, &spooled);
            async move {
                // Every tenth is sent twice, as by a core that got no answer.
                for _ in 0..if number % 10 == 0 { 2 } else { 1 } {
                    let answer = test.drop_message("101", &format!("msg-{number}"), clip(number)).await;
                    let status = answer.status();
                    assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
                    if status == StatusCode::ACCEPTED {
                        spooled.fetch_add(1, Ordering::Relaxed);
                    }
                }
                match done.fetch_add(1, Ordering::Relaxed) {
                    300 => server.lock().unwrap().kill(),
                    700 => tokio::task::block_in_place(|| server.lock().unwrap().restart()),
                    _ => {}
                }
            }
        })
        .await;
    assert!(spooled.load(Ordering::Relaxed) > 100, "the outage was not noticed: {spooled:?}");
    let report = until_worked_off(&test).await;
    assert_eq!(report["spool"]["set_aside"], 0);
    let (ids, count) = messages(&test).await;
    assert_eq!((ids.len(), count), (DROPS, DROPS));
    // Every original is there, and is what was dropped.
    assert!(voicemill::media::sweep::whole(&test.app).await.unwrap());
    let report = storage(&test).await;
    assert_eq!(report["passes"][2]["last"]["seen"], DROPS);
    assert_eq!((&report["faults"], &report["passes"][1]["last"]["faulty"]), (&json!(0), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_down_a_drop_is_answered_202_and_its_repetition_is_the_same_message() {
    let mut server = s3_server();
    let test = on(&server).await;
    server.kill();
    let dropped: Value = accepted(test.drop_message("101", "msg-1", clip(1)).await).await;
    let again: Value = accepted(test.drop_message("101", "msg-1", clip(1)).await).await;
    assert_eq!(dropped["id"], again["id"]);
    assert_eq!(dropped["state"], "pending");
    let path = format!("/core/v1/messages/{}", dropped["id"].as_str().unwrap());
    assert_eq!(ok(test.core(Method::GET, &path)).await, dropped, "the core sees where it stands");
    let report = storage(&test).await;
    assert_eq!((&report["spool"]["entries"], &report["spool"]["bytes"]), (&json!(1), &json!(clip(1).len())));
    // What needs the database only goes on.
    let unknown = test.drop_message("999", "msg-1", clip(1)).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    server.restart();
    until_worked_off(&test).await;
    let message = ok(test.core(Method::GET, &path)).await;
    assert_eq!((&message["core_id"], &message["caller_number"]), (&json!("msg-1"), &json!("4155550132")));
    let late = test.drop_message("101", "msg-1", clip(1)).await;
    assert_eq!(late.status(), StatusCode::OK);
    assert_eq!(late.json::<Value>().await.unwrap()["id"], dropped["id"]);
    assert_eq!(messages(&test).await.1, 1);
}

async fn accepted(answer: Response) -> Value {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_down_a_recording_keeps_its_order() {
    let mut server = s3_server();
    let test = on(&server).await;
    let put = |path: &str, body: Vec<u8>| test.core(Method::PUT, &format!("/core/v1/recordings/{path}")).body(body);
    ok(put("call-1?caller_number=4155550132", Vec::new())).await;
    server.kill();
    accepted(put("call-1/legs/caller", clip(1)).send().await.unwrap()).await;
    accepted(put("call-1/legs/callee", clip(2)).send().await.unwrap()).await;
    // The database is there, but the legs are not in it yet: the end follows them.
    let end = test.core(Method::POST, "/core/v1/recordings/call-1/complete");
    accepted(end.send().await.unwrap()).await;
    server.restart();
    until_worked_off(&test).await;
    let recording = ok(test.core(Method::GET, "/core/v1/recordings/call-1")).await;
    assert_eq!(recording["state"], "pending", "it waits for its job, and is not without media: {recording}");
    let jobs = test.app.queue.list(&voicemill_queue::JobFilter::default()).await.unwrap();
    assert_eq!(jobs.iter().filter(|job| job.kind == "render_media").count(), 1);
}

/// Keeps every writer of the database waiting.
pub(crate) struct Blocked(SqliteConnection);

impl Blocked {
    pub(crate) async fn database(test: &TestApp) -> Self {
        let file = test.app.config.storage.folder.join("voicemill.db");
        let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        Self(connection)
    }

    pub(crate) async fn end(mut self) {
        sqlx::query("ROLLBACK").execute(&mut self.0).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_while_the_database_is_down_drops_and_recordings_wait_and_are_caught_up() {
    let test = TestApp::start_with(Wish { work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({})).await;
    let blocked = Blocked::database(&test).await;
    let mut first = Vec::new();
    for number in 0..20 {
        let dropped = accepted(test.drop_message("101", &format!("msg-{number}"), clip(number)).await).await;
        let again = accepted(test.drop_message("101", &format!("msg-{number}"), clip(number)).await).await;
        assert_eq!(dropped["id"], again["id"]);
        first.push(dropped["id"].clone());
    }
    let put = |path: &str, body: Vec<u8>| test.core(Method::PUT, &format!("/core/v1/recordings/{path}")).body(body);
    accepted(put("call-1", Vec::new()).send().await.unwrap()).await;
    accepted(put("call-1/legs/caller", clip(1)).send().await.unwrap()).await;
    let end = test.core(Method::POST, "/core/v1/recordings/call-1/complete");
    accepted(end.send().await.unwrap()).await;
    // Their bytes are in the store, and the sweep leaves them there.
    blocked.end().await;
    until_worked_off(&test).await;
    assert_eq!(messages(&test).await.1, 20);
    for (number, id) in first.iter().enumerate() {
        let message = ok(test.core(Method::GET, &format!("/core/v1/messages/{}", id.as_str().unwrap()))).await;
        assert_eq!(message["core_id"], format!("msg-{number}"));
    }
    let recording = ok(test.core(Method::GET, "/core/v1/recordings/call-1")).await;
    assert_eq!(recording["state"], "pending");
    assert!(voicemill::media::sweep::whole(&test.app).await.unwrap());
    let report = storage(&test).await;
    assert_eq!((&report["passes"][2]["last"]["seen"], &report["faults"]), (&json!(21), &json!(0)));
    assert_eq!(report["passes"][0]["last"]["waiting"], 0, "no blob is without a row");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_database_at_all_a_known_core_can_drop_and_an_unknown_one_cannot() {
    let test = TestApp::start_with(Wish { work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({})).await;
    assert_eq!(test.drop_message("101", "msg-1", clip(1)).await.status(), StatusCode::CREATED);
    test.close_database().await;
    accepted(test.drop_message("101", "msg-2", clip(2)).await).await;
    let stranger = test.browser(Method::PUT, "/core/v1/mailboxes/101/messages/msg-3").bearer_auth("vm_unknown");
    assert_eq!(stranger.body(clip(3)).send().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    // The next process finds it.
    let next =
        voicemill::app::App::new(test.app.config.clone(), test.clock.clone(), env!("CARGO_BIN_EXE_voicemill").into());
    let next = next.await.unwrap();
    work_off(&next).await;
    let messages = sqlx::query_scalar("SELECT count(*) FROM message");
    let count: i64 = messages.fetch_one(&sqlite(&next).read).await.unwrap();
    assert_eq!(count, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_for_a_mailbox_that_is_not_there_is_set_aside_with_its_bytes() {
    let test = TestApp::start_with(Wish { work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({})).await;
    test.drop_message("101", "msg-1", clip(1)).await;
    test.close_database().await;
    accepted(test.drop_message("999", "msg-2", clip(2)).await).await;
    let program = env!("CARGO_BIN_EXE_voicemill").into();
    let next = voicemill::app::App::new(test.app.config.clone(), test.clock.clone(), program).await.unwrap();
    work_off(&next).await;
    let depth = next.spool.depth().await.unwrap();
    assert_eq!((depth.entries, depth.set_aside), (0, 1));
    let aside = next.config.storage.folder.join("spool/aside");
    let reasons: Vec<_> = std::fs::read_dir(aside)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".txt"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(reasons, ["there is no such mailbox"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_in_the_spool_becomes_no_message_and_is_set_aside() {
    let mut server = s3_server();
    let test = on(&server).await;
    server.kill();
    for number in 1..=2 {
        accepted(test.drop_message("101", &format!("msg-{number}"), clip(number)).await).await;
    }
    let entries = test.app.config.storage.folder.join("spool/entries");
    let files = std::fs::read_dir(entries).unwrap().map(|file| file.unwrap().path());
    let first = files.filter(|path| path.extension().is_some_and(|extension| extension == "body")).min().unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), clip(1));
    std::fs::write(first, clip(3)).unwrap();
    server.restart();
    let report = until_worked_off(&test).await;
    assert_eq!(report["spool"]["set_aside"], 1, "{report:#}");
    assert_eq!(messages(&test).await.0, BTreeSet::from(["msg-2".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_nearly_full_disk_is_answered_507_before_a_byte_is_read() {
    let configure = Box::new(|config: &mut voicemill::config::Config| config.storage.min_free_bytes = u64::MAX / 2);
    let test = TestApp::start_with(Wish { configure, work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({})).await;
    // A body that never comes: the answer does not wait for it.
    let body = reqwest::Body::wrap_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = test.core(Method::PUT, "/core/v1/mailboxes/101/messages/msg-1").body(body);
    let answer = tokio::time::timeout(Duration::from_secs(10), request.send()).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::INSUFFICIENT_STORAGE);
    let words = detail(answer).await;
    assert!(words.contains("full"), "{words}");
    test.nothing_is_left();
    assert!(test.app.store.list("", 10).await.unwrap().blobs.is_empty());
    assert_eq!(messages(&test).await.1, 0);
}

/// `voicemill serve` as operators run it.
struct Service {
    process: Child,
    base: String,
}

impl Service {
    fn start(folder: &Path, server: &S3Server) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(env!("CARGO_BIN_EXE_voicemill"))
            .args(["serve", "--no-workers"])
            .current_dir(folder)
            .env("VOICEMILL_STORAGE__FOLDER", folder)
            .env("VOICEMILL_STORAGE__S3__BUCKET", BUCKET)
            .env("VOICEMILL_STORAGE__S3__ENDPOINT", server.endpoint())
            .env("VOICEMILL_STORAGE__S3__PATH_STYLE", "true")
            // The standard chain.
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("VOICEMILL_HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .env("VOICEMILL_HTTP__OPERATOR_KEY", OPERATOR_KEY)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, base: format!("http://127.0.0.1:{port}") }
    }

    async fn ready(&self, http: &reqwest::Client) {
        let began = Instant::now();
        while http.get(format!("{}/healthz", self.base)).send().await.is_err() {
            assert!(began.elapsed() < TIMEOUT);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// SIGKILL.
impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_killed_with_a_full_spool_has_lost_nothing_when_it_is_back() {
    const DROPS: usize = 60;
    voicemill::app::choose_tls();
    let mut server = s3_server();
    let (folder, http) = (tempfile::tempdir().unwrap(), reqwest::Client::new());
    let mut service = Service::start(folder.path(), &server);
    service.ready(&http).await;
    let base = service.base.clone();
    let operator = |path: &str| http.post(format!("{base}{path}")).bearer_auth(OPERATOR_KEY);
    ok(operator("/v1/domains").json(&json!({"name": "acme.example"}))).await;
    let mut keys = Vec::new();
    for scope in ["core", "portal"] {
        let made = operator("/v1/domains/acme.example/keys").json(&json!({"scope": scope, "name": "test"}));
        keys.push(ok(made).await["key"].as_str().unwrap().to_owned());
    }
    ok(http.put(format!("{base}/v1/mailboxes/101")).bearer_auth(&keys[1]).json(&json!({}))).await;
    server.kill();
    let mut accepted = BTreeSet::new();
    for number in 0..DROPS {
        if number == DROPS / 2 {
            // Nothing is said to it, and nobody waits for it.
            drop(service);
            service = Service::start(folder.path(), &server);
            service.ready(&http).await;
        }
        let path = format!("{}/core/v1/mailboxes/101/messages/msg-{number}", service.base);
        let answer = http.put(path).bearer_auth(&keys[0]).body(clip(number)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        accepted.insert(format!("msg-{number}"));
    }
    drop(service);
    server.restart();
    let service = Service::start(folder.path(), &server);
    service.ready(&http).await;
    let began = Instant::now();
    loop {
        let report = ok(http.get(format!("{}/v1/storage", service.base)).bearer_auth(OPERATOR_KEY)).await;
        if report["spool"]["entries"] == 0 {
            assert_eq!(report["spool"]["set_aside"], 0);
            break;
        }
        assert!(began.elapsed() < TIMEOUT, "{report:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let path = format!("{}/v1/mailboxes/101/messages?limit=100", service.base);
    let page = ok(http.get(path).bearer_auth(&keys[1])).await;
    let page = page["items"].as_array().unwrap().clone();
    let ids: BTreeSet<String> = page.iter().map(|message| message["core_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((ids, page.len()), (accepted, DROPS));
}
