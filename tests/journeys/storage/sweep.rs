//! M15: store and database are compared, what is of no use goes, what somebody dropped is found its place, and damage shows.

use std::{path::Path, process::Command, sync::Arc};

use bytes::Bytes;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use voicemill::media::sweep;
use voicemill_storage::{BlobKey, BlobStore, S3Store};
use voicemill_types::clock::Clock;

use crate::{
    harness::{TestApp, Wish, ok},
    storage::outages::Blocked,
    storage::s3_server,
};

const HOURS_25: SignedDuration = SignedDuration::from_hours(25);

async fn start() -> TestApp {
    let clock = Clock::fixed(Clock::system().now());
    let test = TestApp::start_with(Wish { clock, work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({})).await;
    test
}

/// Compares everything and returns what an operator sees.
async fn swept(test: &TestApp) -> Value {
    assert!(sweep::whole(&test.app).await.unwrap());
    ok(test.operator(Method::GET, "/v1/storage")).await
}

fn orphans(report: &Value) -> Value {
    let last = &report["passes"][0]["last"];
    json!([last["waiting"], last["adopted"], last["removed"], last["kept"]])
}

async fn key(test: &TestApp, extension: &str) -> BlobKey {
    let domain = test.domain_id("acme.example").await;
    BlobKey::new(domain, extension).unwrap()
}

/// What a crash leaves that comes between storing the bytes and telling anybody.
async fn crash_after_storing(test: &TestApp, core_id: &str) {
    // Nobody works the spool off meanwhile.
    let turn = loop {
        if let Some(turn) = test.app.spool.lock().await.unwrap() {
            break turn;
        }
        tokio::task::yield_now().await;
    };
    let blocked = Blocked::database(test).await;
    assert_eq!(test.drop_message("101", core_id, b"RIFF orphaned".to_vec()).await.status(), 202);
    for place in test.app.spool.oldest(10) {
        test.app.spool.remove(&place).await.unwrap();
    }
    drop(turn);
    blocked.end().await;
    // Nor is anybody spared because it was down just now.
    test.app.breakers.writes.note(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn m15_orphans_are_left_alone_for_a_day_and_then_adopted_or_removed() {
    let test = start().await;
    assert_eq!(test.drop_message("101", "msg-1", b"RIFF kept".to_vec()).await.status(), 201);
    crash_after_storing(&test, "msg-2").await;
    // What a job made that was killed before it said so.
    let rendition = key(&test, "opus").await;
    test.app.store.put(&rendition, Bytes::from_static(b"rendered in vain").into()).await.unwrap();
    let report = swept(&test).await;
    assert_eq!(orphans(&report), json!([2, 0, 0, 0]), "{report:#}");

    test.clock.advance(HOURS_25);
    let report = swept(&test).await;
    assert_eq!(orphans(&report), json!([0, 1, 1, 0]), "{report:#}");
    let listed = ok(test.portal(Method::GET, "/v1/mailboxes/101/messages")).await["items"].clone();
    let ids: Vec<&str> =
        listed.as_array().unwrap().iter().map(|message| message["core_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2, "{listed:#}");
    assert!(ids.contains(&"msg-2"));
    let jobs = test.app.queue.list(&voicemill_queue::JobFilter::default()).await.unwrap();
    assert_eq!(jobs.iter().filter(|job| job.kind == "render_media").count(), 2, "it is worked on like any other");

    let report = swept(&test).await;
    assert_eq!(orphans(&report), json!([0, 0, 0, 0]));
    assert_eq!((&report["passes"][0]["last"]["seen"], &report["faults"]), (&json!(2), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_that_was_dropped_again_is_removed_and_one_without_a_mailbox_is_kept() {
    let test = start().await;
    crash_after_storing(&test, "msg-1").await;
    assert_eq!(test.drop_message("101", "msg-1", b"RIFF orphaned".to_vec()).await.status(), 201);
    crash_after_storing(&test, "msg-2").await;
    test.execute("UPDATE mailbox SET extension = '102'").await;
    test.clock.advance(HOURS_25);
    let report = swept(&test).await;
    assert_eq!(orphans(&report)[3], 2, "{report:#}");
    assert_eq!(report["faults"], 2);
    test.execute("UPDATE mailbox SET extension = '101'").await;
    let report = swept(&test).await;
    assert_eq!(orphans(&report), json!([0, 1, 1, 0]), "{report:#}");
    assert_eq!(report["faults"], 0, "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_the_stores_removes_nothing() {
    let test = start().await;
    for _ in 0..60 {
        let key = key(&test, "opus").await;
        test.app.store.put(&key, Bytes::from_static(b"somebody's").into()).await.unwrap();
    }
    test.clock.advance(HOURS_25);
    let report = swept(&test).await;
    assert_eq!(orphans(&report), json!([0, 0, 0, 60]), "{report:#}");
    let left = test.app.store.list("", 100).await.unwrap().blobs;
    assert_eq!(left.len(), 61, "they, and the id of the database that the store belongs to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_against_another_or_an_empty_database_stops_and_says_so() {
    let test = start().await;
    assert_eq!(test.drop_message("101", "msg-1", b"RIFF kept".to_vec()).await.status(), 201);
    swept(&test).await;
    let before = test.app.store.list("", 100).await.unwrap().blobs.len();
    for (change, said) in [
        ("UPDATE store_identity SET id = randomblob(16)", "the store belongs to another database"),
        ("DELETE FROM store_identity", "this one is new, or older than the store"),
    ] {
        test.execute(change).await;
        test.execute("DELETE FROM blob").await;
        test.clock.advance(HOURS_25 * 40);
        let error = sweep::whole(&test.app).await.unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("nothing was removed"), "{error}");
    }
    assert_eq!(test.app.store.list("", 100).await.unwrap().blobs.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_that_no_row_names_is_kept_for_thirty_days() {
    let test = start().await;
    // A person's upload, whose row went with the database of an older backup.
    let original = key(&test, "orig").await;
    test.app.store.put(&original, Bytes::from_static(b"RIFF somebody's").into()).await.unwrap();
    test.clock.advance(HOURS_25);
    assert_eq!(orphans(&swept(&test).await), json!([1, 0, 0, 0]), "it waits");
    test.clock.advance(SignedDuration::from_hours(24 * 29));
    assert_eq!(orphans(&swept(&test).await), json!([1, 0, 0, 0]), "and waits");
    test.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(orphans(&swept(&test).await), json!([0, 0, 1, 0]), "until its time is over");
    assert!(test.app.store.head(&original).await.is_err());
}

fn doctor(folder: &Path, more: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_voicemill"))
        .args(["doctor", "--store"])
        .args(more)
        .current_dir(folder)
        .env("VOICEMILL_STORAGE__FOLDER", folder)
        .env("VOICEMILL_SPEECH__MODELS_FOLDER", folder)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_shown_by_the_doctor_and_forgotten_when_it_is_mended() {
    let test = start().await;
    for core_id in ["msg-1", "msg-2", "msg-3"] {
        let dropped = test.drop_message("101", core_id, format!("RIFF {core_id}").into_bytes()).await;
        assert_eq!(dropped.status(), 201);
    }
    let folder = test.app.config.storage.folder.clone();
    let blobs = test.app.store.list("", 10).await.unwrap().blobs;
    let path = |at: usize| folder.join("store").join(blobs[at].key.to_string());
    let whole: Vec<Vec<u8>> = (0..3).map(|at| std::fs::read(path(at)).unwrap()).collect();
    let (well, text) = doctor(&folder, &["--sweep"]);
    assert!(well, "{text}");
    assert!(text.contains("3 seen") && text.contains("no fault is known"), "{text}");

    std::fs::write(path(0), b"RIFF msg-X").unwrap();
    std::fs::remove_file(path(1)).unwrap();
    std::fs::write(path(2), b"RIFF").unwrap();
    let report = swept(&test).await;
    assert_eq!(report["faults"], 4, "{report:#}");
    let (well, text) = doctor(&folder, &[]);
    assert!(!well);
    for (at, words) in [(0, "its bytes are not those that came"), (1, "it is not in the store"), (2, "not as long as")]
    {
        let line = text.lines().find(|line| line.contains(&blobs[at].key.to_string()) && line.contains(words));
        assert!(line.is_some(), "{at} {words}: {text}");
    }

    // From a backup.
    (0..3).for_each(|at| std::fs::write(path(at), &whole[at]).unwrap());
    let report = swept(&test).await;
    assert_eq!(report["faults"], 0, "{report:#}");
    let (well, text) = doctor(&folder, &[]);
    assert!(well, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_goes_on_where_it_was_and_begins_anew_when_its_time_comes() {
    let test = start().await;
    assert_eq!(test.drop_message("101", "msg-1", b"RIFF kept".to_vec()).await.status(), 201);
    let (budget, pause) = (std::time::Duration::from_secs(5), std::time::Duration::ZERO);
    let began = async || {
        let report = ok(test.operator(Method::GET, "/v1/storage")).await;
        report["passes"][0]["started_at"].clone()
    };
    assert!(sweep::run(&test.app, budget, pause).await.unwrap());
    let first = began().await;
    assert!(sweep::run(&test.app, budget, pause).await.unwrap());
    assert_eq!(began().await, first, "nothing was due");
    test.clock.advance(HOURS_25);
    assert!(sweep::run(&test.app, budget, pause).await.unwrap());
    assert_ne!(began().await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn m15_orphans_in_a_bucket_are_adopted_by_their_labels_too() {
    let server = s3_server();
    let s3 = server.config();
    let clock = Clock::fixed(Clock::system().now());
    let configure = Box::new(move |config: &mut voicemill::config::Config| config.storage.s3 = Some(s3.clone()));
    let test = TestApp::start_with(Wish { clock, configure, work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({})).await;
    crash_after_storing(&test, "msg-1").await;
    let store: Arc<dyn BlobStore> = Arc::new(S3Store::open(server.config()).await.unwrap());
    assert_eq!(store.list("", 10).await.unwrap().blobs.len(), 1);
    test.clock.advance(HOURS_25);
    let report = swept(&test).await;
    assert_eq!(orphans(&report), json!([0, 1, 0, 0]), "{report:#}");
    let message = ok(test.portal(Method::GET, "/v1/mailboxes/101/messages")).await["items"][0].clone();
    assert_eq!((&message["core_id"], &message["caller_name"]), (&json!("msg-1"), &json!("Robin Stone")));
}
