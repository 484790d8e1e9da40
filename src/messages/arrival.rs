//! A voicemail as a core left it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_queue::NewJob;
use voicemill_types::{DomainId, MessageId, Time};

use crate::{
    app::App,
    arrivals::{Placed, identity},
    error::ServiceError,
    mailboxes, media,
    messages::{Folder, MediaState, Message, RenderMessage, TranscriptState, rows},
    notices,
};

/// What became of a drop.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// False when it stood already.
    pub fresh: bool,
}

/// A voicemail on its way into a mailbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftMessage {
    pub(crate) id: MessageId,
    pub(crate) domain_id: DomainId,
    pub(crate) extension: String,
    pub(crate) core_id: String,
    pub(crate) caller_number: String,
    pub(crate) caller_name: String,
    #[serde(default)]
    pub(crate) service_number: Option<String>,
    pub(crate) received_at: Time,
    pub(crate) hint: Option<String>,
}

impl LeftMessage {
    pub(crate) fn identity(&self) -> Uuid {
        identity(self.domain_id, &["message", &self.extension, &self.core_id])
    }

    /// The message that stands under the core's id.
    pub(crate) async fn standing(&self, app: &App) -> Result<Option<Message>, ServiceError> {
        let mut connection = app.database.read().await?;
        match mailboxes::rows::by_extension(&mut connection, self.domain_id, &self.extension).await? {
            Some(mailbox) => Ok(rows::by_core_id(&mut connection, mailbox.id, &self.core_id).await?),
            None => Ok(None),
        }
    }

    /// Writes the message and queues the work on it, or finds the one that stands.
    pub(crate) async fn commit(&self, app: &App, placed: &Placed) -> Result<Received, ServiceError> {
        let mut transaction = app.begin().await?;
        let mailbox = mailboxes::rows::by_extension(transaction.connection(), self.domain_id, &self.extension).await?;
        let mailbox = mailbox.ok_or(ServiceError::NotFound("mailbox"))?;
        if let Some(message) = rows::by_core_id(transaction.connection(), mailbox.id, &self.core_id).await? {
            return Ok(Received { message, fresh: false });
        }
        let now = Time::from(app.clock.now());
        let message = Message {
            id: self.id,
            domain_id: self.domain_id,
            mailbox_id: mailbox.id,
            core_id: self.core_id.clone(),
            folder: Folder::New,
            state: MediaState::Pending,
            failure: None,
            caller_number: self.caller_number.clone(),
            caller_name: self.caller_name.clone(),
            service_number: self.service_number.clone(),
            received_at: self.received_at,
            duration_ms: None,
            brief_start_ms: None,
            brief_end_ms: None,
            truncated: false,
            waveform: Vec::new(),
            phone_report: None,
            transcript_state: if mailbox.transcribe { TranscriptState::Pending } else { TranscriptState::Off },
            read_at: None,
            created_at: now,
        };
        if !rows::insert(transaction.connection(), &message).await? {
            // Another process was quicker, on a database where transactions do not queue up.
            let standing = rows::by_core_id(transaction.connection(), mailbox.id, &self.core_id).await?;
            return Ok(Received { message: standing.ok_or(ServiceError::NotFound("message"))?, fresh: false });
        }
        let original = placed.original(message.id.0, "", self.hint.clone(), now);
        media::rows::insert_original(transaction.connection(), &original).await?;
        notices::sms_limits::clear_full(transaction.connection(), mailbox.id).await?;
        let job = RenderMessage { message: message.id };
        transaction.enqueue(NewJob::new(self.domain_id.0, &job).unique(message.id)).await?;
        transaction.commit().await?;
        Ok(Received { message, fresh: true })
    }
}
