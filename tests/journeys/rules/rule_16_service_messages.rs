//! Rule 16: callers of a service number hear a message a slot.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{
    Started,
    prompts::{address, events, form, heard, refusal, spoken, status},
};
use crate::harness::{Wish, ok};

on_both![rule_16_callers_of_a_service_number_hear_a_message_a_slot,];

async fn rule_16_callers_of_a_service_number_hear_a_message_a_slot(kind: Kind) {
    let Started { test, _server } = Started::with(kind, Wish::default()).await;
    let number = "/v1/service-numbers/+15550100";
    ok(test.portal(Method::PUT, number).json(&json!({"recipients": ["ops@acme.example"]}))).await;
    let slots = ["welcome", "closed", "calendar_closed", "no_agents", "queue"];
    let mut prompts = Vec::new();
    for slot in slots {
        let prompt =
            spoken(&test, json!({"kind": "service_message", "name": slot, "script": format!("This is {slot}.")})).await;
        let filled =
            ok(test.portal(Method::PUT, &format!("{number}/messages/{slot}")).json(&json!({"prompt": prompt["id"]})))
                .await;
        assert_eq!(filled["messages"][slot], prompt["id"]);
        prompts.push(prompt);
    }
    let told = ok(test.core(Method::GET, "/core/v1/service-numbers/+15550100")).await;
    for (slot, prompt) in slots.iter().zip(&prompts) {
        let message = &told["messages"][slot];
        assert_eq!(message["prompt"], prompt["id"]);
        let wav = prompt["renditions"].as_array().unwrap().iter().find(|one| one["name"] == "phone-wav-8k").unwrap();
        assert!(heard(&test, &message["address"]).await == test.media(wav).await);
    }
    assert_eq!((&told["announce_position"], &told["announce_seconds"]), (&json!(true), &json!(60)));

    // Other settings leave the messages; hold music is a play list's.
    let track =
        ok(test.portal(Method::POST, "/v1/prompts").multipart(form("hold_music", "Lobby", "hold-music.mp3"))).await;
    ok(test.portal(Method::PUT, "/v1/playlists/lobby").json(&json!({"tracks": [track["id"]]}))).await;
    let settings = json!({"recipients": ["ops@acme.example"], "playlist": "lobby", "announce_waiting_time": false});
    let changed = ok(test.portal(Method::PUT, number).json(&settings)).await;
    assert_eq!((&changed["messages"]["closed"], &changed["playlist"]), (&prompts[1]["id"], &json!("lobby")));
    let (code, used) = refusal(test.portal(Method::DELETE, "/v1/playlists/lobby").header("if-match", "*")).await;
    assert_eq!((code, &used["parameters"]["by"]), (409, &json!(["service number +15550100"])));

    let wrong_kind =
        test.portal(Method::PUT, &format!("{number}/messages/welcome")).json(&json!({"prompt": track["id"]}));
    let (code, problem) = refusal(wrong_kind).await;
    assert_eq!((code, &problem["errors"][0]["code"]), (422, &json!("wrong_prompt_kind")));
    let unknown = test
        .portal(Method::PUT, &format!("{number}/messages/welcome"))
        .json(&json!({"prompt": prompts[0]["id"], "slot": 1}));
    assert_eq!(status(unknown).await, StatusCode::BAD_REQUEST);
    let no_slot =
        test.portal(Method::PUT, &format!("{number}/messages/goodbye")).json(&json!({"prompt": prompts[0]["id"]}));
    assert_eq!(status(no_slot).await, StatusCode::NOT_FOUND);
    let unknown = json!({"kind": "service_message", "name": "x", "script": "Hello.", "slot": "welcome"});
    let (code, problem) = refusal(test.portal(Method::POST, "/v1/prompts/text").json(&unknown)).await;
    assert_eq!((code, &problem["errors"][0]["pointer"]), (400, &json!("/slot")));

    // In use until the slot is cleared, or the number is gone.
    let (code, used) = refusal(test.portal(Method::DELETE, &address(&prompts[0]))).await;
    assert_eq!((code, &used["parameters"]["by"]), (409, &json!(["service number +15550100 (welcome)"])));
    let cleared = ok(test.portal(Method::DELETE, &format!("{number}/messages/welcome"))).await;
    assert_eq!(cleared["messages"]["welcome"], Value::Null);
    assert_eq!(status(test.portal(Method::DELETE, &address(&prompts[0]))).await, StatusCode::NO_CONTENT);
    assert_eq!(
        status(test.core(Method::GET, "/core/v1/service-numbers/+15550100/welcome.wav")).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(status(test.portal(Method::DELETE, &address(&prompts[1]))).await, StatusCode::CONFLICT);
    assert_eq!(status(test.portal(Method::DELETE, number)).await, StatusCode::NO_CONTENT);
    assert_eq!(
        status(test.portal(Method::DELETE, &address(&prompts[1]))).await,
        StatusCode::NO_CONTENT,
        "nothing has it"
    );
    let told = events(&test, "service_number.changed").await;
    assert_eq!(told.len(), 9);
    assert_eq!((&told[8]["number"], &told[8]["deleted"]), (&json!("+15550100"), &json!(true)));
    test.stop().await;
}
