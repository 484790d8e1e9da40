//! One mail about one message to one recipient.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::message::{self, BRIEF, MAIL, VERSION};
use crate::{
    app::App,
    audio::encode::OutputFormat,
    db::{domains, links, messages, notices, renditions, trash},
    links::Purpose,
    model::{
        AfterEmail, Domain, Folder, Link, LinkId, LinkSpan, Mailbox, Message, Notice, NoticeId, NoticeState, Rendition,
        Time, TranscriptState,
    },
    notify::{
        self, NotifyError, Recipient,
        email::{Attachment, AudioPart, Mail, MailLink, TranscriptPart, VoicemailMail},
    },
    queue::{Attempt, Decide, Job, JobError, Lane},
    storage::BlobKey,
};

/// Sends one notice.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotifyMessage {
    /// The notice.
    pub notice: NoticeId,
}

impl Job for NotifyMessage {
    type Context = App;
    const KIND: &'static str = "notify_message";
    const LANE: Lane = Lane::Io;
    const TIMEOUT: Duration = Duration::from_secs(5 * 60);
    /// With the growing pauses about two days, as long as mail servers try.
    const MAX_ATTEMPTS: u16 = 25;

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let Some(subject) = Subject::load(app, self.notice).await? else {
            return Ok(());
        };
        let notice = &subject.notice;
        if notice.settled_at.is_some() {
            return Ok(());
        }
        if subject.message.folder == Folder::Trash && notice.state == NoticeState::Queued {
            let answer = "not sent: the message was deleted before its mail was due";
            return subject.settle(app, attempt, NoticeState::Refused, answer).await;
        }
        let bytes = match &notice.mail_key {
            Some(key) => read(app, key).await?,
            None => compose(app, attempt, &subject).await?,
        };
        let rendered = notify::Rendered {
            notice_id: notice.id,
            sender: subject.domain.mail_from.clone(),
            queued_at: notice.created_at,
            bytes,
        };
        match app.mail.deliver(&Recipient::new(&notice.recipient), &rendered).await {
            Ok(receipt) => subject.settle(app, attempt, NoticeState::Accepted, receipt.answer.text()).await,
            Err(NotifyError::Refused(answer)) => {
                subject.settle(app, attempt, NoticeState::Refused, answer.text()).await
            }
            // The same bytes once more, and then never again.
            Err(NotifyError::Unknown(answer)) if notice.state == NoticeState::Unknown => {
                subject.settle(app, attempt, NoticeState::Unknown, answer.text()).await
            }
            Err(error) => {
                if let NotifyError::Unknown(answer) = &error {
                    subject.note_unknown(app, attempt, answer.text()).await?;
                }
                if let NotifyError::Misconfigured(answer) = &error {
                    tracing::error!(%answer, "the mail server refuses us; mails wait until the configuration is mended");
                }
                Err(JobError::Retry(error.into()))
            }
        }
    }

    async fn given_up(&self, app: &App, _attempt: &Attempt, reason: &str) -> Result<(), JobError> {
        let mut transaction = app.database.begin().await.retry()?;
        let at = Time::from(app.clock.now());
        notices::settle(transaction.connection(), self.notice, NoticeState::Refused, reason, at).await.retry()?;
        transaction.commit().await.retry()
    }
}

/// Everything a notice is about.
struct Subject {
    notice: Notice,
    message: Message,
    mailbox: Mailbox,
    domain: Domain,
}

impl Subject {
    async fn load(app: &App, id: NoticeId) -> Result<Option<Self>, JobError> {
        let mut connection = app.database.read().await.retry()?;
        let Some(notice) = notices::by_id(&mut connection, id).await.retry()? else {
            return Ok(None);
        };
        let domain = domains::by_id(&mut connection, notice.domain_id).await.retry()?;
        drop(connection);
        let loaded = message::load(app, notice.message_id).await?;
        let (Some(domain), Some((message, mailbox))) = (domain, loaded) else {
            return Ok(None);
        };
        Ok(Some(Self { notice, message, mailbox, domain }))
    }

    /// Records how it ended; once a mail with the audio inside was accepted, the message moves as its mailbox asks.
    async fn settle(&self, app: &App, attempt: &Attempt, state: NoticeState, answer: &str) -> Result<(), JobError> {
        let mut transaction = app.database.begin().await.retry()?;
        let at = Time::from(app.clock.now());
        notices::settle(transaction.connection(), self.notice.id, state, answer, at).await.retry()?;
        let to = match self.mailbox.after_email {
            AfterEmail::KeepNew => None,
            AfterEmail::MoveToSaved => Some(Folder::Saved),
            AfterEmail::MoveToTrash => Some(Folder::Trash),
        };
        if let (NoticeState::Accepted, true, Some(to)) = (state, self.notice.mode.attaches(), to) {
            messages::move_if_in(transaction.connection(), self.message.id, Folder::New, to).await.retry()?;
            trash::note(transaction.connection(), self.message.id, at).await.retry()?;
        }
        attempt.complete(transaction.connection()).await.retry()?;
        transaction.commit().await.retry()
    }

    /// Remembers that the mail may have been taken, so that it is sent once more at most.
    async fn note_unknown(&self, app: &App, attempt: &Attempt, answer: &str) -> Result<(), JobError> {
        let mut transaction = app.database.begin().await.retry()?;
        notices::set_unknown(transaction.connection(), self.notice.id, answer).await.retry()?;
        attempt.fence(transaction.connection()).await.retry()?;
        transaction.commit().await.retry()
    }
}

/// Makes the final bytes and stores them, with the link inside them, before anything is sent.
async fn compose(app: &App, attempt: &Attempt, subject: &Subject) -> Result<Bytes, JobError> {
    let Subject { notice, message, mailbox, domain } = subject;
    let limit = app.config.mail.max_mail_bytes;
    let audio = if notice.mode.attaches() { Some(attachment(app, subject).await?) } else { None };
    let fitting = audio.as_ref().filter(|audio| notify::email::fits(audio.bytes.unsigned_abs(), limit));
    let attached = match fitting {
        Some(rendition) => Some(read(app, &rendition.key).await?),
        None => None,
    };
    let link = attached.is_none().then(|| Link {
        id: LinkId::random(),
        domain_id: domain.id,
        message_id: message.id,
        span: if notice.mode.is_brief() { LinkSpan::Brief } else { LinkSpan::Full },
        created_at: notice.created_at,
        expires_at: Time::from(app.clock.now()).after(Link::LIFETIME),
        revoked_at: None,
    });
    let url = link.as_ref().map_or(String::new(), |link| {
        format!("{}/l/{}", app.config.http.public_url, app.link_keys.mint(Purpose::Page, link.id))
    });
    let content_type = audio.as_ref().map_or("audio/wav", |audio| &audio.content_type);
    let file_name = file_name(domain, message, audio.as_ref());
    let mail_link = link.as_ref().map(|link| MailLink { url: &url, expires_at: link.expires_at });
    let part = match (&attached, mail_link, &audio) {
        (Some(bytes), _, _) => AudioPart::Attached(Attachment { bytes, file_name: &file_name, content_type }),
        (None, Some(link), None) => AudioPart::Link(link),
        (None, Some(link), Some(audio)) => AudioPart::LinkInstead { link, bytes: audio.bytes.unsigned_abs(), limit },
        (None, None, _) => {
            return Err(JobError::Discard(anyhow::anyhow!("a mail needs a link or an attachment")));
        }
    };
    let transcript = {
        let mut connection = app.database.read().await.retry()?;
        messages::transcript(&mut connection, message.id).await.retry()?
    };
    let mailbox_name = format!("{} ({})", mailbox.name, mailbox.extension);
    let mail: Mail = VoicemailMail {
        notice_id: notice.id,
        date: notice.created_at,
        from: &domain.mail_from,
        to: &notice.recipient,
        brand: &domain.brand,
        mailbox: &mailbox_name,
        caller_name: &message.caller_name,
        caller_number: &message.caller_number,
        received_at: message.received_at,
        time_zone: &domain.time_zone,
        locale: &domain.locale,
        duration: Duration::from_millis(message.duration_ms.unwrap_or(0).unsigned_abs()),
        brief: notice.mode.is_brief(),
        transcript: match (message.transcript_state, &transcript) {
            (TranscriptState::Available, Some(transcript)) => TranscriptPart::Text(&transcript.text),
            (TranscriptState::NoSpeech, _) => TranscriptPart::NoSpeech,
            (TranscriptState::Failed, _) => TranscriptPart::Failed,
            (TranscriptState::Off, _) => TranscriptPart::Off,
            _ => TranscriptPart::Pending,
        },
        audio: part,
    }
    .compose()
    .discard()?;

    let parts = [&*attempt.job_id.to_string(), &attempt.claim.to_string(), "mail"];
    let key = BlobKey::derive(domain.id, notice.id.0, &parts, "eml").discard()?;
    let bytes = Bytes::from(mail.bytes);
    app.store.put(&key, bytes.clone().into()).await.retry()?;
    let mut transaction = app.database.begin().await.retry()?;
    if let Some(link) = &link {
        links::insert(transaction.connection(), link).await.retry()?;
    }
    let link_id = link.map(|link| link.id);
    notices::set_composed(transaction.connection(), notice.id, link_id, &mail.message_id, &key.to_string())
        .await
        .retry()?;
    attempt.fence(transaction.connection()).await.retry()?;
    transaction.commit().await.retry()?;
    Ok(bytes)
}

/// The rendition that a mail would carry.
async fn attachment(app: &App, subject: &Subject) -> Result<Rendition, JobError> {
    let name = if subject.notice.mode.is_brief() { BRIEF } else { MAIL };
    let mut connection = app.database.read().await.retry()?;
    let found = renditions::by_name(&mut connection, subject.message.id.0, VERSION, name).await.retry()?;
    found.ok_or_else(|| JobError::Discard(anyhow::anyhow!("the message has no rendition for mails")))
}

async fn read(app: &App, key: &str) -> Result<Bytes, JobError> {
    let key: BlobKey = key.parse().discard()?;
    Ok(app.store.read(&key, app.config.mail.max_mail_bytes).await.retry()?.into())
}

/// `voicemail-2026-11-22-0931.wav`, in the domain's time zone.
fn file_name(domain: &Domain, message: &Message, audio: Option<&Rendition>) -> String {
    let format = audio.and_then(|audio| OutputFormat::from_name(&audio.format)).unwrap_or(OutputFormat::Wav);
    let zone = jiff::tz::TimeZone::get(&domain.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let received = message.received_at.timestamp().to_zoned(zone);
    format!("voicemail-{}.{}", received.strftime("%Y-%m-%d-%H%M"), format.extension())
}
