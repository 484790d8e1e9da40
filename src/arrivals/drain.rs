//! Working the spool off, in the order of arrival, once store and database are back.

use std::path::Path;

use futures_util::{StreamExt, stream};
use voicemill_storage::{Entry, Spool};

use crate::{
    app::App,
    arrivals::{
        StoredBlob,
        intake::{self, Note},
    },
    error::ServiceError,
};

/// How many entries are read at once.
const BATCH: usize = 64;

/// How many of them go to the store at once; they are committed in order all the same.
const AT_ONCE: usize = 8;

/// What is to become of an entry.
enum Ready {
    /// Its bytes are in the store, or it has none.
    Commit(Entry, Box<Note>),
    /// The database has it already.
    Done(Entry),
    /// It will never do.
    Unusable(Entry, String),
}

/// Commits what waits in the spool, the oldest first, and tells how many entries that were. Another process that does so
/// already is left alone.
///
/// # Errors
/// When store or database are still down; what is left stays as it is.
pub async fn drain(app: &App) -> Result<usize, ServiceError> {
    let Some(_turn) = app.spool.lock().await? else { return Ok(0) };
    app.spool.refresh().await?;
    let mut count = 0;
    loop {
        let places = app.spool.oldest(BATCH);
        if places.is_empty() {
            return Ok(count);
        }
        let mut entries = stream::iter(places).map(|place| prepare(app, place)).buffered(AT_ONCE);
        while let Some(ready) = entries.next().await {
            if let Some(ready) = ready? {
                finish(app, ready).await?;
                count += 1;
            }
        }
    }
}

/// Brings an entry's bytes into the store; none when it is gone.
async fn prepare(app: &App, place: String) -> Result<Option<Ready>, ServiceError> {
    let Some(entry) = app.spool.read(&place).await? else { return Ok(None) };
    let mut note: Note = match serde_json::from_value(entry.manifest.note.clone()) {
        Ok(note) => note,
        Err(error) => return Ok(Some(Ready::Unusable(entry, format!("it cannot be read: {error}")))),
    };
    if note.arrival.stands(app).await? {
        return Ok(Some(Ready::Done(entry)));
    }
    if let (None, Some(path), Some(content)) = (&note.blob, &entry.body, &entry.manifest.content) {
        if !tokio::fs::try_exists(path).await.unwrap_or(true) {
            return Ok(Some(Ready::Unusable(entry, "its bytes are gone from the spool".to_owned())));
        }
        let blob = put_spooled(app, &note, path, content.bytes).await?;
        if blob.content != *content {
            intake::forget(app, &blob.key).await;
            return Ok(Some(Ready::Unusable(entry, "its bytes are not those that arrived".to_owned())));
        }
        note.blob = Some(blob);
    }
    Ok(Some(Ready::Commit(entry, Box::new(note))))
}

async fn put_spooled(app: &App, note: &Note, path: &Path, bytes: u64) -> Result<StoredBlob, ServiceError> {
    let blob = intake::put_file(app, &note.arrival, path, bytes).await;
    app.breakers.store.note(blob.is_err());
    blob
}

async fn finish(app: &App, ready: Ready) -> Result<(), ServiceError> {
    let spool: &Spool = &app.spool;
    match ready {
        Ready::Done(entry) => {
            // Placed and committed, but its answer was lost; or a retry was quicker.
            if let Some(key) = &entry.manifest.blob {
                intake::forget(app, key).await;
            }
            Ok(spool.remove(&entry.place).await?)
        }
        Ready::Unusable(entry, reason) => {
            tracing::error!(place = entry.place, reason, "an entry of the spool cannot be used and is set aside");
            Ok(spool.set_aside(&entry.place, &reason).await?)
        }
        Ready::Commit(entry, note) => match note.arrival.commit(app, note.blob.as_ref()).await {
            Ok(fresh) => {
                if let (false, Some(blob)) = (fresh, &note.blob) {
                    intake::forget(app, &blob.key).await;
                }
                Ok(spool.remove(&entry.place).await?)
            }
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                let reason = error.to_string();
                // The bytes are set aside with it.
                if let (Some(_), Some(blob)) = (&entry.body, &note.blob) {
                    intake::forget(app, &blob.key).await;
                }
                tracing::error!(place = entry.place, reason, "an entry of the spool cannot be used and is set aside");
                Ok(spool.set_aside(&entry.place, &reason).await?)
            }
        },
    }
}
