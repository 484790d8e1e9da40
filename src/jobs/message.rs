//! What the jobs of a message share: how its renditions are called, and how it is found.

use crate::{
    app::App,
    db::{mailboxes, messages},
    model::{Mailbox, Message, MessageId},
    queue::{Decide, JobError},
};

/// The version of a message's or recording's media; they are never replaced.
pub(crate) const VERSION: i64 = 1;
/// The rendition that mails attach.
pub(crate) const MAIL: &str = "mail-wav-8k";
/// The rendition that the transcriber hears and browsers without Opus play.
pub(crate) const WIDE: &str = "browser-wav-16k";
/// The rendition that browsers play.
pub(crate) const BROWSER: &str = "browser-opus";
/// The brief clip for mails, and for browsers without Opus.
pub(crate) const BRIEF: &str = "brief-wav-8k";
/// The brief clip for browsers.
pub(crate) const BRIEF_BROWSER: &str = "brief-opus";

/// The message and its mailbox; none when the message is gone, which ends any job for it.
pub(super) async fn load(app: &App, id: MessageId) -> Result<Option<(Message, Mailbox)>, JobError> {
    let mut connection = app.database.read().await.retry()?;
    let Some(message) = messages::by_id(&mut connection, id).await.retry()? else {
        return Ok(None);
    };
    let mailbox = mailboxes::by_id(&mut connection, message.mailbox_id).await.retry()?;
    Ok(mailbox.map(|mailbox| (message, mailbox)))
}
