//! Which store belongs to which database: an id that lies in both. A sweep of a store against another database, or an empty one,
//! would take everything for orphans.

use crate::refusal::Conflict;
use bytes::Bytes;
use uuid::Uuid;
use voicemill_storage::{BlobKey, StorageError};
use voicemill_types::DomainId;

use crate::{app::App, error::ServiceError, media::blobs};

/// Where the store keeps the id: below a domain that there is not.
pub(super) fn key() -> Result<BlobKey, ServiceError> {
    BlobKey::derive(DomainId(Uuid::nil()), Uuid::nil(), &["store identity"], "id")
        .map_err(|error| ServiceError::Internal(error.into()))
}

/// Checks that store and database belong together; those that belong to nobody yet, to each other from now on.
///
/// # Errors
/// [`ServiceError::Conflict`] when they do not: nothing may be concluded from comparing them.
pub(super) async fn check(app: &App) -> Result<(), ServiceError> {
    let known = blobs::store_id(&mut app.database.read().await?).await?;
    match (known, in_store(app).await?) {
        (Some(database), Some(store)) if database == store => Ok(()),
        (Some(_), Some(_)) => Err(conflict(|mark| Conflict::StoreOfAnother { mark })),
        (None, Some(_)) => Err(conflict(|mark| Conflict::StoreIsKnown { mark })),
        (Some(database), None) if is_ours(app).await? => mark(app, database).await,
        (Some(_), None) => Err(conflict(|mark| Conflict::StoreIsUnknown { mark })),
        (None, None) => {
            let id = Uuid::new_v4();
            let mut tx = app.begin().await?;
            let saved = blobs::save_store_id(tx.connection(), id).await?;
            tx.commit().await?;
            // Another process was quicker, and marks the store with its own.
            if saved { mark(app, id).await } else { Ok(()) }
        }
    }
}

fn conflict(of: impl FnOnce(String) -> Conflict) -> ServiceError {
    let mark = key().map_or_else(|error| error.to_string(), |key| key.to_string());
    ServiceError::Conflict(of(mark))
}

async fn in_store(app: &App) -> Result<Option<Uuid>, ServiceError> {
    const LONGEST: u64 = 100;
    match app.store.read(&key()?, LONGEST).await {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(Uuid::nil()))),
        Err(StorageError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a store without an id is empty, or something in it is known here.
async fn is_ours(app: &App) -> Result<bool, ServiceError> {
    const FIRST: u16 = 1_000;
    let listed = app.store.list("", FIRST).await?.blobs;
    let keys: Vec<String> = listed.iter().map(|blob| blob.key.to_string()).collect();
    let mut connection = app.database.read().await?;
    for some in keys.chunks(blobs::NAMED_AT_ONCE) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        if !blobs::named(&mut connection, &some).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(keys.is_empty())
}

async fn mark(app: &App, id: Uuid) -> Result<(), ServiceError> {
    match app.store.put(&key()?, Bytes::from(id.to_string()).into()).await {
        // Another process was quicker.
        Ok(_) | Err(StorageError::AlreadyExists) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
