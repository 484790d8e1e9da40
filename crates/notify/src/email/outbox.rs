//! A folder that mails are written into instead of being sent, for demonstrations and tests.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use jiff::tz::TimeZone;
use tempfile::NamedTempFile;

use crate::{Answer, Channel, NotifyError, Receipt, Recipient, Rendered};

/// Writes every mail as an `.eml` file; names sort by time.
#[derive(Clone, Debug)]
pub struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// Opens the outbox in `folder`, making it if need be.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Where the mails lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[async_trait]
impl Channel for Outbox {
    async fn deliver(&self, _to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let time = message.queued_at.timestamp().to_zoned(TimeZone::UTC);
        let name = format!("{}-{}.eml", time.strftime("%Y%m%dT%H%M%S%.6fZ"), message.notice_id);
        let folder = self.folder.clone();
        let path = folder.join(&name);
        let bytes = message.bytes.clone();
        let written = tokio::task::spawn_blocking(move || write(&folder, &path, &bytes)).await;
        match written.unwrap_or_else(|stopped| Err(io::Error::other(stopped))) {
            Ok(()) => Ok(Receipt::new(Answer::own(format!("written to the outbox as {name}")))),
            Err(error) => {
                Err(NotifyError::Retry(Answer::own(format!("the outbox cannot be written: {}", error.kind()))))
            }
        }
    }

    async fn takes_smtputf8(&self) -> Result<bool, NotifyError> {
        Ok(true)
    }
}

/// Writes the whole file or none; a mail that is delivered again replaces itself.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use voicemill_types::{NoticeId, Time};

    #[tokio::test]
    async fn a_mail_delivered_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path().join("outbox")).unwrap();
        let mail = |second: i64| Rendered {
            notice_id: NoticeId::new(),
            sender: "from@example.com".to_owned(),
            queued_at: Time::from_microseconds(second * 1_000_000),
            bytes: Bytes::from_static(b"Subject: hello\r\n\r\n"),
        };
        let (later, earlier) = (mail(20), mail(10));
        for mail in [&later, &later, &earlier] {
            outbox.deliver(&Recipient::new("to@example.com"), mail).await.unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(outbox.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                format!("19700101T000010.000000Z-{}.eml", earlier.notice_id),
                format!("19700101T000020.000000Z-{}.eml", later.notice_id),
            ]
        );
    }
}
