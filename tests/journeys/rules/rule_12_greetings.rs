//! Rule 12: a mailbox has several greetings, of which callers hear one.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{
    Started,
    prompts::{address, events, form, heard, ready, refusal, spoken, status},
};
use crate::harness::{Sound, Wish, detail, ok, sample_bytes};

on_both![
    rule_12_one_of_several_greetings_is_heard_and_a_bad_replacement_never_hides_it,
    rule_12_a_greeting_recorded_by_phone_is_heard_at_once,
];

async fn rule_12_one_of_several_greetings_is_heard_and_a_bad_replacement_never_hides_it(kind: Kind) {
    let Started { test, _server } = Started::with(kind, Wish::default()).await;
    test.mailbox("101", json!({})).await;
    test.mailbox("102", json!({})).await;
    let playback = "/core/v1/mailboxes/101";

    // Heard before it is saved, in either way; nothing is saved.
    let words = json!({"script": "Dana is away until Monday."});
    let trial = test.portal(Method::POST, "/v1/speech").json(&words).send().await.unwrap();
    assert_eq!((trial.status(), &trial.headers()["content-type"]), (StatusCode::OK, &"audio/wav".parse().unwrap()));
    let first_hearing = trial.bytes().await.unwrap();
    assert!(Sound::decode(&first_hearing, "wav").seconds() > 1.0);
    let away = json!({"kind": "greeting", "name": "Away", "extension": "101", "script": words["script"]});
    let dry = test.portal(Method::POST, "/v1/prompts/text?dry_run=true").json(&away).send().await.unwrap();
    assert!(dry.status() == StatusCode::OK && dry.bytes().await.unwrap() == first_hearing);
    let nobody = json!({"kind": "greeting", "name": "Away", "extension": "999", "script": "Hello."});
    assert_eq!(
        status(test.portal(Method::POST, "/v1/prompts/text?dry_run=true").json(&nobody)).await,
        StatusCode::NOT_FOUND,
        "all is checked that is checked when it is saved"
    );
    assert_eq!(ok(test.portal(Method::GET, "/v1/prompts")).await, json!([]));

    // Saved, listed by mailbox, and heard by nobody until it is activated.
    let away = spoken(&test, away).await;
    let usual = form("greeting", "Usual", "voicemail-short.wav").text("extension", "101");
    let usual = ready(&test, &ok(test.portal(Method::POST, "/v1/prompts").multipart(usual)).await).await;
    let others = json!({"kind": "greeting", "name": "Other", "extension": "102", "script": "Hello."});
    let other = spoken(&test, others).await;
    let listed = ok(test.portal(Method::GET, "/v1/prompts?extension=101&kind=greeting")).await;
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Away", "Usual"]);
    assert_eq!(status(test.portal(Method::GET, "/v1/prompts?mailbox=101")).await, StatusCode::BAD_REQUEST);
    let (code, unknown) = refusal(
        test.portal(Method::POST, "/v1/prompts")
            .multipart(form("greeting", "x", "voicemail-short.wav").text("slot", "w")),
    )
    .await;
    assert_eq!((code, &unknown["errors"][0]["pointer"]), (400, &json!("/slot")));
    assert_eq!(ok(test.core(Method::GET, playback)).await["greeting"], Value::Null);
    assert_eq!(status(test.core(Method::GET, "/core/v1/mailboxes/101/greeting.wav")).await, StatusCode::NOT_FOUND);

    // One GET tells a core what to play; the address stays, whichever greeting is active.
    ok(test.portal(Method::POST, &format!("{}/activate", address(&away)))).await;
    let told = ok(test.core(Method::GET, playback)).await;
    assert_eq!((&told["greeting"]["prompt"], &told["greeting"]["version"]), (&away["id"], &json!(1)));
    let of_away = heard(&test, &told["greeting"]["address"]).await;
    let wav =
        told["greeting"]["renditions"].as_array().unwrap().iter().find(|one| one["name"] == "phone-wav-8k").unwrap();
    assert!(heard(&test, &wav["address"]).await == of_away);
    for end in ["ulaw", "alaw", "wav16"] {
        let path = format!("/core/v1/mailboxes/101/greeting.{end}");
        let answer = test.core(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "private, max-age=60");
        if end == "wav16" {
            assert_eq!(
                answer.headers()["content-type"],
                "audio/x-wav;codec=pcm;bit=16;rate=16000",
                "as Asterisk wants it"
            );
        }
        assert!(answer.bytes().await.unwrap().len() > 4_000);
    }
    ok(test.portal(Method::POST, &format!("{}/activate", address(&usual)))).await;
    let again = ok(test.core(Method::GET, playback)).await;
    assert_eq!(again["greeting"]["prompt"], usual["id"]);
    assert_eq!(again["greeting"]["address"], told["greeting"]["address"]);
    assert!(heard(&test, &again["greeting"]["address"]).await != of_away);
    assert_eq!(ok(test.portal(Method::GET, &address(&away))).await["active"], false, "one is active");
    let (code, wrong) = refusal(test.core(Method::POST, &format!("{}/activate", address(&usual)))).await;
    assert_eq!(code, 403, "{wrong:#}");

    // A bad replacement: refused, told as the latest, and the good one is heard as before.
    ok(test.portal(Method::POST, &format!("{}/activate", address(&away)))).await;
    let bad = test.portal(Method::PUT, &format!("{}/audio", address(&away))).body("no audio at all");
    let (code, problem) = refusal(bad).await;
    assert_eq!((code, &problem["parameters"]["prompt"]), (422, &away["id"]), "{problem:#}");
    let after = ok(test.portal(Method::GET, &address(&away))).await;
    assert_eq!(
        (&after["version"], &after["state"], &after["served_version"]),
        (&json!(2), &json!("failed"), &json!(1))
    );
    assert_eq!(after["renditions"], away["renditions"]);
    assert_eq!(
        (&after["script"], &after["duration_ms"]),
        (&away["script"], &away["duration_ms"]),
        "its words stay editable"
    );
    assert!(heard(&test, &told["greeting"]["address"]).await == of_away);
    // A good one takes its place once it can be heard.
    let edited = test.portal(Method::PATCH, &address(&away)).json(&json!({"speaking_rate": 0.7}));
    ok(edited).await;
    let slower = test.until(&address(&away), |prompt| prompt["state"] == "available").await;
    assert_eq!(
        (&slower["version"], &slower["served_version"], &slower["script"]),
        (&json!(3), &json!(3), &away["script"])
    );
    let of_slower = heard(&test, &told["greeting"]["address"]).await;
    assert!(of_slower.len() > of_away.len(), "{} and {} bytes", of_slower.len(), of_away.len());
    let versions = ok(test.portal(Method::GET, &format!("{}/versions", address(&away)))).await;
    let states: Vec<&str> = versions.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["available", "failed", "available"], "latest first");
    assert!(versions[2]["retired_at"].is_string() && versions[0]["retired_at"].is_null());
    ok(test.portal(Method::POST, &format!("{}/versions/1/restore", address(&away)))).await;
    test.until(&address(&away), |prompt| prompt["served_version"] == 4).await;
    assert!(heard(&test, &told["greeting"]["address"]).await == of_away, "as it was at first");

    // Downloaded under its name.
    let file = format!("{}/audio?download=true&rendition=phone-wav-8k", address(&away));
    let file = test.portal(Method::GET, &file).send().await.unwrap();
    assert_eq!(file.headers()["content-disposition"], "attachment; filename=\"Away.wav\"");
    assert!(file.bytes().await.unwrap() == of_away);
    let listened = test.portal(Method::GET, &format!("{}/audio", address(&away))).send().await.unwrap();
    assert_eq!(listened.headers()["content-type"], "audio/mpeg");

    // The active one cannot be deleted, another can; then nothing of it is left.
    let (code, used) = refusal(test.portal(Method::DELETE, &address(&away))).await;
    assert_eq!((code, &used["type"]), (409, &json!("/problems/in-use")));
    assert_eq!(used["parameters"]["by"], json!(["mailbox 101 (greeting)"]));
    let uses = ok(test.portal(Method::GET, &address(&away))).await["in_use_by"].clone();
    assert_eq!(uses, json!([{"kind": "mailbox", "owner": "101", "place": "greeting"}]));
    ok(test.portal(Method::POST, &format!("{}/activate", address(&usual)))).await;
    assert_eq!(status(test.portal(Method::DELETE, &address(&away))).await, StatusCode::NO_CONTENT);
    assert_eq!(status(test.portal(Method::GET, &address(&away))).await, StatusCode::NOT_FOUND);
    let old = format!("/media/{}/x.wav", away["renditions"][0]["id"].as_str().unwrap());
    assert_eq!(status(test.core(Method::GET, &old)).await, StatusCode::NOT_FOUND);
    assert_eq!(
        status(test.portal(Method::DELETE, &format!("{}?force=true", address(&usual)))).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(ok(test.core(Method::GET, playback)).await["greeting"], Value::Null);

    // Nobody else's.
    let (_, stranger) = test.domain("other.example").await;
    let theirs = test.http.delete(format!("{}{}", test.base, address(&other))).bearer_auth(stranger);
    assert_eq!(status(theirs).await, StatusCode::NOT_FOUND);
    let activated = events(&test, "prompt.activated").await;
    let of: Vec<&Value> = activated.iter().map(|data| &data["prompt"]).collect();
    assert_eq!(of, [&away["id"], &usual["id"], &away["id"], &usual["id"]]);
    assert_eq!(activated[0]["mailbox"], "101");
    let deleted = events(&test, "prompt.deleted").await;
    assert_eq!(
        deleted,
        [json!({"prompt": away["id"], "mailbox": "101"}), json!({"prompt": usual["id"], "mailbox": "101"})]
    );
    test.stop().await;
}

async fn rule_12_a_greeting_recorded_by_phone_is_heard_at_once(kind: Kind) {
    let Started { test, _server } = Started::with(kind, Wish::default()).await;
    test.mailbox("101", json!({})).await;
    let playback = "/core/v1/mailboxes/101";
    let record = |id: &str, bytes: Vec<u8>| {
        test.core(Method::PUT, &format!("/core/v1/mailboxes/101/greetings/{id}?name=From%20the%20car"))
            .body(bytes)
            .send()
    };
    let made: Value = record("g-1", sample_bytes("voicemail-short.wav")).await.unwrap().json().await.unwrap();
    let made = ready(&test, &made).await;
    assert_eq!(
        (&made["origin"], &made["name"], &made["active"]),
        (&json!("phone"), &json!("From the car"), &json!(true))
    );
    assert_eq!(ok(test.core(Method::GET, playback)).await["greeting"]["prompt"], made["id"]);
    // The same id with the same bytes is the same; with other bytes, a version of it.
    let same: Value = record("g-1", sample_bytes("voicemail-short.wav")).await.unwrap().json().await.unwrap();
    assert_eq!((&same["id"], &same["version"]), (&made["id"], &json!(1)));
    let longer: Value = record("g-1", sample_bytes("voicemail.wav")).await.unwrap().json().await.unwrap();
    let longer = ready(&test, &longer).await;
    assert_eq!((&longer["id"], &longer["served_version"]), (&made["id"], &json!(2)));
    let second: Value = record("g-2", sample_bytes("voicemail-short.wav")).await.unwrap().json().await.unwrap();
    let second = ready(&test, &second).await;
    assert_ne!(second["id"], made["id"]);
    assert_eq!(ok(test.core(Method::GET, playback)).await["greeting"]["prompt"], second["id"]);
    // What cannot be heard changes nothing.
    let bad: Response = record("g-3", sample_bytes("bad/empty.wav")).await.unwrap();
    assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(bad).await.contains("nothing was recorded"));
    assert_eq!(ok(test.core(Method::GET, playback)).await["greeting"]["prompt"], second["id"]);
    let elsewhere =
        test.core(Method::PUT, "/core/v1/mailboxes/999/greetings/g").body(sample_bytes("voicemail-short.wav"));
    assert_eq!(status(elsewhere).await, StatusCode::NOT_FOUND);
    test.stop().await;
}
