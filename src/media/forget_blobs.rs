//! Blobs of what is gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane};
use voicemill_storage::BlobKey;

use crate::{app::App, media::blobs};

/// Removes blobs from the store, but for those that something else has too.
#[derive(Debug, Serialize, Deserialize)]
pub struct ForgetBlobs {
    /// Their keys.
    pub keys: Vec<String>,
}

impl Job for ForgetBlobs {
    type Context = App;
    const KIND: &'static str = "forget_blobs";
    const LANE: Lane = Lane::Io;
    const TIMEOUT: Duration = Duration::from_secs(600);

    async fn run(&self, app: &App, _attempt: &Attempt) -> Result<(), JobError> {
        for key in &self.keys {
            let mut connection = app.database.read().await.retry()?;
            let named = blobs::named(&mut connection, &[key]).await.retry()?;
            drop(connection);
            if named.is_empty() {
                let key: BlobKey = key.parse().discard()?;
                app.store.delete(&key).await.retry()?;
            }
        }
        Ok(())
    }
}
