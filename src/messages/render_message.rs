//! A message as it came becomes what phones, browsers and mails play.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_audio::{encode::OutputFormat, spec::RenderSpec};
use voicemill_queue::{Attempt, Decide, Job, JobError, Lane, NewJob};
use voicemill_types::{MessageId, Time};

use crate::{
    app::App,
    db::Transaction,
    domains::{self, Domain, MailAudio},
    mailboxes::{EmailMode, Mailbox},
    media::{
        self, Purpose,
        render::{Owner, Planned, milliseconds},
    },
    messages::{
        MediaState, Message, TranscribeMessage, TranscriptState,
        renditions::{ARCHIVE, BRIEF, BRIEF_BROWSER, BRIEF_MP3, BROWSER, BROWSER_MP3, MAIL, VERSION, load},
        rows,
    },
    notices::{self, Medium, Notice, Occasion, remind_mailbox::tell_of_message},
    service_numbers,
    transaction::Tx,
};

/// Renders one message.
#[derive(Debug, Serialize, Deserialize)]
pub struct RenderMessage {
    /// The message.
    pub message: MessageId,
}

fn renditions(mail_audio: MailAudio) -> [Planned; 8] {
    let (mail, mail_rate_hz) = match mail_audio {
        MailAudio::Wav => (OutputFormat::Wav, 8_000),
        MailAudio::WavUlaw => (OutputFormat::WavUlaw, 8_000),
        MailAudio::WavGsm => (OutputFormat::WavGsm, 8_000),
        MailAudio::Mp3 => (OutputFormat::Mp3, 16_000),
    };
    [
        Planned::mono("phone-ulaw-8k", Purpose::Phone, OutputFormat::Ulaw, 8_000),
        Planned::mono(MAIL, Purpose::Mail, mail, mail_rate_hz),
        Planned::mono(ARCHIVE, Purpose::Archive, OutputFormat::Wav, 16_000).as_recorded(),
        Planned::mono(BROWSER, Purpose::Browser, OutputFormat::Opus, 16_000),
        Planned::mono(BROWSER_MP3, Purpose::Browser, OutputFormat::Mp3, 16_000),
        Planned::brief(BRIEF, mail, mail_rate_hz),
        Planned::brief(BRIEF_BROWSER, OutputFormat::Opus, 16_000),
        Planned::brief(BRIEF_MP3, OutputFormat::Mp3, 16_000),
    ]
}

impl Job for RenderMessage {
    type Context = App;
    const KIND: &'static str = "render_message";
    const LANE: Lane = Lane::Cpu;
    const TIMEOUT: Duration = Duration::from_secs(15 * 60);

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let Some((message, mailbox)) = load(app, self.message).await? else {
            return Ok(());
        };
        // One that had failed is made anew from its original when an operator asks for it.
        if message.state == MediaState::Available {
            return Ok(());
        }
        let domain = {
            let mut connection = app.database.read().await.retry()?;
            domains::rows::by_id(&mut connection, message.domain_id).await.retry()?
        };
        let Some(domain) = domain else { return Ok(()) };
        let owner = Owner { domain: message.domain_id, id: message.id.0, version: VERSION };
        let settings = RenderSpec {
            loudness_lufs: Some(domain.speech_lufs.unwrap_or(app.config.media.speech_lufs)),
            ceiling_dbtp: app.config.media.ceiling_dbtp,
            high_pass_hz: Some(80.0),
            reduce_noise: true,
            phone_report: true,
            brief_limit_seconds: Some(mailbox.brief_seconds as f64),
            waveform_bins: Some(Message::WAVEFORM_BINS),
            max_duration_seconds: app.config.media.max_duration_seconds,
            ..RenderSpec::of(Vec::new())
        };
        let rendered = media::render::render(app, attempt, owner, &renditions(domain.mail_audio), settings).await?;
        let report = &rendered.report;
        let facts = rows::Rendered {
            duration_ms: milliseconds(report.duration_seconds),
            brief_ms: report
                .brief
                .as_ref()
                .map(|brief| (milliseconds(brief.start_seconds), milliseconds(brief.end_seconds))),
            truncated: report.truncated,
            waveform: report.waveform.clone(),
            phone_report: report.phone.clone(),
        };
        let mut transaction = app.begin().await.retry()?;
        media::render::insert(&mut transaction, &rendered).await.retry()?;
        rows::set_available(transaction.connection(), message.id, &facts).await.retry()?;
        if mailbox.transcribe {
            let pending = TranscriptState::Pending;
            rows::set_transcript_state(transaction.connection(), message.id, pending).await.retry()?;
            let job = TranscribeMessage { message: message.id };
            let new = NewJob::new(message.domain_id.0, &job).unique(message.id);
            transaction.enqueue(new).await.retry()?;
        }
        queue_notices(&mut transaction, &message, &mailbox, &domain).await?;
        transaction.finish(attempt).await.retry()?;
        Ok(())
    }

    async fn given_up(&self, _app: &App, transaction: &mut Transaction, reason: &str) -> Result<(), JobError> {
        rows::set_failed(transaction.connection(), self.message, reason).await.retry()
    }
}

/// A notice a recipient: mails are due when the transcript is there or its time is over, whichever is first; SMS at once.
async fn queue_notices(tx: &mut Tx<'_>, message: &Message, mailbox: &Mailbox, domain: &Domain) -> Result<(), JobError> {
    tell_of_message(tx, message, mailbox, domain).await.retry()?;
    let now = Time::from(tx.app().clock.now());
    let wait = Duration::from_secs(u64::try_from(mailbox.transcript_wait_seconds).unwrap_or(0));
    let due = if mailbox.transcribe { now.after(wait) } else { now };
    let service_number = match &message.service_number {
        Some(number) => service_numbers::rows::find(tx.connection(), message.domain_id, number).await.retry()?,
        None => None,
    };
    // An address that is both the mailbox's and the service number's gets the mailbox's mail.
    let own = (&mailbox.recipients, mailbox.email_mode);
    let others = service_number.as_ref().map(|number| (&number.recipients, number.email_mode));
    let event = Notice::message_event(message.id);
    for (addresses, mode) in std::iter::once(own).chain(others).filter(|(_, mode)| *mode != EmailMode::None) {
        for address in addresses {
            let notice = Notice::new(mailbox, Medium::Mail, Occasion::Message, event.clone(), address.clone(), now);
            let notice = Notice { message_id: Some(message.id), mode: Some(mode), ..notice };
            notices::queue::queue(tx, &notice, due).await.retry()?;
        }
    }
    Ok(())
}
