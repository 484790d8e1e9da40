//! How a mailbox's numbers hear of its messages: each at once, and of those that are unread at the mailbox's interval.
//!
//! A mailbox has one such job at most. Each ends and queues the next in one transaction, with the notices, so that no
//! restart brings a reminder twice or loses one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_queue::{Attempt, Job, JobError, NewJob};
use voicemill_types::{MailboxId, Time};

use crate::{
    app::App,
    domains::{self, Domain},
    error::ServiceError,
    lanes::Lane,
    mailboxes::{self, Mailbox},
    messages::{self, Message},
    notices::{
        Medium, Notice, Occasion,
        queue::{NoticeError, by_sms, queue},
        rows,
    },
    transaction::Tx,
};

/// Reminds a mailbox's people.
#[derive(Debug, Serialize, Deserialize)]
pub struct RemindMailbox {
    /// The mailbox.
    pub mailbox: MailboxId,
}

impl Job for RemindMailbox {
    type Context = App;
    const KIND: &'static str = "remind_mailbox";
    const LANE: &'static str = Lane::Io.name();
    const TIMEOUT: Duration = Duration::from_secs(60);
    /// Nothing outside is asked, so that only the database can fail; a day of that must not end all reminders.
    const MAX_ATTEMPTS: u16 = 40;

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let now = Time::from(app.clock.now());
        let mut transaction = app.begin().await?;
        let next = self.remind(&mut transaction, attempt, now).await?;
        // Before the next is enqueued: a mailbox has one such job at most.
        attempt.complete(transaction.connection()).await?;
        if let Some((mailbox, next)) = next {
            remind_at(&mut transaction, &mailbox, next).await.map_err(ServiceError::from)?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

impl RemindMailbox {
    /// Queues a reminder, if it is time for one; returns when the mailbox is to be looked at again.
    async fn remind(
        &self,
        tx: &mut Tx<'_>,
        attempt: &Attempt,
        now: Time,
    ) -> Result<Option<(Mailbox, Time)>, ServiceError> {
        let connection = tx.connection();
        let Some(mailbox) = mailboxes::rows::by_id(connection, self.mailbox).await? else {
            return Ok(None);
        };
        let Some(domain) = domains::rows::by_id(connection, mailbox.domain_id).await? else {
            return Ok(None);
        };
        if mailbox.sms.sms_recipients.is_empty() {
            return Ok(None);
        }
        let Some(newest) = messages::rows::newest_unread(connection, mailbox.id).await? else {
            return Ok(None);
        };
        let first_moment = mailbox.sms.first_moment(now, &domain.time_zone);
        if first_moment > now {
            return Ok(Some((mailbox, first_moment)));
        }
        let interval = mailbox.sms.reminder_interval();
        let last = rows::last_of_mailbox(connection, mailbox.id, Medium::Sms).await?;
        // What came in quiet hours was never told of.
        let is_untold = last.is_none_or(|last| newest.created_at > last);
        let next = interval.zip(last).map(|(interval, last)| last.after(interval));
        if let (false, Some(next)) = (is_untold, next.filter(|next| *next > now)) {
            return Ok(Some((mailbox, next)));
        }
        if !is_untold && interval.is_none() {
            return Ok(None);
        }
        // What could not be sent yet is not sent twice when it can.
        if rows::unsettled_of_mailbox(connection, mailbox.id, Medium::Sms).await? == 0 {
            let event = format!("reminder {}", attempt.job_id);
            for notice in by_sms(&mailbox, Occasion::Reminder, &event, now) {
                queue(tx, &notice, now).await?;
            }
        }
        Ok(interval.map(|interval| (mailbox, now.after(interval))))
    }
}

/// Tells the mailbox's numbers of a message, and sees to it that they are reminded.
///
/// In quiet hours nobody is told now: one SMS at their end tells of all that came meanwhile.
pub(crate) async fn tell_of_message(
    tx: &mut Tx<'_>,
    message: &Message,
    mailbox: &Mailbox,
    domain: &Domain,
) -> Result<(), NoticeError> {
    if mailbox.sms.sms_recipients.is_empty() {
        return Ok(());
    }
    let now = Time::from(tx.app().clock.now());
    let first_moment = mailbox.sms.first_moment(now, &domain.time_zone);
    if first_moment > now {
        return remind_by(tx, mailbox, first_moment).await;
    }
    let event = Notice::message_event(message.id);
    for notice in by_sms(mailbox, Occasion::Message, &event, now) {
        let notice = Notice { message_id: Some(message.id), ..notice };
        queue(tx, &notice, now).await?;
    }
    match mailbox.sms.reminder_interval() {
        Some(interval) => remind_at(tx, mailbox, now.after(interval)).await,
        None => Ok(()),
    }
}

/// Has the mailbox looked at for unread messages at `due`; if that is to happen anyway, whenever, nothing changes.
pub(crate) async fn remind_at(tx: &mut Tx<'_>, mailbox: &Mailbox, due: Time) -> Result<(), NoticeError> {
    let job = RemindMailbox { mailbox: mailbox.id };
    let new = NewJob::new(mailbox.domain_id.0, &job).unique(mailbox.id).at(due.timestamp());
    tx.enqueue(new).await?;
    Ok(())
}

/// The same, at `due` at the latest.
pub(crate) async fn remind_by(tx: &mut Tx<'_>, mailbox: &Mailbox, due: Time) -> Result<(), NoticeError> {
    remind_at(tx, mailbox, due).await?;
    tx.expedite::<RemindMailbox>(&mailbox.id.to_string(), due.timestamp()).await?;
    Ok(())
}
