//! N3: the service is killed between the mail server's 250 and its own commit, twenty times: no mail is lost, and those
//! that come twice are the same mail.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::harness::{ok, sample_bytes};
use serde_json::json;
use voicemill_testing::{python::Script, tools::free_port};

const KILLS: usize = 20;
const OPERATOR_KEY: &str = "the operators' key of the journeys, long enough";
const PATIENCE: Duration = Duration::from_secs(120);

/// The real service, in a process of its own.
fn serve(folder: &Path, port: u16, mail_port: u16) -> Child {
    Command::new(env!("CARGO_BIN_EXE_voicemill"))
        .arg("serve")
        .current_dir(folder)
        .env("VOICEMILL_STORAGE__FOLDER", folder.join("data"))
        .env("VOICEMILL_HTTP__LISTEN", format!("127.0.0.1:{port}"))
        .env("VOICEMILL_HTTP__PUBLIC_URL", format!("http://127.0.0.1:{port}"))
        .env("VOICEMILL_HTTP__OPERATOR_KEY", OPERATOR_KEY)
        .env("VOICEMILL_WORKERS__LEASE_SECONDS", "3")
        .env("VOICEMILL_SMTP__HOST", "127.0.0.1")
        .env("VOICEMILL_SMTP__PORT", mail_port.to_string())
        .env("VOICEMILL_SMTP__SECURITY", "none")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn is_up(http: &reqwest::Client, base: &str) {
    let began = Instant::now();
    while http.get(format!("{base}/healthz")).send().await.is_err() {
        assert!(began.elapsed() < PATIENCE, "it never came up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n3_no_mail_is_lost_when_the_service_is_killed_after_the_servers_answer() {
    voicemill::app::choose_tls();
    // It kills the process that it is told of as soon as it has said 250 to a mail that it sees for the first time.
    let mut server = Script::start("smtpd.py", &["--kill"]);
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let mut service = serve(folder.path(), port, server.port);
    is_up(&http, &base).await;
    let operator = |path: &str| http.post(format!("{base}{path}")).bearer_auth(OPERATOR_KEY);
    ok(operator("/v1/domains").json(&json!({"name": "acme.example"}))).await;
    let mut keys = Vec::new();
    for scope in ["core", "portal"] {
        let made = ok(operator("/v1/domains/acme.example/keys").json(&json!({"scope": scope, "name": "test"}))).await;
        keys.push(made["key"].as_str().unwrap().to_owned());
    }
    let settings = json!({"email_mode": "link", "recipients": ["kill@a.example"], "transcribe": false});
    ok(http.put(format!("{base}/v1/mailboxes/101")).bearer_auth(&keys[1]).json(&settings)).await;

    for number in 0..KILLS {
        server.say(&format!("kill {}", service.id()));
        let url = format!("{base}/core/v1/mailboxes/101/messages/m{number}");
        let request = http.put(url).bearer_auth(&keys[0]).body(sample_bytes("voicemail-short.wav"));
        ok(request).await;
        let began = Instant::now();
        while service.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it was never killed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        service = serve(folder.path(), port, server.port);
        is_up(&http, &base).await;
    }
    // Nothing is killed any more; what was in doubt is settled when the leases of the dead are over.
    server.say("spare");
    let began = Instant::now();
    let listed = loop {
        let url = format!("{base}/v1/domains/acme.example/notices");
        let listed = ok(http.get(url).bearer_auth(OPERATOR_KEY)).await.as_array().unwrap().clone();
        if listed.len() == KILLS && listed.iter().all(|notice| !notice["settled_at"].is_null()) {
            break listed;
        }
        assert!(began.elapsed() < PATIENCE, "{listed:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    service.kill().unwrap();
    service.wait().unwrap();
    assert!(listed.iter().all(|notice| notice["state"] == "accepted"), "{listed:#?}");

    let mut mails: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut kills = 0;
    for line in server.lines_so_far() {
        let fields: Vec<&str> = line.split(' ').collect();
        match fields[0] {
            "KILLED" => kills += 1,
            _ => mails.entry(fields[2].to_owned()).or_default().push(fields[5].to_owned()),
        }
    }
    assert_eq!(kills, KILLS);
    let known: BTreeSet<String> =
        listed.iter().map(|notice| format!("<{}>", notice["internet_message_id"].as_str().unwrap())).collect();
    assert_eq!(mails.keys().cloned().collect::<BTreeSet<_>>(), known, "none lost, and none under another name");
    assert!(mails.values().all(|sizes| sizes.iter().all(|size| *size == sizes[0])), "the same bytes");
    let again = mails.values().filter(|sizes| sizes.len() > 1).count();
    assert!(again > 0, "at least some were killed before their commit: {mails:?}");
}
