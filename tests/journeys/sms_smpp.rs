//! SMS over SMPP 3.4, with a message centre that is told to misbehave.

use std::time::Duration;

use crate::harness::{TestApp, Wish, ok};
use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use voicemill_notify::{
    NotifyError, Receipt, Recipient, Rendered,
    sms::{Callback, Provider, SmppConfig, SmsConfig, SmsGateway},
};
use voicemill_testing::python::Script;
use voicemill_types::{NoticeId, Time};

fn config(port: u16) -> SmsConfig {
    let mut config = SmsConfig::new(Provider::Smpp, "+15550100");
    config.timeout_seconds = 5;
    config.smpp = Some(SmppConfig {
        address: format!("smpp://127.0.0.1:{port}"),
        system_id: "voicemill".to_owned(),
        password: "secret".into(),
        system_type: String::new(),
        window: 4,
        enquire_seconds: 1,
        decimal_reports: false,
    });
    config
}

fn gateway(port: u16) -> SmsGateway {
    SmsGateway::new(&config(port), "https://vm.example.com").unwrap()
}

async fn send(gateway: &SmsGateway, to: &str, text: &str) -> Result<Receipt, NotifyError> {
    let message = Rendered {
        notice_id: NoticeId::new(),
        sender: "+15550100".to_owned(),
        queued_at: Time::from_microseconds(0),
        bytes: Bytes::from(text.to_owned()),
    };
    gateway.channel.deliver(&Recipient::new(to), &message).await
}

#[tokio::test]
async fn a_text_travels_in_the_alphabet_and_the_parts_that_it_needs() {
    let mut centre = Script::start("smppd.py", &[]);
    let gateway = gateway(centre.port);
    send(&gateway, "+14155550155", "Hé @5€").await.unwrap();
    assert_eq!(centre.line_of("SUBMIT"), "SUBMIT 15550100 14155550155 0 0 48052000351b65 1");
    let receipt = send(&gateway, "+14155550155", "Жук").await.unwrap();
    assert_eq!(centre.line_of("SUBMIT"), "SUBMIT 15550100 14155550155 8 0 04160443043a 1");
    assert_eq!(receipt.reference.as_deref(), Some("m2"));
    send(&gateway, "+14155550155", &"a".repeat(161)).await.unwrap();
    let parts: Vec<String> = (0..2).map(|_| centre.line_of("SUBMIT")).collect();
    let fields: Vec<Vec<&str>> = parts.iter().map(|line| line.split(' ').collect()).collect();
    assert_eq!((fields[0][4], fields[1][4]), ("64", "64"), "with a header");
    assert!(fields[0][5].starts_with("050003") && fields[0][5][8..12] == *"0201", "{parts:?}");
    assert_eq!((fields[0][5].len(), &fields[1][5][8..]), (2 * 159, "02026161616161616161"));
    assert_eq!((fields[0][6], fields[1][6]), ("0", "1"), "the last part is reported");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let mut centre = Script::start("smppd.py", &[]);
    let gateway = gateway(centre.port);
    let result = send(&gateway, "+14155550199", "no such number").await;
    assert!(matches!(&result, Err(NotifyError::Refused(answer)) if answer.text().ends_with("0xb")), "{result:?}");
    // Throttled once, and sent when there is room again.
    send(&gateway, "+14155550188", "later").await.unwrap();
    assert_eq!(centre.line_of("THROTTLE"), "THROTTLE 14155550188");
    assert!(centre.line_of("SUBMIT").contains("14155550188"));
}

#[tokio::test]
async fn a_window_of_sms_is_under_way_at_once() {
    let centre = Script::start("smppd.py", &["--slow"]);
    let gateway = gateway(centre.port);
    send(&gateway, "+14155550155", "bound").await.unwrap();
    let began = std::time::Instant::now();
    let sends = (0..8).map(|_| send(&gateway, "+14155550155", "hi"));
    for sent in futures_util::future::join_all(sends).await {
        sent.unwrap();
    }
    // Each answer takes a fifth of a second, and four wait at once.
    let took = began.elapsed();
    assert!((Duration::from_millis(390)..Duration::from_millis(1400)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    let mut centre = Script::start("smppd.py", &[]);
    let gateway = gateway(centre.port);
    send(&gateway, "+14155550155", "one").await.unwrap();
    centre.say("drop");
    tokio::time::sleep(Duration::from_millis(300)).await;
    send(&gateway, "+14155550155", "two").await.unwrap();
    let lines = centre.lines_so_far();
    assert_eq!(lines.iter().filter(|line| line.starts_with("BIND")).count(), 2, "{lines:?}");
    // The centre is gone for a while, and comes back.
    let port = centre.port;
    drop(centre);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let result = send(&gateway, "+14155550155", "three").await;
    assert!(matches!(result, Err(NotifyError::Retry(_) | NotifyError::Unknown(_))), "{result:?}");
    let mut centre = Script::start("smppd.py", &["--port", &port.to_string()]);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    send(&gateway, "+14155550155", "four").await.unwrap();
    assert!(centre.line_of("SUBMIT").contains("666f7572"));
}

// It waits for the centre on the thread of the test, and the gateway has to go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_comes_again() {
    let mut centre = Script::start("smppd.py", &[]);
    let gateway = gateway(centre.port);
    send(&gateway, "+14155550155", "bound").await.unwrap();
    centre.say("reply 14155550155 15550100 Stop");
    let incoming = gateway.next().await;
    assert_eq!(
        incoming.callback,
        Callback::Reply { from: "14155550155".into(), to: "15550100".into(), text: "Stop".into() }
    );
    incoming.taken.send(false).unwrap();
    assert_eq!(centre.line_of("REPL"), "REPLY REFUSED");
    centre.say("reply 14155550155 15550100 Stop");
    gateway.next().await.taken.send(true).unwrap();
    assert_eq!(centre.line_of("REPL"), "REPLIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_told_of_and_reports_and_stop_come_back() {
    let mut centre = Script::start("smppd.py", &[]);
    let test = TestApp::start_with(Wish { sms: Some(config(centre.port)), ..Wish::default() }).await;
    // Bound from the start, to hear replies although nothing was sent.
    assert_eq!(centre.line_of("BIND"), "BIND voicemill");
    test.mailbox("101", json!({"sms_recipients": "4155550133,4155550166", "transcribe": false})).await;
    let dropped = test.leave("101", "m1", "voicemail-short.wav").await;
    let reported = |message: &Value| {
        let states: Vec<&str> =
            message["notices"].as_array().unwrap().iter().map(|notice| notice["state"].as_str().unwrap()).collect();
        states.contains(&"delivered") && states.contains(&"bounced")
    };
    let message = test.message(&dropped["id"], reported).await;
    for notice in message["notices"].as_array().unwrap() {
        let (state, answer) = match notice["recipient"].as_str().unwrap() {
            "+14155550133" => ("delivered", "DELIVRD"),
            _ => ("bounced", "UNDELIV: error 012"),
        };
        assert_eq!((notice["state"].as_str(), notice["answer"].as_str()), (Some(state), Some(answer)));
    }
    centre.say("reply 14155550133 15550100 STOP");
    centre.line_of("REPLIED");
    test.idle().await;
    let dropped = test.leave("101", "m2", "voicemail-short.wav").await;
    test.message(&dropped["id"], |message| message["state"] == "available").await;
    test.idle().await;
    let listed = ok(test.operator(Method::GET, "/v1/domains/acme.example/notices?state=refused")).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["recipient"], "+14155550133");
    test.stop().await;
}
