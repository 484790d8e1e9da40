//! Stores a file in a bucket and reads it back: `bucket BUCKET ENDPOINT FILE`. Credentials come from where the AWS SDK looks
//! for them, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;

use uuid::Uuid;
use voicemill_storage::{
    BlobKey, BlobStore, S3Store, StorageError,
    s3::{Encryption, S3Config},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bucket, endpoint, file] = arguments.as_slice() else {
        return Err("usage: bucket BUCKET ENDPOINT FILE".into());
    };
    let config = S3Config {
        endpoint: Some(endpoint.clone()),
        path_style: true,
        prefix: "examples".to_owned(),
        encryption: Encryption::Bucket,
        ..S3Config::new(bucket)
    };
    // Opening makes no request: a service that is down keeps nobody from starting.
    let store = S3Store::open(config).await?;
    println!("{endpoint} can do this: {:?}", store.capabilities().await?);

    let key = BlobKey::new(Uuid::now_v7(), "bin")?;
    let stored = store.put_file(&key, Path::new(file)).await?;
    assert_eq!(store.measure(&key).await?, stored);
    println!("{key}: {} bytes went there and came back the same", stored.bytes);

    match store.put_file(&key, Path::new(file)).await {
        Err(error @ StorageError::AlreadyExists) => println!("a second put: {} ({error})", error.code()),
        other => println!("a second put: {other:?}"),
    }
    store.delete(&key).await?;
    Ok(())
}
