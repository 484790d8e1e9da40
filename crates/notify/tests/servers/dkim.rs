//! Signatures verified as other servers do, by Python's DKIM verifier.

use std::{path::Path, process::Command};

use voicemill_notify::email::{Dkim, DkimKeyConfig, MailOptions, MailboxMail, MailboxNews};
use voicemill_testing::python::python;
use voicemill_types::Time;

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn config(file: &Path) -> DkimKeyConfig {
    DkimKeyConfig { domain: "acme.example".to_owned(), selector: "vm1".to_owned(), key_file: file.to_owned() }
}

fn signed(key: &Path, caller_name: &str) -> Vec<u8> {
    let at = Time::from_microseconds(1_795_367_109_000_000);
    let news = MailboxNews::MissedCall { caller_name, caller_number: "+14155550132", called_at: at };
    let mail = MailboxMail {
        notice_id: "0192f0c1-2345-7abc-8def-0123456789ab".parse().unwrap(),
        date: at,
        from: "voicemail@mail.acme.example",
        to: "dana@acme.example",
        brand: "Acme",
        mailbox: "Dana (101)",
        time_zone: "UTC",
        locale: "en-US",
        news,
    };
    let dkim = Dkim::new(&[config(key)]).unwrap();
    mail.compose(&MailOptions { template: None, dkim: Some(&dkim) }).unwrap().bytes
}

fn verifies(mail: &[u8], record: &str) -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), mail).unwrap();
    let program = "import dkim, sys\n\
        mail = open(sys.argv[1], 'rb').read()\n\
        record = lambda name, timeout=5: sys.argv[2].encode() if name == b'vm1._domainkey.acme.example.' else None\n\
        sys.exit(0 if dkim.verify(mail, dnsfunc=record) else 1)";
    Command::new(python()).args(["-c", program]).arg(file.path()).arg(record).status().unwrap().success()
}

#[test]
fn rsa_and_ed25519_verify_and_a_change_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).to_str().unwrap().to_owned();
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &text("pkcs8")]);
    openssl(&["rsa", "-in", &text("pkcs8"), "-traditional", "-out", &text("pkcs1")]);
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", &text("ed25519")]);
    let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
    let rsa = openssl(&["pkey", "-in", &text("pkcs8"), "-pubout", "-outform", "DER"]);
    let rsa = format!("v=DKIM1; k=rsa; p={}", base64(&rsa));
    let edwards = openssl(&["pkey", "-in", &text("ed25519"), "-pubout", "-outform", "DER"]);
    let edwards = format!("v=DKIM1; k=ed25519; p={}", base64(&edwards[edwards.len() - 32..]));
    for (key, record) in [("pkcs8", &rsa), ("pkcs1", &rsa), ("ed25519", &edwards)] {
        // A long name in another script folds the head.
        for caller_name in ["Robin Stone", &"Zoë Müller ".repeat(20)] {
            let mail = signed(&path(key), caller_name);
            assert!(verifies(&mail, record), "{key}: {}", String::from_utf8_lossy(&mail));
            let changed = String::from_utf8(mail).unwrap();
            for (from, to) in [("left no message", "left a message"), ("Subject: ", "Subject: x")] {
                let changed = changed.replacen(from, to, 1);
                assert!(!verifies(changed.as_bytes(), record), "{key}: a changed {from:?} is found");
            }
        }
    }
}

#[test]
fn a_short_key_is_refused_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("short");
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", file.to_str().unwrap()]);
    let error = Dkim::new(&[config(&file)]).unwrap_err();
    assert!(error.to_string().contains("it must be RSA of 2048 to 8192 bits, or Ed25519"), "{error}");
}
