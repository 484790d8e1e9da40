//! What cores and portals send, in the forms in which they send it.

use std::io::Write;

use crate::harness::{TestApp, detail, ok, sample_bytes};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

const BOUNDARY: &str = "----journey";

/// A part of a form: the lines of its head, and its content.
fn part(head: &[u8], content: &[u8]) -> Vec<u8> {
    [b"--", BOUNDARY.as_bytes(), b"\r\n", head, b"\r\n\r\n", content, b"\r\n"].concat()
}

fn field(name: &str, value: &[u8]) -> Vec<u8> {
    part(format!("Content-Disposition: form-data; name=\"{name}\"").as_bytes(), value)
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), format!("--{BOUNDARY}--\r\n").into_bytes()].concat()
}

fn form_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

fn voicemail() -> Vec<u8> {
    sample_bytes("voicemail-short.wav")
}

async fn test() -> TestApp {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    test
}

async fn send_form(test: &TestApp, content_type: &str, body: Vec<u8>) -> Response {
    let request = test.core(Method::POST, "/core/v1/mailboxes/101/messages");
    request.header("content-type", content_type).body(body).send().await.unwrap()
}

async fn available(test: &TestApp, answer: Response) -> Value {
    assert_eq!(answer.status(), StatusCode::CREATED);
    let dropped: Value = answer.json().await.unwrap();
    test.message(&dropped["id"], |message| message["state"] != "pending").await
}

#[tokio::test(flavor = "multi_thread")]
async fn k18_forms_are_taken_in_any_order_and_with_any_file_name() {
    let test = test().await;
    let disposition = |rest: &[u8]| [b"Content-Disposition: form-data; name=\"file\"", rest].concat();
    let files = [
        disposition(b"; filename=\"msg0001.wav\""),
        disposition(b"; filename=\"gr\xFC\xDFe.wav\""),
        disposition(b"; filename*=UTF-8''gr%C3%BC%C3%9Fe.wav"),
        disposition(b""),
        b"Content-Disposition: form-data; name=\"whatever\"\r\nContent-Type: audio/wav".to_vec(),
    ];
    for (number, head) in files.iter().enumerate() {
        let file = part(head, &voicemail());
        let id = field("id", format!("before-{number}").as_bytes());
        let name = field("caller_name", b"Jos\xE9");
        let before = send_form(&test, &form_type(), form(&[id, name.clone(), file.clone()])).await;
        let before = available(&test, before).await;
        assert_eq!((&before["state"], &before["caller_name"]), (&json!("available"), &json!("José")), "{number}");
        let id = field("id", format!("after-{number}").as_bytes());
        let after = available(&test, send_form(&test, &form_type(), form(&[file, name, id])).await).await;
        assert_eq!((&after["state"], &after["caller_name"]), (&json!("available"), &json!("José")), "{number}");
    }
    // A long file, of which much has come when the fields before it are read.
    let long = [voicemail(), vec![0; 3_000_000]].concat();
    let fields: Vec<_> = (0..10).map(|number| field(&format!("field-{number}"), b"x")).collect();
    let body = [fields, vec![field("id", b"long"), part(&files[0], &long)]].concat();
    let answer = send_form(&test, &form_type(), form(&body)).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().await.unwrap());

    let file = part(&files[0], &sample_bytes("hold-music.mp3"));
    let body = form(&[file, field("name", b"Music"), field("kind", b"hold_music")]);
    let request = test.portal(Method::POST, "/v1/prompts").header("content-type", form_type()).body(body);
    assert_eq!(ok(request).await["name"], "Music", "a portal's form with its file first");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k18_what_is_no_form_is_told_what_to_send() {
    let test = test().await;
    let file = part(b"Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"", &voicemail());
    let whole = form(&[field("id", b"x"), file.clone()]);
    for (content_type, body, status, hint) in [
        ("application/json", b"{}".to_vec(), 415, "multipart/form-data"),
        ("multipart/mixed; boundary=----journey", whole.clone(), 415, "multipart/form-data"),
        ("multipart/form-data", whole.clone(), 400, "boundary"),
        (&form_type(), form(&[field("id", b"x")]), 400, "a part named \"file\""),
        (&form_type(), form(&[field("id", b"x"), file.clone(), file.clone()]), 400, "two files"),
        (&form_type(), whole[..whole.len() / 2].to_vec(), 400, "send it again"),
        (&form_type(), form(&[field("id", &[b'x'; 5_000]), file.clone()]), 400, "longer than 4096 bytes"),
        (&form_type(), form(&vec![field("id", b"x"); 50]), 400, "too many parts"),
    ] {
        let answer = send_form(&test, content_type, body).await;
        assert_eq!(answer.status().as_u16(), status, "{content_type}");
        let detail = detail(answer).await;
        assert!(detail.contains(hint), "{content_type}: {detail}");
    }
    test.stop().await;
}

/// Megabytes before the file are refused when the first of them have come.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_takes_little_memory_before_its_file() {
    let test = test().await;
    let head = |bytes: usize| {
        let name = "x".repeat(bytes);
        part(format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}.wav\"").as_bytes(), b"RIFF")
    };
    for body in [vec![0; 3_000_000], form(&[head(3_000_000)]), form(&[field("id", &vec![b'x'; 3_000_000])])] {
        let answer = send_form(&test, &form_type(), body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let detail = detail(answer).await;
        assert!(detail.contains("65536 bytes") || detail.contains("4096 bytes"), "{detail}");
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k19_no_spelling_of_a_caller_or_a_time_costs_a_message() {
    let test = test().await;
    let drop = async |id: &str, query: &str| {
        let path = format!("/core/v1/mailboxes/101/messages/{id}?{query}");
        available(&test, test.core(Method::PUT, &path).body(voicemail()).send().await.unwrap()).await
    };
    for (number, time) in
        ["1795357860", "1795357860000", "1795357860.0", "2026-11-22T09:31:00", "2026-11-22T15:31:00+01:00"]
            .iter()
            .enumerate()
    {
        let message = drop(&format!("t{number}"), &format!("received_at={time}")).await;
        assert_eq!(message["received_at"], "2026-11-22T14:31:00Z", "{time}");
    }
    for (number, time) in ["", "yesterday", "2026-13-45T99:00:00Z"].iter().enumerate() {
        let message = drop(&format!("n{number}"), &format!("received_at={time}")).await;
        assert_eq!(message["state"], "available", "{time:?} is taken as now");
    }
    let message = drop("plus", "caller_number=+14155550132&caller_name=Jos%E9").await;
    assert_eq!(message["caller_number"], "+14155550132");
    assert_eq!(message["caller_name"], "José");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k21_bodies_are_unpacked_or_refused_before_they_are_taken() {
    let test = test().await;
    let put = async |id: &str, headers: &[(&str, &str)], body: Vec<u8>| {
        let path = format!("/core/v1/mailboxes/101/messages/{id}");
        let request = test.core(Method::PUT, &path).body(body);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    };
    let plain = available(&test, put("plain", &[], voicemail()).await).await;

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&voicemail()).unwrap();
    let packed = gzip.finish().unwrap();
    for encoding in ["gzip", "X-Gzip"] {
        let message = put(encoding, &[("content-encoding", encoding)], packed.clone()).await;
        assert_eq!(available(&test, message).await["duration_ms"], plain["duration_ms"], "{encoding}");
    }
    for encoding in ["br", "gzip, gzip"] {
        let refused = put("refused", &[("content-encoding", encoding)], packed.clone()).await;
        assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(refused.headers()["accept-encoding"].to_str().unwrap().contains("gzip"));
        assert!(detail(refused).await.contains("gzip or deflate"));
    }
    let broken = put("broken", &[("content-encoding", "gzip")], packed[..packed.len() / 2].to_vec()).await;
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);

    // Two seconds of 440 Hz in 16-bit samples, the high byte first.
    let tone = |rate: u32| -> Vec<u8> {
        let sample = |at: u32| (f64::from(at) / f64::from(rate) * 440.0 * std::f64::consts::TAU).sin() * 8_000.0;
        (0..2 * rate).flat_map(|at| (sample(at) as i16).to_be_bytes()).collect()
    };
    for rate in [8_000_u32, 16_000] {
        let content_type = format!("audio/L16;rate={rate}");
        let answer = put(&format!("l16-{rate}"), &[("content-type", &content_type)], tone(rate)).await;
        let message = available(&test, answer).await;
        assert_eq!((&message["state"], &message["duration_ms"]), (&json!("available"), &json!(2_000)), "{rate}");
    }

    let file = part(b"Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"", &voicemail());
    let body = form(&[field("caller_name", b"Robin"), file]);
    let unpacked = put("form", &[("content-type", &form_type())], body.clone()).await;
    let unpacked = available(&test, unpacked).await;
    assert_eq!((&unpacked["caller_name"], &unpacked["duration_ms"]), (&json!("Robin"), &plain["duration_ms"]));
    let disguised = put("disguised", &[("content-type", "audio/wav")], body).await;
    assert_eq!(disguised.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(detail(disguised).await.contains("multipart/form-data"));
    test.stop().await;
}

/// Wrong keys are slowed down, and whoever has the right one is not.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_keys_is_slowed_down() {
    let test = test().await;
    let ask = |key: String| test.browser(Method::GET, "/v1/mailboxes/101").bearer_auth(key).send();
    for number in 0..60 {
        assert_eq!(ask(format!("vm_{number}")).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let slowed = ask("vm_60".to_owned()).await.unwrap();
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(slowed.headers().contains_key("retry-after"));
    assert_eq!(ask(test.portal_key.clone()).await.unwrap().status(), StatusCode::OK);
    test.stop().await;
}
