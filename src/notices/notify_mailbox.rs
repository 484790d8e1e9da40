//! One mail about a mailbox to one recipient: it is full, a call to it was missed, or left nothing to hear.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use voicemill_notify::{
    self,
    email::{MailKind, MailOptions, MailboxMail, MailboxNews},
};
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_types::NoticeId;

use crate::{
    app::App,
    db::Transaction,
    domains::{self, Domain},
    error::ServiceError,
    lanes::Lane,
    mail_templates,
    mailboxes::{self, Mailbox},
    messages,
    notices::{Notice, NoticeState, Occasion, delivery, rows, unheard::is_unheard},
};

/// Sends one mail about a mailbox.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotifyMailbox {
    /// The notice.
    pub notice: NoticeId,
}

impl Job for NotifyMailbox {
    type Context = App;
    const KIND: &'static str = "notify_mailbox";
    const LANE: &'static str = Lane::Io.name();
    const TIMEOUT: Duration = Duration::from_secs(5 * 60);
    /// As for a message's mail.
    const MAX_ATTEMPTS: u16 = 25;

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let Some((notice, mailbox, domain)) = self.load(app).await? else {
            return Ok(());
        };
        if notice.settled_at.is_some() {
            return Ok(());
        }
        if notice.occasion == Occasion::Unheard && !self.is_still_unheard(app, &notice).await? {
            let transaction = app.begin().await?;
            let ended = delivery::Ended::not_sent("the message can be heard by now, or was removed");
            return delivery::settle(app, attempt, notice.id, &ended, transaction).await;
        }
        let bytes = match &notice.mail_key {
            Some(key) => delivery::read(app, key).await?,
            None => compose(app, attempt, &notice, &mailbox, &domain).await?,
        };
        let rendered = voicemill_notify::Rendered {
            notice_id: notice.id,
            sender: domain.mail_from.clone(),
            queued_at: notice.created_at,
            bytes,
        };
        let ended = delivery::deliver(app, attempt, &*app.mail, &notice, &rendered).await?;
        let transaction = app.begin().await?;
        delivery::settle(app, attempt, notice.id, &ended, transaction).await
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        delivery::give_up(app, transaction, self.notice, reason).await
    }
}

impl NotifyMailbox {
    /// False once an operator had the message made anew.
    async fn is_still_unheard(&self, app: &App, notice: &Notice) -> Result<bool, ServiceError> {
        let Some(message) = notice.message_id.filter(|_| notice.state == NoticeState::Queued) else {
            return Ok(true);
        };
        let mut connection = app.database.read().await?;
        let message = messages::rows::by_id(&mut connection, message).await?;
        Ok(message.as_ref().is_some_and(is_unheard))
    }

    async fn load(&self, app: &App) -> Result<Option<(Notice, Mailbox, Domain)>, ServiceError> {
        let mut connection = app.database.read().await?;
        let Some(notice) = rows::by_id(&mut connection, self.notice).await? else {
            return Ok(None);
        };
        let mailbox = mailboxes::rows::by_id(&mut connection, notice.mailbox_id).await?;
        let domain = domains::rows::by_id(&mut connection, notice.domain_id).await?;
        Ok(mailbox.zip(domain).map(|(mailbox, domain)| (notice, mailbox, domain)))
    }
}

/// Makes the final bytes and stores them before anything is sent.
async fn compose(
    app: &App,
    attempt: &Attempt,
    notice: &Notice,
    mailbox: &Mailbox,
    domain: &Domain,
) -> Result<Bytes, ServiceError> {
    let message = match notice.message_id {
        Some(message) => {
            let mut connection = app.database.read().await?;
            messages::rows::by_id(&mut connection, message).await?
        }
        None => None,
    };
    let failure = message.as_ref().and_then(|message| message.failure.as_ref()).map(ToString::to_string);
    let (kind, news) = match (&notice.missed_call, &message) {
        (Some(call), _) => {
            let (caller_name, caller_number, called_at) = (&call.caller_name, &call.caller_number, call.called_at);
            (MailKind::MissedCall, MailboxNews::MissedCall { caller_name, caller_number, called_at })
        }
        (None, Some(message)) => {
            let (caller_name, caller_number) = (&*message.caller_name, &*message.caller_number);
            let called_at = message.received_at;
            let reason = failure.as_deref();
            (MailKind::Unheard, MailboxNews::Unheard { caller_name, caller_number, called_at, reason })
        }
        (None, None) => (MailKind::MailboxFull, MailboxNews::Full { quota_bytes: mailbox.quota_bytes.unsigned_abs() }),
    };
    let template = {
        let mut connection = app.database.read().await?;
        mail_templates::rows::find(&mut connection, domain.id, kind).await?
    };
    let name = format!("{} ({})", mailbox.name, mailbox.extension);
    let secrets = app.secrets();
    let mail = MailboxMail {
        notice_id: notice.id,
        date: notice.created_at,
        from: &domain.mail_from,
        to: &notice.recipient,
        brand: &domain.brand,
        mailbox: &name,
        time_zone: &domain.time_zone,
        locale: &domain.locale,
        news,
    }
    .compose(&MailOptions { template: template.as_ref(), dkim: Some(&secrets.dkim) })?;
    delivery::store_mail(app, attempt, notice, mail, None).await
}
