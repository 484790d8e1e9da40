//! Mail from the message to the server and back, with a real server that is told to misbehave.

use std::{collections::HashMap, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use crate::harness::{TestApp, Wish, attachment, detail, link_in, ok};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill::config::Config;
use voicemill_notify::email::{DestinationLimits, DkimKeyConfig, Security, SmtpConfig};
use voicemill_queue::{JobFilter, State};
use voicemill_testing::{
    python::{Script, python},
    tools::{Running, command, free_port, wait_for},
};

fn smtp(port: u16) -> Option<SmtpConfig> {
    Some(SmtpConfig { port: Some(port), timeout_seconds: 3, ..SmtpConfig::new("127.0.0.1", Security::None) })
}

fn settled(message: &Value) -> bool {
    let notices = message["notices"].as_array().unwrap();
    !notices.is_empty() && notices.iter().all(|notice| !notice["settled_at"].is_null())
}

fn by_recipient(message: &Value) -> HashMap<String, Value> {
    let notices = message["notices"].as_array().unwrap().iter();
    notices.map(|notice| (notice["recipient"].as_str().unwrap().to_owned(), notice.clone())).collect()
}

/// N1: 450 and 421 are rescheduled, a lost answer is followed by one more try with the same Message-ID, a slow answer
/// meets our deadline, and other mails go on meanwhile. (535 has its test in mail_smtp.rs.)
#[tokio::test(flavor = "multi_thread")]
async fn n1_what_fails_for_now_comes_again_and_holds_back_nobody() {
    let mut server = Script::start("smtpd.py", &[]);
    let test = TestApp::start_with(Wish { smtp: smtp(server.port), ..Wish::default() }).await;
    let recipients =
        ["later-once@a.example", "closing-once@b.example", "vanish@c.example", "slow@d.example", "ok@e.example"];
    test.mailbox("101", json!({"email_mode": "link", "recipients": recipients, "transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let ok_is_sent =
        |message: &Value| message["notices"].as_array().unwrap().iter().any(|notice| notice["state"] == "accepted");
    let first = by_recipient(&test.message(&dropped["id"], ok_is_sent).await);
    assert!(first["slow@d.example"]["settled_at"].is_null(), "others do not wait for it");
    let notices = by_recipient(&test.message(&dropped["id"], settled).await);
    for (recipient, state) in recipients.iter().zip(["accepted", "accepted", "unknown", "unknown", "accepted"]) {
        assert_eq!(notices[*recipient]["state"], state, "{recipient}");
    }
    let lines = server.lines_so_far();
    // The Message-ID and a digest of all of it.
    let mails = |how: &str| -> Vec<(&str, &str)> {
        let fields = lines.iter().map(|line| line.split(' ').collect::<Vec<_>>());
        fields.filter(|fields| fields[1] == how).map(|fields| (fields[2], fields[6])).collect()
    };
    let vanished = mails("vanish");
    assert_eq!(vanished.len(), 2, "{lines:?}");
    assert_eq!(vanished[0], vanished[1], "the same mail");
    assert_eq!((mails("ok").len(), mails("later-once").len()), (1, 1));
    test.stop().await;
}

/// N2: 550 for one of three addresses: one attempt for it, reported; two delivered.
#[tokio::test(flavor = "multi_thread")]
async fn n2_one_refused_address_stops_no_other() {
    let mut server = Script::start("smtpd.py", &[]);
    let test = TestApp::start_with(Wish { smtp: smtp(server.port), ..Wish::default() }).await;
    let recipients = ["ok@a.example", "unknown@a.example", "fine@a.example"];
    test.mailbox("101", json!({"email_mode": "attachment", "recipients": recipients, "transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let notices = by_recipient(&test.message(&dropped["id"], settled).await);
    assert_eq!(
        recipients.map(|recipient| notices[recipient]["state"].as_str().unwrap()),
        ["accepted", "refused", "accepted"]
    );
    assert!(notices["unknown@a.example"]["answer"].as_str().unwrap().starts_with("550 5.1.1 "));
    let refused = ok(test.operator(Method::GET, "/v1/domains/acme.example/notices?state=refused")).await;
    assert_eq!(refused.as_array().unwrap().len(), 1, "operators see it");
    let mut sent: Vec<String> =
        server.lines_so_far().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    sent.sort();
    assert_eq!(sent, ["fine", "ok"]);
    test.stop().await;
}

/// N5: an hour by attachment: a link, with a sentence why.
#[tokio::test(flavor = "multi_thread")]
async fn n5_an_hour_is_mailed_as_a_link_that_says_why() {
    let test = TestApp::start().await;
    let settings = json!({
        "email_mode": "attachment", "recipients": ["d@acme.example"], "transcribe": false, "quota_bytes": 100_000_000,
    });
    test.mailbox("101", settings).await;
    // An hour of a quiet tone, as µ-law.
    let tone = [0xd5u8, 0xc0, 0xba, 0xc0, 0x55, 0x40, 0x3a, 0x40];
    let hour: Vec<u8> = tone.iter().copied().cycle().take(3_600 * 8_000).collect();
    let path = "/core/v1/mailboxes/101/messages/long";
    let dropped = ok(test.core(Method::PUT, path).query(&[("format", "ulaw")]).body(hour)).await;
    let path = format!("/v1/messages/{}", dropped["id"].as_str().unwrap());
    let began = std::time::Instant::now();
    // Rendering an hour takes unoptimised code its time.
    let message = loop {
        let message = ok(test.portal(Method::GET, &path)).await;
        if settled(&message) {
            break message;
        }
        assert!(began.elapsed() < Duration::from_secs(240), "{message:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(message["duration_ms"], 3_600_000);
    assert_eq!(message["notices"][0]["state"], "accepted");
    let mail = &test.mails()[0];
    assert!(mail.len() < 100_000 && attachment(mail).is_none());
    let words = mail_parser::MessageParser::new().parse(mail).unwrap().body_text(0).unwrap().into_owned();
    assert!(
        words.contains("The recording (57.6 MB) is too large to be attached to a mail of at most 25.0 MB"),
        "{words}"
    );
    let page = test.browser(Method::GET, &link_in(mail).unwrap()).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    test.stop().await;
}

pub(crate) fn report(message_id: &str, action: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example.net\r\nTo: voicemail@acme.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n\
         Final-Recipient: rfc822; d@acme.example\r\nAction: {action}\r\nStatus: 5.2.2\r\n\
         Diagnostic-Code: smtp; 552 mailbox full\r\n\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{message_id}>\r\n\r\n--b--\r\n"
    )
}

/// N7: acted only after acceptance; a bounce, handed in by either way, restores new.
#[tokio::test(flavor = "multi_thread")]
async fn n7_a_bounce_takes_back_what_the_mail_did() {
    let test = TestApp::start().await;
    let settings = json!({
        "email_mode": "attachment", "after_email": "move_to_trash", "recipients": ["d@acme.example"], "transcribe": false,
    });
    test.mailbox("101", settings).await;
    let leave = async |core_id: &str| {
        let dropped = test.leave("101", core_id, "voicemail-short.wav").await;
        let message = test.message(&dropped["id"], settled).await;
        assert_eq!(message["folder"], "trash", "accepted, and moved");
        let id = message["notices"][0]["internet_message_id"].as_str().unwrap().to_owned();
        (dropped["id"].clone(), id)
    };
    let hand_in = |mail: String| test.operator(Method::POST, "/v1/bounces").body(mail).send();

    let (message, mail) = leave("m1").await;
    let noted = hand_in(report(&mail, "delayed")).await.unwrap();
    assert_eq!(noted.json::<Value>().await.unwrap()["state"], "accepted", "still tried");
    let noted = hand_in(report(&mail, "failed")).await.unwrap().json::<Value>().await.unwrap();
    assert_eq!((&noted["state"], &noted["answer"]), (&json!("bounced"), &json!("5.2.2 552 mailbox full")));
    test.message(&message, |message| message["folder"] == "new").await;

    // What a person moved since stays where it is.
    let (message, mail) = leave("m2").await;
    let path = format!("/v1/messages/{}", message.as_str().unwrap());
    ok(test.portal(Method::PATCH, &path).json(&json!({"folder": "saved"}))).await;
    ok(test.portal(Method::PATCH, &path).json(&json!({"folder": "trash"}))).await;
    hand_in(report(&mail, "failed")).await.unwrap();
    test.message(&message, |message| message["folder"] == "trash").await;

    assert_eq!(hand_in(report("unknown@acme.example", "failed")).await.unwrap().status(), StatusCode::NOT_FOUND);
    let robot = hand_in("Subject: Out of office\r\n\r\nI am away.\r\n".to_owned()).await.unwrap();
    assert!(detail(robot).await.contains("no report of delivery"));
    let by_portal = test.portal(Method::POST, "/v1/bounces").body("x").send().await.unwrap();
    assert_eq!(by_portal.status(), StatusCode::FORBIDDEN);

    // By the command, as a mail server's pipe runs it.
    let (message, mail) = leave("m3").await;
    let piped = |mail: String| {
        use std::io::Write;
        let mut child = Command::new(env!("CARGO_BIN_EXE_voicemill"))
            .arg("bounce")
            .env("VOICEMILL_STORAGE__FOLDER", &test.app.config.storage.folder)
            .current_dir(test.app.config.storage.folder.parent().unwrap())
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    assert!(piped(report(&mail, "failed")).status.success());
    test.message(&message, |message| message["folder"] == "new").await;
    let robot = piped("Subject: Out of office\r\n\r\nI am away.\r\n".to_owned());
    assert!(robot.status.success(), "a mail that is no report must not come back in turn");
    assert!(String::from_utf8_lossy(&robot.stderr).contains("no report of delivery"));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_destination_holds_back_no_other() {
    let server = Script::start("smtpd.py", &[]);
    let configure = Box::new(|config: &mut Config| {
        config.mail.destination = DestinationLimits { connections: 2, per_minute: 0 };
    });
    let test = TestApp::start_with(Wish { smtp: smtp(server.port), configure, ..Wish::default() }).await;
    // The harness has four places for jobs that wait for others; all would be taken by the slow ones, for three seconds each.
    let slow: Vec<String> = (0..8).map(|number| format!("slow+{number}@slow.example")).collect();
    test.mailbox("101", json!({"email_mode": "link", "recipients": slow, "transcribe": false})).await;
    test.mailbox("102", json!({"email_mode": "link", "recipients": ["ok@quick.example"], "transcribe": false})).await;
    test.leave("101", "m", "voicemail-short.wav").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let dropped = test.leave("102", "m", "voicemail-short.wav").await;
    test.message(&dropped["id"], |message| message["state"] == "available").await;
    test.message(&dropped["id"], settled).await;
    // The slow ones are not done yet: theirs take three seconds each, two at a time. Whoever is sent away has not been tried.
    let waiting =
        JobFilter { state: Some(State::Scheduled), kind: Some("notify_message".into()), ..JobFilter::default() };
    let waiting = test.app.queue.list(&waiting).await.unwrap();
    assert!(!waiting.is_empty());
    assert!(waiting.iter().all(|job| job.attempt == 0 && job.errors.is_empty()), "{waiting:#?}");
}

/// Whoever is to get the mail is blameless: it waits until the login is put right.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_gives_no_mail_up() {
    let server = Script::start("smtpd.py", &["--login"]);
    let wrong = smtp(server.port).map(|config| SmtpConfig {
        username: Some("user".to_owned()),
        password: Some("wrong".into()),
        ..config
    });
    let test = TestApp::start_with(Wish { smtp: wrong, ..Wish::default() }).await;
    test.mailbox("101", json!({"email_mode": "link", "recipients": ["ok@a.example"], "transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    let tried = test.message(&dropped["id"], |message| !message["notices"][0]["answer"].is_null()).await;
    let notice = &tried["notices"][0];
    assert!(notice["answer"].as_str().unwrap().starts_with("535"), "{notice:#}");
    assert!(notice["settled_at"].is_null(), "{notice:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_deleted_before_its_mail_is_due_is_not_mailed() {
    // Paused before the first worker begins.
    let test = TestApp::start_with(Wish { work: false, ..Wish::default() }).await;
    let sending = json!({"kind": "notify_message"});
    ok(test.operator(Method::POST, "/v1/jobs/pause").json(&sending)).await;
    let test = test.restart().await;
    test.mailbox("101", json!({"email_mode": "link", "recipients": ["d@acme.example"], "transcribe": false})).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    test.message(&dropped["id"], |message| message["state"] == "available").await;
    let to_trash = test.portal(Method::PATCH, &format!("/v1/messages/{}", dropped["id"].as_str().unwrap()));
    ok(to_trash.json(&json!({"folder": "trash"}))).await;
    ok(test.operator(Method::POST, "/v1/jobs/resume").json(&sending)).await;
    let notice = test.message(&dropped["id"], settled).await["notices"][0].clone();
    let answer = "not sent: the message was deleted before its mail was due";
    assert_eq!((&notice["state"], &notice["answer"]), (&json!("refused"), &json!(answer)));
    assert_eq!(test.mails().len(), 0);
    test.stop().await;
}

/// Verifies a mail's signature as another server would, with the public key as its record in the DNS.
fn dkim_verifies(mail: &Path, public_key: &str) -> bool {
    let program = "import dkim, sys\n\
        mail = open(sys.argv[1], 'rb').read()\n\
        record = lambda name, timeout=5: sys.argv[2].encode() if name == b'vm1._domainkey.acme.example.' else None\n\
        sys.exit(0 if dkim.verify(mail, dnsfunc=record) else 1)";
    let status = Command::new(python()).args(["-c", program]).arg(mail).arg(public_key).status().unwrap();
    status.success()
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_signed_so_that_others_can_verify_them() {
    use base64::{Engine, prelude::BASE64_STANDARD};

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [rsa, old, ed] = ["rsa.pem", "old.pem", "ed.pem"].map(path);
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &rsa]);
    openssl(&["rsa", "-in", &rsa, "-traditional", "-out", &old]);
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", &ed]);
    for (file, kind) in [(&rsa, "rsa"), (&old, "rsa"), (&ed, "ed25519")] {
        let mut public = openssl(&["pkey", "-in", file, "-pubout", "-outform", "DER"]);
        if kind == "ed25519" {
            // RFC 8463: the bare key, without what says that it is one.
            public = public.split_off(public.len() - 32);
        }
        let record = format!("v=DKIM1; k={kind}; p={}", BASE64_STANDARD.encode(&public));
        std::fs::write(folder.path().join("key.pem"), std::fs::read(file).unwrap()).unwrap();
        let test =
            TestApp::start_with(Wish { dkim: vec![key_of(&folder.path().join("key.pem"))], ..Wish::default() }).await;
        test.mailbox(
            "101",
            json!({"name": "Zoë", "email_mode": "attachment", "recipients": ["d@b.example"], "transcribe": false}),
        )
        .await;
        let dropped = test.leave("101", "m", "voicemail-short.wav").await;
        test.message(&dropped["id"], settled).await;
        let mail = folder.path().join("mail.eml");
        std::fs::write(&mail, &test.mails()[0]).unwrap();
        assert!(dkim_verifies(&mail, &record), "{file}");
        let changed = String::from_utf8(test.mails()[0].clone()).unwrap().replacen("Subject: ", "Subject: Re: ", 1);
        std::fs::write(&mail, changed).unwrap();
        assert!(!dkim_verifies(&mail, &record), "a changed mail does not verify");
        test.stop().await;
    }
}

fn key_of(file: &Path) -> DkimKeyConfig {
    DkimKeyConfig { domain: "acme.example".to_owned(), selector: "vm1".to_owned(), key_file: file.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_words_its_own_mails_and_bad_words_are_refused_at_save() {
    let test = TestApp::start().await;
    let path = "/v1/domains/acme.example/mail-templates/voicemail";
    let ours = ok(test.portal(Method::GET, path)).await;
    assert_eq!(ours["own"], false);
    assert!(ours["body_text"].as_str().unwrap().contains("{{ caller }}"), "to begin with");
    let bad = json!({"subject": "Hi", "body_text": "one\n{% for i in range(100000) %}{{ i }}{% endfor %}"});
    let refused = test.portal(Method::PUT, path).json(&bad).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(detail(refused).await, "body_text, line 2: it takes more than 10000 steps; let its loops end earlier");
    let own = json!({
        "subject": "{{ caller_number }} hat angerufen",
        "body_text": "Neue Nachricht von {{ caller }}\n{% if link %}{{ link.url }}{% endif %}",
        "body_html": "<p>{{ caller }}</p>",
    });
    assert_eq!(ok(test.portal(Method::PUT, path).json(&own)).await["own"], true);
    let elsewhere = test.domain("other.example").await.1;
    let foreign = test.http.get(format!("{}{path}", test.base)).bearer_auth(elsewhere).send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);

    test.mailbox("101", json!({"email_mode": "link", "recipients": ["d@acme.example"], "transcribe": false})).await;
    let subject = async |core_id: &str| {
        let dropped = test.leave("101", core_id, "voicemail-short.wav").await;
        test.message(&dropped["id"], settled).await;
        let mails = test.mails();
        let mail = mail_parser::MessageParser::new().parse(mails.last().unwrap()).unwrap();
        (mail.subject().unwrap().to_owned(), mail.body_html(0).unwrap().into_owned())
    };
    let (words, html) = subject("m1").await;
    assert_eq!(words, "(415) 555-0132 hat angerufen");
    assert!(html.contains("<p>Robin Stone, (415) 555-0132</p>"), "{html}");
    let gone = test.portal(Method::DELETE, path).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert!(subject("m2").await.0.starts_with("Voicemail from "));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_call_is_mailed_once_if_the_mailbox_wants_it() {
    let test = TestApp::start().await;
    let settings =
        |wanted: bool| json!({"name": "Dana", "recipients": ["d@acme.example"], "mail_missed_calls": wanted});
    test.mailbox("101", settings(false)).await;
    let call =
        json!({"caller_number": "4155550132", "caller_name": "Robin Stone", "called_at": "2026-11-22T14:31:00Z"});
    let missed = async || {
        let path = "/core/v1/mailboxes/101/missed-calls/call-1";
        test.core(Method::PUT, path).json(&call).send().await.unwrap().status()
    };
    assert_eq!(missed().await, StatusCode::NO_CONTENT);
    test.mailbox("101", settings(true)).await;
    for _ in 0..2 {
        assert_eq!(missed().await, StatusCode::ACCEPTED);
    }
    test.idle().await;
    let mails = test.mails();
    assert_eq!(mails.len(), 1);
    let mail = mail_parser::MessageParser::new().parse(&mails[0]).unwrap();
    assert_eq!(mail.subject(), Some("Missed call from Robin Stone, (415) 555-0132"));
    let words = mail.body_text(0).unwrap();
    assert!(words.contains("Dana (101)") && words.contains("Sunday, November 22, 2026 at 9:31 AM EST"), "{words}");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_number_has_addresses_of_its_own() {
    let test = TestApp::start().await;
    let own = json!({"recipients": ["sales@acme.example", "d@acme.example"]});
    ok(test.portal(Method::PUT, "/v1/service-numbers/+18005550100").json(&own)).await;
    test.mailbox("101", json!({"email_mode": "attachment", "recipients": ["d@acme.example"], "transcribe": false}))
        .await;
    let path = "/core/v1/mailboxes/101/messages/m1";
    let audio = crate::harness::sample_bytes("voicemail-short.wav");
    let dropped = ok(test.core(Method::PUT, path).query(&[("service_number", "+18005550100")]).body(audio)).await;
    let message = test.message(&dropped["id"], settled).await;
    let notices = by_recipient(&message);
    assert_eq!(
        (&notices["sales@acme.example"]["mode"], &notices["d@acme.example"]["mode"]),
        (&json!("link"), &json!("attachment"))
    );
    assert_eq!((notices.len(), test.mails().len()), (2, 2), "nobody gets two");
    // Another call to the mailbox is nothing to the service number.
    let dropped = test.leave("101", "m2", "voicemail-short.wav").await;
    assert_eq!(by_recipient(&test.message(&dropped["id"], settled).await).len(), 1);
    assert_eq!(ok(test.portal(Method::GET, "/v1/service-numbers")).await.as_array().unwrap().len(), 1);
    test.stop().await;
}

/// A hundred mails to postfix's own sink, over few connections.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_mails_reaches_postfixs_sink() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let mut sink = command("smtp-sink");
    // It does not run as root; whoever it becomes has to write here.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    if rustix::process::geteuid().is_root() {
        sink.args(["-u", "nobody"]);
    }
    sink.current_dir(folder.path()).args(["-d", "%M."]).arg(format!("127.0.0.1:{port}")).arg("100");
    let _sink = Running::start(&mut sink);
    wait_for(port);
    let test = TestApp::start_with(Wish { smtp: smtp(port), ..Wish::default() }).await;
    let recipients: Vec<String> = (0..20).map(|number| format!("r{number}@d{}.example", number % 4)).collect();
    test.mailbox("101", json!({"email_mode": "link", "recipients": recipients, "transcribe": false})).await;
    for core_id in ["m1", "m2", "m3", "m4", "m5"] {
        let dropped = test.leave("101", core_id, "voicemail-short.wav").await;
        test.message(&dropped["id"], |message| message["state"] == "available").await;
    }
    test.idle().await;
    let accepted = ok(test.operator(Method::GET, "/v1/domains/acme.example/notices?state=accepted&limit=500")).await;
    assert_eq!(accepted.as_array().unwrap().len(), 100);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 100, "a file a mail");
    test.stop().await;
}
