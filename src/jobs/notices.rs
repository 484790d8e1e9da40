//! How notices come to be: stored with the job that sends each, in the transaction of whoever has something to tell.

use super::{NotifyMailbox, NotifyMessage, RemindMailbox, SendSms};
use crate::{
    app::App,
    db::{Connection, DbError, notices},
    model::{Domain, Mailbox, Medium, Message, Notice, Occasion, Time},
    queue::{NewJob, QueueError},
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
pub(crate) async fn queue(
    app: &App,
    connection: &mut Connection,
    notice: &Notice,
    due: Time,
) -> Result<(), NoticeError> {
    if !notices::insert(connection, notice).await? {
        return Ok(());
    }
    let (tenant, at) = (notice.domain_id.0, due.timestamp());
    match (notice.medium, notice.occasion) {
        (Medium::Sms, _) => {
            let job = SendSms { notice: notice.id };
            app.queue.enqueue(connection, NewJob::new(tenant, &job).unique(notice.id).at(at)).await?;
        }
        (Medium::Mail, Occasion::Message) => {
            let job = NotifyMessage { notice: notice.id };
            app.queue.enqueue(connection, NewJob::new(tenant, &job).unique(notice.id).at(at)).await?;
        }
        (Medium::Mail, _) => {
            let job = NotifyMailbox { notice: notice.id };
            app.queue.enqueue(connection, NewJob::new(tenant, &job).unique(notice.id).at(at)).await?;
        }
    }
    Ok(())
}

/// Tells the mailbox's numbers of a message, and sees to it that they are reminded.
///
/// In quiet hours nobody is told now: one SMS at their end tells of all that came meanwhile.
pub(crate) async fn tell_of_message(
    app: &App,
    connection: &mut Connection,
    message: &Message,
    mailbox: &Mailbox,
    domain: &Domain,
) -> Result<(), NoticeError> {
    if mailbox.sms.sms_recipients.is_empty() {
        return Ok(());
    }
    let now = Time::from(app.clock.now());
    let first_moment = mailbox.sms.first_moment(now, &domain.time_zone);
    if first_moment > now {
        return remind_by(app, connection, mailbox, first_moment).await;
    }
    let event = Notice::message_event(message.id);
    for notice in by_sms(mailbox, Occasion::Message, &event, now) {
        let notice = Notice { message_id: Some(message.id), ..notice };
        queue(app, connection, &notice, now).await?;
    }
    match mailbox.sms.reminder_interval() {
        Some(interval) => remind_at(app, connection, mailbox, now.after(interval)).await,
        None => Ok(()),
    }
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

/// Has the mailbox looked at for unread messages at `due`; if that is to happen anyway, whenever, nothing changes.
pub(crate) async fn remind_at(
    app: &App,
    connection: &mut Connection,
    mailbox: &Mailbox,
    due: Time,
) -> Result<(), NoticeError> {
    let job = RemindMailbox { mailbox: mailbox.id };
    let new = NewJob::new(mailbox.domain_id.0, &job).unique(mailbox.id).at(due.timestamp());
    app.queue.enqueue(connection, new).await?;
    Ok(())
}

/// The same, at `due` at the latest.
pub(crate) async fn remind_by(
    app: &App,
    connection: &mut Connection,
    mailbox: &Mailbox,
    due: Time,
) -> Result<(), NoticeError> {
    remind_at(app, connection, mailbox, due).await?;
    app.queue.hasten::<RemindMailbox>(connection, &mailbox.id.to_string(), due.timestamp()).await?;
    Ok(())
}
