//! Processes that are told to stop: what is under way gets its grace and is handed back; a second signal ends all at once,
//! and what was held comes back when the lease has run out.

use std::{
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::harness::{ok, sample_bytes};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const OPERATOR_KEY: &str = "a key for operators that is long enough";
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longer than any test waits: who ends sooner did not wait for it.
const LONG_GRACE_SECONDS: u32 = 600;

/// A service with a mailbox whose mails go to a server that takes connections and never says a word.
struct Site {
    folder: tempfile::TempDir,
    mail_port: u16,
    base: String,
    http: reqwest::Client,
}

/// A process of the service; dropped, it is killed.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has ended.
    fn ends(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < TIMEOUT, "it is still there");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it has logged these words.
    async fn says(&self, words: &str) {
        let begun = Instant::now();
        while !std::fs::read_to_string(&self.log).unwrap().contains(words) {
            assert!(begun.elapsed() < TIMEOUT, "it never says {words:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn silent_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let _held: Vec<TcpStream> = listener.incoming().map_while(Result::ok).collect();
    });
    port
}

impl Site {
    fn new() -> Self {
        voicemill::app::choose_tls();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self {
            folder: tempfile::tempdir().unwrap(),
            mail_port: silent_server(),
            base: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::new(),
        }
    }

    fn command(&self, arguments: &[&str], grace_seconds: u32) -> Command {
        let data: PathBuf = self.folder.path().join("data");
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicemill"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("VOICEMILL_STORAGE__FOLDER", data)
            .env("VOICEMILL_HTTP__LISTEN", self.base.trim_start_matches("http://"))
            .env("VOICEMILL_HTTP__PUBLIC_URL", &self.base)
            .env("VOICEMILL_HTTP__OPERATOR_KEY", OPERATOR_KEY)
            .env("VOICEMILL_WORKERS__LEASE_SECONDS", "3")
            .env("VOICEMILL_WORKERS__GRACE_SECONDS", grace_seconds.to_string())
            .env("VOICEMILL_SMTP__HOST", "127.0.0.1")
            .env("VOICEMILL_SMTP__PORT", self.mail_port.to_string())
            .env("VOICEMILL_SMTP__SECURITY", "none")
            .stderr(Stdio::null());
        command
    }

    fn start(&self, arguments: &[&str], grace_seconds: u32) -> Process {
        let (log, path) = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap().keep().unwrap();
        let mut command = self.command(arguments, grace_seconds);
        Process { child: command.stdout(Stdio::null()).stderr(log).spawn().unwrap(), log: path }
    }

    /// Waits for the service, and leaves a message of which a mail is to be sent.
    async fn leave_message(&self) {
        let begun = Instant::now();
        while self.http.get(format!("{}/healthz", self.base)).send().await.is_err() {
            assert!(begun.elapsed() < TIMEOUT, "the service does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let operator = |path: &str, body: Value| {
            self.http.post(format!("{}{path}", self.base)).bearer_auth(OPERATOR_KEY).json(&body)
        };
        ok(operator("/v1/domains", json!({"name": "acme.example"}))).await;
        let key = async |scope: &str| {
            let made = ok(operator("/v1/domains/acme.example/keys", json!({"scope": scope, "name": "x"}))).await;
            made["key"].as_str().unwrap().to_owned()
        };
        let settings = json!({"email_mode": "link", "recipients": ["dana@acme.example"], "transcribe": false});
        let mailbox = format!("{}/v1/mailboxes/101", self.base);
        ok(self.http.put(mailbox).bearer_auth(key("portal").await).json(&settings)).await;
        let message = format!("{}/core/v1/mailboxes/101/messages/m", self.base);
        let audio = sample_bytes("voicemail-short.wav");
        ok(self.http.put(message).bearer_auth(key("core").await).body(audio)).await;
    }

    /// The job that mails it, as operators see it, whoever runs or not.
    fn job(&self) -> Option<Value> {
        let output = self.command(&["jobs", "list", "--kind", "notify_message", "--json"], 1).output().unwrap();
        let jobs: Value = serde_json::from_slice(&output.stdout).unwrap();
        jobs.get(0).cloned()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(job) = self.job().filter(|job| holds(job)) {
                return job;
            }
            assert!(begun.elapsed() < TIMEOUT, "never: {what}; {:#?}", self.job());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_signal_lets_work_end_within_its_grace_and_hands_the_rest_back() {
    let site = Site::new();
    let mut service = site.start(&["serve"], 1);
    site.leave_message().await;
    site.until("the mail is under way", |job| job["state"] == "running").await;
    service.signal(Signal::TERM);
    let status = service.ends();
    assert_eq!(status.code(), Some(0));
    let log = site.folder.path().join("data/voicemill.db-wal");
    assert!(!log.exists(), "after a clean stop the file is the whole database (attack.md, 11)");
    let job = site.job().unwrap();
    assert_eq!((&job["state"], &job["attempt"], &job["crashes"]), (&json!("available"), &json!(0), &json!(0)));
}

/// Signals a process that holds the job twice, sees it end at once, and the job come back to another.
async fn two_signals_end_it_at_once(site: Site, mut working: Process, arguments: &[&str], signal: Signal, code: i32) {
    site.until("the mail is under way", |job| job["state"] == "running").await;
    working.signal(signal);
    working.says("stopping").await;
    assert!(!working.has_ended(), "work under way has its grace");
    assert_eq!(site.job().unwrap()["state"], "running");
    working.signal(signal);
    // Its grace is longer than this waits.
    let status = working.ends();
    assert_eq!(status.code(), Some(code));
    let held = site.job().unwrap();
    assert_eq!((&held["state"], &held["attempt"], &held["crashes"]), (&json!("running"), &json!(1), &json!(0)));
    let _another = site.start(arguments, 1);
    site.until("it comes back", |job| job["crashes"] == 1).await;
    site.until("it is tried again", |job| job["state"] == "running" && job["crashes"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_ends_the_service_at_once() {
    let site = Site::new();
    let service = site.start(&["serve"], LONG_GRACE_SECONDS);
    site.leave_message().await;
    two_signals_end_it_at_once(site, service, &["serve"], Signal::TERM, 143).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_interrupt_ends_a_worker_at_once() {
    let site = Site::new();
    let _front = site.start(&["serve", "--no-workers"], 1);
    let worker = site.start(&["worker"], LONG_GRACE_SECONDS);
    site.leave_message().await;
    two_signals_end_it_at_once(site, worker, &["worker"], Signal::INT, 130).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_16_a_hangup_changes_keys_and_log_level_and_ends_nothing() {
    let site = Site::new();
    let settings = site.folder.path().join("voicemill.toml");
    let write = |id: u8, level: &str| {
        let secret = format!("{id:02x}").repeat(32);
        let text = format!("[log]\nlevel = \"{level}\"\n[[links.keys]]\nid = {id}\nsecret = \"{secret}\"\n");
        std::fs::write(&settings, text).unwrap();
    };
    write(1, "info");
    let mut service = site.start(&["serve"], 1);
    site.leave_message().await;
    site.until("the mail is under way", |job| job["state"] == "running").await;
    write(2, "debug");
    service.signal(Signal::HUP);
    service.says("read anew").await;
    service.says("\"DEBUG\"").await;
    std::fs::write(&settings, "[[links.keys]]\nid = 3\nsecret = \"00ff00ff\"\n").unwrap();
    service.signal(Signal::HUP);
    service.says("nothing is changed").await;
    service.says("is shorter than 32 bytes").await;
    assert!(!service.has_ended());
    let job = site.job().unwrap();
    assert_eq!((&job["state"], &job["crashes"]), (&json!("running"), &json!(0)), "what was under way goes on");
    let health = site.http.get(format!("{}/healthz", site.base)).send().await.unwrap();
    assert!(health.status().is_success());
}
