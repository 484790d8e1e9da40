//! What the field does to mails (docs/field.md), beside a real server that is told to misbehave.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_notify::email::{Security, SmtpConfig};
use voicemill_testing::python::Script;

use crate::harness::{TestApp, Wish, attachment, detail, link_in, ok};

fn smtp(port: u16) -> Option<SmtpConfig> {
    Some(SmtpConfig { port: Some(port), timeout_seconds: 20, ..SmtpConfig::new("127.0.0.1", Security::None) })
}

fn settled(message: &Value) -> bool {
    let notices = message["notices"].as_array().unwrap();
    !notices.is_empty() && notices.iter().all(|notice| !notice["settled_at"].is_null())
}

fn subjects(test: &TestApp) -> Vec<String> {
    let read = |mail: &Vec<u8>| {
        mail_parser::MessageParser::new().parse(mail).unwrap().subject().unwrap_or_default().to_owned()
    };
    test.mails().iter().map(read).collect()
}

/// K14, A6: whatever a caller left, somebody learns that they called, by each way that the mailbox has.
#[tokio::test(flavor = "multi_thread")]
async fn k14_somebody_always_learns_of_a_call() {
    let test = TestApp::start().await;
    let settings = json!({
        "name": "Dana", "email_mode": "link", "recipients": ["dana@acme.example"], "sms_recipients": "4155550133",
        "transcribe": false,
    });
    test.mailbox("101", settings).await;
    let header = |bytes: u32| {
        let mut wav = b"RIFF".to_vec();
        wav.extend((36 + bytes).to_le_bytes());
        wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
        wav.extend(bytes.to_le_bytes());
        wav.extend(vec![1; bytes as usize]);
        wav
    };
    for (core_id, body, state, subject) in [
        ("header", header(0), "failed", "Unreadable voicemail from Robin Stone, (415) 555-0132"),
        ("sample", header(2), "available", "No message from Robin Stone, (415) 555-0132"),
        (
            "amr",
            b"#!AMR\n\x3c\x48\xf5\x1f\x96\x66\x78\0\0".to_vec(),
            "failed",
            "Unreadable voicemail from Robin Stone, (415) 555-0132",
        ),
    ] {
        let before = (subjects(&test).len(), test.texts().len());
        let dropped: Value = test.drop_message("101", core_id, body).await.json().await.unwrap();
        let message = test.message(&dropped["id"], settled).await;
        assert_eq!(message["state"], state, "{core_id}: {message:#}");
        assert_eq!(message["notices"].as_array().unwrap().len(), 2, "{core_id}: a mail and an SMS");
        let subjects = subjects(&test);
        assert_eq!((subjects.len(), test.texts().len()), (before.0 + 1, before.1 + 1), "{core_id}");
        assert_eq!(subjects.last().unwrap(), subject, "{core_id}");
        let mail = String::from_utf8_lossy(test.mails().last().unwrap()).into_owned();
        assert!(mail.contains("tel:+14155550132") || mail.contains("tel:=2B14155550132"), "{mail}");
        let text = test.texts().last().unwrap().1.clone();
        assert!(text.contains("Robin Stone, (415) 555-0132") && text.contains("the caller left "), "{text}");
    }
    test.stop().await;
}

/// K14: a mailbox that wants no mails of messages, but of missed calls, is told; one that wants nothing is not.
#[tokio::test(flavor = "multi_thread")]
async fn k14_the_mailboxs_modes_decide_who_is_told() {
    let test = TestApp::start().await;
    for (extension, missed, told) in [("101", true, 1), ("102", false, 0)] {
        let settings = json!({
            "email_mode": "none", "recipients": ["dana@acme.example"], "mail_missed_calls": missed, "transcribe": false,
        });
        test.mailbox(extension, settings).await;
        let dropped: Value =
            test.drop_message(extension, "m", b"nothing that plays".to_vec()).await.json().await.unwrap();
        let message = test.message(&dropped["id"], |message| message["state"] == "failed").await;
        assert_eq!(message["notices"].as_array().unwrap().len(), told, "{message:#}");
    }
    test.stop().await;
}

/// K16: the relay takes less than we thought: the mail goes with the link instead, and the message stays where it is.
#[tokio::test(flavor = "multi_thread")]
async fn k16_a_relay_that_takes_less_gets_the_link() {
    for arguments in [&["--size", "30000"][..], &["--late-size", "30000"]] {
        let mut server = Script::start("smtpd.py", arguments);
        let test = TestApp::start_with(Wish { smtp: smtp(server.port), ..Wish::default() }).await;
        let settings = json!({
            "email_mode": "attachment", "after_email": "move_to_trash", "recipients": ["ok@a.example"], "transcribe": false,
        });
        test.mailbox("101", settings).await;
        let dropped = test.leave("101", "m", "voicemail-short.wav").await;
        let message = test.message(&dropped["id"], settled).await;
        let notice = &message["notices"][0];
        assert_eq!((&notice["state"], &message["folder"]), (&json!("accepted"), &json!("new")), "{message:#}");
        let lines = server.lines_so_far();
        let taken = lines.iter().rfind(|line| line.contains(" ok ")).unwrap();
        assert!(taken.contains("multipart/alternative,text/plain,text/html 0 "), "{lines:?}");
        let key = notice["mail_key"].as_str().map(str::to_owned);
        if let Some(key) = key {
            let mail = test.app.store.read(&key.parse().unwrap(), 1_000_000).await.unwrap();
            assert!(attachment(&mail).is_none() && link_in(&mail).is_some());
        }
        test.stop().await;
    }
}

/// K15: one mail, however the relay writes its 250.
#[tokio::test(flavor = "multi_thread")]
async fn k15_a_250_in_latin_1_is_one_mail() {
    let mut server = Script::start("smtpd.py", &[]);
    let test = TestApp::start_with(Wish { smtp: smtp(server.port), ..Wish::default() }).await;
    let recipients = ["latin1@a.example", "latin1-spam@b.example", "latin1-unknown@c.example"];
    test.mailbox("101", json!({"email_mode": "link", "recipients": recipients, "transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], settled).await;
    for notice in message["notices"].as_array().unwrap() {
        let state = if notice["recipient"] == "latin1@a.example" { "accepted" } else { "refused" };
        assert_eq!(notice["state"], state, "{notice:#}");
    }
    test.idle().await;
    let lines = server.lines_so_far();
    assert_eq!(lines.iter().filter(|line| line.contains(" latin1 ")).count(), 1, "{lines:?}");
    test.stop().await;
}

/// K12: a report of two recipients, of which ours failed, found by what the report answers to.
#[tokio::test(flavor = "multi_thread")]
async fn k12_a_report_counts_for_the_recipient_that_was_ours() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"email_mode": "link", "recipients": ["d@acme.example"], "transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let message = test.message(&dropped["id"], settled).await;
    let notice = &message["notices"][0];
    let report = |names: &str, blocks: &str| {
        format!(
            "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered\r\n{names}MIME-Version: 1.0\r\nContent-Type: \
             multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: \
             message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n{blocks}\r\n--b--\r\n"
        )
    };
    let block = |recipient: &str, action: &str| {
        format!("Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: 5.1.1\r\n\r\n")
    };
    let blocks = block("other@acme.example", "relayed") + &block("d@acme.example", "Failed (unknown)");
    let names = format!("In-Reply-To: <{}>\r\n", notice["internet_message_id"].as_str().unwrap());
    let noted = test.operator(Method::POST, "/v1/bounces").body(report(&names, &blocks)).send().await.unwrap();
    assert_eq!(noted.json::<Value>().await.unwrap()["state"], "bounced");
    // By our own id of the envelope, which a server that knows DSN repeats.
    let by_envelope = format!("Original-Envelope-Id: {}\r\n\r\n", notice["id"].as_str().unwrap());
    let blocks = by_envelope + &block("d@acme.example", "delivered");
    let noted = test.operator(Method::POST, "/v1/bounces").body(report("", &blocks)).send().await.unwrap();
    assert_eq!(noted.json::<Value>().await.unwrap()["state"], "delivered");
    test.stop().await;
}

/// Attack 1 and 4: a template and a bounce that nest without end are answered, and the service goes on.
#[tokio::test(flavor = "multi_thread")]
async fn attack_1_and_4_what_nests_without_end_ends_nothing() {
    let test = TestApp::start().await;
    let path = "/v1/domains/acme.example/mail-templates/voicemail";
    let nots = format!("{{{{ {}caller }}}}", "not ".repeat(7_000));
    let refused =
        test.portal(Method::PUT, path).json(&json!({"subject": "s", "body_text": nots})).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(refused).await.contains("longer than 1000 bytes"));
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(20_000);
    let refused = test.operator(Method::POST, "/v1/bounces").body(nested).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    ok(test.portal(Method::GET, path)).await;
    test.stop().await;
}

/// K17, attack 20: an address is saved only if mails to it can go out.
#[tokio::test(flavor = "multi_thread")]
async fn k17_an_address_that_is_saved_is_served() {
    for (arguments, takes) in [(&[][..], false), (&["--utf8"], true)] {
        let mut server = Script::start("smtpd.py", arguments);
        let test = TestApp::start_with(Wish { smtp: smtp(server.port), ..Wish::default() }).await;
        test.mailbox("101", json!({"email_mode": "link", "transcribe": false})).await;
        let save = async |recipient: &str| {
            let settings = json!({"recipients": [recipient]});
            test.portal(Method::PATCH, "/v1/mailboxes/101").json(&settings).send().await.unwrap()
        };
        for recipient in ["müller@acme.example", "用户@例子.example"] {
            let answer = save(recipient).await;
            assert_eq!(answer.status().is_success(), takes, "{recipient}");
            if !takes {
                assert!(detail(answer).await.contains("SMTPUTF8"), "{recipient}");
            }
        }
        assert!(save("da na@acme.example").await.status().is_client_error());
        assert!(save("ok@bücher.example").await.status().is_success());
        let dropped = test.leave("101", "m", "voicemail-short.wav").await;
        let message = test.message(&dropped["id"], settled).await;
        assert_eq!(message["notices"][0]["state"], "accepted", "{message:#}");
        assert!(server.line().contains(" ok "));
        test.stop().await;
    }
}

/// K25: what has no room says how much it is, and how much there is.
#[tokio::test(flavor = "multi_thread")]
async fn k25_a_message_without_room_is_told_apart_from_a_full_mailbox() {
    let test = TestApp::start().await;
    test.mailbox("101", json!({"quota_bytes": 1_000, "transcribe": false})).await;
    let refused = test.drop_message("101", "m", vec![0; 5_000]).await;
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
    let said = detail(refused).await;
    assert!(said.contains("it holds 0 of 1000 bytes, and 5000 more do not fit"), "{said}");
    test.stop().await;
}
