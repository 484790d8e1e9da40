//! What objects are tagged and encrypted with, as a server tells that keeps it: moto, which is no test of anything else.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;
use voicemill_storage::{
    BlobKey, BlobStore, S3Store,
    s3::{Checksums, Encryption, S3Config},
};
use voicemill_testing::python::Script;

fn config(server: &Script) -> S3Config {
    S3Config {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(format!("http://127.0.0.1:{}", server.port)),
        path_style: true,
        // Of an object in parts it returns a checksum that is not the whole's, without saying so.
        checksums: Checksums::Required,
        access_key_id: Some("any".to_owned()),
        secret_access_key: Some("any".into()),
        ..S3Config::new("voicemail")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_bear_the_tags_and_the_encryption_that_are_configured() {
    let mut server = Script::start("moto_s3.py", &[]);
    let plain = config(&server);
    let tags = [("kept", "7 years"), ("customer / plan", "Zoë=1+2")];
    let tagged = S3Config {
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        encryption: Encryption::Aes256,
        ..plain.clone()
    };
    let kms = S3Config { encryption: Encryption::Kms, kms_key_id: Some("alias/voicemail".to_owned()), ..plain.clone() };
    for (config, encryption, kms_key, tags) in [
        (plain, Value::Null, Value::Null, json!({})),
        (tagged, json!("AES256"), Value::Null, json!({"kept": "7 years", "customer / plan": "Zoë=1+2"})),
        (kms, json!("aws:kms"), json!("alias/voicemail"), json!({})),
    ] {
        let store = S3Store::open(config).await.unwrap();
        // In one request, and in parts.
        for bytes in [3, 6_000_000] {
            let key = BlobKey::new(Uuid::now_v7(), "orig").unwrap();
            store.put_labelled(&key, Bytes::from(vec![7; bytes]).into(), Some("a label")).await.unwrap();
            server.say(&key.to_string());
            let known: Value = serde_json::from_str(&server.line()).unwrap();
            let expected = json!({
                "bytes": bytes, "encryption": encryption, "kms_key": kms_key, "metadata": ["label", "put"], "tags": tags,
            });
            assert_eq!(known, expected);
            assert_eq!(store.read(&key, 10_000_000).await.unwrap().len(), bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_were_given_up_long_ago_are_aborted_if_they_are_ours() {
    let mut server = Script::start("moto_s3.py", &[]);
    let ours = S3Config { prefix: "ours".to_owned(), ..config(&server) };
    let store = S3Store::open(ours).await.unwrap();
    for (key, unfinished) in [("ours/a.orig", "1"), ("ours/b.orig", "2"), ("theirs/c.orig", "3")] {
        server.say(&format!("begin {key}"));
        assert_eq!(server.line(), unfinished);
    }
    const DAY: Duration = Duration::from_secs(86_400);
    assert_eq!(store.tidy(100 * 365 * DAY).await.unwrap(), 0, "not so long ago");
    assert_eq!(store.tidy(DAY).await.unwrap(), 2);
    server.say("uploads");
    assert_eq!(server.line(), "1", "somebody else's");
}
