//! Every store keeps the promises of all stores, and those of its own.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use uuid::Uuid;
use voicemill_storage::{
    BlobKey, BlobStore, ByteStream, LocalStore, S3Store, StorageError,
    s3::{Capabilities, Checksums, S3Config},
};
use voicemill_testing::s3_server::S3Server;

use crate::{
    conformance::{self, Promises},
    s3_server,
};

async fn open(config: S3Config) -> Arc<S3Store> {
    Arc::new(S3Store::open(config).await.unwrap())
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

/// What was given up is aborted in the background, and none of it stays.
async fn all_uploads_end(server: &S3Server) {
    for _ in 0..3_000 {
        if server.unfinished_uploads().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("what is left of uploads: {:?}", server.unfinished_uploads());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_folder_behaves_as_every_store_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(folder.path().join("blobs")).await.unwrap();
    conformance::check(Arc::new(store), Promises { one_winner: true }).await;
    assert_eq!(files_below(folder.path()), 0, "something was left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_behaves_as_every_store_does() {
    let server = s3_server();
    // The server looks first and writes then, so that of two at once both may win.
    let promises = Promises { one_winner: false };
    let store = open(server.config()).await;
    conformance::check(store.clone(), promises).await;
    assert_eq!(*store.capabilities().await.unwrap(), Capabilities { checksums: true, conditions: true });
    let plain = S3Config { prefix: "some/where".to_owned(), checksums: Checksums::Required, ..server.config() };
    let store = open(plain).await;
    conformance::check(store.clone(), promises).await;
    assert_eq!(*store.capabilities().await.unwrap(), Capabilities { checksums: false, conditions: true });
    assert_eq!(files_below(&server.bucket_folder()), 0, "something was left behind");
    all_uploads_end(&server).await;
}

/// What `make test-garage` runs: the suite against the server that the environment names.
#[tokio::test(flavor = "multi_thread")]
async fn another_server_behaves_as_every_store_does() {
    #[expect(clippy::disallowed_methods, reason = "which server it is, is no matter of the configuration under test")]
    let named = std::env::var("S3_TEST_SERVER");
    let Ok(config) = named else { return };
    let config: S3Config = toml::from_str(&config).unwrap();
    let store = open(config).await;
    println!("{:?}", store.capabilities().await.unwrap());
    conformance::check(store, Promises { one_winner: false }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_lie_below_the_prefix_and_their_owner() {
    let server = s3_server();
    let store = open(S3Config { prefix: "/some/where/".to_owned(), ..server.config() }).await;
    let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap();
    store.put(&key, Bytes::from_static(b"abc").into()).await.unwrap();
    let path = server.bucket_folder().join("some/where").join(key.to_string());
    assert_eq!(std::fs::read(path).unwrap(), b"abc");
    assert!(key.to_string().starts_with(&key.owner().to_string()));
    let whole = open(server.config()).await;
    assert!(whole.list("", 10).await.unwrap().blobs.is_empty(), "what is no key of ours is not listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_an_error_that_names_itself_and_not_the_secret() {
    let server = s3_server();
    let config = S3Config { secret_access_key: Some("wrong-secret".into()), ..server.config() };
    let store = open(config).await;
    let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap();
    let error = store.put(&key, Bytes::from_static(b"abc").into()).await.unwrap_err();
    let text = format!("{error}: {}", error.source().unwrap());
    assert!(text.contains("SignatureDoesNotMatch") && !text.contains("wrong-secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_a_transient_error_within_its_deadline() {
    let mut server = s3_server();
    let store = open(server.config()).await;
    let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap();
    store.put(&key, Bytes::from_static(b"abc").into()).await.unwrap();
    server.kill();
    let failures = async {
        [
            store.head(&key).await.unwrap_err(),
            store.put(&key, Bytes::from_static(b"abc").into()).await.unwrap_err(),
            store.get(&key, None).await.err().unwrap(),
        ]
    };
    // The three have a deadline of 60 s each, and are told at once that nobody listens.
    for error in tokio::time::timeout(3 * Duration::from_secs(60), failures).await.expect("they end") {
        assert!(error.is_transient() && error.code() == "unavailable", "{error:?}");
    }
    server.restart();
    assert_eq!(store.read(&key, 10).await.unwrap(), b"abc");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_given_up_is_aborted() {
    let server = s3_server();
    let store = open(server.config()).await;
    let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap();
    let chunk = Bytes::from(vec![7; 1_000_000]);
    let slow = stream::iter(0..).then(move |number| {
        let chunk = chunk.clone();
        async move {
            if number > 20 {
                std::future::pending::<()>().await;
            }
            Ok::<_, std::io::Error>(chunk)
        }
    });
    let putting = tokio::spawn({
        let (store, key) = (store.clone(), key.clone());
        async move { store.put(&key, ByteStream::new(slow)).await }
    });
    while server.unfinished_uploads().is_empty() {
        assert!(!putting.is_finished(), "it cannot end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    putting.abort();
    assert!(putting.await.unwrap_err().is_cancelled());
    all_uploads_end(&server).await;
    assert!(matches!(store.head(&key).await, Err(StorageError::NotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_the_middle_of_an_upload_leaves_no_half_of_it() {
    let mut server = s3_server();
    let store = open(server.config()).await;
    let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = ByteStream::new(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    }));
    let putting = tokio::spawn({
        let (store, key) = (store.clone(), key.clone());
        async move { store.put(&key, body).await }
    });
    for number in 0..40 {
        if number == 20 {
            server.kill();
        }
        // The put may have ended by now.
        drop(sender.send(Ok(Bytes::from(vec![7; 1_000_000]))).await);
    }
    drop(sender);
    let error = putting.await.unwrap().unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    server.restart();
    assert!(matches!(store.head(&key).await, Err(StorageError::NotFound)));
    assert_eq!(files_below(&server.bucket_folder()), 0);
}
