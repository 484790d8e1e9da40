//! N4: the mails of the five modes, read by Python's email package, which is neither what made them nor what checks them.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::harness::{TestApp, ok, sample_bytes};
use reqwest::Method;
use serde_json::{Value, json};
use voicemill_testing::python::python;

const NAME: &str = "Zoë \"Zed\" Ångström, 営業";
const CALLER: &str = "Jürgen Müller <Ω>";

/// What Python sees: the headers, the parts, and the bytes as a whole.
fn read_by_python(mail: &[u8]) -> (Value, Vec<Value>, Value) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/mail_tree.py");
    let mut child = Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(mail).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "Python cannot read it");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let whole = lines.pop().unwrap();
    (lines.remove(0), lines, whole)
}

/// One line a part, without what it says.
fn tree(parts: &[Value]) -> Vec<String> {
    let text = |part: &Value, field: &str| part[field].as_str().unwrap_or("-").to_owned();
    parts
        .iter()
        .map(|part| {
            let [kind, charset, encoding, disposition, name] =
                ["type", "charset", "encoding", "disposition", "name"].map(|field| text(part, field));
            let depth = part["depth"].as_u64().unwrap() as usize;
            format!("{}{kind} {charset} {encoding} {disposition} {name}", "  ".repeat(depth))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn n4_the_mails_of_five_modes_are_what_pythons_email_package_reads() {
    let test = TestApp::start().await;
    let mut before = 0;
    for (mode, expected) in [
        ("none", vec![]),
        (
            "link",
            vec![
                "multipart/alternative - - - -",
                "  text/plain utf-8 quoted-printable - -",
                "  text/html utf-8 quoted-printable - -",
            ],
        ),
        ("brief_link", vec!["text/plain utf-8 quoted-printable - -"]),
        (
            "attachment",
            vec![
                "multipart/mixed - - - -",
                "  multipart/alternative - - - -",
                "    text/plain utf-8 quoted-printable - -",
                "    text/html utf-8 quoted-printable - -",
                "  audio/wav - base64 attachment FILE",
            ],
        ),
        (
            "brief_attachment",
            vec![
                "multipart/mixed - - - -",
                "  text/plain utf-8 quoted-printable - -",
                "  audio/wav - base64 attachment FILE",
            ],
        ),
    ] {
        let settings = json!({"name": NAME, "email_mode": mode, "recipients": ["d@acme.example"], "transcribe": false});
        test.mailbox("101", settings).await;
        let path = format!("/core/v1/mailboxes/101/messages/{mode}");
        let said =
            [("caller_name", CALLER), ("caller_number", "+14155550132"), ("received_at", "2026-11-22T14:31:00Z")];
        let audio = sample_bytes("voicemail-short.wav");
        let dropped = ok(test.core(Method::PUT, &path).query(&said).body(audio)).await;
        test.message(&dropped["id"], |message| message["state"] == "available").await;
        test.idle().await;
        let message = test.message(&dropped["id"], |_| true).await;
        let mails = test.mails();
        if expected.is_empty() {
            assert_eq!(mails.len(), before, "{mode} sends nothing");
            continue;
        }
        assert_eq!(mails.len(), before + 1, "{mode}");
        before += 1;
        let (headers, parts, whole) = read_by_python(mails.last().unwrap());
        let name = parts.last().unwrap()["name"].as_str().unwrap_or_default();
        let expected: Vec<String> = expected.iter().map(|line| line.replace("FILE", name)).collect();
        assert_eq!(tree(&parts), expected, "{mode}");
        assert!(parts.iter().all(|part| part["defects"] == 0), "{parts:#?}");
        assert!(parts.iter().all(|part| part["id"].is_null() && part["disposition"] != "inline"), "nothing is inline");
        assert_eq!((&whole["bare"], &whole["ascii"]), (&json!(false), &json!(true)), "{mode}");
        assert!(whole["longest"].as_u64().unwrap() <= 998, "{mode}: {whole}");
        let words: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
        let heard = parts.last().unwrap()["sound"].clone();
        is_what_was_meant(mode, &headers, &words, &message);
        match mode {
            "attachment" | "brief_attachment" => {
                assert_eq!((&heard["channels"], &heard["bits"], &heard["rate"]), (&json!(1), &json!(16), &json!(8000)));
                let whole = message["duration_ms"].as_i64().unwrap();
                let ms = heard["ms"].as_i64().unwrap();
                assert!(ms == whole || mode == "brief_attachment" && ms <= whole, "{ms} of {whole} ms");
                assert!(name.contains("2026-11-22") && name.ends_with(".wav"), "{name}");
                assert!(!words.iter().any(|text| text.contains("/l/")), "no link beside the audio itself");
            }
            _ => assert!(words.iter().all(|text| text.contains("/l/")), "{words:?}"),
        }
    }
    test.stop().await;
}

/// The words that carry more than ASCII came through, and headers are those that robots and Outlook look for.
fn is_what_was_meant(mode: &str, headers: &Value, words: &[&str], message: &Value) {
    assert_eq!(headers["Subject"].as_str().unwrap().matches(CALLER).count(), 1, "{}", headers["Subject"]);
    assert_eq!(headers["To"], "d@acme.example");
    assert_eq!(headers["Auto-Submitted"], "auto-generated");
    assert_eq!(headers["X-Auto-Response-Suppress"], "All");
    let id = message["notices"][0]["internet_message_id"].as_str().unwrap();
    assert_eq!(headers["Message-ID"], format!("<{id}>"));
    assert!(words[0].contains(CALLER), "{mode}: {}", words[0]);
    assert_eq!(words[0].contains(NAME), !mode.starts_with("brief"), "{mode}: {}", words[0]);
    if let Some(html) = words.get(1) {
        assert!(html.contains("Jürgen Müller &lt;Ω&gt;"), "{html}");
    }
}
