//! What the jobs of all notices have in common: the final bytes of a mail, and the next server's answer.

use bytes::Bytes;
use voicemill_notify::{Answer, Channel, NotifyError, Recipient, Rendered, email::Mail};
use voicemill_queue::{Attempt, JobError};
use voicemill_storage::BlobKey;
use voicemill_types::{NoticeId, Time};

use crate::{
    app::App,
    db::Transaction,
    error::ServiceError,
    events::Event,
    links::{self, Link},
    media::{self, rendition::Role, rows::NewBlob},
    notices::{Notice, NoticeState, rows},
    transaction::Tx,
};

/// How a delivery ended, for the notice's record.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) state: NoticeState,
    answer: String,
    reference: Option<String>,
    /// The next server takes no mail of this size.
    pub(crate) too_large: bool,
}

impl Ended {
    fn of(state: NoticeState, answer: &Answer) -> Self {
        Self { state, answer: answer.text().to_owned(), reference: None, too_large: false }
    }

    /// Nothing was sent, for a reason of ours.
    pub(crate) fn not_sent(why: &str) -> Self {
        Self::of(NoticeState::Refused, &Answer::own(format!("not sent: {why}")))
    }
}

/// Stores a mail's final bytes, and the link inside them, before anything is sent.
pub(crate) async fn store_mail(
    app: &App,
    attempt: &Attempt,
    notice: &Notice,
    mail: Mail,
    link: Option<&Link>,
) -> Result<Bytes, ServiceError> {
    // One attempt may compose two: the second without what the next server does not take.
    let form = if link.is_some() { "mail with a link" } else { "mail" };
    let parts = [&*attempt.job_id.to_string(), &attempt.claim.to_string(), form];
    let key = BlobKey::derive(notice.domain_id, notice.id.0, &parts, "eml")?;
    let bytes = Bytes::from(mail.bytes);
    let stored = app.store.put(&key, bytes.clone().into()).await?;
    let mut transaction = app.begin().await?;
    let blob = NewBlob {
        id: uuid::Uuid::now_v7(),
        domain: notice.domain_id,
        media: None,
        role: Role::Mail,
        name: "",
        key: &key.to_string(),
        bytes: i64::try_from(stored.bytes).unwrap_or(i64::MAX),
        sha256: &stored.sha256,
        hint: None,
        rendition: None,
        created_at: Time::from(app.clock.now()),
    };
    media::rows::insert(transaction.connection(), &blob).await?;
    if let Some(link) = link {
        links::rows::insert(transaction.connection(), link).await?;
    }
    let link = link.map(|link| link.id);
    rows::set_composed(transaction.connection(), notice.id, link, &mail.message_id, &key.to_string()).await?;
    transaction.commit_under(attempt).await?;
    Ok(bytes)
}

/// What was stored before, a mail or its audio.
pub(crate) async fn read(app: &App, key: &str) -> Result<Bytes, ServiceError> {
    let key: BlobKey = key.parse()?;
    Ok(app.store.read(&key, app.config.mail.max_mail_bytes).await?.into())
}

/// Hands the final bytes to the next server.
///
/// # Errors
/// What is to be tried again: then the notice's record tells what the server said.
pub(crate) async fn deliver(
    app: &App,
    attempt: &Attempt,
    channel: &dyn Channel,
    notice: &Notice,
    rendered: &Rendered,
) -> Result<Ended, JobError> {
    let ended = Ended::of;
    match channel.deliver(&Recipient::new(&notice.recipient), rendered).await {
        Ok(receipt) => Ok(Ended { reference: receipt.reference, ..ended(NoticeState::Accepted, &receipt.answer) }),
        Err(NotifyError::Refused(answer)) => Ok(ended(NoticeState::Refused, &answer)),
        Err(NotifyError::TooLarge(answer)) => Ok(Ended { too_large: true, ..ended(NoticeState::Refused, &answer) }),
        // The same bytes once more, and then never again.
        Err(NotifyError::Unknown(answer)) if notice.state == NoticeState::Unknown => {
            Ok(ended(NoticeState::Unknown, &answer))
        }
        Err(NotifyError::Busy(pause)) => Err(JobError::Snooze(pause)),
        Err(error) => {
            if let NotifyError::Misconfigured(answer) = &error {
                tracing::error!(%answer, "the next server refuses us; notices wait until the configuration is mended");
            }
            note(app, attempt, notice.id, &error).await?;
            Err(JobError::Retry(error.into()))
        }
    }
}

/// Records what the server said of a try that failed, and whether the notice may have been taken.
async fn note(app: &App, attempt: &Attempt, id: NoticeId, error: &NotifyError) -> Result<(), ServiceError> {
    let Some(answer) = error.answer() else { return Ok(()) };
    let mut transaction = app.begin().await?;
    match error {
        NotifyError::Unknown(_) => rows::set_unknown(transaction.connection(), id, answer.text()).await?,
        _ => rows::set_answer(transaction.connection(), id, answer.text()).await?,
    }
    Ok(transaction.commit_under(attempt).await?)
}

/// Records how it ended and completes the job, in a transaction to which the caller may add what belongs to it.
pub(crate) async fn settle(
    app: &App,
    attempt: &Attempt,
    notice: NoticeId,
    ended: &Ended,
    mut transaction: Tx<'_>,
) -> Result<(), JobError> {
    let settled = rows::Settled {
        state: ended.state,
        answer: &ended.answer,
        reference: ended.reference.as_deref(),
        at: Time::from(app.clock.now()),
    };
    record(&mut transaction, notice, settled).await?;
    Ok(transaction.finish(attempt).await?)
}

/// Records that the notice was given up for good, in the transaction that gives its job up.
pub(crate) async fn give_up(
    app: &App,
    transaction: &mut Transaction,
    notice: NoticeId,
    reason: &str,
) -> Result<(), JobError> {
    let at = Time::from(app.clock.now());
    let settled = rows::Settled { state: NoticeState::Refused, answer: reason, reference: None, at };
    Ok(record(&mut app.join(transaction), notice, settled).await?)
}

/// Records how it ended, unless that is known already.
async fn record(tx: &mut Tx<'_>, notice: NoticeId, settled: rows::Settled<'_>) -> Result<(), ServiceError> {
    let state = settled.state;
    if let Some((domain, message)) = rows::settle(tx.connection(), notice, settled).await? {
        tx.emit(domain, Event::NoticeSettled { notice, message, state }).await?;
    }
    Ok(())
}
