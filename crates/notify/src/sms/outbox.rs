//! A folder that SMS are written into instead of being sent, for demonstrations and tests.

use std::path::PathBuf;

use async_trait::async_trait;
use jiff::tz::TimeZone;

use crate::{Answer, Channel, NotifyError, Receipt, Recipient, Rendered};

/// Writes every SMS as a `.txt` file of three lines or more: from, to, and the text.
#[derive(Clone, Debug)]
pub struct SmsOutbox {
    folder: PathBuf,
}

impl SmsOutbox {
    /// An outbox in a folder that is there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }
}

#[async_trait]
impl Channel for SmsOutbox {
    async fn deliver(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let time = message.queued_at.timestamp().to_zoned(TimeZone::UTC);
        let name = format!("{}-{}.txt", time.strftime("%Y%m%dT%H%M%S%.6fZ"), message.notice_id);
        let text = String::from_utf8_lossy(&message.bytes);
        let words = format!("From: {}\nTo: {}\n\n{text}\n", message.sender, to.address());
        match tokio::fs::write(self.folder.join(&name), words).await {
            Ok(()) => Ok(Receipt::new(Answer::own(format!("written to the outbox as {name}")))),
            Err(error) => {
                Err(NotifyError::Retry(Answer::own(format!("the outbox cannot be written: {}", error.kind()))))
            }
        }
    }
}
