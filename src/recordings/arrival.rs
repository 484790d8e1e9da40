//! A call's recording as a core hands it over: announced, its legs, its end.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_queue::{NewJob, Priority};
use voicemill_types::{DomainId, LegRole, RecordingId, Time};

use crate::{
    app::App,
    arrivals::{Placed, identity},
    error::ServiceError,
    events::Event,
    media::{self, ForgetBlobs, Media, MediaState, OwnerKind, TranscriptState},
    recordings::{Recording, VERSION, rows},
    refusal::{Failure, Thing, WorkFailure},
    transaction::Tx,
};

/// A call that is being recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnnouncedCall {
    pub(crate) id: RecordingId,
    pub(crate) domain_id: DomainId,
    pub(crate) call_id: String,
    pub(crate) caller_number: String,
    pub(crate) callee_number: String,
    pub(crate) started_at: Time,
}

/// One leg of a call's audio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftLeg {
    pub(crate) domain_id: DomainId,
    pub(crate) call_id: String,
    pub(crate) role: LegRole,
    pub(crate) arrived_at: Time,
    pub(crate) hint: Option<String>,
    /// SHA-256 of its bytes, in hex.
    pub(crate) sha256: String,
}

/// The news that every leg of a call is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallEnd {
    pub(crate) domain_id: DomainId,
    pub(crate) call_id: String,
}

impl AnnouncedCall {
    pub(crate) fn identity(&self) -> Uuid {
        call_identity(self.domain_id, &self.call_id)
    }

    /// Writes the recording, or finds the one that stands.
    pub(crate) async fn commit(&self, app: &App) -> Result<Recording, ServiceError> {
        let mut transaction = app.begin().await?;
        let recording = self.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(recording)
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Recording, ServiceError> {
        // What is handed over of a call at the same moment is written one after the other.
        tx.connection().lock(call_identity(self.domain_id, &self.call_id)).await?;
        if let Some(standing) = rows::by_call_id(tx.connection(), self.domain_id, &self.call_id).await? {
            return Ok(standing);
        }
        let now = Time::from(tx.app().clock.now());
        let media = Media::new(self.domain_id, OwnerKind::Recording, TranscriptState::Off, now);
        let recording = Recording {
            id: self.id,
            domain_id: self.domain_id,
            media_id: media.id,
            call_id: self.call_id.clone(),
            state: media.state,
            reason: None,
            caller_number: self.caller_number.clone(),
            callee_number: self.callee_number.clone(),
            started_at: self.started_at,
            duration_ms: None,
            skew_ms: None,
            waveform: Vec::new(),
            transcript_state: media.transcript_state,
            created_at: now,
        };
        media::state::create(tx.connection(), &media).await?;
        rows::insert(tx.connection(), &recording).await?;
        tx.emit(self.domain_id, Event::RecordingAnnounced { recording: recording.id }).await?;
        Ok(recording)
    }
}

/// What became of a leg.
pub(crate) struct Added {
    pub(crate) recording: Recording,
    /// Whether its bytes are the leg now; else they were here already, or the call is over, or a longer file is here.
    pub(crate) kept: bool,
}

impl LeftLeg {
    pub(crate) fn identity(&self) -> Uuid {
        leg_identity(self.domain_id, &self.call_id, self.role)
    }

    fn part(&self) -> &'static str {
        match self.role {
            LegRole::Caller => "caller",
            LegRole::Callee => "callee",
        }
    }

    pub(crate) async fn stands(&self, app: &App) -> Result<bool, ServiceError> {
        let mut connection = app.database.read().await?;
        let Some(recording) = rows::by_call_id(&mut connection, self.domain_id, &self.call_id).await? else {
            return Ok(false);
        };
        let originals = media::rows::originals(&mut connection, recording.media_id, VERSION).await?;
        Ok(originals.iter().any(|original| original.part == self.part() && original.sha256 == self.sha256))
    }

    /// Writes where the leg lies. A call that nobody announced is announced by its leg, as its announcement may have been lost
    /// where the leg was kept.
    pub(crate) async fn commit(&self, app: &App, placed: &Placed) -> Result<Added, ServiceError> {
        let mut tx = app.begin().await?;
        let call = AnnouncedCall {
            id: RecordingId::new(),
            domain_id: self.domain_id,
            call_id: self.call_id.clone(),
            caller_number: String::new(),
            callee_number: String::new(),
            started_at: self.arrived_at,
        };
        // The call's end, if it comes at the same moment, sees this leg or refuses it.
        let recording = call.write(&mut tx).await?;
        if recording.state != MediaState::Pending {
            return Ok(Added { recording, kept: false });
        }
        let Some(media) = media::state::by_id(tx.connection(), recording.media_id).await? else {
            return Err(ServiceError::NotFound(Thing::Recording {}));
        };
        let original = placed.original(&media, self.part(), self.hint.clone(), Time::from(app.clock.now()));
        let originals = media::rows::originals(tx.connection(), media.id, media.version).await?;
        if let Some(before) = originals.into_iter().find(|before| before.part == original.part) {
            if before.sha256 == original.sha256 || before.bytes >= original.bytes {
                return Ok(Added { recording, kept: false });
            }
            // The file has grown since the core sent it.
            media::rows::delete_original(tx.connection(), (media.id, media.version), self.part()).await?;
            let forget = ForgetBlobs { keys: vec![before.key] };
            tx.enqueue(NewJob::new(self.domain_id.0, &forget).priority(Priority::Bulk)).await?;
        }
        media::rows::insert_original(tx.connection(), self.domain_id, &original).await?;
        tx.commit().await?;
        Ok(Added { recording, kept: true })
    }
}

impl CallEnd {
    pub(crate) fn identity(&self) -> Uuid {
        identity(self.domain_id, &["end", &self.call_id])
    }

    /// What must not wait in the spool when this is committed: the call and its legs.
    pub(crate) fn comes_after(&self) -> [Uuid; 3] {
        [
            call_identity(self.domain_id, &self.call_id),
            leg_identity(self.domain_id, &self.call_id, LegRole::Caller),
            leg_identity(self.domain_id, &self.call_id, LegRole::Callee),
        ]
    }

    /// Queues the work on the recording; without any leg, there is no recording and never will be.
    pub(crate) async fn commit(&self, app: &App) -> Result<Recording, ServiceError> {
        let mut tx = app.begin().await?;
        tx.connection().lock(call_identity(self.domain_id, &self.call_id)).await?;
        let recording = rows::by_call_id(tx.connection(), self.domain_id, &self.call_id).await?;
        let mut recording = recording.ok_or(ServiceError::NotFound(Thing::Recording {}))?;
        let media = media::state::by_id(tx.connection(), recording.media_id).await?;
        let Some(media) = media.filter(|media| media.state == MediaState::Pending) else { return Ok(recording) };
        if media::rows::originals(tx.connection(), media.id, media.version).await?.is_empty() {
            let reason = Failure::from(WorkFailure::NoMedia {});
            if media::state::none(tx.connection(), media.id, &reason).await? {
                let event = Event::RecordingNone { recording: recording.id, reason: reason.clone() };
                tx.emit(self.domain_id, event).await?;
            }
            recording.state = MediaState::None;
            recording.reason = Some(reason);
        } else {
            media::enqueue_render(&mut tx, &media).await?;
        }
        tx.commit().await?;
        Ok(recording)
    }
}

fn call_identity(domain: DomainId, call_id: &str) -> Uuid {
    identity(domain, &["call", call_id])
}

fn leg_identity(domain: DomainId, call_id: &str, role: LegRole) -> Uuid {
    let role = match role {
        LegRole::Caller => "caller",
        LegRole::Callee => "callee",
    };
    identity(domain, &["leg", role, call_id])
}
