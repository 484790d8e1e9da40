//! People upload prompts or type them.

#![allow(clippy::unwrap_used, reason = "a journey that cannot go on fails")]

mod common;

use common::{Sound, TestApp, detail, lufs, ok, sample_bytes};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn hold_music_plays_on_every_phone_at_the_right_loudness() {
    let test = TestApp::start().await;
    let answer = test.upload("hold_music", "hold-music.mp3").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let prompt: Value = answer.json().await.unwrap();
    let mut rates = Vec::new();
    for rendition in prompt["renditions"].as_array().unwrap() {
        let format = rendition["format"].as_str().unwrap();
        let bytes = test.media(rendition).await;
        if rendition["purpose"] == "preview" {
            assert_eq!(rendition["content_type"], "audio/wav", "browsers play it");
            let phone =
                prompt["renditions"].as_array().unwrap().iter().find(|one| one["name"] == "phone-ulaw-8k").unwrap();
            let heard = Sound::decode(&test.media(phone).await, "ulaw").samples;
            assert_eq!(Sound::decode(&bytes, "wav").samples, heard, "exactly what the phone hears");
            continue;
        }
        let tolerance = if format == "opus" { 1.0 } else { 0.5 };
        let loudness = lufs(&bytes, format);
        assert!((loudness + 24.0).abs() <= tolerance, "{}: {loudness} LUFS", rendition["name"]);
        if format == "wav" {
            rates.push(Sound::decode(&bytes, "wav").rate_hz);
        }
    }
    assert_eq!(rates, [16_000, 32_000, 48_000, 8_000], "every rate that local_stream asks for");
    let report = &prompt["phone_report"];
    assert!((report["loudness_out_lufs"].as_f64().unwrap() + 24.0).abs() <= 0.5, "{report:#}");
    assert!(report["loudness_in_lufs"].as_f64().unwrap() > -24.0, "louder than a phone bears: {report:#}");
    assert!((0.0..0.9).contains(&report["band_lost"].as_f64().unwrap()), "{report:#}");
    assert_eq!((&report["noise_reduced"], &report["snr_db"]), (&json!(false), &Value::Null), "music");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_greeting_is_spoken() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({})).await;
    let body = json!({
        "kind": "greeting", "name": "Away", "extension": "101",
        "script": "Hello, you have reached Dana Miller. Please leave a message after the tone.",
    });
    let prompt = ok(test.portal(Method::POST, "/v1/prompts/text").json(&body)).await;
    let path = format!("/v1/prompts/{}", prompt["id"].as_str().unwrap());
    let prompt = test.until(&path, |prompt| prompt["state"] != "pending").await;
    assert_eq!(prompt["state"], "available", "{prompt:#}");
    assert_eq!(prompt["voice"], "heart");
    let seconds = prompt["duration_ms"].as_f64().unwrap() / 1000.0;
    assert!((3.0..8.0).contains(&seconds), "{seconds} s");
    for rendition in prompt["renditions"].as_array().unwrap() {
        if rendition["purpose"] == "phone" {
            let loudness = lufs(&test.media(rendition).await, rendition["format"].as_str().unwrap());
            assert!((loudness + 16.0).abs() <= 0.5, "{}: {loudness} LUFS", rendition["name"]);
        }
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_prompt_has_new_addresses_and_the_old_ones_keep_working() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({})).await;
    let body = json!({"kind": "greeting", "name": "Away", "extension": "101", "script": "I am away today."});
    let first = ok(test.portal(Method::POST, "/v1/prompts/text").json(&body)).await;
    let path = format!("/v1/prompts/{}", first["id"].as_str().unwrap());
    let first = test.until(&path, |prompt| prompt["state"] == "available").await;
    let old = test.media(&first["renditions"][0]).await;
    let edited = json!({"script": "I am away until Thursday, December third."});
    ok(test.portal(Method::PUT, &format!("{path}/text")).json(&edited)).await;
    let second = test.until(&path, |prompt| prompt["version"] == 2 && prompt["state"] == "available").await;
    assert_ne!(second["renditions"][0]["id"], first["renditions"][0]["id"]);
    assert_ne!(test.media(&second["renditions"][0]).await, old);
    assert_eq!(test.media(&first["renditions"][0]).await, old, "an address never changes its bytes");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_can_be_kept_for_ever() {
    let test = TestApp::start().await;
    let prompt: Value = test.upload("hold_music", "hold-music.mp3").await.json().await.unwrap();
    let path = format!("/media/{}/track.wav", prompt["renditions"][0]["id"].as_str().unwrap());
    let answer = test.core(Method::GET, &path).send().await.unwrap();
    assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let etag = answer.headers()["etag"].clone();
    let again = test.core(Method::GET, &path).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let basic = test.browser(Method::GET, &path).basic_auth("asterisk", Some(&test.core_key)).send().await.unwrap();
    assert_eq!(basic.status(), StatusCode::OK, "cores put the key into the address");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_upload_is_refused_in_words_a_person_can_act_on() {
    let test = TestApp::start().await;
    let answer = test.upload("hold_music", "bad/text.wav").await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let words = detail(answer).await;
    assert!(words.contains("text file") && words.contains("Send a WAV"), "{words}");

    let wrong = test.upload("ringtone", "hold-music.mp3").await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    assert!(detail(wrong).await.contains("hold_music"), "the kinds there are");

    let script = json!({"kind": "hold_message", "name": "x", "script": "  "});
    let empty = test.portal(Method::POST, "/v1/prompts/text").json(&script).send().await.unwrap();
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let script = json!({"kind": "hold_message", "name": "x", "script": "Hello.", "voice": "nobody"});
    let unknown = test.portal(Method::POST, "/v1/prompts/text").json(&script).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(unknown).await.contains("heart"), "the voices there are");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_by_any_name_is_known_by_its_bytes() {
    let test = TestApp::start().await;
    let part = reqwest::multipart::Part::bytes(sample_bytes("hold-music.mp3")).file_name("music.wav");
    let form = reqwest::multipart::Form::new().text("kind", "hold_music").text("name", "x").part("file", part);
    let answer = test.portal(Method::POST, "/v1/prompts").multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    test.stop().await;
}
