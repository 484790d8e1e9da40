//! What every store promises, as one suite.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use uuid::Uuid;
use voicemill_storage::{BlobKey, BlobStore, ByteStream, StorageError};

/// What depends on what lies behind a store.
#[derive(Clone, Copy)]
pub(crate) struct Promises {
    /// Of several puts of one key at the same moment, one wins. Nothing of ours ever does that.
    pub(crate) one_winner: bool,
}

/// Runs the whole suite; every blob that it makes is gone at the end.
pub(crate) async fn check(store: Arc<dyn BlobStore>, promises: Promises) {
    what_was_put_can_be_read(&*store).await;
    large_bodies_of_unknown_length_go_in(&*store).await;
    ranges_are_exact(&*store).await;
    if promises.one_winner {
        of_concurrent_puts_one_wins(Arc::clone(&store)).await;
    }
    a_key_is_never_written_twice(&*store).await;
    too_large_a_body_leaves_nothing(&*store).await;
    a_broken_body_leaves_nothing(&*store).await;
    what_is_not_there_is_not_found(&*store).await;
    files_go_in_and_out(&*store).await;
    labels_stay_with_blobs(&*store).await;
    listings_are_whole_and_in_order(&*store).await;
}

fn key() -> BlobKey {
    BlobKey::new(Uuid::now_v7(), "wav").unwrap()
}

/// Bytes in which every position can be told from its neighbours.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|position| (position % 251) as u8).collect()
}

/// The same bytes in chunks of awkward sizes.
fn in_chunks(bytes: &Bytes) -> ByteStream {
    let chunks: Vec<_> = bytes.chunks(10_007).map(|chunk| Ok::<_, io::Error>(Bytes::copy_from_slice(chunk))).collect();
    ByteStream::new(stream::iter(chunks))
}

async fn read(store: &dyn BlobStore, key: &BlobKey, range: Option<Range<u64>>) -> Result<Vec<u8>, StorageError> {
    let chunks: Vec<Bytes> = store.get(key, range).await?.body.try_collect().await?;
    Ok(chunks.concat())
}

async fn what_was_put_can_be_read(store: &dyn BlobStore) {
    for length in [0, 1, 65_536, 1_000_003] {
        let (key, bytes) = (key(), pattern(length));
        let stored = store.put(&key, in_chunks(&bytes)).await.unwrap();
        assert_eq!(stored.bytes, length as u64);
        assert_eq!(store.head(&key).await.unwrap().bytes, length as u64);
        assert_eq!(read(store, &key, None).await.unwrap(), bytes);
        store.delete(&key).await.unwrap();
        store.delete(&key).await.expect("deleting twice is no error");
    }
    let (key, abc) = (key(), Bytes::from_static(b"abc"));
    let stored = store.put(&key, abc.into()).await.unwrap();
    assert_eq!(stored.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    store.delete(&key).await.unwrap();
}

async fn large_bodies_of_unknown_length_go_in(store: &dyn BlobStore) {
    let part = 8 * 1024 * 1024;
    for length in [part, part + 1, 2 * part + 12_345] {
        let (key, bytes) = (key(), pattern(length));
        let stored = store.put_labelled(&key, in_chunks(&bytes), Some("a label")).await.unwrap();
        assert_eq!(stored.bytes, length as u64);
        assert_eq!(store.measure(&key).await.unwrap(), stored);
        assert_eq!(store.head(&key).await.unwrap().label.as_deref(), Some("a label"));
        let seam = (part - 2) as u64..(part + 2).min(length) as u64;
        let around = &bytes[seam.start as usize..seam.end as usize];
        assert_eq!(read(store, &key, Some(seam)).await.unwrap(), around);
        let again = store.put(&key, in_chunks(&bytes)).await;
        assert!(matches!(again, Err(StorageError::AlreadyExists)), "{again:?}");
        store.delete(&key).await.unwrap();
    }
    let (key, bytes) = (key(), pattern(2 * part));
    let refused = store.put(&key, in_chunks(&bytes).limit(2 * part as u64 - 1)).await;
    assert!(matches!(refused, Err(StorageError::TooLarge { .. })));
    assert!(matches!(store.head(&key).await, Err(StorageError::NotFound)));
}

async fn ranges_are_exact(store: &dyn BlobStore) {
    let (key, bytes) = (key(), pattern(600_000));
    store.put(&key, bytes.clone().into()).await.unwrap();
    for range in [0..1, 0..2, 1..600_000, 262_143..262_145, 599_999..600_000, 0..600_000] {
        let blob = store.get(&key, Some(range.clone())).await.unwrap();
        assert_eq!((blob.bytes, &blob.range), (600_000, &range));
        let part = &bytes[range.start as usize..range.end as usize];
        assert_eq!(read(store, &key, Some(range)).await.unwrap(), part);
    }
    let cut = store.get(&key, Some(599_990..700_000)).await.unwrap();
    assert_eq!(cut.range, 599_990..600_000);
    for outside in [600_000..600_001, 700_000..800_000, 5..5] {
        let refused = store.get(&key, Some(outside)).await;
        assert!(matches!(refused, Err(StorageError::OutOfRange { bytes: 600_000 })));
    }
    store.delete(&key).await.unwrap();
}

async fn of_concurrent_puts_one_wins(store: Arc<dyn BlobStore>) {
    let key = key();
    let puts = (0..8u8).map(|author| {
        let (store, key) = (Arc::clone(&store), key.clone());
        tokio::spawn(async move { store.put(&key, Bytes::from(vec![author; 300_000]).into()).await })
    });
    let results = futures_util::future::join_all(puts).await;
    let mut winners = 0;
    for result in results {
        match result.unwrap() {
            Ok(_) => winners += 1,
            Err(StorageError::AlreadyExists) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(winners, 1);
    let bytes = read(&*store, &key, None).await.unwrap();
    assert_eq!(bytes.len(), 300_000);
    assert!(bytes.iter().all(|byte| *byte == bytes[0]), "two authors in one blob");
    store.delete(&key).await.unwrap();
}

async fn a_key_is_never_written_twice(store: &dyn BlobStore) {
    let key = key();
    store.put(&key, Bytes::from_static(b"first").into()).await.unwrap();
    let second = store.put(&key, Bytes::from_static(b"second").into()).await;
    assert!(matches!(second, Err(StorageError::AlreadyExists)));
    let folder = tempfile::tempdir().unwrap();
    let third = folder.path().join("third");
    std::fs::write(&third, b"third").unwrap();
    assert!(matches!(store.put_file(&key, &third).await, Err(StorageError::AlreadyExists)));
    assert_eq!(read(store, &key, None).await.unwrap(), b"first");
    store.delete(&key).await.unwrap();
}

async fn too_large_a_body_leaves_nothing(store: &dyn BlobStore) {
    let (key, bytes) = (key(), pattern(400_000));
    let refused = store.put(&key, in_chunks(&bytes).limit(399_999)).await;
    assert!(matches!(refused, Err(StorageError::TooLarge { limit: 399_999 })));
    assert!(matches!(store.head(&key).await, Err(StorageError::NotFound)));
    store.put(&key, in_chunks(&bytes).limit(400_000)).await.expect("exactly at the limit");
    assert!(matches!(store.read(&key, 399_999).await, Err(StorageError::TooLarge { .. })));
    assert_eq!(store.read(&key, 400_000).await.unwrap(), bytes);
    store.delete(&key).await.unwrap();
}

async fn a_broken_body_leaves_nothing(store: &dyn BlobStore) {
    let key = key();
    let body = stream::iter([Ok(pattern(300_000)), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    let broken = store.put(&key, ByteStream::new(body)).await;
    assert!(matches!(broken, Err(StorageError::Body(_))));
    assert!(matches!(store.head(&key).await, Err(StorageError::NotFound)));
}

async fn what_is_not_there_is_not_found(store: &dyn BlobStore) {
    let key = key();
    assert!(matches!(store.get(&key, None).await, Err(StorageError::NotFound)));
    assert!(matches!(store.head(&key).await, Err(StorageError::NotFound)));
    store.delete(&key).await.unwrap();
}

async fn files_go_in_and_out(store: &dyn BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let (key, bytes) = (key(), pattern(500_000));
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, &bytes).unwrap();
    let stored = store.put_file(&key, &from).await.unwrap();
    assert_eq!(store.fetch_to(&key, &to).await.unwrap(), stored.bytes);
    assert_eq!(std::fs::read(&to).unwrap(), bytes);
    store.delete(&key).await.unwrap();
}

async fn labels_stay_with_blobs(store: &dyn BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let (from, label) = (folder.path().join("from"), r#"{"caller":"Zoë, \"Ω\""}"#);
    std::fs::write(&from, b"abc").unwrap();
    let (put, file, without) = (key(), key(), key());
    store.put_labelled(&put, Bytes::from_static(b"abc").into(), Some(label)).await.unwrap();
    store.put_file_labelled(&file, &from, Some(label)).await.unwrap();
    store.put(&without, Bytes::from_static(b"abc").into()).await.unwrap();
    assert_eq!(store.head(&put).await.unwrap().label.as_deref(), Some(label));
    assert_eq!(store.head(&file).await.unwrap().label.as_deref(), Some(label));
    assert_eq!(store.head(&without).await.unwrap().label, None);
    // There is no room for it; the blob matters more.
    let long = key();
    store.put_labelled(&long, Bytes::from_static(b"abc").into(), Some(&"x".repeat(5_000))).await.unwrap();
    for key in [put, file, without, long] {
        store.delete(&key).await.unwrap();
    }
}

async fn listings_are_whole_and_in_order(store: &dyn BlobStore) {
    let owners = [Uuid::now_v7(), Uuid::now_v7()];
    let mut keys: Vec<BlobKey> = Vec::new();
    for number in 0..11 {
        let key = BlobKey::new(owners[number % 2], if number < 5 { "wav" } else { "orig" }).unwrap();
        store.put(&key, Bytes::from(vec![7; number]).into()).await.unwrap();
        keys.push(key);
    }
    for limit in [1, 4, 11, 100] {
        let (mut listed, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = store.list(&after, limit).await.unwrap();
            assert!(page.blobs.len() <= usize::from(limit));
            listed.extend(page.blobs);
            pages += 1;
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert!(pages >= 11_usize.div_ceil(usize::from(limit)));
        let mut texts: Vec<String> = listed.iter().map(|blob| blob.key.to_string()).collect();
        assert!(texts.is_sorted(), "{texts:?}");
        let mut expected: Vec<String> = keys.iter().map(BlobKey::to_string).collect();
        expected.sort();
        texts.sort();
        assert_eq!(texts, expected);
        let newest = listed.iter().map(|blob| blob.modified.timestamp()).max().unwrap();
        let age = voicemill_types::clock::Clock::system().now().duration_since(newest);
        assert!(age.as_secs().abs() < 60, "{age}");
        assert_eq!(listed.iter().map(|blob| blob.bytes).sum::<u64>(), 55);
    }
    store.tidy(std::time::Duration::from_secs(86_400)).await.unwrap();
    for key in keys {
        store.delete(&key).await.unwrap();
    }
    assert!(store.list("", 10).await.unwrap().blobs.is_empty());
}
