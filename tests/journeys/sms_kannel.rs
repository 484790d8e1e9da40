//! SMS through a real Kannel with its own fake message centre: out, reported, and replied to.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use crate::harness::{TestApp, Wish};
use serde_json::{Value, json};
use voicemill_notify::sms::{Provider, SmsConfig};
use voicemill_testing::tools::{Running, command, free_port, wait_for};

const KEY: &str = "the-webhook-key-of-the-journeys";

fn settings(ports: [u16; 4], hook: &str) -> String {
    let [admin, boxes, centre, send] = ports;
    format!(
        r#"
group = core
admin-port = {admin}
admin-password = admin
admin-interface = "127.0.0.1"
smsbox-port = {boxes}
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = {centre}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = "127.0.0.1"

group = sendsms-user
username = voicemill
password = swordfish
concatenation = true
max-messages = 6

group = sms-service
keyword = default
get-url = "{hook}?from=%p&to=%P&text=%a"
max-messages = 0
catch-all = true
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_told_of_by_way_of_kannel_and_stop_comes_back() {
    let ports = [free_port(), free_port(), free_port(), free_port()];
    let mut sms = SmsConfig::new(Provider::Kannel, "+15550100");
    sms.base_url = Some(format!("http://127.0.0.1:{}", ports[3]));
    sms.user = Some("voicemill".to_owned());
    sms.secret = Some("swordfish".into());
    sms.webhook_key = Some(KEY.into());
    let test = TestApp::start_with(Wish { sms: Some(sms), ..Wish::default() }).await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kannel.conf");
    std::fs::write(&file, settings(ports, &format!("{}/hooks/sms/{KEY}", test.base))).unwrap();
    let _bearerbox = Running::start(command("bearerbox").arg(&file));
    wait_for(ports[1]);
    let _smsbox = Running::start(command("smsbox").arg(&file));
    wait_for(ports[3]);
    // It sends one message of its own, and prints those that reach it.
    let mut centre = command("fakesmsc");
    let centre_port = ports[2].to_string();
    centre.args(["-H", "127.0.0.1", "-r", &centre_port, "-i", "0.2", "-m", "1"]);
    centre.arg("+14155550144 +15550100 text Stop");
    let mut centre = Running(centre.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(centre.0.stderr.take().unwrap()).lines();

    // The reply is heard.
    let began = std::time::Instant::now();
    loop {
        let mut connection = test.app.database.read().await.unwrap();
        let stopped =
            voicemill::notices::sms_limits::stopped_at(&mut connection, "15550100", "+14155550144").await.unwrap();
        if stopped.is_some() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "STOP never came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    test.mailbox("101", json!({"name": "Zoë", "sms_recipients": "4155550133,4155550144", "transcribe": false})).await;
    let dropped = test.leave("101", "m1", "voicemail-short.wav").await;
    let reported = |message: &Value| {
        let notices = message["notices"].as_array().unwrap();
        notices.iter().any(|notice| notice["state"] == "delivered")
            && notices.iter().all(|n| !n["settled_at"].is_null())
    };
    let message = test.message(&dropped["id"], reported).await;
    let states: Vec<(&str, &str)> = message["notices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|notice| (notice["recipient"].as_str().unwrap(), notice["state"].as_str().unwrap()))
        .collect();
    assert!(
        states.contains(&("+14155550133", "delivered")) && states.contains(&("+14155550144", "refused")),
        "{states:?}"
    );
    let got = loop {
        let line = lines.next().unwrap().unwrap();
        if line.contains("Got message") {
            break line;
        }
    };
    // The name has a letter that GSM's alphabet lacks: the text goes in parts, two octets a letter.
    assert!(got.contains("<+15550100 +14155550133 udh %05%00%03"), "{got}");
    assert!(got.contains("%00f%00o%00r%00+%00Z%00o%00%EB"), "{got}");
    drop(centre);
    test.stop().await;
}
