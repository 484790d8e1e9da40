//! Rule 22: a bad upload is told, kept for a day, and never played.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{
    Started,
    prompts::{address, form, ready, refusal, status},
};
use crate::harness::{ok, sample_bytes};

on_both![rule_22_a_bad_upload_is_told_kept_for_a_day_and_never_played,];

async fn rule_22_a_bad_upload_is_told_kept_for_a_day_and_never_played(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", true).await;
    test.mailbox("101", json!({})).await;
    let good = form("greeting", "Good", "voicemail-short.wav").text("extension", "101");
    let good = ready(&test, &ok(test.portal(Method::POST, "/v1/prompts").multipart(good)).await).await;
    let (code, problem) =
        refusal(test.portal(Method::PUT, &format!("{}/audio", address(&good))).body("no audio")).await;
    assert_eq!((code, &problem["parameters"]["prompt"]), (422, &good["id"]));
    let mut bad = Vec::new();
    for (sample, words) in [("bad/empty.wav", "nothing was recorded"), ("bad/text.wav", "text file")] {
        let (code, problem) =
            refusal(test.portal(Method::POST, "/v1/prompts").multipart(form("hold_music", "Bad", sample))).await;
        assert_eq!((code, &problem["type"]), (422, &json!("/problems/bad-audio")));
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem:#}");
        let id = problem["parameters"]["prompt"].as_str().unwrap().to_owned();
        let shown = ok(test.portal(Method::GET, &format!("/v1/prompts/{id}"))).await;
        assert_eq!(
            (&shown["state"], &shown["served_version"], &shown["renditions"]),
            (&json!("failed"), &Value::Null, &json!([]))
        );
        assert_eq!(status(test.portal(Method::GET, &format!("/v1/prompts/{id}/audio"))).await, StatusCode::NOT_FOUND);
        assert_eq!(status(test.core(Method::GET, &format!("/core/v1/prompts/{id}.wav"))).await, StatusCode::NOT_FOUND);
        bad.push(id);
    }
    // In a play list it is left out of what is played.
    ok(test.portal(Method::PUT, "/v1/playlists/lobby").json(&json!({"tracks": bad}))).await;
    assert_eq!(ok(test.core(Method::GET, "/core/v1/playlists/lobby.json")).await["sequence"], json!([]));
    let files = || walk(&test.app.config.storage.folder.join("store"), "orig");
    assert_eq!(files(), 4, "one good, three kept for support");

    // Just before a day is over, all is there; just after, nothing but the good one.
    test.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(60));
    voicemill::prompts::removal::sweep(&test.app).await.unwrap();
    assert_eq!(ok(test.portal(Method::GET, &format!("/v1/prompts/{}", bad[0]))).await["state"], "failed");
    test.advance(SignedDuration::from_secs(61));
    voicemill::prompts::removal::sweep(&test.app).await.unwrap();
    for id in &bad {
        assert_eq!(status(test.portal(Method::GET, &format!("/v1/prompts/{id}"))).await, StatusCode::NOT_FOUND);
    }
    let after = ok(test.portal(Method::GET, &address(&good))).await;
    assert_eq!(
        (&after["version"], &after["state"], &after["renditions"]),
        (&json!(1), &json!("available"), &good["renditions"])
    );
    test.idle().await;
    assert_eq!(files(), 1);
    let list = ok(test.portal(Method::GET, "/v1/playlists/lobby")).await;
    assert_eq!(list["tracks"], json!([]));
    // The next replacement is another version, whose addresses are new.
    ok(test.portal(Method::PUT, &format!("{}/audio", address(&good))).body(sample_bytes("voicemail.wav"))).await;
    let third = ready(&test, &good).await;
    assert_eq!((&third["version"], &third["served_version"]), (&json!(3), &json!(3)));
    // The one that it replaced goes after 30 days.
    let old = format!("/media/{}/x", good["renditions"][0]["id"].as_str().unwrap());
    assert_eq!(status(test.core(Method::GET, &old)).await, StatusCode::OK);
    test.advance(SignedDuration::from_hours(24 * 30 + 1));
    voicemill::prompts::removal::sweep(&test.app).await.unwrap();
    assert_eq!(status(test.core(Method::GET, &old)).await, StatusCode::NOT_FOUND);
    test.stop().await;
}

/// How many files with that extension lie in a folder, however deep.
fn walk(folder: &std::path::Path, extension: &str) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: std::path::PathBuf| match path.is_dir() {
        true => walk(&path, extension),
        false => usize::from(path.extension().is_some_and(|found| found == extension)),
    };
    entries.map(count).sum()
}
