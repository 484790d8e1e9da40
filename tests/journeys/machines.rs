//! The service on several machines: one PostgreSQL, one store, and workers that come and go.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::harness::{TestApp, Wish, link_in, mails_in, models_folder, ok, sample_bytes};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_testing::{PrivateServer, TestDatabase};

const OPERATOR_KEY: &str = "a key for operators that is long enough";
const PATIENCE: Duration = Duration::from_secs(90);

/// One of the machines' processes; dropped, it is killed.
struct Machine(Child);

impl Machine {
    fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the machines share, and how to talk to them.
struct Site {
    folder: tempfile::TempDir,
    database: String,
    base: String,
    http: reqwest::Client,
    keys: Vec<String>,
}

impl Site {
    fn new(database: String) -> Self {
        voicemill::app::choose_tls();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self {
            folder: tempfile::tempdir().unwrap(),
            database,
            base: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::new(),
            keys: Vec::new(),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn start(&self, arguments: &[&str]) -> Machine {
        Machine(self.command(arguments).spawn().unwrap())
    }

    async fn health(&self) -> StatusCode {
        self.http.get(format!("{}/healthz", self.base)).send().await.unwrap().status()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicemill"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("VOICEMILL_DATABASE__URL", &self.database)
            .env("VOICEMILL_STORAGE__FOLDER", self.data())
            .env("VOICEMILL_HTTP__LISTEN", self.base.trim_start_matches("http://"))
            .env("VOICEMILL_HTTP__PUBLIC_URL", &self.base)
            .env("VOICEMILL_HTTP__OPERATOR_KEY", OPERATOR_KEY)
            .env("VOICEMILL_SPEECH__MODELS_FOLDER", models_folder())
            .env("VOICEMILL_WORKERS__LEASE_SECONDS", "3")
            .stderr(Stdio::null());
        command
    }

    /// Starts a server, makes a domain, its keys and the mailbox 101.
    async fn serve(&mut self, arguments: &[&str]) -> Machine {
        let machine = self.start(arguments);
        let began = Instant::now();
        while reqwest::get(format!("{}/healthz", self.base)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the service does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let operator = |path: &str, body: Value| {
            self.http.post(format!("{}{path}", self.base)).bearer_auth(OPERATOR_KEY).json(&body)
        };
        ok(operator("/v1/domains", json!({"name": "acme.example"}))).await;
        let mut keys = Vec::new();
        for scope in ["core", "portal"] {
            let made = ok(operator("/v1/domains/acme.example/keys", json!({"scope": scope, "name": "x"}))).await;
            keys.push(made["key"].as_str().unwrap().to_owned());
        }
        self.keys = keys;
        let settings =
            json!({"email_mode": "attachment", "recipients": ["d@acme.example"], "quota_bytes": 1_000_000_000});
        ok(self.http.put(format!("{}/v1/mailboxes/101", self.base)).bearer_auth(&self.keys[1]).json(&settings)).await;
        machine
    }

    async fn drop_message(&self, id: &str) -> StatusCode {
        let path = format!("{}/core/v1/mailboxes/101/messages/{id}", self.base);
        let request = self.http.put(path).bearer_auth(&self.keys[0]).body(sample_bytes("voicemail-short.wav"));
        request.send().await.unwrap().status()
    }

    /// Waits until so many messages have their renditions, words and one mail each.
    async fn until_done(&self, messages: usize) {
        let began = Instant::now();
        loop {
            let path = format!("{}/v1/mailboxes/101/messages", self.base);
            let listed = ok(self.http.get(path).bearer_auth(&self.keys[1])).await;
            let listed = listed["items"].as_array().unwrap();
            assert_eq!(listed.len(), messages);
            let done = |message: &Value| message["state"] == "available" && message["transcript_state"] == "available";
            if listed.iter().all(done) && mails(&self.data()) >= messages {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "never done: {listed:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(mails(&self.data()), messages, "nothing is mailed twice");
    }
}

fn mails(data: &Path) -> usize {
    if data.join("outbox").is_dir() { mails_in(data).len() } else { 0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voicemail_becomes_renditions_words_and_mail_on_postgres() {
    let server = TestDatabase::new();
    let wish = Wish { database: Some(server.url().parse().unwrap()), ..Wish::default() };
    let test = TestApp::start_with(wish).await;
    test.mailbox("101", json!({"name": "Dana", "email_mode": "link", "recipients": ["dana@acme.example"]})).await;
    let dropped = test.leave("101", "msg-1", "voicemail.wav").await;
    let mailed = |message: &Value| {
        let notices = message["notices"].as_array().unwrap();
        !notices.is_empty() && notices.iter().all(|notice| !notice["settled_at"].is_null())
    };
    let message = test.message(&dropped["id"], mailed).await;
    assert_eq!((&message["state"], &message["transcript_state"]), (&json!("available"), &json!("available")));
    assert_eq!(message["renditions"].as_array().unwrap().len(), 8);
    assert!(!message["transcript"]["text"].as_str().unwrap().is_empty());
    assert!(message["phone_report"]["loudness_out_lufs"].is_number());
    let listed =
        test.until("/v1/mailboxes/101/messages?folder=new", |listed| listed["items"][0]["id"] == dropped["id"]).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let link = link_in(&test.mails()[0]).unwrap();
    assert_eq!(test.browser(Method::GET, &link).send().await.unwrap().status(), StatusCode::OK);
    let cleaned = test.drop_message("101", "msg\u{0}2", sample_bytes("voicemail-short.wav")).await;
    assert_eq!(cleaned.status(), StatusCode::CREATED, "what the database cannot keep is left out, as on SQLite");
    assert_eq!(cleaned.json::<Value>().await.unwrap()["core_id"], "msg2");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_other_machines_are_killed_and_nothing_is_lost_or_mailed_twice() {
    const MESSAGES: usize = 10;
    let server = TestDatabase::new();
    let mut site = Site::new(server.url());
    let _front = site.serve(&["serve", "--no-workers"]).await;
    let mut workers = [site.start(&["worker"]), site.start(&["worker"])];
    for number in 0..MESSAGES {
        assert_eq!(site.drop_message(&format!("m{number}")).await, StatusCode::CREATED);
        if number % 4 == 3 {
            // Long enough that they are in the middle of something.
            tokio::time::sleep(Duration::from_millis(700)).await;
            workers[number / 4 % 2].signal("-KILL");
            workers[number / 4 % 2] = site.start(&["worker"]);
        }
    }
    site.until_done(MESSAGES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_for_a_while_is_waited_for() {
    let server = PrivateServer::start_new();
    let mut site = Site::new(server.url());
    let _machine = site.serve(&["serve"]).await;
    for number in 0..4 {
        assert_eq!(site.drop_message(&format!("m{number}")).await, StatusCode::CREATED);
    }
    server.crash();
    assert_eq!(site.drop_message("m4").await, StatusCode::ACCEPTED, "the core may forget it");
    assert_eq!(site.health().await, StatusCode::SERVICE_UNAVAILABLE, "a load balancer is told");
    let doctor = site.command(&["doctor"]).output().unwrap();
    let findings = String::from_utf8(doctor.stdout).unwrap();
    assert!(!doctor.status.success() && findings.contains("cannot open the database"), "{findings}");
    // Longer than the lease: whoever works stops, for others might have taken over.
    tokio::time::sleep(Duration::from_secs(5)).await;
    server.start_again();
    let began = Instant::now();
    while site.drop_message("m4").await != StatusCode::OK {
        assert!(began.elapsed() < PATIENCE, "what the spool kept does not reach the database");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    site.until_done(5).await;
    assert_eq!(site.health().await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_stood_still_longer_than_its_lease_spoils_nothing() {
    const MESSAGES: usize = 4;
    let server = TestDatabase::new();
    let mut site = Site::new(server.url());
    let _front = site.serve(&["serve", "--no-workers"]).await;
    let sleeper = site.start(&["worker"]);
    for number in 0..MESSAGES {
        assert_eq!(site.drop_message(&format!("m{number}")).await, StatusCode::CREATED);
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    sleeper.signal("-STOP");
    let _other = site.start(&["worker"]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    sleeper.signal("-CONT");
    site.until_done(MESSAGES).await;
}
