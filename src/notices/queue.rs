//! How notices come to be: stored with the job that sends each, in the transaction of whoever has something to tell.

use voicemill_queue::{NewJob, QueueError};
use voicemill_types::Time;

use crate::{
    db::DbError,
    mailboxes::Mailbox,
    notices::{Medium, Notice, NotifyMailbox, NotifyMessage, Occasion, SendSms, rows},
    transaction::Tx,
};

/// Why a notice could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The job could not be queued.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl NoticeError {
    /// Whether the same may work later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Db(error) => error.is_transient(),
            Self::Queue(error) => error.is_transient(),
        }
    }
}

/// Stores a notice and the job that sends it at `due`; nothing, if the recipient is told of the event already.
pub(crate) async fn queue(tx: &mut Tx<'_>, notice: &Notice, due: Time) -> Result<(), NoticeError> {
    if !rows::insert(tx.connection(), notice).await? {
        return Ok(());
    }
    let (tenant, at) = (notice.domain_id.0, due.timestamp());
    match (notice.medium, notice.occasion) {
        (Medium::Sms, _) => {
            let job = SendSms { notice: notice.id };
            tx.enqueue(NewJob::new(tenant, &job).unique(notice.id).at(at)).await?;
        }
        (Medium::Mail, Occasion::Message) => {
            let job = NotifyMessage { notice: notice.id };
            tx.enqueue(NewJob::new(tenant, &job).unique(notice.id).at(at)).await?;
        }
        (Medium::Mail, _) => {
            let job = NotifyMailbox { notice: notice.id };
            tx.enqueue(NewJob::new(tenant, &job).unique(notice.id).at(at)).await?;
        }
    }
    Ok(())
}

/// A notice for each of the mailbox's numbers.
pub(crate) fn by_sms(mailbox: &Mailbox, occasion: Occasion, event: &str, at: Time) -> Vec<Notice> {
    let numbers = mailbox.sms.sms_recipients.iter();
    numbers
        .map(|number| Notice::new(mailbox, Medium::Sms, occasion, event.to_owned(), number.to_string(), at))
        .collect()
}

/// A notice for each of the mailbox's addresses.
pub(crate) fn by_mail(mailbox: &Mailbox, occasion: Occasion, event: &str, at: Time) -> Vec<Notice> {
    let addresses = mailbox.recipients.iter();
    addresses
        .map(|address| Notice::new(mailbox, Medium::Mail, occasion, event.to_owned(), address.clone(), at))
        .collect()
}
