//! Rules 14 and 15: music and messages on hold, in one order.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{
    Started,
    prompts::{address, events, form, heard, ready, refusal, spoken, status},
};
use crate::harness::{Wish, ok};

on_both![rule_14_and_15_a_play_list_has_one_order_in_every_form,];

async fn rule_14_and_15_a_play_list_has_one_order_in_every_form(kind: Kind) {
    let Started { test, _server } = Started::with(kind, Wish::default()).await;
    let mut tracks = Vec::new();
    for number in 0..5 {
        let made = ok(test.portal(Method::POST, "/v1/prompts").multipart(form(
            "hold_music",
            &format!("Track {number}"),
            "hold-music.mp3",
        )))
        .await;
        tracks.push(ready(&test, &made).await["id"].clone());
    }
    let message = |name: &str, kind: &str| {
        let wanted = json!({"kind": kind, "name": name, "script": format!("This is {name}.")});
        spoken(&test, wanted)
    };
    let (introduction, one, two) = (
        message("hello", "hold_introduction").await,
        message("one", "hold_message").await,
        message("two", "hold_message").await,
    );
    let list = json!({
        "tracks": tracks, "introduction": introduction["id"], "messages": [one["id"], two["id"]], "message_interval_seconds": 60,
    });
    let path = "/v1/playlists/lobby";
    let made = test.portal(Method::PUT, path).json(&list).send().await.unwrap();
    assert_eq!((made.status(), &made.headers()["etag"]), (StatusCode::CREATED, &"\"1\"".parse().unwrap()));
    let made: Value = made.json().await.unwrap();
    assert_eq!((&made["tracks"][0]["name"], &made["order"]), (&json!("Track 0"), &json!("listed")));

    // Every form tells the same: the introduction first, and a message after 60 seconds of music (tracks have 40).
    let forms = async |rate: &str| {
        let read = async |form: &str| {
            let path = format!("/core/v1/playlists/lobby.{form}{rate}");
            let answer = test.core(Method::GET, &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let etag = answer.headers()["etag"].clone();
            let again = test.core(Method::GET, &path).header("if-none-match", etag).send().await.unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            answer.text().await.unwrap()
        };
        let json: Value = serde_json::from_str(&read("json").await).unwrap();
        let lines = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        };
        let loc: Vec<String> =
            read("loc").await.lines().map(|line| line.strip_prefix("http_cache://").unwrap().to_owned()).collect();
        let sequence: Vec<String> = serde_json::from_value(json["sequence"].clone()).unwrap();
        assert_eq!(lines(&read("m3u").await), sequence);
        assert_eq!(loc, sequence);
        (json, sequence)
    };
    let (told, sequence) = forms("").await;
    let wav = |sound: &Value, rate: i64| {
        let found =
            sound["renditions"].as_array().unwrap().iter().find(|one| one["format"] == "wav" && one["rate_hz"] == rate);
        found.unwrap()["address"].as_str().unwrap().to_owned()
    };
    let track = |place: usize| wav(&told["tracks"][place], 8_000);
    let said = |place: usize| wav(&told["messages"][place], 8_000);
    let wanted =
        [wav(&told["introduction"], 8_000), track(0), track(1), said(0), track(2), track(3), said(1), track(4)];
    assert_eq!(sequence, wanted);
    assert!(sequence[1].ends_with("/Track-0.wav"));
    assert!(heard(&test, &json!(sequence[1])).await.len() > 600_000, "40 s at 8 kHz");
    assert_eq!(forms("?rate=48000").await.1[1], wav(&told["tracks"][0], 48_000));
    assert_eq!(
        status(test.core(Method::GET, "/core/v1/playlists/lobby.m3u?rate=11025")).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(status(test.core(Method::GET, "/core/v1/playlists/lobby.pls")).await, StatusCode::NOT_FOUND);

    // Reordered as a whole, by who has seen what stands.
    let mut reordered = list.clone();
    reordered["tracks"].as_array_mut().unwrap().reverse();
    let put = |tag: Option<&str>, body: &Value| {
        let request = test.portal(Method::PUT, path).json(body);
        match tag {
            Some(tag) => request.header("if-match", tag),
            None => request,
        }
    };
    assert_eq!(status(put(None, &reordered)).await, StatusCode::PRECONDITION_REQUIRED);
    let changed = put(Some("\"1\""), &reordered).send().await.unwrap();
    assert_eq!((changed.status(), &changed.headers()["etag"]), (StatusCode::OK, &"\"2\"".parse().unwrap()));
    assert_eq!(status(put(Some("\"1\""), &list)).await, StatusCode::PRECONDITION_FAILED, "somebody else was quicker");
    let (after, _) = forms("").await;
    assert_eq!(after["tracks"][0]["prompt"], tracks[4]);

    // At most one introduction; nothing of another kind, twice, or of nobody.
    let refused = async |change: &dyn Fn(&mut Value), code: u16, pointer: &str| {
        let mut body = list.clone();
        change(&mut body);
        let (status, problem) = refusal(put(Some("*"), &body)).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (code, &json!(pointer)), "{problem:#}");
    };
    refused(&|body| body["introduction"] = json!([introduction["id"], introduction["id"]]), 400, "/introduction").await;
    refused(&|body| body["introduction"] = one["id"].clone(), 422, "/introduction").await;
    refused(&|body| body["tracks"][1] = tracks[0].clone(), 422, "/tracks/1").await;
    refused(&|body| body["messages"][1] = json!("019abc3e-71f0-7e0c-8f53-2f6b7d1f4a10"), 422, "/messages/1").await;
    refused(&|body| body["message_interval_seconds"] = json!(1), 422, "/message_interval_seconds").await;
    refused(&|body| body["second_introduction"] = json!(null), 400, "/second_introduction").await;

    // Shuffled: each once, the same all day.
    let mut shuffled = list.clone();
    shuffled["order"] = json!("shuffle");
    ok(put(Some("\"2\""), &shuffled)).await;
    let (_, in_some_order) = forms("").await;
    assert_eq!(in_some_order[0], sequence[0], "the introduction is first");
    let sorted = |sequence: &[String]| {
        let mut sequence = sequence.to_vec();
        sequence.sort();
        sequence
    };
    assert_eq!(sorted(&in_some_order), sorted(&sequence));

    // A prompt of the list is in use; taken by force, the list goes on without it.
    let path_of_one = address(&one);
    let (code, used) = refusal(test.portal(Method::DELETE, &path_of_one)).await;
    assert_eq!((code, &used["parameters"]["by"]), (409, &json!(["playlist lobby (message)"])));
    assert_eq!(status(test.portal(Method::DELETE, &format!("{path_of_one}?force=true"))).await, StatusCode::NO_CONTENT);
    let left = ok(test.portal(Method::GET, path)).await;
    assert_eq!((&left["version"], left["messages"].as_array().unwrap().len()), (&json!(4), 1));
    assert_eq!(status(test.portal(Method::DELETE, path)).await, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(status(test.portal(Method::DELETE, path).header("if-match", "*")).await, StatusCode::NO_CONTENT);
    assert_eq!(status(test.core(Method::GET, "/core/v1/playlists/lobby.m3u")).await, StatusCode::NOT_FOUND);
    let told: Vec<(Value, Value)> = events(&test, "playlist.changed")
        .await
        .iter()
        .map(|data| (data["name"].clone(), data["deleted"].clone()))
        .collect();
    assert_eq!(told.len(), 5);
    assert_eq!(told[4], (json!("lobby"), json!(true)));
    test.stop().await;
}
