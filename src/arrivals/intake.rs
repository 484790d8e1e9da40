//! How bytes from outside become an original: landed here, durable in the store, then a row; and where that cannot be now,
//! durable in the spool, from where they follow.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_storage::{BlobKey, ByteStream, Landed, Manifest, StorageError};
use voicemill_types::{DomainId, Time};

use crate::{
    app::App,
    arrivals::{Arrival, StoredBlob},
    deadlines,
    error::ServiceError,
    media::{Media, Original, blobs},
};

/// Audio on its way in.
pub struct Incoming {
    /// The bytes.
    pub body: IncomingBytes,
    /// What file name or metadata claim the format to be, as a file extension; believed only for headerless audio.
    pub hint: Option<String>,
}

/// The bytes of audio on its way in.
pub enum IncomingBytes {
    /// Still to be read.
    Streamed(ByteStream),
    /// On our disk already, under the configured limit: a form is read to its end before it is acted on.
    Landed(Landed),
}

/// What became of what a core handed over; either way the core may forget it.
#[derive(Clone, Debug)]
pub enum Receipt<T> {
    /// It is in the store and the database.
    Stored(T),
    /// It is in the spool, and gets there by itself.
    Spooled(SpooledArrival),
}

/// What is known of something in the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpooledArrival {
    /// The id that the message will have; none for a recording.
    pub id: Option<Uuid>,
    /// Always `pending`.
    pub state: &'static str,
    /// Since when it is in the spool.
    pub spooled_at: Time,
}

/// The extension of originals' keys: it says nothing of the format, only the bytes do.
pub(crate) const ORIGINAL: &str = "orig";

/// What the spool keeps beside the bytes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) arrival: Arrival,
    pub(crate) blob: Option<StoredBlob>,
}

/// A hint as it is kept: short and plain, or none.
pub(crate) fn plain_hint(hint: Option<String>) -> Option<String> {
    hint.map(|hint| hint.to_ascii_lowercase())
        .filter(|hint| (1..=8).contains(&hint.len()) && hint.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Takes the whole body onto the local disk, under the configured limit, if there is room for as much as is announced.
pub(crate) async fn land(app: &App, body: IncomingBytes, announced: Option<u64>) -> Result<Landed, ServiceError> {
    let body = match body {
        IncomingBytes::Streamed(body) => body,
        IncomingBytes::Landed(landed) => return Ok(landed),
    };
    app.landing.check_room(announced.unwrap_or(0)).await?;
    Ok(app.landing.take(body.limit(app.config.http.max_body_bytes)).await?)
}

/// Puts what landed into the store, under a key of its own, with the arrival noted on it.
pub(crate) async fn put(app: &App, arrival: &Arrival, landed: &Landed) -> Result<StoredBlob, ServiceError> {
    if app.breakers.store.is_open() {
        return Err(ServiceError::Unavailable(anyhow::anyhow!("the store failed just now")));
    }
    let blob = put_file(app, arrival, landed.path(), landed.content.bytes).await;
    app.breakers.store.note(blob.is_err());
    blob
}

/// Puts a file into the store, within the time that a file of so many bytes may take.
pub(crate) async fn put_file(
    app: &App,
    arrival: &Arrival,
    path: &std::path::Path,
    bytes: u64,
) -> Result<StoredBlob, ServiceError> {
    let label = serde_json::to_string(arrival).map_err(|error| ServiceError::Internal(error.into()))?;
    let key = key(arrival.domain())?;
    let limit = deadlines::for_store(bytes);
    let put = app.store.put_file_labelled(&key, path, Some(&label));
    let late = |_| Err(ServiceError::Unavailable(anyhow::anyhow!("the store did not answer within {limit:?}")));
    let content = tokio::time::timeout(limit, async { Ok(put.await?) }).await.unwrap_or_else(late)?;
    Ok(StoredBlob { key: key.to_string(), content })
}

/// Keeps an arrival in the spool because of an error; whatever the store or the database said, the core may forget it then.
pub(crate) async fn spool(
    app: &App,
    arrival: Arrival,
    bytes: Option<Landed>,
    blob: Option<StoredBlob>,
    because: &ServiceError,
) -> Result<SpooledArrival, ServiceError> {
    let note = Note { blob, arrival };
    let manifest = Manifest {
        identity: note.arrival.identity(),
        subject: note.arrival.id(),
        arrived_at: Time::from(app.clock.now()),
        content: None,
        blob: note.blob.as_ref().map(|blob| blob.key.clone()),
        note: serde_json::to_value(&note).map_err(|error| ServiceError::Internal(error.into()))?,
    };
    let spooled = spooled(&note.arrival, manifest.arrived_at);
    app.spool.add(manifest, bytes).await?;
    tracing::warn!(
        cause = because as &dyn std::error::Error,
        "store or database are down; what a core dropped is in the spool"
    );
    Ok(spooled)
}

/// The same arrival, if it waits in the spool.
pub(crate) async fn waiting(app: &App, identity: Uuid) -> Result<Option<SpooledArrival>, ServiceError> {
    Ok(waiting_arrival(app, identity).await?.map(|(spooled, _)| spooled))
}

/// The last arrival of that identity that waits in the spool.
pub(crate) async fn waiting_arrival(
    app: &App,
    identity: Uuid,
) -> Result<Option<(SpooledArrival, Arrival)>, ServiceError> {
    let Some(entry) = app.spool.find(identity).await? else { return Ok(None) };
    let note: Note =
        serde_json::from_value(entry.manifest.note).map_err(|error| ServiceError::Internal(error.into()))?;
    Ok(Some((spooled(&note.arrival, entry.manifest.arrived_at), note.arrival)))
}

/// The domain's message of that id, if it waits in the spool.
pub(crate) async fn waiting_message(
    app: &App,
    domain: DomainId,
    id: voicemill_types::MessageId,
) -> Result<Option<SpooledArrival>, ServiceError> {
    let Some(entry) = app.spool.find_subject(id.0).await? else { return Ok(None) };
    let note: Note =
        serde_json::from_value(entry.manifest.note).map_err(|error| ServiceError::Internal(error.into()))?;
    Ok((note.arrival.domain() == domain).then(|| spooled(&note.arrival, entry.manifest.arrived_at)))
}

fn spooled(arrival: &Arrival, spooled_at: Time) -> SpooledArrival {
    SpooledArrival { id: arrival.id(), state: "pending", spooled_at }
}

/// Stores what a person uploads; the caller writes the row, or calls [`forget`] if it does not.
pub(crate) async fn store(app: &App, media: &Media, incoming: Incoming) -> Result<Original, ServiceError> {
    let landed = land(app, incoming.body, None).await?;
    let key = key(media.domain_id)?;
    let stored = app.store.put_file(&key, landed.path()).await?;
    Ok(Original {
        media_id: media.id,
        version: media.version,
        part: String::new(),
        key: key.to_string(),
        bytes: i64::try_from(stored.bytes).unwrap_or(i64::MAX),
        sha256: stored.sha256,
        hint: plain_hint(incoming.hint),
        created_at: Time::from(app.clock.now()),
    })
}

fn key(domain: DomainId) -> Result<BlobKey, ServiceError> {
    BlobKey::new(domain, ORIGINAL).map_err(|error| ServiceError::Internal(error.into()))
}

/// Takes bytes out of the store again, unless a row names them after all: a commit may have happened though its answer was
/// lost. What cannot be settled now is left to the sweep.
pub(crate) async fn forget(app: &App, key: &str) {
    let outcome: Result<(), ServiceError> = async {
        // Of one statement only, so that no connection waits for the store.
        let named = blobs::named(&mut app.database.read().await?, &[key]).await?;
        if named.is_empty() {
            let key = key.parse().map_err(StorageError::from)?;
            app.store.delete(&key).await?;
        }
        Ok(())
    }
    .await;
    if let Err(error) = outcome {
        tracing::warn!(key, error = &error as &dyn std::error::Error, "an orphan stays in the store for the sweep");
    }
}
