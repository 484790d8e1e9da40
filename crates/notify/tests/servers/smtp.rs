//! Sends mails to a real SMTP server that is told to misbehave (acceptance N1 and N2).

use std::{path::Path, process::Command, time::Duration};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use voicemill_notify::{
    Channel, NotifyError, Receipt, Recipient, Rendered,
    email::{Attachment, AudioPart, MailLink, MailOptions, Security, Smtp, SmtpConfig, TranscriptPart, VoicemailMail},
};
use voicemill_testing::python::Script;
use voicemill_types::{NoticeId, Run, Time};

fn server(arguments: &[&str]) -> Script {
    Script::start("smtpd.py", arguments)
}

fn config(server: &Script) -> SmtpConfig {
    SmtpConfig { port: Some(server.port), timeout_seconds: 20, ..SmtpConfig::new("127.0.0.1", Security::None) }
}

fn smtp_of(server: &Script) -> Smtp {
    smtp(server)
}

fn smtp(server: &Script) -> Smtp {
    Smtp::new(&config(server)).expect("the configuration is sound")
}

fn link() -> AudioPart<'static> {
    AudioPart::Link(MailLink {
        url: "https://vm.example.com/l/token",
        expires_at: Time::from_microseconds(1_795_604_800_000_000),
    })
}

fn attached() -> AudioPart<'static> {
    AudioPart::Attached(Attachment { bytes: &[0x55; 10_000], file_name: "voicemail.wav", content_type: "audio/wav" })
}

fn mail() -> Rendered {
    mail_with(false, link())
}

fn mail_with(brief: bool, audio: AudioPart<'_>) -> Rendered {
    let notice_id = NoticeId::new();
    let queued_at = Time::from_microseconds(1_795_000_000_000_000);
    let sender = "voicemail@acme.example.com";
    let mail = VoicemailMail {
        notice_id,
        date: queued_at,
        from: sender,
        to: "sales@acme.example.com",
        brand: "Acme",
        mailbox: "Sales (101)",
        caller_name: "Zoë",
        caller_number: "+15550100199",
        received_at: queued_at,
        time_zone: "Europe/Berlin",
        locale: "en-GB",
        duration: Duration::from_secs(34),
        brief,
        transcript: TranscriptPart::Text(&[Run {
            text: "One line.\n.\nA dot alone on the line before this one.".to_owned(),
            doubtful: false,
        }]),
        callback_numbers: &[],
        audio,
    };
    Rendered {
        notice_id,
        sender: sender.to_owned(),
        queued_at,
        bytes: mail.compose(&MailOptions::default()).expect("the mail is sound").bytes.into(),
    }
}

async fn send(smtp: &Smtp, how: &str) -> Result<Receipt, NotifyError> {
    smtp.deliver(&Recipient::new(format!("{how}@example.com")), &mail()).await
}

/// What the server says of the bytes that it took: how many, and their digest.
fn as_seen(mail: &Rendered) -> String {
    let digest: String = Sha256::digest(&mail.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {digest}", mail.bytes.len())
}

#[tokio::test]
async fn every_mail_arrives_as_it_was_composed_over_one_connection() {
    every_mail_arrives(server(&[])).await;
    every_mail_arrives(server(&["--pipelining"])).await;
}

async fn every_mail_arrives(mut server: Script) {
    let smtp = smtp(&server);
    for (brief, audio, parts) in [
        (false, link(), "multipart/alternative,text/plain,text/html"),
        (true, link(), "text/plain"),
        (false, attached(), "multipart/mixed,multipart/alternative,text/plain,text/html,audio/wav"),
        (true, attached(), "multipart/mixed,text/plain,audio/wav"),
    ] {
        let mail = mail_with(brief, audio);
        let receipt = smtp.deliver(&Recipient::new("ok@example.com"), &mail).await.unwrap();
        assert_eq!(receipt.answer.text(), "250 2.0.0 queued");
        let (id, bytes) = (mail.notice_id, as_seen(&mail));
        let seen = format!("1 ok <{id}@acme.example.com> {parts} 0 {bytes}");
        assert_eq!(server.line(), seen);
    }
}

#[tokio::test]
async fn refusals_are_told_apart_step_by_step() {
    refusals_are_told_apart(&server(&[])).await;
}

#[tokio::test]
async fn refusals_are_told_apart_in_envelopes_sent_whole() {
    refusals_are_told_apart(&server(&["--pipelining"])).await;
}

async fn refusals_are_told_apart(server: &Script) {
    let smtp = smtp(server);
    for how in ["later", "closing", "data-later", "vanish-early"] {
        let result = send(&smtp, how).await;
        assert!(matches!(result, Err(NotifyError::Retry(_))), "{how}: {result:?}");
    }
    for how in ["unknown", "spam"] {
        let result = send(&smtp, how).await;
        assert!(matches!(result, Err(NotifyError::Refused(_))), "{how}: {result:?}");
    }
    let error = send(&smtp, "unknown").await.unwrap_err();
    assert_eq!(error.to_string(), "refused for this recipient: 550 5.1.1");
    assert!(error.answer().unwrap().text().contains("no such user"));
    let result = send(&smtp, "login").await;
    assert!(matches!(result, Err(NotifyError::Misconfigured(_))), "{result:?}");
}

#[tokio::test]
async fn a_connection_lost_after_the_final_dot_is_unknown() {
    let mut server = server(&[]);
    let result = send(&smtp(&server), "vanish").await;
    assert!(matches!(result, Err(NotifyError::Unknown(_))), "{result:?}");
    assert!(server.line().starts_with("1 vanish "), "the server has it");
}

#[tokio::test]
async fn a_slow_answer_meets_our_deadline_and_holds_back_nobody() {
    let server = server(&[]);
    let smtp = Smtp::new(&SmtpConfig { timeout_seconds: 2, ..config(&server) }).unwrap();
    let mut slow = std::pin::pin!(send(&smtp, "slow"));
    // The other is done before the slow one, whose answer would come after half a minute, meets its deadline.
    let other = tokio::select! {
        biased;
        other = send(&smtp, "ok") => other,
        slow = &mut slow => panic!("{slow:?}"),
    };
    other.unwrap();
    let slow = slow.await;
    assert!(matches!(slow, Err(NotifyError::Unknown(_))), "{slow:?}");
}

/// K15: a relay whose 250 had one byte that is not UTF-8 got the mail at every retry.
#[tokio::test]
async fn k15_replies_in_any_bytes_are_read_by_their_digits() {
    for arguments in [&[][..], &["--pipelining"]] {
        let mut server = server(arguments);
        let smtp = smtp(&server);
        for how in ["latin1", "long"] {
            let receipt = send(&smtp, how).await.unwrap_or_else(|error| panic!("{how}: {error}"));
            assert!(receipt.answer.text().starts_with("250 2.0.0 "), "{how}: {}", receipt.answer.text());
            assert!(server.line().starts_with(&format!("1 {how} ")), "taken once, and the connection is kept");
        }
        for how in ["latin1-unknown", "latin1-spam"] {
            let result = send(&smtp, how).await;
            assert!(matches!(result, Err(NotifyError::Refused(_))), "{how}: {result:?}");
        }
    }
}

/// K16: what the relay says of sizes, before and after, is no refusal of the recipient.
#[tokio::test]
async fn k16_a_mail_too_large_for_the_relay_is_told_apart() {
    let mut server = server(&["--size", "5000"]);
    let smtp = smtp(&server);
    let large = mail_with(false, attached());
    let too_large = smtp.deliver(&Recipient::new("ok@example.com"), &large).await.unwrap_err();
    assert!(matches!(too_large, NotifyError::TooLarge(_)), "{too_large:?}");
    assert!(too_large.answer().unwrap().text().contains("the server takes at most 5000 (SIZE)"), "{too_large}");
    // A relay that says nothing beforehand.
    let later = send(&smtp_of(&self::server(&[])), "large").await;
    assert!(matches!(later, Err(NotifyError::TooLarge(_))), "{later:?}");
    // A full mailbox is the recipient's.
    let full = send(&smtp_of(&self::server(&[])), "full").await;
    assert!(matches!(full, Err(NotifyError::Refused(_))), "{full:?}");
    let small = mail_with(true, link());
    smtp.deliver(&Recipient::new("ok@example.com"), &small).await.unwrap();
    assert!(server.line().contains(" ok "), "nothing of the large one was sent");
}

/// K17: an address outside ASCII goes to a server that takes it, and to no other.
#[tokio::test]
async fn k17_addresses_outside_ascii_go_where_they_are_taken() {
    let mut takes = server(&["--utf8"]);
    let smtp = smtp(&takes);
    assert!(smtp.takes_smtputf8().await.unwrap());
    smtp.deliver(&Recipient::new("müller@bücher.example"), &mail()).await.unwrap();
    assert!(takes.line().contains(" müller "));
    let plain = server(&[]);
    let without = smtp_of(&plain);
    assert!(!without.takes_smtputf8().await.unwrap());
    let refused = without.deliver(&Recipient::new("müller@acme.example"), &mail()).await;
    assert!(matches!(refused, Err(NotifyError::Refused(_))), "{refused:?}");
    without.deliver(&Recipient::new("dana@bücher.example"), &mail()).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_replaced() {
    is_replaced(server(&[])).await;
    is_replaced(server(&["--pipelining"])).await;
}

async fn is_replaced(mut server: Script) {
    let smtp = smtp(&server);
    send(&smtp, "hang-up").await.unwrap();
    assert!(server.line().starts_with("1 hang-up "));
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..2 {
        send(&smtp, "ok").await.unwrap();
        assert!(server.line().starts_with("2 ok "));
    }
}

#[tokio::test]
async fn no_server_is_a_reason_to_try_again() {
    let config = config(&server(&[]));
    let result = send(&Smtp::new(&config).unwrap(), "ok").await;
    assert!(matches!(result, Err(NotifyError::Retry(_))), "{result:?}");
}

#[tokio::test]
async fn a_silent_server_meets_our_deadline() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = SmtpConfig {
        port: Some(silent.local_addr().unwrap().port()),
        timeout_seconds: 1,
        ..SmtpConfig::new("127.0.0.1", Security::None)
    };
    // It would wait for ever.
    let result = send(&Smtp::new(&config).unwrap(), "ok").await;
    assert!(matches!(result, Err(NotifyError::Retry(_))), "{result:?}");
}

#[tokio::test]
async fn a_login_is_made_and_a_wrong_one_is_our_fault() {
    let server = server(&["--login"]);
    let with = |password: &str| SmtpConfig {
        username: Some("user".to_owned()),
        password: Some(password.into()),
        ..config(&server)
    };
    send(&Smtp::new(&with("right")).unwrap(), "ok").await.unwrap();
    for config in [with("wrong"), config(&server)] {
        let result = send(&Smtp::new(&config).unwrap(), "ok").await;
        assert!(matches!(result, Err(NotifyError::Misconfigured(_))), "{result:?}");
    }
}

#[tokio::test]
async fn starttls_is_made_and_a_strange_certificate_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trusting = is_encrypted(folder.path(), Security::StartTls, &["--login"]).await;
    let without = server(&[]);
    let lacking = SmtpConfig { port: Some(without.port), ..trusting };
    let result = send(&Smtp::new(&lacking).unwrap(), "ok").await;
    assert!(matches!(result, Err(NotifyError::Misconfigured(_))), "{result:?}");
}

#[tokio::test]
async fn tls_from_the_first_byte_is_made_and_a_strange_certificate_refused() {
    let folder = tempfile::tempdir().unwrap();
    is_encrypted(folder.path(), Security::Tls, &["--login", "--wrapped", "--pipelining"]).await;
}

/// Sends over TLS to a server whose certificate is trusted, and to one whose is not.
async fn is_encrypted(folder: &Path, security: Security, more: &[&str]) -> SmtpConfig {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("this test needs the openssl command, which the package ca-certificates brings along");
    assert!(made.status.success());
    let mut arguments = vec!["--tls", certificate.to_str().unwrap(), key.to_str().unwrap()];
    arguments.extend(more);
    let mut server = server(&arguments);
    let trusting = SmtpConfig {
        host: "localhost".to_owned(),
        security,
        username: Some("user".to_owned()),
        password: Some("right".into()),
        trusted_certificate: Some(certificate.clone()),
        ..config(&server)
    };
    let smtp = Smtp::new(&trusting).unwrap();
    for _ in 0..2 {
        send(&smtp, "ok").await.unwrap();
        assert!(server.line().starts_with("1 ok "), "a second mail goes over the same connection");
    }
    let distrusting = SmtpConfig { trusted_certificate: None, ..trusting.clone() };
    let result = send(&Smtp::new(&distrusting).unwrap(), "ok").await;
    assert!(matches!(result, Err(NotifyError::Misconfigured(_))), "{result:?}");
    trusting
}

#[tokio::test]
async fn a_large_mail_arrives_whole() {
    let mut server = server(&[]);
    let mut large = b"Message-ID: <large@example.com>\r\nContent-Type: text/plain\r\n\r\n".to_vec();
    for line in 0..60_000 {
        large.extend_from_slice(format!(".{line} a line that starts with a dot\r\n").as_bytes());
    }
    let mail = Rendered { bytes: Bytes::from(large), ..mail() };
    smtp(&server).deliver(&Recipient::new("ok@example.com"), &mail).await.unwrap();
    assert_eq!(server.line(), format!("1 ok <large@example.com> text/plain 0 {}", as_seen(&mail)));
}
