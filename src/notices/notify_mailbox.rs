//! One mail about a mailbox to one recipient: it is full, or a call to it was missed.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use voicemill_notify::{
    self,
    email::{MailKind, MailboxMail, MailboxNews, Stationery},
};
use voicemill_queue::{Attempt, Decide, Job, JobError};
use voicemill_types::NoticeId;

use crate::{
    app::App,
    db::Transaction,
    domains::{self, Domain},
    lanes::Lane,
    mail_templates,
    mailboxes::{self, Mailbox},
    notices::{Notice, delivery, rows},
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
        let transaction = app.begin().await.retry()?;
        delivery::settle(app, attempt, notice.id, &ended, transaction).await
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        delivery::give_up(app, transaction, self.notice, reason).await
    }
}

impl NotifyMailbox {
    async fn load(&self, app: &App) -> Result<Option<(Notice, Mailbox, Domain)>, JobError> {
        let mut connection = app.database.read().await.retry()?;
        let Some(notice) = rows::by_id(&mut connection, self.notice).await.retry()? else {
            return Ok(None);
        };
        let mailbox = mailboxes::rows::by_id(&mut connection, notice.mailbox_id).await.retry()?;
        let domain = domains::rows::by_id(&mut connection, notice.domain_id).await.retry()?;
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
) -> Result<Bytes, JobError> {
    let news = match &notice.missed_call {
        Some(call) => MailboxNews::MissedCall {
            caller_name: &call.caller_name,
            caller_number: &call.caller_number,
            called_at: call.called_at,
        },
        None => MailboxNews::Full { quota_bytes: mailbox.quota_bytes.unsigned_abs() },
    };
    let kind = match notice.missed_call {
        Some(_) => MailKind::MissedCall,
        None => MailKind::MailboxFull,
    };
    let own_words = {
        let mut connection = app.database.read().await.retry()?;
        mail_templates::rows::find(&mut connection, domain.id, kind).await.retry()?
    };
    let name = format!("{} ({})", mailbox.name, mailbox.extension);
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
    .compose(&Stationery { own_words: own_words.as_ref(), dkim: Some(&app.dkim) })
    .discard()?;
    delivery::store_mail(app, attempt, notice, mail, None).await
}
