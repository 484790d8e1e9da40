//! A call's recording as a core hands it over: announced, its legs, its end.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_queue::NewJob;
use voicemill_types::{DomainId, LegRole, RecordingId, Time};

use crate::{
    app::App,
    arrivals::{Placed, identity},
    error::ServiceError,
    media,
    messages::{TranscriptState, renditions::VERSION},
    recordings::{Recording, RecordingState, StoreRecording, rows},
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

    async fn write(&self, transaction: &mut Tx<'_>) -> Result<Recording, ServiceError> {
        if let Some(standing) = rows::by_call_id(transaction.connection(), self.domain_id, &self.call_id).await? {
            return Ok(standing);
        }
        let recording = Recording {
            id: self.id,
            domain_id: self.domain_id,
            call_id: self.call_id.clone(),
            state: RecordingState::Pending,
            reason: None,
            caller_number: self.caller_number.clone(),
            callee_number: self.callee_number.clone(),
            started_at: self.started_at,
            duration_ms: None,
            skew_ms: None,
            transcript_state: TranscriptState::Off,
            created_at: Time::from(transaction.app().clock.now()),
        };
        if rows::insert(transaction.connection(), &recording).await? {
            return Ok(recording);
        }
        let standing = rows::by_call_id(transaction.connection(), self.domain_id, &self.call_id).await?;
        standing.ok_or(ServiceError::NotFound("recording"))
    }
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
        let originals = media::rows::originals(&mut connection, recording.id.0, VERSION).await?;
        Ok(originals.iter().any(|original| original.part == self.part()))
    }

    /// Writes where the leg lies; false when it is there already, or too late. A call that nobody announced is announced
    /// by its leg, as its announcement may have been lost where the leg was kept.
    pub(crate) async fn commit(&self, app: &App, placed: &Placed) -> Result<(Recording, bool), ServiceError> {
        let mut transaction = app.begin().await?;
        let call = AnnouncedCall {
            id: RecordingId::new(),
            domain_id: self.domain_id,
            call_id: self.call_id.clone(),
            caller_number: String::new(),
            callee_number: String::new(),
            started_at: self.arrived_at,
        };
        // The call's end, if it comes at the same moment, sees this leg or refuses it.
        transaction.connection().lock(call_identity(self.domain_id, &self.call_id)).await?;
        let recording = call.write(&mut transaction).await?;
        if recording.state != RecordingState::Pending {
            return Ok((recording, false));
        }
        let now = Time::from(app.clock.now());
        let original = placed.original(recording.id.0, self.part(), self.hint.clone(), now);
        let fresh = media::rows::insert_original(transaction.connection(), &original).await?;
        transaction.commit().await?;
        Ok((recording, fresh))
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
        let mut transaction = app.begin().await?;
        transaction.connection().lock(call_identity(self.domain_id, &self.call_id)).await?;
        let recording = rows::by_call_id(transaction.connection(), self.domain_id, &self.call_id).await?;
        let mut recording = recording.ok_or(ServiceError::NotFound("recording"))?;
        if recording.state != RecordingState::Pending {
            return Ok(recording);
        }
        if media::rows::originals(transaction.connection(), recording.id.0, VERSION).await?.is_empty() {
            recording.state = RecordingState::None;
            recording.reason = Some("no media: the core sent no leg".to_owned());
            let (state, reason) = (recording.state, recording.reason.as_deref());
            rows::set_state(transaction.connection(), recording.id, state, reason).await?;
        } else {
            let job = StoreRecording { recording: recording.id };
            let new = NewJob::new(self.domain_id.0, &job).unique(recording.id);
            transaction.enqueue(new).await?;
        }
        transaction.commit().await?;
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
