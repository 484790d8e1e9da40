//! What people are told, by mail and SMS, and what became of it.

mod delivery;
mod notice;
mod notify_mailbox;
mod notify_message;
pub(crate) mod queue;
pub(crate) mod remind_mailbox;
pub mod replies;
pub(crate) mod rows;
mod send_sms;
mod sms_callback;
pub mod sms_limits;
pub(crate) mod subscriber;
pub(crate) mod unheard;

pub use self::{
    notice::{Medium, MissedCall, Notice, NoticeState, Occasion},
    notify_mailbox::NotifyMailbox,
    notify_message::NotifyMessage,
    queue::NoticeError,
    remind_mailbox::RemindMailbox,
    send_sms::SendSms,
    sms_callback::SmsCallback,
};

use uuid::Uuid;
use voicemill_notify::email::{Bounce, Fate};
use voicemill_types::{NoticeId, Time};

use self::queue::{by_mail, by_sms, queue};
use crate::{
    app::App,
    arrivals::metadata,
    db::Connection,
    domains::{self, Domain},
    error::ServiceError,
    events::{self, Event},
    mailboxes::{self, Mailbox, usage},
    messages::{self, Folder, Message, trash::Because},
    refusal::{Rule, Thing},
    transaction::Tx,
};

/// A page of a domain's notices, newest first: of one state, if one is given.
pub async fn list(
    app: &App,
    domain: &Domain,
    state: Option<NoticeState>,
    before: Option<NoticeId>,
    limit: u16,
) -> Result<Vec<Notice>, ServiceError> {
    let mut connection = app.database.read().await?;
    let before = before.unwrap_or(NoticeId(Uuid::max()));
    Ok(rows::of_domain(&mut connection, domain.id, before, state, i64::from(limit)).await?)
}

/// Tells a mailbox's people that it refused so many bytes, in a transaction of its own.
pub(crate) async fn mailbox_is_full(app: &App, mailbox: &Mailbox, bytes: i64) -> Result<(), ServiceError> {
    let mut transaction = app.begin().await?;
    tell_of_full(&mut transaction, mailbox, bytes).await?;
    Ok(transaction.commit().await?)
}

/// Tells a mailbox's people that it refused so many bytes because it is full: once, until it has room for what it refused last.
pub(crate) async fn tell_of_full(tx: &mut Tx<'_>, mailbox: &Mailbox, bytes: i64) -> Result<(), ServiceError> {
    let now = Time::from(tx.app().clock.now());
    if !usage::refused(tx.connection(), mailbox.id, bytes, now).await? {
        return Ok(());
    }
    let domain = domains::rows::by_id(tx.connection(), mailbox.domain_id).await?;
    let domain = domain.ok_or(ServiceError::NotFound(Thing::Domain {}))?;
    let event = format!("full {} {}", mailbox.id.0.simple(), now.microseconds());
    for notice in by_mail(mailbox, Occasion::MailboxFull, &event, now) {
        queue(tx, &notice, now).await?;
    }
    tx.emit(domain.id, Event::MailboxFull { mailbox: mailbox.id }).await?;
    let first_moment = mailbox.sms.first_moment(now, &domain.time_zone);
    for notice in by_sms(mailbox, Occasion::MailboxFull, &event, now) {
        queue(tx, &notice, first_moment).await?;
    }
    Ok(())
}

/// Tells a mailbox's addresses of a call that nobody took and that left no message, if they want to know; the same call
/// twice is told of once. False if nobody wants to know.
pub async fn missed_call(
    app: &App,
    domain: &Domain,
    extension: &str,
    core_id: &str,
    call: MissedCall,
) -> Result<bool, ServiceError> {
    const MAX_TEXT: usize = 200;
    let core_id = metadata::id(core_id, MAX_TEXT);
    if core_id.is_empty() {
        return Err(ServiceError::invalid("", Rule::IdMissing { thing: Thing::MissedCall {} }));
    }
    let call = MissedCall {
        caller_number: metadata::text(&call.caller_number, MAX_TEXT),
        caller_name: metadata::text(&call.caller_name, MAX_TEXT),
        ..call
    };
    let mailbox = mailboxes::by_extension(app, domain, extension).await?;
    let id = Uuid::new_v5(&mailbox.id.0, core_id.as_bytes());
    let now = Time::from(app.clock.now());
    let event = format!("missed call {} {core_id}", mailbox.id.0.simple());
    let mut transaction = app.begin().await?;
    transaction.connection().lock(id).await?;
    let reported = Event::MissedCallReported { call: id, mailbox: mailbox.id, core_id, caller: call.clone() };
    if !events::rows::happened(transaction.connection(), id, reported.kind()).await? {
        transaction.emit(domain.id, reported).await?;
    }
    let is_told = mailbox.mail_missed_calls && !mailbox.recipients.is_empty();
    let told = if is_told { by_mail(&mailbox, Occasion::MissedCall, &event, now) } else { Vec::new() };
    for notice in told {
        let notice = Notice { missed_call: Some(call.clone()), ..notice };
        queue(&mut transaction, &notice, now).await?;
    }
    transaction.commit().await?;
    Ok(is_told)
}

/// Takes note of a mail server's report of delivery. A mail that could not be delivered after all takes back what it did:
/// the message that moved because of it is new again.
pub async fn bounced(app: &App, mail: &[u8]) -> Result<Notice, ServiceError> {
    let bounce =
        Bounce::read(mail).map_err(|error| ServiceError::invalid("", Rule::BadReport { cause: error.to_string() }))?;
    let mut transaction = app.begin().await?;
    let connection = transaction.connection();
    let found = reported(connection, &bounce).await?;
    let notice = found.ok_or(ServiceError::NotFound(Thing::BouncedMail {}))?;
    let message = match notice.message_id {
        Some(id) => messages::locked(&mut transaction, id).await?,
        None => None,
    };
    let connection = transaction.connection();
    let outcome = bounce.outcome_for(&notice.recipient).ok_or(ServiceError::NotFound(Thing::BouncedRecipient {}))?;
    let state = match outcome.fate {
        Fate::Failed => NoticeState::Bounced,
        Fate::Delivered => NoticeState::Delivered,
        Fate::Delayed => return Ok(notice),
    };
    let at = Time::from(app.clock.now());
    let report = rows::Settled { state, answer: &outcome.answer, reference: None, at };
    rows::report(connection, notice.id, report).await?;
    if let (Fate::Failed, Some(message)) = (outcome.fate, message) {
        restore(&mut transaction, &message).await?;
    }
    let settled = Event::NoticeSettled { notice: notice.id, message: notice.message_id, state };
    transaction.emit(notice.domain_id, settled).await?;
    let noted =
        rows::by_id(transaction.connection(), notice.id).await?.ok_or(ServiceError::NotFound(Thing::Notice {}))?;
    transaction.commit().await?;
    Ok(noted)
}

/// The mail that a report is about: by its Message-ID, by our own id of its envelope, or by the name that the next server
/// gave it, of which some relays make a new Message-ID.
async fn reported(connection: &mut Connection, bounce: &Bounce) -> Result<Option<Notice>, ServiceError> {
    for name in &bounce.mails {
        let by_id = rows::by_internet_message_id(connection, name).await?;
        let by_envelope = match name.parse::<NoticeId>() {
            Ok(id) if by_id.is_none() => rows::by_id(connection, id).await?,
            _ => None,
        };
        let found = by_id.or(by_envelope).filter(|notice| notice.medium == Medium::Mail);
        if found.is_some() {
            return Ok(found);
        }
        let given = name.split('@').next().unwrap_or_default();
        let found = rows::by_reference(connection, given, Medium::Mail).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Moves a message back to where it was before a mail's acceptance moved it, unless a person moved it since.
async fn restore(tx: &mut Tx<'_>, message: &Message) -> Result<(), ServiceError> {
    let notices = rows::of_message(tx.connection(), message.id).await?;
    if notices.iter().any(|notice| notice.moved_to == Some(message.folder)) {
        messages::file(tx, message, Folder::New, Because::Bounced).await?;
    }
    Ok(rows::forget_moves(tx.connection(), message.id).await?)
}
