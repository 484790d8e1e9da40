//! Which events people are told of.

use std::time::Duration;

use voicemill_types::{DomainId, MailboxId, MessageId, Time};

use crate::{
    domains,
    error::ServiceError,
    events::Event,
    mailboxes::{self, EmailMode},
    media::TranscriptState,
    messages,
    notices::{
        Medium, Notice, NoticeState, NotifyMessage, Occasion,
        queue::queue,
        remind_mailbox::{remind_at, tell_of_message},
        rows,
        unheard::{is_unheard, tell_of_unheard},
    },
    service_numbers,
    transaction::Tx,
};

/// Queues what an event is to be told by, in its own transaction.
pub(crate) async fn on(tx: &mut Tx<'_>, domain: DomainId, event: &Event) -> Result<(), ServiceError> {
    match event {
        Event::MessageAvailable { message, .. } | Event::MessageFailed { message, .. } => {
            tell(tx, domain, *message).await
        }
        Event::MessageTranscribed { message, .. } => send_what_waits(tx, *message).await,
        Event::MessageUnread { mailbox, .. } => remind(tx, *mailbox).await,
        _ => Ok(()),
    }
}

/// A notice a recipient: mails are due when the transcript is there or its time is over, whichever is first; SMS at once.
async fn tell(tx: &mut Tx<'_>, domain: DomainId, message: MessageId) -> Result<(), ServiceError> {
    let connection = tx.connection();
    let Some(message) = messages::rows::by_id(connection, message).await? else { return Ok(()) };
    let mailbox = mailboxes::rows::by_id(connection, message.mailbox_id).await?;
    let domain = domains::rows::by_id(connection, domain).await?;
    let (Some(mailbox), Some(domain)) = (mailbox, domain) else { return Ok(()) };
    if is_unheard(&message) {
        return Ok(tell_of_unheard(tx, &message, &mailbox, &domain).await?);
    }
    tell_of_message(tx, &message, &mailbox, &domain).await?;
    let now = Time::from(tx.app().clock.now());
    let wait = Duration::from_secs(u64::try_from(mailbox.transcript_wait_seconds).unwrap_or(0));
    let due = if message.transcript_state == TranscriptState::Pending { now.after(wait) } else { now };
    let service_number = match &message.service_number {
        Some(number) => service_numbers::rows::find(tx.connection(), message.domain_id, number).await?,
        None => None,
    };
    // An address that is both the mailbox's and the service number's gets the mailbox's mail.
    let own = (&mailbox.recipients, mailbox.email_mode);
    let others = service_number.as_ref().map(|number| (&number.recipients, number.email_mode));
    let event = Notice::message_event(message.id);
    for (addresses, mode) in std::iter::once(own).chain(others).filter(|(_, mode)| *mode != EmailMode::None) {
        for address in addresses {
            let notice = Notice::new(&mailbox, Medium::Mail, Occasion::Message, event.clone(), address.clone(), now);
            let notice = Notice { message_id: Some(message.id), mode: Some(mode), ..notice };
            queue(tx, &notice, due).await?;
        }
    }
    Ok(())
}

/// Has a mailbox's people reminded again, of what they marked as not read.
async fn remind(tx: &mut Tx<'_>, mailbox: MailboxId) -> Result<(), ServiceError> {
    let Some(mailbox) = mailboxes::rows::by_id(tx.connection(), mailbox).await? else { return Ok(()) };
    let Some(interval) = mailbox.sms.reminder_interval() else { return Ok(()) };
    let due = Time::from(tx.app().clock.now()).after(interval);
    Ok(remind_at(tx, &mailbox, due).await?)
}

/// Lets the mails go that waited for a message's words.
async fn send_what_waits(tx: &mut Tx<'_>, message: MessageId) -> Result<(), ServiceError> {
    let now = tx.app().clock.now();
    for notice in rows::of_message(tx.connection(), message).await? {
        if notice.state == NoticeState::Queued {
            tx.expedite::<NotifyMessage>(&notice.id.to_string(), now).await?;
        }
    }
    Ok(())
}
