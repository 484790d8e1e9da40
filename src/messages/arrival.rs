//! A voicemail as a core left it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_types::{DomainId, MessageId, Time};

use crate::{
    app::App,
    arrivals::{StoredBlob, identity},
    error::ServiceError,
    events::Event,
    mailboxes::{self, usage},
    media::{self, Media, OwnerKind, TranscriptState},
    messages::{Folder, Message, copies, rows},
    refusal::Thing,
};

/// What became of a drop.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// False when it was here already: the same id with the same bytes.
    pub fresh: bool,
    /// An earlier message that the core gave the same id, with other bytes: both are kept.
    pub same_id_as: Option<MessageId>,
}

impl Received {
    /// One that was here already.
    pub(super) fn standing(message: Message) -> Self {
        Self { message, fresh: false, same_id_as: None }
    }
}

/// Whether a message may be refused because its mailbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    /// Its core still has it, and is told.
    Holds,
    /// Its core was told that it is taken.
    WasConfirmed,
}

/// A voicemail on its way into a mailbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftMessage {
    pub(crate) id: MessageId,
    pub(crate) domain_id: DomainId,
    pub(crate) extension: String,
    pub(crate) core_id: String,
    /// SHA-256 of its bytes, in hex.
    pub(crate) sha256: String,
    pub(crate) caller_number: String,
    pub(crate) caller_name: String,
    #[serde(default)]
    pub(crate) service_number: Option<String>,
    pub(crate) received_at: Time,
    pub(crate) hint: Option<String>,
}

impl LeftMessage {
    pub(crate) fn identity(&self) -> Uuid {
        identity(self.domain_id, &["message", &self.extension, &self.core_id, &self.sha256])
    }

    /// The message that has the core's id and these bytes.
    pub(crate) async fn standing(&self, app: &App) -> Result<Option<Message>, ServiceError> {
        let mut connection = app.database.read().await?;
        match mailboxes::rows::by_extension(&mut connection, self.domain_id, &self.extension).await? {
            Some(mailbox) => {
                let standing = rows::standing(&mut connection, mailbox.id, &self.core_id, &self.sha256).await?;
                drop(connection);
                // Whoever finds it tells its core, or removes it from the spool.
                app.database.settled().await?;
                Ok(standing)
            }
            None => Ok(None),
        }
    }

    /// Writes the message and queues the work on it, or finds the one that stands.
    pub(crate) async fn commit(&self, app: &App, blob: &StoredBlob, quota: Quota) -> Result<Received, ServiceError> {
        let mut tx = app.begin().await?;
        let mailbox = mailboxes::rows::by_extension(tx.connection(), self.domain_id, &self.extension).await?;
        let mailbox = mailbox.ok_or(ServiceError::NotFound(Thing::Mailbox {}))?;
        let targets = copies::targets(&mut tx, &mailbox).await?;
        // What comes at once is counted one after the other.
        usage::lock_all(tx.connection(), targets.iter().map(|target| target.id).chain([mailbox.id])).await?;
        if let Some(message) = rows::standing(tx.connection(), mailbox.id, &self.core_id, &self.sha256).await? {
            drop(tx);
            app.database.settled().await?;
            return Ok(Received::standing(message));
        }
        let bytes = i64::try_from(blob.content.bytes).unwrap_or(i64::MAX);
        match quota {
            Quota::WasConfirmed => usage::take_anyway(tx.connection(), mailbox.id, bytes).await?,
            Quota::Holds => {
                if !usage::take(tx.connection(), mailbox.id, bytes).await? {
                    let held = usage::of(tx.connection(), mailbox.id).await?;
                    return Err(usage::full(
                        mailbox.extension,
                        held.ok_or(ServiceError::NotFound(Thing::Mailbox {}))?,
                        bytes,
                    ));
                }
            }
        }
        let other = rows::by_core_id(tx.connection(), mailbox.id, &self.core_id).await?;
        let now = Time::from(app.clock.now());
        let is_transcribed = mailbox.transcribe || targets.iter().any(|target| target.transcribe);
        let transcript_state = if is_transcribed { TranscriptState::Pending } else { TranscriptState::Off };
        let media = Media::new(self.domain_id, OwnerKind::Message, transcript_state, now);
        let message = Message {
            id: self.id,
            domain_id: self.domain_id,
            mailbox_id: mailbox.id,
            media_id: media.id,
            core_id: Some(self.core_id.clone()),
            sha256: self.sha256.clone(),
            folder: Folder::New,
            state: media.state,
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
            transcript_state,
            read_at: None,
            urgent: false,
            label: None,
            source: None,
            note: None,
            trash_until: None,
            hidden_at: None,
            created_at: now,
        };
        media::state::create(tx.connection(), &media).await?;
        if !rows::insert(tx.connection(), &message).await? {
            return Err(ServiceError::Unavailable(anyhow::anyhow!("the same message was written at the same moment")));
        }
        let original = blob.original(&media, "", self.hint.clone(), now);
        media::rows::insert_original(tx.connection(), self.domain_id, &original).await?;
        media::enqueue_render(&mut tx, &media).await?;
        let received = Event::MessageReceived { message: message.id, mailbox: mailbox.id };
        tx.emit(self.domain_id, received).await?;
        copies::distribute(&mut tx, &message, &mailbox, &targets).await?;
        tx.commit().await?;
        Ok(Received { message, fresh: true, same_id_as: other.map(|other| other.id) })
    }
}
