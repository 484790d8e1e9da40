//! What is told of a message in which nobody can hear anything: it could not be read, or holds no sound.
//!
//! Whoever would have been told of the message is told that somebody called, with the reason: nobody calls in vain without
//! a word of it. The original stays as it came.

use voicemill_types::Time;

use crate::{
    domains::Domain,
    mailboxes::{EmailMode, Mailbox},
    media::MediaState,
    messages::Message,
    notices::{
        Medium, Notice, Occasion,
        queue::{NoticeError, by_sms, queue},
    },
    service_numbers,
    transaction::Tx,
};

/// The shortest sound in which anybody can hear anything, in milliseconds.
const SHORTEST_SOUND_MS: i64 = 100;

/// True where nobody can hear anything in a message: it failed, or is over before it began.
pub(crate) fn is_unheard(message: &Message) -> bool {
    match message.state {
        MediaState::Failed | MediaState::None => true,
        MediaState::Available => is_soundless(message.duration_ms.unwrap_or(0)),
        MediaState::Pending => false,
    }
}

/// True for a length that holds no sound.
pub(crate) fn is_soundless(duration_ms: i64) -> bool {
    duration_ms < SHORTEST_SOUND_MS
}

/// Queues a notice for everybody who would have been told of the message, by mail and by SMS.
pub(crate) async fn tell_of_unheard(
    tx: &mut Tx<'_>,
    message: &Message,
    mailbox: &Mailbox,
    domain: &Domain,
) -> Result<(), NoticeError> {
    let now = Time::from(tx.app().clock.now());
    let event = Notice::unheard_event(message.id);
    let service_number = match &message.service_number {
        Some(number) => service_numbers::rows::find(tx.connection(), message.domain_id, number).await?,
        None => None,
    };
    let is_told = mailbox.email_mode != EmailMode::None || mailbox.mail_missed_calls;
    let own = mailbox.recipients.iter().filter(|_| is_told);
    let others = service_number.iter().filter(|number| number.email_mode != EmailMode::None);
    let addresses = own.chain(others.flat_map(|number| &number.recipients)).cloned();
    let mut notices: Vec<(Notice, Time)> = addresses
        .map(|address| (Notice::new(mailbox, Medium::Mail, Occasion::Unheard, event.clone(), address, now), now))
        .collect();
    let first_moment = mailbox.sms.first_moment(now, &domain.time_zone);
    notices.extend(by_sms(mailbox, Occasion::Unheard, &event, now).into_iter().map(|notice| (notice, first_moment)));
    for (notice, due) in notices {
        queue(tx, &Notice { message_id: Some(message.id), ..notice }, due).await?;
    }
    Ok(())
}
