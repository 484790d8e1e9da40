//! Sends mails to a real SMTP server that is told to misbehave (acceptance N1 and N2).

#![allow(clippy::unwrap_used, reason = "a journey that cannot go on fails")]

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use voicemill_notify::{
    Channel, NotifyError, Receipt, Recipient, Rendered,
    email::{Attachment, AudioPart, MailLink, Security, Smtp, SmtpConfig, Stationery, TranscriptPart, VoicemailMail},
};
use voicemill_types::{NoticeId, Run, Time};

/// The server, ended with the test.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/testenv/bin/python");
        assert!(
            python.exists(),
            "this test talks to Python's aiosmtpd; run `make test`, or set it up yourself: \
             python3 -m venv target/testenv && target/testenv/bin/pip install aiosmtpd==1.4.6"
        );
        let mut child = Command::new(python)
            .arg(root.join("tests/support/smtpd.py"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let port = lines.next().expect("it prints its port").expect("it can be read");
        Self { child, lines, port: port.parse().expect("a port") }
    }

    fn config(&self) -> SmtpConfig {
        SmtpConfig { port: Some(self.port), timeout_seconds: 2, ..SmtpConfig::new("127.0.0.1", Security::None) }
    }

    fn smtp(&self) -> Smtp {
        Smtp::new(&self.config()).expect("the configuration is sound")
    }

    /// What the server says of the next mail that it read to its end.
    fn next_mail(&mut self) -> String {
        self.lines.next().expect("it still runs").expect("it can be read")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
        bytes: mail.compose(&Stationery::default()).expect("the mail is sound").bytes.into(),
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
    every_mail_arrives(Server::start(&[])).await;
    every_mail_arrives(Server::start(&["--pipelining"])).await;
}

async fn every_mail_arrives(mut server: Server) {
    let smtp = server.smtp();
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
        assert_eq!(server.next_mail(), seen);
    }
}

#[tokio::test]
async fn refusals_are_told_apart_step_by_step() {
    refusals_are_told_apart(&Server::start(&[])).await;
}

#[tokio::test]
async fn refusals_are_told_apart_in_envelopes_sent_whole() {
    refusals_are_told_apart(&Server::start(&["--pipelining"])).await;
}

async fn refusals_are_told_apart(server: &Server) {
    let smtp = server.smtp();
    for how in ["later", "closing", "data-later", "vanish-early"] {
        let result = send(&smtp, how).await;
        assert!(matches!(result, Err(NotifyError::Retry(_))), "{how}: {result:?}");
    }
    for how in ["unknown", "spam", "large"] {
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
    let mut server = Server::start(&[]);
    let result = send(&server.smtp(), "vanish").await;
    assert!(matches!(result, Err(NotifyError::Unknown(_))), "{result:?}");
    assert!(server.next_mail().starts_with("1 vanish "), "the server has it");
}

#[tokio::test]
async fn a_slow_answer_meets_our_deadline_and_holds_back_nobody() {
    let server = Server::start(&[]);
    let smtp = server.smtp();
    let began = Instant::now();
    let (slow, other) = tokio::join!(send(&smtp, "slow"), async {
        let sent = send(&smtp, "ok").await;
        (sent, began.elapsed())
    });
    assert!(matches!(slow, Err(NotifyError::Unknown(_))), "{slow:?}");
    assert!(began.elapsed() < Duration::from_secs(6), "took {:?}", began.elapsed());
    assert!(other.0.is_ok() && other.1 < Duration::from_secs(2), "{other:?}");
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_replaced() {
    is_replaced(Server::start(&[])).await;
    is_replaced(Server::start(&["--pipelining"])).await;
}

async fn is_replaced(mut server: Server) {
    let smtp = server.smtp();
    send(&smtp, "hang-up").await.unwrap();
    assert!(server.next_mail().starts_with("1 hang-up "));
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..2 {
        send(&smtp, "ok").await.unwrap();
        assert!(server.next_mail().starts_with("2 ok "));
    }
}

#[tokio::test]
async fn no_server_is_a_reason_to_try_again() {
    let config = Server::start(&[]).config();
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
    let began = Instant::now();
    let result = send(&Smtp::new(&config).unwrap(), "ok").await;
    assert!(matches!(result, Err(NotifyError::Retry(_))), "{result:?}");
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_login_is_made_and_a_wrong_one_is_our_fault() {
    let server = Server::start(&["--login"]);
    let with = |password: &str| SmtpConfig {
        username: Some("user".to_owned()),
        password: Some(password.into()),
        ..server.config()
    };
    send(&Smtp::new(&with("right")).unwrap(), "ok").await.unwrap();
    for config in [with("wrong"), server.config()] {
        let result = send(&Smtp::new(&config).unwrap(), "ok").await;
        assert!(matches!(result, Err(NotifyError::Misconfigured(_))), "{result:?}");
    }
}

#[tokio::test]
async fn starttls_is_made_and_a_strange_certificate_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trusting = is_encrypted(folder.path(), Security::StartTls, &["--login"]).await;
    let without = Server::start(&[]);
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
    let mut server = Server::start(&arguments);
    let trusting = SmtpConfig {
        host: "localhost".to_owned(),
        security,
        username: Some("user".to_owned()),
        password: Some("right".into()),
        trusted_certificate: Some(certificate.clone()),
        ..server.config()
    };
    let smtp = Smtp::new(&trusting).unwrap();
    for _ in 0..2 {
        send(&smtp, "ok").await.unwrap();
        assert!(server.next_mail().starts_with("1 ok "), "a second mail goes over the same connection");
    }
    let distrusting = SmtpConfig { trusted_certificate: None, ..trusting.clone() };
    let result = send(&Smtp::new(&distrusting).unwrap(), "ok").await;
    assert!(matches!(result, Err(NotifyError::Misconfigured(_))), "{result:?}");
    trusting
}

#[tokio::test]
async fn a_large_mail_arrives_whole() {
    let mut server = Server::start(&[]);
    let mut large = b"Message-ID: <large@example.com>\r\nContent-Type: text/plain\r\n\r\n".to_vec();
    for line in 0..60_000 {
        large.extend_from_slice(format!(".{line} a line that starts with a dot\r\n").as_bytes());
    }
    let mail = Rendered { bytes: Bytes::from(large), ..mail() };
    server.smtp().deliver(&Recipient::new("ok@example.com"), &mail).await.unwrap();
    assert_eq!(server.next_mail(), format!("1 ok <large@example.com> text/plain 0 {}", as_seen(&mail)));
}
