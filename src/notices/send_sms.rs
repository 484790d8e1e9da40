//! One SMS to one recipient.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_notify::{
    self,
    sms::{FullWords, MessageWords, ReminderWords, UnheardWords, measure},
};
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_types::NoticeId;

use crate::{
    app::App,
    db::Transaction,
    domains::{self, Domain},
    error::ServiceError,
    lanes::Lane,
    links::{self, LinkSpan},
    mailboxes::{self, Mailbox},
    messages::{self, Folder, Message, renditions::minted},
    notices::{
        Notice, NoticeState, Occasion,
        delivery::{self, Ended},
        rows, sms_limits,
        unheard::is_unheard,
    },
};

/// Sends one SMS.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendSms {
    /// The notice.
    pub notice: NoticeId,
}

impl Job for SendSms {
    type Context = App;
    const KIND: &'static str = "send_sms";
    const LANE: &'static str = Lane::Io.name();
    const TIMEOUT: Duration = Duration::from_secs(3 * 60);
    /// With the growing pauses some four hours: later, an SMS is no news.
    const MAX_ATTEMPTS: u16 = 15;

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let Some(mut subject) = Subject::load(app, self.notice).await? else {
            return Ok(());
        };
        if subject.notice.settled_at.is_some() {
            return Ok(());
        }
        let reason_not_to_send = match subject.notice.state {
            NoticeState::Queued => subject.reason_not_to_send(app).await?,
            _ => None,
        };
        if let Some(why) = reason_not_to_send {
            return end(app, attempt, self.notice, &Ended::not_sent(why)).await;
        }
        if subject.notice.body.is_none() && !subject.word(app, attempt).await? {
            let why = "the domain's daily limit of SMS is reached";
            tracing::warn!(domain = %subject.domain.id, "a domain's daily limit of SMS is reached");
            return end(app, attempt, self.notice, &Ended::not_sent(why)).await;
        }
        let body = subject.notice.body.clone().unwrap_or_default();
        let rendered = voicemill_notify::Rendered {
            notice_id: self.notice,
            sender: app.sms_sender(&subject.domain).to_owned(),
            queued_at: subject.notice.created_at,
            bytes: body.into(),
        };
        let ended = delivery::deliver(app, attempt, &*app.sms.channel, &subject.notice, &rendered).await?;
        end(app, attempt, self.notice, &ended).await
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        delivery::give_up(app, transaction, self.notice, reason).await
    }
}

async fn end(app: &App, attempt: &Attempt, notice: NoticeId, ended: &Ended) -> Result<(), JobError> {
    let transaction = app.begin().await?;
    delivery::settle(app, attempt, notice, ended, transaction).await
}

/// Everything an SMS is about.
struct Subject {
    notice: Notice,
    mailbox: Mailbox,
    domain: Domain,
    /// The message it tells of, or the newest that is unread.
    message: Option<Message>,
    unread: i64,
}

impl Subject {
    async fn load(app: &App, id: NoticeId) -> Result<Option<Self>, ServiceError> {
        let mut snapshot = app.database.snapshot().await?;
        let connection = snapshot.connection();
        let Some(notice) = rows::by_id(connection, id).await? else {
            return Ok(None);
        };
        let mailbox = mailboxes::rows::by_id(connection, notice.mailbox_id).await?;
        let domain = domains::rows::by_id(connection, notice.domain_id).await?;
        let (Some(mailbox), Some(domain)) = (mailbox, domain) else {
            return Ok(None);
        };
        let message = match notice.message_id {
            Some(message) => messages::rows::by_id(connection, message).await?,
            None => messages::rows::newest_unread(connection, mailbox.id).await?,
        };
        let unread = messages::rows::unread(connection, mailbox.id).await?;
        Ok(Some(Self { notice, mailbox, domain, message, unread }))
    }

    /// Why it is not sent after all.
    async fn reason_not_to_send(&self, app: &App) -> Result<Option<&'static str>, ServiceError> {
        let is_new = |message: &Message| message.folder == Folder::New && message.read_at.is_none();
        match self.notice.occasion {
            Occasion::Message if !self.message.as_ref().is_some_and(is_new) => {
                return Ok(Some("the message was read or moved before its SMS was due"));
            }
            Occasion::Unheard if !self.message.as_ref().is_some_and(is_unheard) => {
                return Ok(Some("the message can be heard by now, or was removed"));
            }
            Occasion::Reminder if self.unread == 0 => return Ok(Some("every message was read before its SMS was due")),
            _ => {}
        }
        if !self.mailbox.sms.sms_recipients.iter().any(|number| number.as_str() == self.notice.recipient) {
            return Ok(Some("SMS to this number was switched off before it was due"));
        }
        let (sender, recipient) = (super::sms_callback::key(app.sms_sender(&self.domain)), &self.notice.recipient);
        let mut connection = app.database.read().await?;
        let stopped = sms_limits::stopped_at(&mut connection, &sender, recipient).await?;
        Ok(stopped.map(|_| "this number replied STOP"))
    }

    /// Fixes the words, and counts them on the domain's day, before anything is sent; false if the day is full.
    async fn word(&mut self, app: &App, attempt: &Attempt) -> Result<bool, ServiceError> {
        let name = format!("{} ({})", self.mailbox.name, self.mailbox.extension);
        let (time_zone, locale) = (&*self.domain.time_zone, &*self.domain.locale);
        let mut link = None;
        let text = match (self.notice.occasion, &self.message) {
            (Occasion::Message, Some(message)) => {
                let (made, url) = minted(app, message, LinkSpan::Full);
                link = Some(made);
                let words = MessageWords {
                    mailbox: &name,
                    caller_name: &message.caller_name,
                    caller_number: &message.caller_number,
                    received_at: message.received_at,
                    time_zone,
                    locale,
                    duration: Duration::from_millis(message.duration_ms.unwrap_or(0).unsigned_abs()),
                    url: &url,
                };
                words.text()
            }
            (Occasion::Reminder, Some(newest)) => {
                let newest_caller = (&*newest.caller_name, &*newest.caller_number);
                let (unread, newest_at) = (self.unread, newest.received_at);
                ReminderWords { mailbox: &name, unread, newest_caller, newest_at, time_zone, locale }.text()
            }
            (Occasion::Unheard, Some(message)) => {
                let words = UnheardWords {
                    mailbox: &name,
                    caller_name: &message.caller_name,
                    caller_number: &message.caller_number,
                    called_at: message.received_at,
                    time_zone,
                    locale,
                    no_sound: message.failure.is_none(),
                };
                words.text()
            }
            _ => FullWords { mailbox: &name, quota_bytes: self.mailbox.quota_bytes.unsigned_abs() }.text(),
        };
        let parts = i64::try_from(measure(&text).1).unwrap_or(i64::MAX);
        let now = app.clock.now();
        let zone = jiff::tz::TimeZone::get(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let day = now.to_zoned(zone).date().to_string();
        let limit = self.domain.sms_daily_limit.unwrap_or_else(|| app.sms_daily_limit());
        let mut transaction = app.begin().await?;
        if !sms_limits::charge(transaction.connection(), self.domain.id, &day, parts, limit).await? {
            return Ok(false);
        }
        if let Some(link) = &link {
            links::rows::insert(transaction.connection(), link).await?;
        }
        let link = link.map(|link| link.id);
        rows::set_worded(transaction.connection(), self.notice.id, link, &text, parts).await?;
        transaction.commit_under(attempt).await?;
        self.notice.body = Some(text);
        Ok(true)
    }
}
