//! Blobs of what is gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_storage::{BlobKey, StorageError};

use crate::{app::App, error::ServiceError, lanes::Lane, media::blobs, retention::deletions};

/// Removes blobs from the store, but for those that something else has too.
#[derive(Debug, Serialize, Deserialize)]
pub struct ForgetBlobs {
    /// Their keys.
    pub keys: Vec<String>,
    /// The record of the deletion that is proved when none of them is left.
    #[serde(default)]
    pub deletion: Option<Uuid>,
}

impl Job for ForgetBlobs {
    type Context = App;
    const KIND: &'static str = "forget_blobs";
    const LANE: &'static str = Lane::Io.name();
    const TIMEOUT: Duration = Duration::from_secs(600);

    async fn run(&self, app: &App, _attempt: &Attempt) -> Result<(), JobError> {
        Ok(self.forget(app).await?)
    }
}

impl ForgetBlobs {
    async fn forget(&self, app: &App) -> Result<(), ServiceError> {
        let mut is_gone = true;
        for key in &self.keys {
            // Of one statement only, so that no connection waits for the store.
            let named = blobs::named(&mut app.database.read().await?, &[key]).await?;
            if !named.is_empty() {
                is_gone = false;
                continue;
            }
            let key: BlobKey = key.parse().map_err(StorageError::from)?;
            app.store.delete(&key).await?;
            match app.store.head(&key).await {
                Err(StorageError::NotFound) => {}
                Ok(_) => {
                    return Err(ServiceError::Unavailable(anyhow::anyhow!("a removed blob is still in the store")));
                }
                Err(error) => return Err(error.into()),
            }
        }
        match self.deletion.filter(|_| is_gone) {
            Some(deletion) => deletions::verified(app, deletion).await,
            None => Ok(()),
        }
    }
}
