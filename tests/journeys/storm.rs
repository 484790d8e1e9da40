//! The storm: cores go on dropping while service, workers and decoders are killed at random, and mail server and database go
//! away for seconds. Nothing may be missing, nothing may have failed, and a mail that comes twice is the same mail.
//!
//! `CHAOS_SEED` repeats a storm's choices; `make chaos` runs the long form, of `CHAOS_DROPS` and `CHAOS_KILLS`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use voicemill_sql::Kind;
use voicemill_testing::{PrivateServer, python::Script, tools::free_port};

use crate::harness::sample_bytes;

const OPERATOR_KEY: &str = "the operators' key of the journeys, long enough";
/// Cores that drop at once.
const CORES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(240);
/// How long mail server and database are away.
const AWAY: Duration = Duration::from_secs(3);

/// The processes of one voicemill, on one database.
struct Site {
    folder: tempfile::TempDir,
    postgres: Option<PrivateServer>,
    port: u16,
    mail_port: u16,
    processes: Vec<(&'static [&'static str], Child)>,
}

impl Site {
    fn new(kind: Kind, mail_port: u16) -> Self {
        let postgres = (kind == Kind::Postgres).then(PrivateServer::start_new);
        let folder = tempfile::tempdir().unwrap();
        let mut site = Self { folder, postgres, port: free_port(), mail_port, processes: Vec::new() };
        let roles: &[&[&str]] = match kind {
            Kind::Sqlite => &[&["serve"]],
            Kind::Postgres => &[&["serve", "--no-workers"], &["worker"], &["worker"]],
        };
        for role in roles {
            let process = site.start(role);
            site.processes.push((*role, process));
        }
        site
    }

    fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn start(&self, role: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicemill"));
        if let Some(server) = &self.postgres {
            command.env("VOICEMILL_DATABASE__URL", server.url());
        }
        command
            .args(role)
            .current_dir(self.folder.path())
            .env("VOICEMILL_STORAGE__FOLDER", self.data())
            .env("VOICEMILL_HTTP__LISTEN", format!("127.0.0.1:{}", self.port))
            .env("VOICEMILL_HTTP__PUBLIC_URL", self.base())
            .env("VOICEMILL_HTTP__OPERATOR_KEY", OPERATOR_KEY)
            .env("VOICEMILL_WORKERS__LEASE_SECONDS", "3")
            .env("VOICEMILL_SMTP__HOST", "127.0.0.1")
            .env("VOICEMILL_SMTP__PORT", self.mail_port.to_string())
            .env("VOICEMILL_SMTP__SECURITY", "none")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Kills one of the processes and starts it again, or a decoder of one.
    fn kill_one(&mut self, random: &mut StdRng) -> &'static str {
        let at = random.random_range(0..self.processes.len());
        let decoder = children(self.processes[at].1.id()).choose(random).copied();
        if let Some(decoder) = decoder.filter(|_| random.random_bool(0.5)) {
            let decoder = rustix::process::Pid::from_raw(decoder).unwrap();
            // It may be done meanwhile.
            let _ = rustix::process::kill_process(decoder, rustix::process::Signal::KILL);
            return "a decoder";
        }
        let role = self.processes[at].0;
        self.processes[at].1.kill().unwrap();
        self.processes[at].1.wait().unwrap();
        self.processes[at].1 = self.start(role);
        role[0]
    }

    /// Takes the database away for a while.
    async fn without_database(&self) {
        match &self.postgres {
            Some(server) => {
                server.crash();
                tokio::time::sleep(AWAY).await;
                server.start_again();
            }
            // There is no server that could be away: somebody else holds the write lock.
            None => {
                let address = format!("sqlite:{}", self.data().join("voicemill.db").display()).parse().unwrap();
                let database = voicemill_sql::Database::connect(&address, 2).await.unwrap();
                let held = database.begin().await.unwrap();
                tokio::time::sleep(AWAY).await;
                drop(held);
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for (_, process) in &mut self.processes {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

/// The children of a process.
fn children(process: u32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let of_thread = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children"));
    let listed: Vec<String> = threads.filter_map(|thread| of_thread(thread).ok()).collect();
    listed.iter().flat_map(|list| list.split_whitespace()).filter_map(|id| id.parse().ok()).collect()
}

/// A way to the mail server that can be cut; returns its port.
async fn cuttable(to: u16, cut: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let cut = Arc::clone(&cut);
            tokio::spawn(async move {
                let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                let is_cut = async {
                    while !cut.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    () = is_cut => {}
                }
            });
        }
    });
    port
}

/// Sends until it is answered as it should be, as whoever has a service that may be away does.
async fn insist(send: impl Fn() -> reqwest::RequestBuilder) -> Value {
    let began = Instant::now();
    loop {
        match send().send().await {
            Ok(answer) if answer.status().is_success() => {
                if let Ok(value) = answer.json().await {
                    return value;
                }
            }
            // A try before made it, and its answer was lost.
            Ok(answer) if answer.status() == reqwest::StatusCode::PRECONDITION_REQUIRED => return Value::Null,
            Ok(answer) if !answer.status().is_server_error() => panic!("{answer:?}"),
            _ => {}
        }
        assert!(began.elapsed() < PATIENCE, "it is never answered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn setting(name: &str, usual: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the storm says how long it is")]
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

async fn storm(kind: Kind, drops: usize, kills: usize) {
    voicemill::app::choose_tls();
    let seed = setting("CHAOS_SEED", 1_430_000 + drops) as u64;
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = Script::start("smtpd.py", &[]);
    let cut = Arc::new(AtomicBool::new(false));
    let mut site = Site::new(kind, cuttable(server.port, Arc::clone(&cut)).await);
    let base = site.base();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let operator = |path: &str, body: Value| {
        let request = http.post(format!("{base}{path}")).bearer_auth(OPERATOR_KEY).json(&body);
        move || request.try_clone().unwrap()
    };
    insist(operator("/v1/domains", json!({"name": "acme.example"}))).await;
    let mut keys = Vec::new();
    for scope in ["core", "portal"] {
        let made = insist(operator("/v1/domains/acme.example/keys", json!({"scope": scope, "name": scope}))).await;
        keys.push(made["key"].as_str().unwrap().to_owned());
    }
    let settings = json!({
        "email_mode": "link", "recipients": ["ok@a.example"], "transcribe": false, "quota_bytes": 10_000_000_000_u64,
    });
    insist(|| http.put(format!("{base}/v1/mailboxes/101")).bearer_auth(&keys[1]).json(&settings)).await;

    let next = Arc::new(AtomicUsize::new(0));
    let cores = (0..CORES).map(|_| {
        let (http, base, key, next) = (http.clone(), base.clone(), keys[0].clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= drops {
                    return;
                }
                let url = format!("{base}/core/v1/mailboxes/101/messages/m{number}");
                insist(|| http.put(&url).bearer_auth(&key).body(sample_bytes("voicemail-short.wav"))).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    });
    let cores: Vec<_> = cores.collect();
    for number in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(300..1_500))).await;
        let killed = site.kill_one(&mut random);
        eprintln!("kill {number}: {killed}, after {} drops", next.load(Ordering::Relaxed));
        if number % 8 == 2 {
            cut.store(true, Ordering::Relaxed);
            tokio::time::sleep(AWAY).await;
            cut.store(false, Ordering::Relaxed);
        }
        if number % 8 == 4 {
            site.without_database().await;
        }
    }
    for core in cores {
        core.await.unwrap();
    }

    // Every drop is a message with its renditions, and its mail is out.
    let began = Instant::now();
    let wanted: BTreeSet<String> = (0..drops).map(|number| format!("m{number}")).collect();
    let notices = loop {
        let messages = all(&http, &format!("{base}/v1/mailboxes/101/messages"), &keys[1]).await;
        let notices = all(&http, &format!("{base}/v1/domains/acme.example/notices"), OPERATOR_KEY).await;
        assert!(messages.iter().all(|message| message["state"] != "failed"), "seed {seed}: {messages:#?}");
        let ready = messages.iter().filter(|message| message["state"] == "available");
        let ready: BTreeSet<String> = ready.map(|message| message["core_id"].as_str().unwrap().to_owned()).collect();
        let settled = notices.iter().filter(|notice| !notice["settled_at"].is_null()).count();
        if ready == wanted && messages.len() == drops && settled == drops && notices.len() == drops {
            break notices;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "seed {seed}: of {drops}: {} messages, {} available, {} notices, {settled} settled",
            messages.len(),
            ready.len(),
            notices.len()
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    assert!(notices.iter().all(|notice| notice["state"] == "accepted"), "seed {seed}: {notices:#?}");
    let known: BTreeSet<String> =
        notices.iter().map(|notice| format!("<{}>", notice["internet_message_id"].as_str().unwrap())).collect();
    assert_eq!(known.len(), drops, "seed {seed}: each mail has an id of its own");
    let mut mails: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in server.lines_so_far() {
        let fields: Vec<&str> = line.split(' ').collect();
        mails.entry(fields[2].to_owned()).or_default().insert(fields[6].to_owned());
    }
    assert_eq!(
        mails.keys().cloned().collect::<BTreeSet<_>>(),
        known,
        "seed {seed}: none lost, none under another name"
    );
    assert!(mails.values().all(|forms| forms.len() == 1), "seed {seed}: what comes twice is the same mail");
}

/// Everything that a listing has, page by page.
async fn all(http: &reqwest::Client, url: &str, key: &str) -> Vec<Value> {
    let (mut listed, mut rest): (Vec<Value>, Vec<(&str, String)>) = (Vec::new(), Vec::new());
    loop {
        let page = insist(|| http.get(url).query(&rest).bearer_auth(key)).await;
        // Some lists go on by a cursor, others before the last entry.
        let entries = page.get("items").unwrap_or(&page).as_array().unwrap();
        listed.extend(entries.iter().cloned());
        rest = match (page.get("next_cursor"), entries.last()) {
            (Some(Value::String(cursor)), _) => vec![("cursor", cursor.clone())],
            (None, Some(last)) => vec![("before", last["id"].as_str().unwrap().to_owned())],
            _ => return listed,
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_in_short_loses_nothing_and_mails_nothing_twice_on_sqlite() {
    storm(Kind::Sqlite, 40, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_in_short_loses_nothing_and_mails_nothing_twice_on_postgres() {
    storm(Kind::Postgres, 40, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes long; `make chaos` runs it"]
async fn a_storm_loses_nothing_and_mails_nothing_twice() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        storm(kind, setting("CHAOS_DROPS", 320), setting("CHAOS_KILLS", 24)).await;
    }
}
