//! A call core records a call.

#![allow(clippy::unwrap_used, reason = "a journey that cannot go on fails")]

mod common;

use common::{Sound, TestApp, likeness, ok, sample_bytes};
use reqwest::Method;
use serde_json::Value;

const CALL: &str = "/core/v1/recordings/call-1";

async fn leg(test: &TestApp, role: &str, bytes: Vec<u8>) -> Value {
    ok(test.core(Method::PUT, &format!("{CALL}/legs/{role}")).body(bytes)).await
}

async fn completed(test: &TestApp) -> Value {
    let pending = ok(test.core(Method::POST, &format!("{CALL}/complete"))).await;
    let path = format!("/v1/recordings/{}", pending["id"].as_str().unwrap());
    test.until(&path, |recording| recording["state"] != "pending").await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_legs_become_stereo_by_role() {
    let test = TestApp::start().await;
    let announced = ok(test.core(Method::PUT, &format!("{CALL}?caller_number=4155550132"))).await;
    assert_eq!(announced["state"], "pending");
    // The callee's leg first: roles decide, never the order.
    leg(&test, "callee", sample_bytes("call-callee.wav")).await;
    leg(&test, "caller", sample_bytes("call-caller.wav")).await;
    let recording = completed(&test).await;
    assert_eq!(recording["state"], "available", "{recording:#}");

    let renditions = recording["renditions"].as_array().unwrap();
    let stereo = renditions.iter().find(|rendition| rendition["name"] == "phone-wav-8k").unwrap();
    let sound = Sound::decode(&test.media(stereo).await, "wav");
    assert_eq!((sound.rate_hz, sound.channels), (8_000, 2));
    let caller = Sound::decode(&sample_bytes("call-caller.wav"), "wav");
    let callee = Sound::decode(&sample_bytes("call-callee.wav"), "wav");
    assert!(likeness(&sound.channel(0), &caller.channel(0)) > 0.99, "caller left");
    assert!(likeness(&sound.channel(1), &callee.channel(0)) > 0.99, "callee right");
    let longest = caller.seconds().max(callee.seconds());
    assert!((sound.seconds() - longest).abs() < 0.001);
    let skew_ms = ((callee.seconds() - caller.seconds()) * 1000.0).round() as i64;
    assert!((recording["skew_ms"].as_i64().unwrap() - skew_ms).abs() <= 1, "{recording:#}");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_leg_and_the_same_end_twice_change_nothing() {
    let test = TestApp::start().await;
    for _ in 0..2 {
        ok(test.core(Method::PUT, CALL)).await;
        leg(&test, "caller", sample_bytes("call-caller.wav")).await;
    }
    let first = completed(&test).await;
    let again = completed(&test).await;
    assert_eq!(again, first);
    let late = leg(&test, "callee", sample_bytes("call-callee.wav")).await;
    assert_eq!(late["state"], "available", "what is done is done");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_media_has_no_recording_and_says_why() {
    let test = TestApp::start().await;
    ok(test.core(Method::PUT, CALL)).await;
    let recording = completed(&test).await;
    assert_eq!(recording["state"], "none");
    assert!(recording["reason"].as_str().unwrap().contains("no media"));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_leg_ends_as_failed_and_never_hangs() {
    let test = TestApp::start().await;
    ok(test.core(Method::PUT, CALL)).await;
    leg(&test, "caller", sample_bytes("bad/empty.wav")).await;
    let recording = completed(&test).await;
    assert_eq!(recording["state"], "failed");
    assert!(!recording["reason"].as_str().unwrap().is_empty());
    test.stop().await;
}
