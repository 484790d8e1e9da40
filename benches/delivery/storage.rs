//! What the storage benchmark measures of ours: `store upload|download|ranges`, each in a process of its own, and the
//! S3-compatible server that all move their files to. `benches/delivery/storage` runs it beside the peers.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::{path::PathBuf, sync::Arc, time::Instant};
use voicemill_testing::s3_server;

use futures_util::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;
use voicemill_storage::{BlobKey, BlobStore, S3Store, s3::S3Config};
use voicemill_types::DomainId;

/// Bytes of one ranged read.
const RANGE: u64 = 256 * 1024;

fn main() {
    s3_server::serve_if_asked();
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(command) = arguments.next() else {
        eprintln!("run benches/delivery/storage, which runs this");
        return;
    };
    let endpoint = arguments.next().unwrap();
    let at_once: usize = arguments.next().unwrap().parse().unwrap();
    let files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    voicemill::app::choose_tls();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(S3Store::open(config(endpoint)).await.unwrap());
        store.capabilities().await.unwrap();
        let began = Instant::now();
        let bytes = match command.as_str() {
            "upload" => upload(&store, &files, at_once).await,
            "download" => download(&store, &files, at_once).await,
            "ranges" => ranges(&store, &files, at_once).await,
            other => panic!("there is no {other}"),
        };
        println!("{bytes} {}", began.elapsed().as_secs_f64());
    });
}

fn config(endpoint: String) -> S3Config {
    S3Config {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint),
        path_style: true,
        access_key_id: Some(s3_server::ACCESS_KEY.to_owned()),
        secret_access_key: Some(s3_server::SECRET_KEY.into()),
        ..S3Config::new(s3_server::BUCKET)
    }
}

/// The key that every process knows a file by.
fn key(file: &std::path::Path) -> BlobKey {
    let owner = Uuid::from_u128(1);
    BlobKey::derive(DomainId(owner), owner, &[file.to_str().unwrap()], "orig").unwrap()
}

async fn upload(store: &Arc<S3Store>, files: &[PathBuf], at_once: usize) -> u64 {
    let puts = files.iter().map(|file| async move { store.put_file(&key(file), file).await.unwrap().bytes });
    stream::iter(puts).buffer_unordered(at_once).fold(0, async |sum, bytes| sum + bytes).await
}

/// As it goes to a listener: chunk by chunk, and nowhere.
async fn download(store: &Arc<S3Store>, files: &[PathBuf], at_once: usize) -> u64 {
    let gets = files.iter().map(|file| read(store, file, None));
    stream::iter(gets).buffer_unordered(at_once).fold(0, async |sum, bytes| sum + bytes).await
}

/// Ranges from all over the files, as players ask for them.
async fn ranges(store: &Arc<S3Store>, files: &[PathBuf], at_once: usize) -> u64 {
    const EACH: u64 = 20;
    let mut gets = Vec::new();
    for file in files {
        let bytes = std::fs::metadata(file).unwrap().len();
        gets.extend((0..EACH).map(|number| {
            let start = (bytes - RANGE) * (number * 7 % EACH) / EACH;
            read(store, file, Some(start..start + RANGE))
        }));
    }
    stream::iter(gets).buffer_unordered(at_once).fold(0, async |sum, bytes| sum + bytes).await
}

async fn read(store: &Arc<S3Store>, file: &std::path::Path, range: Option<std::ops::Range<u64>>) -> u64 {
    let body = store.get(&key(file), range).await.unwrap().body;
    body.try_fold(0, |sum, chunk| async move { Ok(sum + chunk.len() as u64) }).await.unwrap()
}
