//! A call core drops a voicemail; its owner gets it as the mailbox asks.

use std::time::Duration;

use crate::harness::{
    Sound, TestApp, Wish, attachment, detail, likeness, link_in, lufs, named_attachment, said, sample_bytes,
};
use reqwest::{Method, StatusCode, multipart};
use serde_json::{Value, json};
use voicemill_speech::accuracy::word_error_rate;

fn settled(message: &Value) -> bool {
    let notices = message["notices"].as_array().unwrap();
    !notices.is_empty() && notices.iter().all(|notice| !notice["settled_at"].is_null())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voicemail_becomes_renditions_words_and_mail() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"name": "Dana", "email_mode": "link", "recipients": ["dana@acme.example"]})).await;
    let dropped = test.leave("101", "msg-1", "voicemail.wav").await;
    assert_eq!(dropped["state"], "pending");
    let message = test.message(&dropped["id"], settled).await;

    assert_eq!(message["state"], "available");
    let original = Sound::decode(&sample_bytes("voicemail.wav"), "wav");
    assert_eq!(message["duration_ms"], (original.seconds() * 1000.0).round() as i64);
    let renditions = message["renditions"].as_array().unwrap();
    let names: Vec<&str> = renditions.iter().map(|rendition| rendition["name"].as_str().unwrap()).collect();
    let wanted = [
        "archive-wav-16k",
        "brief-mail",
        "brief-mp3",
        "brief-opus",
        "browser-mp3",
        "browser-opus",
        "mail",
        "phone-ulaw-8k",
    ];
    assert_eq!(names, wanted);
    for rendition in renditions {
        let hint = if rendition["format"] == "ulaw" { "ulaw" } else { "wav" };
        let sound = Sound::decode(&test.media(rendition).await, hint);
        let told = rendition["duration_ms"].as_f64().unwrap() / 1000.0;
        assert!((sound.seconds() - told).abs() < 0.002, "{rendition:#}: {}", sound.seconds());
        if !rendition["name"].as_str().unwrap().starts_with("brief") {
            assert!((sound.seconds() - original.seconds()).abs() < 0.002, "{rendition:#}");
        }
    }
    let report = &message["phone_report"];
    assert!((report["loudness_out_lufs"].as_f64().unwrap() + 16.0).abs() <= 0.5, "{report:#}");
    assert!(report["snr_db"].as_f64().unwrap() > 15.0 && report["noise_reduced"] == false, "{report:#}");
    let brief = &renditions[1];
    assert!(brief["duration_ms"].as_i64().unwrap() <= 33_000, "{brief:#}");
    assert!(message["brief_start_ms"].as_i64().unwrap() > 200, "the silence before the first word is left out");

    let heard = message["transcript"]["text"].as_str().unwrap();
    let errors = word_error_rate(&said("voicemail.wav"), heard);
    assert!(errors <= 0.15, "{errors}: {heard}");
    assert!(message["read_at"].is_null());
    let captions = format!("/v1/messages/{}/transcript.vtt", dropped["id"].as_str().unwrap());
    let captions = test.portal(Method::GET, &captions).send().await.unwrap();
    assert_eq!(captions.headers()["content-type"], "text/vtt; charset=utf-8");
    let captions = captions.text().await.unwrap();
    assert!(
        captions.starts_with("WEBVTT\n") && captions.contains("\n\n00:00:0") && captions.contains(" --> "),
        "{captions}"
    );

    let mails = test.mails();
    assert_eq!(mails.len(), 1);
    let mail = mail_parser::MessageParser::new().parse(&mails[0]).unwrap();
    assert!(mail.body_text(0).unwrap().contains(heard.split_whitespace().next().unwrap()), "the words are in the mail");
    assert!(link_in(&mails[0]).unwrap().starts_with(&test.base));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mail_mode_is_as_the_mailbox_asks() {
    let test = TestApp::start().await;
    for (mode, attached, linked) in [
        ("link", false, true),
        ("brief_link", false, true),
        ("attachment", true, false),
        ("brief_attachment", true, false),
    ] {
        let before = test.mails().len();
        let settings =
            json!({"email_mode": mode, "recipients": ["d@acme.example"], "transcribe": false, "brief_seconds": 5});
        test.mailbox(mode, settings).await;
        let dropped = test.leave(mode, "m", "voicemail.wav").await;
        let message = test.message(&dropped["id"], settled).await;
        assert_eq!(message["notices"][0]["state"], "accepted");
        let mails = test.mails();
        assert_eq!(mails.len(), before + 1, "{mode}");
        let mail = mails.last().unwrap();
        let audio = attachment(mail);
        assert_eq!((audio.is_some(), link_in(mail).is_some()), (attached, linked), "{mode}");
        if let Some(audio) = audio {
            let sound = Sound::decode(&audio, "wav");
            assert_eq!((sound.rate_hz, sound.channels), (8_000, 1), "what every phone and mail program plays");
            let whole = message["duration_ms"].as_f64().unwrap() / 1000.0;
            let is_brief = sound.seconds() <= 5.5;
            assert_eq!(is_brief, mode == "brief_attachment", "{mode}: {} s of {whole} s", sound.seconds());
        }
    }
    test.mailbox("none", json!({"email_mode": "none", "recipients": ["d@acme.example"], "transcribe": false})).await;
    let before = test.mails().len();
    let dropped = test.leave("none", "m", "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], |message| message["state"] == "available").await;
    assert_eq!(message["notices"], json!([]));
    assert_eq!(test.mails().len(), before);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_drop_three_times_is_one_message() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"email_mode": "link", "recipients": ["d@acme.example"], "transcribe": false})).await;
    let first = test.leave("101", "msg-1", "voicemail-short.wav").await;
    for _ in 0..2 {
        let again = test.drop_message("101", "msg-1", sample_bytes("voicemail-short.wav")).await;
        assert_eq!(again.status(), StatusCode::OK);
        assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);
    }
    test.message(&first["id"], settled).await;
    let listed = crate::harness::ok(test.portal(Method::GET, "/v1/mailboxes/101/messages")).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(test.mails().len(), 1);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_at_once_of_the_same_drop_are_one_message() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let drops = [0; 3].map(|_| test.drop_message("101", "msg-1", sample_bytes("voicemail-short.wav")));
    let answers = futures_util::future::join_all(drops).await;
    let mut ids = Vec::new();
    for answer in answers {
        assert!(answer.status().is_success());
        ids.push(answer.json::<Value>().await.unwrap()["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0], ids[2]);
    // Only one original is kept.
    test.message(&ids[0], |message| message["state"] == "available").await;
    let store = test.app.config.storage.folder.join("store");
    assert_eq!(files_ending(&store, ".orig"), 1);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_the_same_id_with_other_bytes_is_another_message_and_the_answer_says_so() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let first = test.leave("101", "msg0001", "voicemail-short.wav").await;
    assert_eq!(first.get("same_id_as"), None);
    // A counter that began again, or a forward under the old number.
    let second = test.leave("101", "msg0001", "voicemail.wav").await;
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["same_id_as"], first["id"]);
    for (sample, message) in [("voicemail-short.wav", &first), ("voicemail.wav", &second)] {
        let again = test.drop_message("101", "msg0001", sample_bytes(sample)).await;
        assert_eq!(again.status(), StatusCode::OK, "each of them is known by its bytes");
        assert_eq!(again.json::<Value>().await.unwrap()["id"], message["id"]);
        test.message(&message["id"], |message| message["state"] == "available").await;
    }
    let listed = crate::harness::ok(test.portal(Method::GET, "/v1/mailboxes/101/messages")).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k19_no_caller_id_costs_a_message() {
    let test = TestApp::start_with(Wish { work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let long_name = "\u{4e2d}".repeat(67);
    let long_number = format!("sip:{}@example.com", "4".repeat(300));
    let drop = async |id: &str, name: &str, number: &str| -> Value {
        let path = format!("/core/v1/mailboxes/101/messages/{id}");
        let query = [("caller_name", name), ("caller_number", number)];
        let sent = test.core(Method::PUT, &path).query(&query).body(sample_bytes("voicemail-short.wav"));
        crate::harness::ok(sent).await
    };
    let cut = drop("m1", &long_name, &long_number).await;
    assert_eq!(cut["caller_name"], "\u{4e2d}".repeat(66), "at the end of a character");
    assert_eq!(cut["caller_number"], long_number[..200]);
    let cleaned = drop("m2", "Robin\0 Stone", " 14155550132").await;
    assert_eq!((&cleaned["caller_name"], &cleaned["caller_number"]), (&json!("Robin Stone"), &json!("+14155550132")));
    let (one, other) = (format!("{}1", "a".repeat(300)), format!("{}2", "a".repeat(300)));
    let (one, other) = (drop(&one, "", "").await, drop(&other, "", "").await);
    assert_ne!(one["id"], other["id"], "long ids stay different");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_drops_at_once_take_what_fits() {
    let test = TestApp::start_with(Wish { work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({"quota_bytes": 30_000, "transcribe": false})).await;
    let mut body = sample_bytes("voicemail-short.wav");
    body.resize(12_000, 0);
    let ids: Vec<String> = (0..100).map(|number| format!("m{number}")).collect();
    let drops = ids.iter().map(|id| test.drop_message("101", id, body.clone()));
    let answers = futures_util::future::join_all(drops).await;
    let mut taken = 0;
    for answer in answers {
        match answer.status() {
            StatusCode::CREATED => taken += 1,
            status => assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE),
        }
    }
    assert_eq!(taken, 2, "24,000 of 30,000 bytes");
    let store = test.app.config.storage.folder.join("store");
    assert_eq!(files_ending(&store, ".orig"), 2, "what was refused leaves nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_after_the_database_vanished_is_not_confirmed_by_it_and_the_service_says_why_it_ends() {
    let test = TestApp::start_with(Wish { work: false, ..Wish::default() }).await;
    test.mailbox("101", json!({})).await;
    assert_eq!(test.app.failure(), None);
    let folder = &test.app.config.storage.folder;
    for ending in ["", "-wal", "-shm"] {
        std::fs::remove_file(folder.join(format!("voicemill.db{ending}"))).unwrap();
    }
    let dropped = test.drop_message("101", "m1", sample_bytes("voicemail-short.wav")).await;
    assert_eq!(dropped.status(), StatusCode::ACCEPTED, "it is in the spool, where the next start finds it");
    let reason = test.app.broken().await;
    assert!(reason.contains("vanished while it was in use"), "{reason}");
}

fn files_ending(folder: &std::path::Path, ending: &str) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => files_ending(&path, ending),
            path => usize::from(path.to_string_lossy().ends_with(ending)),
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_as_good_as_a_raw_body() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let file = multipart::Part::bytes(sample_bytes("voicemail-short.wav")).file_name("msg0001.wav");
    let form = multipart::Form::new()
        .text("id", "form-1")
        .text("caller_name", "Robin Stone")
        .text("received_at", "2026-11-22T09:31:00-05:00")
        .part("file", file);
    let request = test.core(Method::POST, "/core/v1/mailboxes/101/messages").multipart(form);
    let message = crate::harness::ok(request).await;
    assert_eq!(message["caller_name"], "Robin Stone");
    assert_eq!(message["received_at"], "2026-11-22T14:31:00Z");
    test.message(&message["id"], |message| message["state"] == "available").await;
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recipient_has_a_mail_of_their_own() {
    let test = TestApp::start().await;
    let recipients = json!(["a@acme.example", "b@acme.example", "c@elsewhere.example"]);
    test.mailbox("101", json!({"email_mode": "attachment", "recipients": recipients, "transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], settled).await;
    assert_eq!(message["notices"].as_array().unwrap().len(), 3);
    assert_eq!(test.mails().len(), 3);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_does_not_wait_for_a_transcript_that_never_comes() {
    let test = TestApp::start().await;
    let settings = json!({"email_mode": "link", "recipients": ["d@acme.example"], "transcript_wait_seconds": 1});
    test.mailbox("101", settings).await;
    // Whoever works finds it paused: within a second from a start, or at the next job.
    crate::harness::ok(test.operator(Method::POST, "/v1/jobs/pause").json(&json!({"kind": "transcribe_media"}))).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], settled).await;
    assert_eq!(message["notices"][0]["state"], "accepted");
    assert_eq!(message["transcript_state"], "pending");
    assert!(link_in(&test.mails()[0]).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_missing_is_not_tried_for_again_and_the_mail_says_so() {
    let configure =
        Box::new(|config: &mut voicemill::config::Config| config.speech.models_folder = Some("/nonexistent".into()));
    let test = TestApp::start_with(Wish { configure, ..Wish::default() }).await;
    let settings = json!({"email_mode": "link", "recipients": ["d@acme.example"], "transcript_wait_seconds": 3600});
    test.mailbox("101", settings).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], settled).await;
    assert_eq!((&message["state"], &message["transcript_state"]), (&json!("available"), &json!("failed")));
    assert_eq!(message["notices"][0]["state"], "accepted");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_moves_once_its_mail_was_accepted() {
    let test = TestApp::start().await;
    for (mode, after, folder) in [
        ("attachment", "move_to_saved", "saved"),
        ("attachment", "move_to_trash", "trash"),
        ("attachment", "keep_new", "new"),
        ("link", "move_to_saved", "new"),
    ] {
        let extension = format!("{mode}-{after}");
        let settings = json!({
            "email_mode": mode, "after_email": after, "recipients": ["d@acme.example"], "transcribe": false,
        });
        test.mailbox(&extension, settings).await;
        let dropped = test.leave(&extension, "m", "voicemail-short.wav").await;
        let message = test.message(&dropped["id"], settled).await;
        assert_eq!(message["folder"], folder, "{extension}");
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_refuses_with_its_reason() {
    let test = TestApp::start().await;
    let bytes = sample_bytes("voicemail-short.wav");
    let quota = bytes.len() as i64 + 10;
    test.mailbox("101", json!({"quota_bytes": quota, "transcribe": false})).await;
    test.leave("101", "m1", "voicemail-short.wav").await;
    let refused = test.drop_message("101", "m2", bytes).await;
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
    let detail = detail(refused).await;
    assert!(detail.contains("mailbox 101 is full"), "{detail}");
    let listed = crate::harness::ok(test.portal(Method::GET, "/v1/mailboxes/101/messages")).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_before_and_while_it_is_read() {
    let configure = Box::new(|config: &mut voicemill::config::Config| config.http.max_body_bytes = 10_000);
    let test = TestApp::start_with(Wish { configure, ..Wish::default() }).await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let announced = test.drop_message("101", "m1", vec![0; 20_000]).await;
    assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = futures_util::stream::iter([0; 4].map(|_| Ok::<_, std::io::Error>(vec![0; 5_000])));
    let path = "/core/v1/mailboxes/101/messages/m2";
    let streamed = test.core(Method::PUT, path).body(reqwest::Body::wrap_stream(chunks)).send().await.unwrap();
    assert_eq!(streamed.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(files_ending(&test.app.config.storage.folder.join("store"), ".orig"), 0, "nothing is kept");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_no_speech_and_still_mailed() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"email_mode": "link", "recipients": ["d@acme.example"]})).await;
    let mut silence = std::io::Cursor::new(Vec::new());
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::new(&mut silence, spec).unwrap();
    (0..40_000).for_each(|_| wav.write_sample(0i16).unwrap());
    wav.finalize().unwrap();
    let answer = test.drop_message("101", "quiet", silence.into_inner()).await;
    let dropped: Value = answer.json().await.unwrap();
    let message = test.message(&dropped["id"], settled).await;
    assert_eq!(message["transcript_state"], "no_speech");
    assert_eq!(message["transcript"]["text"], "");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mailed_audio_has_the_form_that_the_domain_chose() {
    let test = TestApp::start().await;
    let settings = json!({"email_mode": "attachment", "recipients": ["d@acme.example"], "transcribe": false});
    test.mailbox("101", settings).await;
    test.mailbox(
        "102",
        json!({"email_mode": "brief_attachment", "recipients": ["d@acme.example"], "transcribe": false}),
    )
    .await;
    // What the first bytes of each form are: RIFF with its format tag, or a frame of MP3.
    for (form, subtype, ending, tag) in [
        (None, "wav", ".wav", Some(1u16)),
        (Some("wav_ulaw"), "wav", ".wav", Some(7)),
        (Some("wav_gsm"), "wav", ".wav", Some(0x31)),
        (Some("mp3"), "mpeg", ".mp3", None),
        (Some("wav"), "wav", ".wav", Some(1)),
    ] {
        if let Some(form) = form {
            let changed = test.change_domain("acme.example", json!({"mail_audio": form})).await;
            assert_eq!(changed.json::<Value>().await.unwrap()["mail_audio"], form);
        }
        for mailbox in ["101", "102"] {
            let dropped = test.leave(mailbox, &format!("{form:?}"), "voicemail-short.wav").await;
            let message = test.message(&dropped["id"], settled).await;
            assert_eq!(message["notices"][0]["state"], "accepted", "{message:#}");
            let mails = test.mails();
            let (name, kind, audio) = named_attachment(mails.last().unwrap()).unwrap();
            assert_eq!((&*kind, name.ends_with(ending)), (subtype, true), "{form:?}: {name}");
            match tag {
                Some(tag) => {
                    assert_eq!(&audio[..4], b"RIFF", "{form:?}");
                    assert_eq!(u16::from_le_bytes([audio[20], audio[21]]), tag, "{form:?}");
                }
                None => assert_eq!(audio[0], 0xFF, "{form:?}"),
            }
            let sound = Sound::decode(&audio, "wav");
            assert_eq!((sound.channels, sound.rate_hz), (1, if tag.is_none() { 16_000 } else { 8_000 }));
            assert!(sound.seconds() > 5.0, "{form:?}: {} s", sound.seconds());
        }
    }
    test.stop().await;
}

/// A form that a codec refused is no reason to tell nobody: the next best is attached, or the mail has a link.
#[tokio::test(flavor = "multi_thread")]
async fn k01_a_mail_whose_audio_was_left_out_has_the_next_best() {
    let test = TestApp::start().await;
    let pause =
        |act: &str| test.operator(Method::POST, &format!("/v1/jobs/{act}")).json(&json!({"kind": "notify_message"}));
    test.change_domain("acme.example", json!({"mail_audio": "mp3"})).await;
    for mode in ["attachment", "brief_attachment"] {
        let settings = json!({"email_mode": mode, "recipients": ["d@acme.example"], "transcribe": false});
        test.mailbox(mode, settings).await;
    }
    let mut core_id = 0;
    for (mode, without, expected) in [
        ("attachment", "DELETE FROM blob WHERE name = 'mail'", Some("mpeg")),
        ("attachment", "DELETE FROM blob WHERE name IN ('mail', 'browser-mp3')", Some("wav")),
        ("attachment", "DELETE FROM blob WHERE role = 'rendition'", None),
        ("brief_attachment", "DELETE FROM blob WHERE name IN ('brief-mail', 'brief-mp3')", Some("ogg")),
        // All of it would be more than was asked for.
        ("brief_attachment", "DELETE FROM blob WHERE name LIKE 'brief-%'", None),
    ] {
        crate::harness::ok(pause("pause")).await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        core_id += 1;
        let dropped = test.leave(mode, &core_id.to_string(), "voicemail-short.wav").await;
        test.message(&dropped["id"], |message| message["state"] == "available").await;
        test.execute(without).await;
        crate::harness::ok(pause("resume")).await;
        let message = test.message(&dropped["id"], settled).await;
        assert_eq!(message["notices"][0]["state"], "accepted", "{mode}, {without}: {message:#}");
        let mail = test.mails().pop().unwrap();
        let attached = named_attachment(&mail).map(|(_, kind, _)| kind);
        assert_eq!(attached.as_deref(), expected, "{mode}, {without}");
        assert_eq!(link_in(&mail).is_some(), expected.is_none(), "{mode}, {without}");
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_has_its_own_loudness_and_only_a_possible_one() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let render = async |core_id: &str| {
        let dropped = test.leave("101", core_id, "voicemail-short.wav").await;
        let message = test.message(&dropped["id"], |message| message["state"] == "available").await;
        let renditions = message["renditions"].as_array().unwrap().clone();
        let phone = renditions.iter().find(|rendition| rendition["purpose"] == "phone").unwrap();
        lufs(&test.media(phone).await, "ulaw")
    };
    assert!((render("usual").await + 16.0).abs() <= 0.5);
    let changed = test.change_domain("acme.example", json!({"speech_lufs": -23.0, "brand": "Acme Telephone"})).await;
    let domain: Value = changed.json().await.unwrap();
    assert_eq!((&domain["speech_lufs"], &domain["brand"]), (&json!(-23.0), &json!("Acme Telephone")));
    assert_eq!(domain["time_zone"], "America/New_York", "what is left out stays");
    assert!((render("softer").await + 23.0).abs() <= 0.5);
    for wrong in [
        json!({"speech_lufs": -3.0}),
        json!({"music_lufs": -60.0}),
        json!({"time_zone": "Mars/Olympus"}),
        json!({"mail_from": "nobody"}),
    ] {
        assert_eq!(test.change_domain("acme.example", wrong.clone()).await.status(), 422, "{wrong}");
    }
    assert!(test.change_domain("acme.example", json!({"mail_audio": "ogg"})).await.status().is_client_error());
    assert_eq!(test.change_domain("other.example", json!({})).await.status(), StatusCode::NOT_FOUND);
    let by_portal = test.portal(Method::PATCH, "/v1/domains/acme.example").json(&json!({})).send().await.unwrap();
    assert_eq!(by_portal.status(), StatusCode::FORBIDDEN, "only operators");
    let back = test.change_domain("acme.example", json!({"speech_lufs": null})).await.json::<Value>().await.unwrap();
    assert_eq!((&back["speech_lufs"], &back["brand"]), (&Value::Null, &json!("Acme Telephone")));
    assert!((render("usual-again").await + 16.0).abs() <= 0.5);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_noisy_voicemail_is_cleaned_and_says_so() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"transcribe": false})).await;
    let original = Sound::decode(&sample_bytes("voicemail-short.wav"), "wav");
    let mut noise = 1u32;
    let level = (original.samples.iter().map(|s| s * s).sum::<f32>() / original.samples.len() as f32).sqrt();
    // Uniform noise of the speech's own level less 8 dB.
    let noisy = original.samples.iter().map(|sample| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sample + ((noise >> 8) as f32 / 8_388_608.0 - 1.0) * level * 1.73 * 0.4
    });
    let noisy: Vec<f32> = noisy.collect();
    let mut wav = std::io::Cursor::new(Vec::new());
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: original.rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::new(&mut wav, spec).unwrap();
    noisy.iter().for_each(|sample| writer.write_sample((sample * 32_767.0) as i16).unwrap());
    writer.finalize().unwrap();
    let answer = test.drop_message("101", "noisy", wav.into_inner()).await;
    let dropped: Value = answer.json().await.unwrap();
    let message = test.message(&dropped["id"], |message| message["state"] != "pending").await;
    let report = &message["phone_report"];
    assert_eq!(report["noise_reduced"], true, "{report:#}");
    assert!((0.0..15.0).contains(&report["snr_db"].as_f64().unwrap()), "{report:#}");

    // People hear it cleaned; the transcriber and the archive have it as it was recorded.
    let [clean, noisy] = [&original.samples, &noisy].map(|samples| samples.iter().map(|s| f64::from(*s)).collect());
    let (clean, noisy): (Vec<f64>, Vec<f64>) = (clean, noisy);
    let mut likenesses = Vec::new();
    for (name, every) in [("archive-wav-16k", 2), ("mail", 1)] {
        let renditions = message["renditions"].as_array().unwrap();
        let rendition = renditions.iter().find(|rendition| rendition["name"] == name).unwrap();
        let sound: Vec<f64> =
            Sound::decode(&test.media(rendition).await, "wav").channel(0).into_iter().step_by(every).collect();
        likenesses.push((likeness(&sound, &clean), likeness(&sound, &noisy)));
    }
    let (archive, mail) = (likenesses[0], likenesses[1]);
    assert!(archive.1 > archive.0 && archive.1 > mail.1 + 0.03 && mail.0 > archive.0, "{likenesses:?}");
    test.stop().await;
}
