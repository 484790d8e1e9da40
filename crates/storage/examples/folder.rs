//! Stores a file in a folder, reads the first bytes of it and lists what is there: `folder FOLDER FILE`.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;

use futures_util::TryStreamExt;
use uuid::Uuid;
use voicemill_storage::{BlobKey, BlobStore, ByteStream, LocalStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, file] = arguments.as_slice() else { return Err("usage: folder FOLDER FILE".into()) };
    let store = LocalStore::open(folder).await?;

    // From any reader; `put_file` would give the file itself a second name in the store and copy nothing.
    let body = ByteStream::from_reader(tokio::fs::File::open(Path::new(file)).await?).limit(1 << 30);
    let key = BlobKey::new(Uuid::now_v7(), "bin")?;
    let stored = store.put_labelled(&key, body, Some("stored by an example")).await?;
    println!("{key}: {} bytes, SHA-256 {}", stored.bytes, stored.sha256);

    if stored.bytes > 0 {
        let blob = store.get(&key, Some(0..16)).await?;
        let first: Vec<_> = blob.body.try_collect().await?;
        println!("bytes {:?} of {}: {:?}", blob.range, blob.bytes, first.concat());
    }

    let mut after = String::new();
    loop {
        let page = store.list(&after, 100).await?;
        for blob in page.blobs {
            println!("{} has {} bytes and was stored at {}", blob.key, blob.bytes, blob.modified);
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}
