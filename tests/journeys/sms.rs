//! SMS: told of messages, reminded of them, and never more than was asked for.

use crate::harness::{TestApp, Wish, detail, ok, sample_bytes};
use crate::sms_provider::{KEY, Provider};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_types::clock::Clock;

fn at(time: &str) -> Clock {
    Clock::fixed(time.parse::<Timestamp>().unwrap())
}

async fn test_at(time: &str) -> TestApp {
    TestApp::start_with(Wish { clock: at(time), ..Wish::default() }).await
}

async fn leave(test: &TestApp, core_id: &str) -> Value {
    let dropped = test.leave("101", core_id, "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], |message| message["state"] == "available").await;
    test.idle().await;
    message
}

async fn notices(test: &TestApp) -> Vec<Value> {
    let listed = ok(test.operator(Method::GET, "/v1/domains/acme.example/notices")).await;
    listed.as_array().unwrap().clone()
}

fn states(notices: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut states: Vec<_> =
        notices.iter().map(|notice| (text(&notice["recipient"]), text(&notice["state"]))).collect();
    states.sort();
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_gets_an_sms_with_a_link_that_plays() {
    let test = TestApp::start().await;
    let numbers = "4155550133,+14155550134,4155550133";
    let saved = test.mailbox("101", json!({"name": "Dana", "sms_recipients": numbers, "transcribe": false})).await;
    assert_eq!(saved["sms_recipients"], json!(["+14155550133", "+14155550134"]));
    leave(&test, "m1").await;
    let texts = test.texts();
    let mut told: Vec<&str> = texts.iter().map(|(number, _)| number.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["+14155550133", "+14155550134"]);
    let (_, text) = &texts[0];
    assert!(text.starts_with("Voicemail for Dana (101) from Robin Stone, (415) 555-0132, 0:"), "{text}");
    let link = text.rsplit(' ').next().unwrap();
    assert_eq!(test.browser(Method::GET, link).send().await.unwrap().status(), StatusCode::OK);
    assert!(texts[1].1 != *text, "each has a link of its own, which can be revoked");
    let notices = notices(&test).await;
    assert_eq!(
        states(&notices),
        [("+14155550133".into(), "accepted".into()), ("+14155550134".into(), "accepted".into())]
    );
    assert_eq!(notices[0]["parts"], 1);
    assert!(!serde_json::to_string(&notices).unwrap().contains("/l/"), "no token is listed");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_number_is_refused_at_save_and_named() {
    let test = TestApp::start().await;
    for (numbers, named) in [
        (json!("4155550133, 4155550134"), "\" 4155550134\" is no telephone number"),
        (json!("415555013"), "\"415555013\" is no telephone number"),
        (json!(["+14155550133", "911"]), "\"911\" is no telephone number"),
    ] {
        let settings = json!({"sms_recipients": numbers});
        let refused = test.portal(Method::PUT, "/v1/mailboxes/101").json(&settings).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let detail = detail(refused).await;
        assert!(detail.contains(named), "{detail}");
    }
    for wrong in [json!({"quiet_hours": "22-7"}), json!({"reminder_minutes": 1})] {
        let refused = test.portal(Method::PUT, "/v1/mailboxes/101").json(&wrong).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    test.stop().await;
}

/// N9: five numbers, two fail with different errors: only the retryable one is retried.
#[tokio::test(flavor = "multi_thread")]
async fn n9_only_what_failed_is_retried() {
    let provider = Provider::start().await;
    let test = TestApp::start_with(Wish { sms: Some(provider.config()), ..Wish::default() }).await;
    // 11 is no number; 22 is throttled the first time.
    let numbers = ["+14155550130", "+14155550111", "+14155550122", "+14155550133", "+14155550144"];
    test.mailbox("101", json!({"sms_recipients": numbers, "transcribe": false})).await;
    let dropped = test.leave("101", "m1", "voicemail-short.wav").await;
    let settled = |message: &Value| {
        let notices = message["notices"].as_array().unwrap();
        notices.len() == 5 && notices.iter().all(|notice| !notice["settled_at"].is_null())
    };
    let message = test.message(&dropped["id"], settled).await;
    let refused: Vec<&Value> =
        message["notices"].as_array().unwrap().iter().filter(|n| n["state"] == "refused").collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["recipient"], "+14155550111");
    assert!(refused[0]["answer"].as_str().unwrap().starts_with("400 21211 "), "{}", refused[0]["answer"]);
    let asked = provider.asked();
    let times = |number: &str| asked.iter().filter(|ask| ask["To"] == number).count();
    assert_eq!(numbers.map(times), [1, 1, 2, 1, 1]);
    let bodies: Vec<&str> =
        asked.iter().filter(|ask| ask["To"] == "+14155550122").map(|ask| ask["Body"].as_str().unwrap()).collect();
    assert_eq!(bodies[0], bodies[1], "the same SMS, with the same link");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_followed_by_one_more_try_at_most() {
    let provider = Provider::start().await;
    let test = TestApp::start_with(Wish { sms: Some(provider.config()), ..Wish::default() }).await;
    test.mailbox("101", json!({"sms_recipients": "4155550199", "transcribe": false})).await;
    let dropped = test.leave("101", "m1", "voicemail-short.wav").await;
    let settled = |message: &Value| !message["notices"][0]["settled_at"].is_null();
    let message = test.message(&dropped["id"], settled).await;
    assert_eq!(message["notices"][0]["state"], "unknown");
    assert_eq!(provider.asked().len(), 2);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_and_stop_reach_us_by_the_webhook() {
    let provider = Provider::start().await;
    let test = TestApp::start_with(Wish { sms: Some(provider.config()), ..Wish::default() }).await;
    test.mailbox("101", json!({"sms_recipients": "4155550133,4155550144", "transcribe": false})).await;
    leave(&test, "m1").await;
    let asked = provider.asked();
    let hook = |path: &str, form: &[(&str, &str)], token: &str| {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", test.base) };
        let mut body = reqwest::Url::parse("http://form/").unwrap();
        body.query_pairs_mut().extend_pairs(form);
        let request = test.browser(Method::POST, &url).header("content-type", "application/x-www-form-urlencoded");
        request.header("x-twilio-signature", signature(&url, form, token)).body(body.query().unwrap().to_owned()).send()
    };
    let wrong = hook("/hooks/sms/not-the-key-of-this-service", &[("From", "1")], "swordfish").await.unwrap();
    assert_eq!(wrong.status(), StatusCode::NOT_FOUND);
    for (number, state, becomes) in
        [("+14155550133", "delivered", "delivered"), ("+14155550144", "undelivered", "bounced")]
    {
        let callback = asked.iter().find(|ask| ask["To"] == number).unwrap()["StatusCallback"].as_str().unwrap();
        let form = [("MessageSid", "SM"), ("MessageStatus", state), ("ErrorCode", "")];
        let unsigned = hook(callback, &form, "another").await.unwrap();
        assert_eq!(unsigned.status(), StatusCode::FORBIDDEN);
        assert!(detail(unsigned).await.contains("X-Twilio-Signature"));
        test.idle().await;
        assert!(states(&notices(&test).await).contains(&(number.into(), "accepted".into())), "{number}");
        let answer = hook(callback, &form, "swordfish").await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        test.idle().await;
        assert!(states(&notices(&test).await).contains(&(number.into(), becomes.into())), "{number}");
    }
    let own = format!("/hooks/sms/{KEY}");
    hook(&own, &[("From", "+14155550133"), ("To", "+15550100"), ("Body", " stop. ")], "swordfish").await.unwrap();
    test.idle().await;
    leave(&test, "m2").await;
    let second: Vec<Value> = notices(&test).await.into_iter().take(2).collect();
    let stopped = second.iter().find(|notice| notice["recipient"] == "+14155550133").unwrap();
    assert_eq!(
        (&stopped["state"], &stopped["answer"]),
        (&json!("refused"), &json!("not sent: this number replied STOP"))
    );
    assert_eq!(provider.asked().len(), 3);
    hook(&own, &[("From", "+14155550133"), ("To", "+15550100"), ("Body", "Start")], "swordfish").await.unwrap();
    test.idle().await;
    leave(&test, "m3").await;
    assert_eq!(provider.asked().len(), 5);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_overtakes_the_answer_is_not_lost() {
    let provider = Provider::start().await;
    let test = TestApp::start_with(Wish { sms: Some(provider.config()), ..Wish::default() }).await;
    test.mailbox("101", json!({"sms_recipients": "4155550133", "transcribe": false})).await;
    let url = format!("{}/hooks/sms/{KEY}", test.base);
    // The name that the provider is about to give to the SMS.
    let form = [("MessageSid", "SM+141555501330"), ("MessageStatus", "delivered"), ("ErrorCode", "")];
    let mut body = reqwest::Url::parse("http://form/").unwrap();
    body.query_pairs_mut().extend_pairs(form);
    let report = test.browser(Method::POST, &url).header("content-type", "application/x-www-form-urlencoded");
    let report = report.header("x-twilio-signature", signature(&url, &form, "swordfish"));
    let answer = report.body(body.query().unwrap().to_owned()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let dropped = test.leave("101", "m1", "voicemail-short.wav").await;
    test.message(&dropped["id"], |message| message["notices"][0]["state"] == "delivered").await;
    test.stop().await;
}

/// As Twilio signs, with the account's auth token; that of [`Provider`] is `swordfish`.
fn signature(url: &str, form: &[(&str, &str)], token: &str) -> String {
    use hmac::{KeyInit, Mac};

    let mut fields = form.to_vec();
    fields.sort_unstable();
    let text = fields.iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
    let mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(token.as_bytes()).unwrap().chain_update(text);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_sends_no_more_than_its_day_allows() {
    let test = test_at("2026-11-23T15:00:00Z").await;
    test.change_domain("acme.example", json!({"sms_daily_limit": 1})).await;
    test.mailbox("101", json!({"sms_recipients": "4155550133", "transcribe": false})).await;
    leave(&test, "m1").await;
    leave(&test, "m2").await;
    assert_eq!(test.texts().len(), 1);
    let newest = &notices(&test).await[0];
    assert_eq!(
        (&newest["state"], &newest["answer"]),
        (&json!("refused"), &json!("not sent: the domain's daily limit of SMS is reached"))
    );
    // The day ends at midnight in New York, where the domain is.
    test.advance(SignedDuration::from_hours(13));
    leave(&test, "m3").await;
    assert_eq!(test.texts().len(), 1, "23:00 the same day");
    test.advance(SignedDuration::from_hours(2));
    leave(&test, "m4").await;
    assert_eq!(test.texts().len(), 2);
    test.stop().await;
}

/// N8: two restarts inside an interval, and one reminder; the message read, and none.
#[tokio::test(flavor = "multi_thread")]
async fn n8_reminders_come_once_an_interval_until_the_message_is_read() {
    let mut test = test_at("2026-11-23T15:00:00Z").await;
    test.mailbox("101", json!({"sms_recipients": "4155550133", "reminder_minutes": 30, "transcribe": false})).await;
    leave(&test, "m1").await;
    assert_eq!(test.texts().len(), 1);
    for _ in 0..2 {
        test.advance(SignedDuration::from_mins(10));
        test = test.restart().await;
        settle(&test).await;
        assert_eq!(test.texts().len(), 1, "no reminder yet");
    }
    test.advance(SignedDuration::from_mins(10));
    settle(&test).await;
    assert_eq!(test.texts().len(), 2);
    assert!(test.texts()[1].1.starts_with("1 unread voicemail for 101 (101), from Robin Stone"), "{:?}", test.texts());
    test = test.restart().await;
    test.advance(SignedDuration::from_mins(29));
    test = test.restart().await;
    settle(&test).await;
    assert_eq!(test.texts().len(), 2, "one an interval, whatever is restarted");
    test.advance(SignedDuration::from_mins(1));
    settle(&test).await;
    assert_eq!(test.texts().len(), 3);
    // Read, by the page of the link in the first SMS.
    let link = test.texts()[0].1.rsplit('/').next().unwrap().to_owned();
    let played = test.browser(Method::POST, &format!("/l/{link}/played")).header("origin", &test.base);
    let played = played.header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert!(played.status().is_success(), "{}", played.status());
    for _ in 0..3 {
        test.advance(SignedDuration::from_mins(30));
        settle(&test).await;
    }
    assert_eq!(test.texts().len(), 3, "read");
    // The next message begins anew.
    leave(&test, "m2").await;
    assert_eq!(test.texts().len(), 4);
    test.advance(SignedDuration::from_mins(30));
    settle(&test).await;
    assert_eq!(test.texts().len(), 5);
    // Switched off.
    test.mailbox("101", json!({"sms_recipients": "", "transcribe": false})).await;
    test.advance(SignedDuration::from_mins(90));
    settle(&test).await;
    assert_eq!(test.texts().len(), 5);
    test.stop().await;
}

/// Lets everything that is due run: what becomes due is promoted about once a second.
async fn settle(test: &TestApp) {
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    test.idle().await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    test.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_end_with_one_sms() {
    // 21:50 in New York.
    let test = test_at("2026-11-24T02:50:00Z").await;
    let settings = json!({
        "sms_recipients": "4155550133", "reminder_minutes": 60, "quiet_hours": "22:00-07:00", "transcribe": false,
    });
    test.mailbox("101", settings).await;
    leave(&test, "m1").await;
    assert_eq!(test.texts().len(), 1, "not quiet yet");
    test.advance(SignedDuration::from_mins(20));
    leave(&test, "m2").await;
    leave(&test, "m3").await;
    for _ in 0..8 {
        test.advance(SignedDuration::from_mins(60));
        settle(&test).await;
        assert_eq!(test.texts().len(), 1, "quiet");
    }
    // 06:10; 50 minutes later it is seven.
    test.advance(SignedDuration::from_mins(49));
    settle(&test).await;
    assert_eq!(test.texts().len(), 1, "quiet");
    test.advance(SignedDuration::from_mins(1));
    settle(&test).await;
    let texts = test.texts();
    assert_eq!(texts.len(), 2);
    assert!(texts[1].1.starts_with("3 unread voicemails for 101 (101), the newest from Robin Stone"), "{texts:?}");
    test.advance(SignedDuration::from_mins(60));
    settle(&test).await;
    assert_eq!(test.texts().len(), 3, "and reminders go on");
    test.mailbox("101", json!({"transcribe": false})).await;
    test.advance(SignedDuration::from_mins(60));
    settle(&test).await;
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_is_told_of_once_by_mail_and_sms() {
    let test = TestApp::start().await;
    let bytes = sample_bytes("voicemail-short.wav");
    let settings = |quota: usize| {
        json!({
            "name": "Dana", "sms_recipients": "4155550133", "recipients": ["dana@acme.example"], "quota_bytes": quota,
            "transcribe": false,
        })
    };
    test.mailbox("101", settings(bytes.len() - 1)).await;
    for core_id in ["m1", "m2", "m3"] {
        let refused = test.drop_message("101", core_id, bytes.clone()).await;
        assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
    }
    test.idle().await;
    let texts = test.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].1.starts_with("The voicemail of Dana (101) is full"), "{texts:?}");
    assert_eq!(test.mails().len(), 1);
    let mail = mail_parser::MessageParser::new().parse(&test.mails()[0]).unwrap().into_owned();
    assert_eq!(mail.subject(), Some("The voicemail of Dana (101) is full"));
    // Room again, and full again: that is told of anew.
    test.mailbox("101", settings(bytes.len() + 1)).await;
    leave(&test, "m4").await;
    assert_eq!(test.texts().len(), 2, "the message");
    test.drop_message("101", "m5", bytes).await;
    test.idle().await;
    assert_eq!((test.texts().len(), test.mails().len()), (3, 2));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quiet_hours_a_full_mailbox_is_told_of_by_mail_at_once_and_by_sms_at_their_end() {
    // 23:00 in New York.
    let test = test_at("2026-11-24T04:00:00Z").await;
    let settings = json!({
        "sms_recipients": "4155550133", "quiet_hours": "22:00-07:00", "recipients": ["dana@acme.example"],
        "quota_bytes": 10, "transcribe": false,
    });
    test.mailbox("101", settings).await;
    let refused = test.drop_message("101", "m1", sample_bytes("voicemail-short.wav")).await;
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
    test.idle().await;
    assert_eq!((test.mails().len(), test.texts().len()), (1, 0));
    test.advance(SignedDuration::from_hours(8));
    settle(&test).await;
    assert_eq!((test.mails().len(), test.texts().len()), (1, 1));
    test.stop().await;
}

/// What a provider charges for are parts: a name outside of the GSM alphabet makes them more.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_counted_in_parts() {
    let test = test_at("2026-11-23T15:00:00Z").await;
    test.mailbox("101", json!({"name": "Zażółć", "sms_recipients": "4155550133", "transcribe": false})).await;
    leave(&test, "m1").await;
    let parts = notices(&test).await[0]["parts"].as_i64().unwrap();
    assert!(parts > 1, "{parts}");
    test.change_domain("acme.example", json!({"sms_daily_limit": 2 * parts - 1})).await;
    leave(&test, "m2").await;
    assert_eq!(test.texts().len(), 1);
    test.change_domain("acme.example", json!({"sms_daily_limit": 2 * parts})).await;
    leave(&test, "m3").await;
    assert_eq!(test.texts().len(), 2);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_to_know_any_more_when_it_is_due_is_not_sent() {
    // Paused before the first worker begins.
    let test = TestApp::start_with(Wish { work: false, ..Wish::default() }).await;
    let sending = json!({"kind": "send_sms"});
    ok(test.operator(Method::POST, "/v1/jobs/pause").json(&sending)).await;
    let test = test.restart().await;
    let told = |number: &str| json!({"sms_recipients": number, "transcribe": false});
    test.mailbox("101", told("4155550133")).await;
    test.mailbox("102", told("4155550134")).await;
    let moved = leave(&test, "m1").await;
    let switched_off = test.leave("102", "m2", "voicemail-short.wav").await;
    test.message(&switched_off["id"], |message| message["state"] == "available").await;
    let to_trash = test.portal(Method::PATCH, &format!("/v1/messages/{}", moved["id"].as_str().unwrap()));
    ok(to_trash.json(&json!({"folder": "trash"}))).await;
    test.mailbox("102", told("4155550135")).await;
    ok(test.operator(Method::POST, "/v1/jobs/resume").json(&sending)).await;
    let settled = |message: &Value| !message["notices"][0]["settled_at"].is_null();
    for (id, answer) in [
        (&moved["id"], "not sent: the message was read or moved before its SMS was due"),
        (&switched_off["id"], "not sent: SMS to this number was switched off before it was due"),
    ] {
        let notice = test.message(id, settled).await["notices"][0].clone();
        assert_eq!((&notice["state"], &notice["answer"]), (&json!("refused"), &json!(answer)));
    }
    assert_eq!(test.texts().len(), 0);
    test.stop().await;
}
