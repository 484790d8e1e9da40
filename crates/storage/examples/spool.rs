//! Keeps what arrives while a store is down, and stores it afterwards: `spool FOLDER`.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;

use uuid::Uuid;
use voicemill_storage::{BlobKey, BlobStore, Landing, LocalStore, Manifest, Spool};
use voicemill_types::clock::Clock;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: spool FOLDER")?;
    let folder = Path::new(&folder);
    // On one disk, so that what landed becomes an entry of the spool by a rename.
    let landing = Landing::open(folder.join("landing"), 100_000_000).await?;
    let spool = Spool::open(folder.join("spool")).await?;

    // A request's body arrives; the store is down.
    let landed = landing.take(b"good morning".to_vec().into()).await?;
    let arrival = Manifest {
        identity: Uuid::now_v7(),
        subject: None,
        arrived_at: Clock::system().now().into(),
        content: None,
        blob: None,
        note: serde_json::json!({ "from": "an example" }),
    };
    spool.add(arrival, Some(landed)).await?;
    println!("waiting: {:?}", spool.depth().await?);

    // The store is back. Doing the work of an entry again must be harmless: here a derived key makes it so.
    let store = LocalStore::open(folder.join("store")).await?;
    let Some(_lock) = spool.lock().await? else { return Err("another process works the spool off".into()) };
    for place in spool.oldest(100) {
        let Some(entry) = spool.read(&place).await? else { continue };
        if let Some(body) = &entry.body {
            let key = BlobKey::derive(Uuid::nil(), entry.manifest.identity, &["body"], "bin")?;
            match store.put_file(&key, body).await {
                Ok(_) | Err(voicemill_storage::StorageError::AlreadyExists) => println!("stored as {key}"),
                Err(error) if error.is_transient() => break,
                Err(error) => {
                    spool.set_aside(&place, &error.to_string()).await?;
                    continue;
                }
            }
        }
        spool.remove(&place).await?;
    }
    println!("waiting: {:?}", spool.depth().await?);
    Ok(())
}
