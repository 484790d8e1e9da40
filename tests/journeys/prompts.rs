//! People upload prompts or type them.

use crate::harness::{Sound, TestApp, detail, lufs, ok, sample_bytes};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill::events::Event;
use voicemill_sql::Connection;

#[tokio::test(flavor = "multi_thread")]
async fn hold_music_plays_on_every_phone_at_the_right_loudness() {
    let test = TestApp::start().await;
    let answer = test.upload("hold_music", "hold-music.mp3").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let prompt: Value = answer.json().await.unwrap();
    let mut rates = Vec::new();
    let has = |name: &str| prompt["renditions"].as_array().unwrap().iter().any(|one| one["name"] == name);
    assert!(has("browser-opus") && has("browser-mp3"), "{prompt:#}");
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
    let mut committed = test.app.events.subscribe();
    let answer = test.upload("hold_music", "bad/text.wav").await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let told = std::iter::from_fn(|| committed.try_recv().ok());
    assert!(told.into_iter().any(|event| matches!(event, Event::PromptFailed { .. })), "who waits had to look");
    let words = detail(answer).await;
    assert!(words.contains("text file") && words.contains("Send a WAV"), "{words}");

    let wrong = test.upload("ringtone", "hold-music.mp3").await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
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

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_script_is_spoken_anew_and_the_same_words_are_not() {
    let test = TestApp::start().await;
    let body = json!({"kind": "service_message", "name": "Closed", "script": "We are closed today."});
    let first = ok(test.portal(Method::POST, "/v1/prompts/text").json(&body)).await;
    let path = format!("/v1/prompts/{}", first["id"].as_str().unwrap());
    let first = test.until(&path, |prompt| prompt["state"] == "available").await;
    assert_eq!((&first["speaking_rate"], &first["pauses"]), (&json!(1.0), &json!(1.0)));

    let change = async |changes: Value| {
        ok(test.portal(Method::PATCH, &path).json(&changes)).await;
        test.until(&path, |prompt| prompt["state"] == "available").await
    };
    let renamed = change(json!({"name": "Holiday", "script": "We are closed today."})).await;
    assert_eq!((&renamed["name"], &renamed["version"]), (&json!("Holiday"), &json!(1)), "it sounds as before");
    let slower = change(json!({"speaking_rate": 0.6})).await;
    assert_eq!((&slower["version"], &slower["script"]), (&json!(2), &json!("We are closed today.")));
    let seconds = |prompt: &Value| prompt["duration_ms"].as_f64().unwrap() / 1000.0;
    assert!(seconds(&slower) > 1.4 * seconds(&first), "{} s, {} s", seconds(&slower), seconds(&first));
    let edited = change(json!({"script": "We are open.", "speaking_rate": 1.0})).await;
    assert_eq!((&edited["version"], &edited["name"]), (&json!(3), &json!("Holiday")));
    let voices = ok(test.portal(Method::GET, "/v1/voices")).await;
    let other =
        voices.as_array().unwrap().iter().find(|voice| voice["ready"] == true && voice["id"] != "heart").unwrap();
    let by_another = change(json!({"voice": other["id"]})).await;
    assert_eq!((&by_another["version"], &by_another["voice"]), (&json!(4), &other["id"]));

    let wrong = test.portal(Method::PATCH, &path).json(&json!({"speaking_rate": 9})).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(wrong).await.contains("between 0.5 and 2"));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_are_made_once() {
    let test = TestApp::start().await;
    let body = json!({"kind": "service_message", "name": "One", "script": "We open at 9:30 AM."});
    let one = ok(test.portal(Method::POST, "/v1/prompts/text").json(&body)).await;
    let body = json!({"kind": "hold_message", "name": "Two", "script": "We open  at 9.30am."});
    let two = ok(test.portal(Method::POST, "/v1/prompts/text").json(&body)).await;
    let mut originals = Vec::new();
    for prompt in [&one, &two] {
        let path = format!("/v1/prompts/{}", prompt["id"].as_str().unwrap());
        test.until(&path, |prompt| prompt["state"] == "available").await;
        let id: voicemill_types::PromptId = prompt["id"].as_str().unwrap().parse().unwrap();
        let Connection::Sqlite(connection) = &mut test.app.database.read().await.unwrap() else { unreachable!() };
        let key = "SELECT blob.key FROM blob JOIN prompt ON prompt.media_id = blob.media_id \
                   WHERE prompt.id = ? AND blob.role = 'original'";
        let key: String = sqlx::query_scalar(key).bind(id).fetch_one(&mut **connection).await.unwrap();
        originals.push(key);
    }
    assert_eq!(originals[0], originals[1], "one file in the store is the original of both");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_pronunciation_is_heard_in_every_prompt_that_has_the_word() {
    let test = TestApp::start().await;
    let mut paths = Vec::new();
    for script in ["Doctor Nguyen is away.", "Doctor Lee is away."] {
        let body = json!({"kind": "service_message", "name": "Away", "script": script});
        let prompt = ok(test.portal(Method::POST, "/v1/prompts/text").json(&body)).await;
        paths.push(format!("/v1/prompts/{}", prompt["id"].as_str().unwrap()));
        test.until(&paths[paths.len() - 1], |prompt| prompt["state"] == "available").await;
    }
    let version = async |version: i64| {
        let changed =
            test.until(&paths[0], |prompt| prompt["state"] == "available" && prompt["version"] == version).await;
        assert_eq!(ok(test.portal(Method::GET, &paths[1])).await["version"], 1, "the other has nothing new to say");
        test.media(&changed["renditions"][0]).await
    };
    let guessed = version(1).await;
    let word = "/v1/domains/acme.example/pronunciations/nguyen";
    let set = ok(test.portal(Method::PUT, word).json(&json!({"as": "win"}))).await;
    assert_eq!(set, json!({"word": "nguyen", "as": "win"}));
    assert_eq!(ok(test.portal(Method::GET, "/v1/domains/acme.example/pronunciations")).await, json!([set]));
    let respelled = version(2).await;
    assert_ne!(respelled, guessed);
    ok(test.portal(Method::PUT, word).json(&json!({"as": "win"}))).await;
    assert_eq!(version(2).await, respelled, "nothing changed");
    ok(test.portal(Method::PUT, word).json(&json!({"ipa": "ŋwiən"}))).await;
    assert_ne!(version(3).await, respelled);

    let wrong = test.portal(Method::PUT, word).json(&json!({"ipa": "日"})).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let foreign = test.portal(Method::GET, "/v1/domains/other.example/pronunciations").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
    let gone = test.portal(Method::DELETE, word).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(version(4).await, guessed, "as the voice would say it");
    assert_eq!(test.portal(Method::GET, word).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_has_facts_spoken_once() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let ask = async |parts: Value| {
        let asked = ok(test.core(Method::POST, "/core/v1/announcements").json(&json!({"parts": parts}))).await;
        assert_eq!(asked["state"], "available", "{asked:#}");
        asked
    };
    let queue = json!([{"queue": {"position": 3, "waiting_seconds": 240}}]);
    let first = ask(queue.clone()).await;
    assert_eq!(first["script"], "You are number three in line. The expected wait is four minutes.");
    let formats: Vec<&str> =
        first["renditions"].as_array().unwrap().iter().map(|one| one["purpose"].as_str().unwrap()).collect();
    assert_eq!(formats, ["phone"; 4]);
    assert!(test.media(&first["renditions"][0]).await.len() > 8_000, "a second or more");
    assert_eq!(ask(queue).await["id"], first["id"], "asked again, nothing is made");
    assert_eq!(ok(test.portal(Method::GET, "/v1/prompts")).await, json!([]), "people do not see them");

    let message = test.leave("101", "call-1", "voicemail-short.wav").await;
    let path = format!("/core/v1/messages/{}/announcement", message["id"].as_str().unwrap());
    let said = ok(test.core(Method::POST, &path)).await;
    let script = said["script"].as_str().unwrap();
    assert!(script.starts_with("Message received today at "), "{script}");
    assert!(script.ends_with("from Robin Stone, four one five, five five five, zero one three two."), "{script}");
    test.message(&message["id"], |message| message["state"] == "available").await;

    // The mailbox's clock, else the domain's: in Tokyo it is another day.
    test.mailbox("102", json!({"transcribe": false, "time_zone": "Asia/Tokyo"})).await;
    let received = json!([{"received": {"at": "2026-03-01T20:00:00Z", "from_number": "", "from_name": ""}}]);
    let script = async |wanted: Value| {
        let asked = ok(test.core(Method::POST, "/core/v1/announcements").json(&wanted)).await;
        asked["script"].as_str().unwrap().to_owned()
    };
    let in_new_york = script(json!({"parts": received})).await;
    let in_tokyo = script(json!({"parts": received, "extension": "102"})).await;
    assert!(in_new_york.contains("March first"), "{in_new_york}");
    assert!(in_tokyo.contains("March second"), "{in_tokyo}");

    let unknown = json!({"parts": [{"weather": "fine"}]});
    let refused = test.core(Method::POST, "/core/v1/announcements").json(&unknown).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn voices_are_listed_and_heard() {
    let test = TestApp::start().await;
    let voices = ok(test.portal(Method::GET, "/v1/voices")).await;
    let heart = &voices[0];
    assert_eq!((&heart["id"], &heart["language"], &heart["ready"]), (&json!("heart"), &json!("en-US"), &json!(true)));
    let count = |gender: &str| voices.as_array().unwrap().iter().filter(|voice| voice["gender"] == gender).count();
    assert!(count("female") >= 5 && count("male") >= 4, "{voices:#}");
    let answer = test.portal(Method::GET, heart["sample"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "audio/wav");
    let sample = Sound::decode(&answer.bytes().await.unwrap(), "wav");
    assert!((4.0..12.0).contains(&sample.seconds()), "{} s", sample.seconds());
    let nobody = test.portal(Method::GET, "/v1/voices/nobody/sample").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    test.stop().await;
}
