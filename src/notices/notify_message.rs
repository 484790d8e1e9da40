//! One mail about one message to one recipient.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use voicemill_notify::{
    self,
    email::{Attachment, AudioPart, Mail, MailKind, MailLink, MailOptions, TranscriptPart, VoicemailMail},
    wording,
};
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_types::{NoticeId, Transcript};

use crate::{
    app::App,
    db::Transaction,
    domains::{self, Domain},
    error::ServiceError,
    lanes::Lane,
    links::LinkSpan,
    mail_templates,
    mailboxes::{AfterEmail, EmailMode, Mailbox},
    media::{self, Rendition},
    messages::{
        self, Folder, Message, TranscriptState,
        renditions::{MAILED, MAILED_BRIEF, minted},
        trash::Because,
    },
    notices::{
        Notice, NoticeState,
        delivery::{self, Ended},
        rows,
    },
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
    const LANE: &'static str = Lane::Io.name();
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
            let ended = Ended::not_sent("the message was deleted before its mail was due");
            return subject.settle(app, attempt, &ended, true).await;
        }
        let (bytes, by_link) = match &notice.mail_key {
            Some(key) => (delivery::read(app, key).await?, notice.link_id.is_some()),
            None => compose(app, attempt, &subject, true).await?,
        };
        let ended = subject.deliver(app, attempt, bytes).await?;
        if !ended.too_large || by_link {
            return subject.settle(app, attempt, &ended, by_link).await;
        }
        // The next server takes less than we thought: the same mail with a link in place of the audio.
        let (bytes, by_link) = compose(app, attempt, &subject, false).await?;
        let ended = subject.deliver(app, attempt, bytes).await?;
        subject.settle(app, attempt, &ended, by_link).await
    }

    async fn given_up(&self, app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        delivery::give_up(app, transaction, self.notice, reason).await
    }
}

/// Everything a notice is about.
struct Subject {
    notice: Notice,
    mode: EmailMode,
    message: Message,
    mailbox: Mailbox,
    domain: Domain,
}

impl Subject {
    async fn load(app: &App, id: NoticeId) -> Result<Option<Self>, ServiceError> {
        let mut connection = app.database.read().await?;
        let Some(notice) = rows::by_id(&mut connection, id).await? else {
            return Ok(None);
        };
        let domain = domains::rows::by_id(&mut connection, notice.domain_id).await?;
        drop(connection);
        let Some((message_id, mode)) = notice.message_id.zip(notice.mode) else {
            return Ok(None);
        };
        let loaded = messages::renditions::load(app, message_id).await?;
        let (Some(domain), Some((message, mailbox))) = (domain, loaded) else {
            return Ok(None);
        };
        Ok(Some(Self { notice, mode, message, mailbox, domain }))
    }

    async fn deliver(&self, app: &App, attempt: &Attempt, bytes: Bytes) -> Result<Ended, JobError> {
        let rendered = voicemill_notify::Rendered {
            notice_id: self.notice.id,
            sender: self.domain.mail_from.clone(),
            queued_at: self.notice.created_at,
            bytes,
        };
        delivery::deliver(app, attempt, &*app.mail, &self.notice, &rendered).await
    }

    /// Records how it ended; once a mail with the audio inside was accepted, the message moves as its mailbox asks. With a
    /// link inside, it stays: the link leads to it.
    async fn settle(&self, app: &App, attempt: &Attempt, ended: &Ended, by_link: bool) -> Result<(), JobError> {
        let mut transaction = app.begin().await?;
        let to = match self.mailbox.after_email {
            AfterEmail::KeepNew => None,
            AfterEmail::MoveToSaved => Some(Folder::Saved),
            AfterEmail::MoveToTrash => Some(Folder::Trash),
        };
        if let (NoticeState::Accepted, true, Some(to)) = (ended.state, !by_link, to) {
            // An automatic move never undoes a person's.
            let message = messages::locked(&mut transaction, self.message.id).await?;
            if let Some(message) = message.filter(|message| message.folder == Folder::New) {
                messages::file(&mut transaction, &message, to, Because::Mailed).await?;
                // What a bounce has to take back.
                rows::set_moved(transaction.connection(), self.notice.id, Some(to)).await?;
            }
        }
        delivery::settle(app, attempt, self.notice.id, ended, transaction).await
    }
}

/// Makes the final bytes and stores them, with the link inside them, before anything is sent.
///
/// `may_attach` is false where the next server took no mail with the audio inside. Returns whether there is a link in place
/// of the audio, too.
async fn compose(
    app: &App,
    attempt: &Attempt,
    subject: &Subject,
    may_attach: bool,
) -> Result<(Bytes, bool), ServiceError> {
    let Subject { notice, mode, message, mailbox, domain } = subject;
    let limit = app.config.mail.max_mail_bytes;
    let audio = if mode.attaches() { attachment(app, subject).await? } else { None };
    let fits = |audio: &&Rendition| voicemill_notify::email::fits(audio.bytes.unsigned_abs(), limit);
    let fitting = audio.as_ref().filter(fits).filter(|_| may_attach);
    let attached = match fitting {
        Some(rendition) => Some(delivery::read(app, &rendition.key).await?),
        None => None,
    };
    let span = if mode.is_brief() { LinkSpan::Brief } else { LinkSpan::Full };
    let (link, url) = attached.is_none().then(|| minted(app, message, span)).unzip();
    let url = url.unwrap_or_default();
    let content_type = audio.as_ref().map_or("audio/wav", |audio| &audio.content_type);
    let file_name = file_name(mailbox.clock(domain), message, audio.as_ref());
    let mail_link = link.as_ref().map(|link| MailLink { url: &url, expires_at: link.expires_at });
    let part = match (&attached, mail_link, &audio) {
        (Some(bytes), _, _) => AudioPart::Attached(Attachment { bytes, file_name: &file_name, content_type }),
        (None, Some(link), None) => AudioPart::Link(link),
        (None, Some(link), Some(audio)) => {
            AudioPart::LinkInstead { link, bytes: audio.bytes.unsigned_abs(), limit: may_attach.then_some(limit) }
        }
        (None, None, _) => {
            return Err(ServiceError::Internal(anyhow::anyhow!("a mail needs a link or an attachment")));
        }
    };
    let kind = if mode.is_brief() { MailKind::VoicemailBrief } else { MailKind::Voicemail };
    let (transcript, template) = {
        let mut connection = app.database.read().await?;
        let template = mail_templates::rows::find(&mut connection, domain.id, kind).await?;
        (media::state::transcript(&mut connection, message.media_id).await?, template)
    };
    let runs = transcript.as_ref().map(Transcript::runs).unwrap_or_default();
    let mailbox_name = format!("{} ({})", mailbox.name, mailbox.extension);
    let secrets = app.secrets();
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
        time_zone: mailbox.clock(domain),
        locale: &domain.locale,
        duration: Duration::from_millis(message.duration_ms.unwrap_or(0).unsigned_abs()),
        brief: mode.is_brief(),
        transcript: match (message.transcript_state, &transcript) {
            (TranscriptState::Available, Some(_)) => TranscriptPart::Text(&runs),
            (TranscriptState::NoSpeech, _) => TranscriptPart::NoSpeech,
            (TranscriptState::NotUnderstood, _) => TranscriptPart::NotUnderstood,
            (TranscriptState::Failed, _) => TranscriptPart::Failed,
            (TranscriptState::Off, _) => TranscriptPart::Off,
            _ => TranscriptPart::Pending,
        },
        callback_numbers: transcript.as_ref().map_or(&[], |transcript| &transcript.callback_numbers),
        audio: part,
    }
    .compose(&MailOptions { template: template.as_ref(), dkim: Some(&secrets.dkim) })?;

    let bytes = delivery::store_mail(app, attempt, notice, mail, link.as_ref()).await?;
    Ok((bytes, link.is_some()))
}

/// The rendition that a mail would carry: the domain's form, or the next best of those that were made.
async fn attachment(app: &App, subject: &Subject) -> Result<Option<Rendition>, ServiceError> {
    let names: &[&str] = if subject.mode.is_brief() { &MAILED_BRIEF } else { &MAILED };
    let mut connection = app.database.read().await?;
    let made = messages::renditions::of_names(&mut connection, &subject.message, names).await?;
    Ok(made.into_iter().next())
}

/// `Robin Stone 2026-11-22 0931.wav`, by the mailbox's clock.
fn file_name(clock: &str, message: &Message, audio: Option<&Rendition>) -> String {
    let extension = audio.map_or("wav", Rendition::extension);
    let (name, number) = (&message.caller_name, &message.caller_number);
    wording::audio_file_name(name, number, message.received_at, clock, extension)
}
