//! A call core records a call.

use std::time::{Duration, Instant};

use crate::harness::{Sound, TestApp, likeness, ok, sample_bytes};
use reqwest::Method;
use serde_json::{Value, json};

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
    // For browsers that play no Opus.
    let mp3 = renditions.iter().find(|rendition| rendition["name"] == "browser-mp3").unwrap();
    let mp3 = Sound::decode(&test.media(mp3).await, "mp3");
    assert_eq!((mp3.rate_hz, mp3.channels), (16_000, 2));
    assert!((mp3.seconds() - sound.seconds()).abs() < 0.001);
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
    let late = leg(&test, "caller", sample_bytes("call-caller.wav")).await;
    assert_eq!((&late["id"], &late["kept"]), (&first["id"], &json!(false)), "what is done is done");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_with_other_sound_begins_another_recording_and_the_answer_says_so() {
    let test = TestApp::start().await;
    let (long, short) = (sample_bytes("voicemail.wav"), sample_bytes("call-caller.wav"));
    for (call, files) in [("shorter", [&long, &short]), ("longer", [&short, &long])] {
        let put = |path: &str, body: &[u8]| {
            ok(test.core(Method::PUT, &format!("/core/v1/recordings/{call}{path}")).body(body.to_vec()))
        };
        let announced = put("?caller_number=4155550132", &[]).await;
        let first = put("/legs/caller", files[0]).await;
        assert_eq!((&first["id"], &first["kept"], &first["take"]), (&announced["id"], &json!(true), &json!(1)));
        assert!(first["same_call_as"].is_null());
        let second = put("/legs/caller", files[1]).await;
        assert_eq!(
            (&second["same_call_as"], &second["kept"], &second["take"]),
            (&first["id"], &json!(true), &json!(2))
        );
        assert_ne!(second["id"], first["id"]);
        assert_eq!(second["caller_number"], "4155550132");
        for (at, file) in files.iter().enumerate() {
            let again = put("/legs/caller", file).await;
            assert_eq!((&again["id"], &again["kept"]), (&[&first, &second][at]["id"], &json!(false)), "sent again");
        }
        ok(test.core(Method::POST, &format!("/core/v1/recordings/{call}/complete"))).await;
        for (recording, file) in [(first, files[0]), (second, files[1])] {
            let path = format!("/v1/recordings/{}", recording["id"].as_str().unwrap());
            let made = test.until(&path, |recording| recording["state"] != "pending").await;
            let expected = (Sound::decode(file, "wav").seconds() * 1000.0).round() as i64;
            assert_eq!((&made["state"], &made["duration_ms"]), (&json!("available"), &json!(expected)), "{made:#}");
        }
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_the_end_is_a_recording_of_its_own_and_so_is_another_call_of_the_same_id() {
    let test = TestApp::start().await;
    ok(test.core(Method::PUT, &format!("{CALL}?caller_number=4155550132"))).await;
    leg(&test, "caller", sample_bytes("call-caller.wav")).await;
    let first = ok(test.core(Method::POST, &format!("{CALL}/complete"))).await;
    // While it may already be rendered.
    let late = leg(&test, "callee", sample_bytes("call-callee.wav")).await;
    assert_eq!((&late["same_call_as"], &late["take"], &late["state"]), (&first["id"], &json!(2), &json!("pending")));
    let second = completed(&test).await;
    assert_eq!((&second["id"], &second["state"]), (&late["id"], &json!("available")), "{second:#}");

    let again = ok(test.core(Method::PUT, &format!("{CALL}?caller_number=4155550132"))).await;
    assert_eq!(again["id"], late["id"], "the same call is announced twice");
    let other = ok(test.core(Method::PUT, &format!("{CALL}?caller_number=6465550177"))).await;
    assert_eq!((&other["take"], &other["caller_number"]), (&json!(3), &json!("6465550177")));
    let standing = leg(&test, "caller", sample_bytes("voicemail.wav")).await;
    assert_eq!((&standing["id"], &standing["same_call_as"]), (&other["id"], &Value::Null));
    assert_eq!(completed(&test).await["state"], "available");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_that_has_grown_takes_the_place_of_the_shorter() {
    let test = TestApp::start().await;
    let whole = sample_bytes("call-caller.wav");
    let half = whole[..whole.len() / 2].to_vec();
    ok(test.core(Method::PUT, CALL)).await;
    for bytes in [half.clone(), whole.clone(), half] {
        leg(&test, "caller", bytes).await;
    }
    let recording = completed(&test).await;
    let expected = (Sound::decode(&whole, "wav").seconds() * 1000.0).round() as i64;
    assert_eq!(recording["duration_ms"], expected, "a shorter one that comes late changes nothing");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_media_has_no_recording_and_says_why() {
    let test = TestApp::start().await;
    ok(test.core(Method::PUT, CALL)).await;
    let recording = completed(&test).await;
    assert_eq!(recording["state"], "none");
    assert_eq!(recording["reason"]["code"], "no_media");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_leg_ends_as_failed_and_never_hangs() {
    let test = TestApp::start().await;
    ok(test.core(Method::PUT, CALL)).await;
    leg(&test, "caller", sample_bytes("bad/empty.wav")).await;
    let recording = completed(&test).await;
    assert_eq!(recording["state"], "failed");
    assert_eq!(recording["reason"]["code"], "nothing_recorded");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_wants_it_gets_what_each_party_said() {
    let test = TestApp::start().await;
    let wish = json!({"transcribe_recordings": true, "language": "en"});
    let changed: Value = test.change_domain("acme.example", wish).await.json().await.unwrap();
    assert_eq!((&changed["transcribe_recordings"], &changed["language"]), (&json!(true), &json!("en")));
    ok(test.core(Method::PUT, CALL)).await;
    leg(&test, "caller", sample_bytes("call-caller.wav")).await;
    leg(&test, "callee", sample_bytes("call-callee.wav")).await;
    let stored = completed(&test).await;
    assert_ne!(stored["transcript_state"], "off", "{stored:#}");
    let path = format!("/v1/recordings/{}", stored["id"].as_str().unwrap());
    let recording = test.until(&path, |recording| recording["transcript_state"] != "pending").await;
    assert_eq!(recording["transcript_state"], "available", "{recording:#}");

    let segments = recording["transcript"]["segments"].as_array().unwrap();
    let begins = |segment: &Value| segment["start_seconds"].as_f64().unwrap();
    assert!(segments.is_sorted_by_key(begins), "{segments:#?}");
    let says = |role: &str, words: &str| {
        let said = |segment: &Value| segment["role"] == role && segment["text"].as_str().unwrap().contains(words);
        segments.iter().any(said)
    };
    assert!(says("caller", "Friday morning") && says("callee", "insurance card"), "{segments:#?}");
    assert!(!says("callee", "Friday morning") && !says("caller", "insurance card"));
    let text = recording["transcript"]["text"].as_str().unwrap();
    assert!(text.lines().count() >= 4, "{text}");
    assert!(text.lines().all(|line| line.starts_with("Caller: ") || line.starts_with("Callee: ")), "{text}");
    let captions = test.portal(Method::GET, &format!("{path}/transcript.vtt")).send().await.unwrap();
    assert!(captions.text().await.unwrap().contains("<v Callee>"));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_not_transcribed_unless_the_domain_wants_it() {
    let test = TestApp::start().await;
    ok(test.core(Method::PUT, CALL)).await;
    leg(&test, "caller", sample_bytes("call-caller.wav")).await;
    let recording = completed(&test).await;
    assert_eq!((&recording["transcript_state"], &recording["transcript"]), (&json!("off"), &Value::Null));
    let path = format!("/v1/recordings/{}/transcript.vtt", recording["id"].as_str().unwrap());
    assert_eq!(test.portal(Method::GET, &path).send().await.unwrap().status(), 404);
    let refused = test.change_domain("acme.example", json!({"language": "klingon"})).await;
    assert_eq!(refused.status(), 422);
    assert!(crate::harness::detail(refused).await.contains("ISO 639-1"));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voicemail_is_heard_before_the_recordings_that_came_first_of_its_domain_and_of_others() {
    const DOMAINS: usize = 4;
    const OF_A_DOMAIN: usize = 2;
    let test = TestApp::start().await;
    let lane = json!({"lane": "transcribe"});
    // Nothing is heard until everything waits to be.
    ok(test.operator(Method::POST, "/v1/jobs/pause").json(&lane)).await;
    // A worker knows of it within a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let mut recordings = Vec::new();
    for number in 0..DOMAINS {
        let (name, keys) = match number {
            0 => ("acme.example".to_owned(), (test.core_key.clone(), test.portal_key.clone())),
            _ => {
                let name = format!("calls-{number}.example");
                let keys = test.domain(&name).await;
                (name, keys)
            }
        };
        test.change_domain(&name, json!({"transcribe_recordings": true, "language": "en"})).await;
        for call in 0..OF_A_DOMAIN {
            let by_core = |method: Method, path: &str| {
                test.browser(method, &format!("/core/v1/recordings/call-{call}{path}")).bearer_auth(&keys.0)
            };
            ok(by_core(Method::PUT, "")).await;
            ok(by_core(Method::PUT, "/legs/caller").body(sample_bytes("call-caller.wav"))).await;
            let completed = ok(by_core(Method::POST, "/complete")).await;
            recordings.push((keys.1.clone(), format!("/v1/recordings/{}", completed["id"].as_str().unwrap())));
        }
    }
    test.mailbox("101", json!({"email_mode": "attachment", "recipients": ["pat@acme.example"]})).await;
    let message = test.leave("101", "vm-1", "voicemail-short.wav").await;
    test.message(&message["id"], |message| message["state"] == "available").await;
    let recording = |at: usize| {
        let (portal, path) = &recordings[at];
        ok(test.browser(Method::GET, path).bearer_auth(portal))
    };
    let began = Instant::now();
    for at in 0..recordings.len() {
        while recording(at).await["state"] != "available" {
            assert!(began.elapsed() < Duration::from_secs(60), "a recording is never rendered");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    ok(test.operator(Method::POST, "/v1/jobs/resume").json(&lane)).await;
    test.message(&message["id"], |message| message["transcript_state"] != "pending").await;
    let mut waiting = 0;
    for at in 0..recordings.len() {
        waiting += usize::from(recording(at).await["transcript_state"] == "pending");
    }
    // One may have been begun when the voicemail was done, before it was asked for.
    assert!(waiting >= recordings.len() - 1, "only {waiting} of {} recordings wait", recordings.len());
    test.stop().await;
}
