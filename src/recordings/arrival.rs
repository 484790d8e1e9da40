//! A call's recording as a core hands it over: announced, its legs, its end.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_queue::{NewJob, Priority};
use voicemill_types::{DomainId, LegRole, RecordingId, Time};

use crate::{
    app::App,
    arrivals::{StoredBlob, identity},
    db::Connection,
    error::ServiceError,
    events::Event,
    media::{self, ForgetBlobs, Media, Original, OwnerKind, TranscriptState},
    recordings::{Recording, VERSION, growth, rows},
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
        match rows::by_call_id(tx.connection(), self.domain_id, &self.call_id).await? {
            Some(standing) if standing.is_over() && self.is_between_others(&standing) => {
                self.begin(tx, standing.take + 1).await
            }
            Some(standing) => Ok(standing),
            None => self.begin(tx, 1).await,
        }
    }

    /// Whether other parties are named than a recording has: then its core gave the same id to another call.
    fn is_between_others(&self, recording: &Recording) -> bool {
        let differ = |new: &str, old: &str| !new.is_empty() && !old.is_empty() && new != old;
        differ(&self.caller_number, &recording.caller_number) || differ(&self.callee_number, &recording.callee_number)
    }

    /// Writes a recording of the call; its lock is held.
    async fn begin(&self, tx: &mut Tx<'_>, take: i64) -> Result<Recording, ServiceError> {
        let now = Time::from(tx.app().clock.now());
        let media = Media::new(self.domain_id, OwnerKind::Recording, TranscriptState::Off, now);
        let recording = Recording {
            id: self.id,
            domain_id: self.domain_id,
            media_id: media.id,
            call_id: self.call_id.clone(),
            take,
            completed_at: None,
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
#[derive(Clone, Debug)]
pub struct Added {
    /// The recording that has it.
    pub recording: Recording,
    /// Whether its bytes are the leg now; else they, or a longer file that begins with them, were here already.
    pub kept: bool,
    /// The recording of the same call before, if this leg began another: it has other sound, or came after the call's end.
    pub same_call_as: Option<RecordingId>,
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

    /// Whether a recording of the call has these bytes.
    pub(crate) async fn stands(&self, app: &App) -> Result<bool, ServiceError> {
        let mut connection = app.database.read().await?;
        let takes = self.takes(&mut connection).await?;
        drop(connection);
        // Who finds it removes it from the spool.
        app.database.settled().await?;
        Ok(takes.iter().any(|(_, file)| file.as_ref().is_some_and(|file| file.sha256 == self.sha256)))
    }

    /// The call's recordings, the latest first, each with its file of this leg.
    async fn takes(&self, connection: &mut Connection) -> Result<Vec<(Recording, Option<Original>)>, ServiceError> {
        let mut takes = Vec::new();
        for recording in rows::of_call(connection, self.domain_id, &self.call_id).await? {
            let files = media::rows::originals(connection, recording.media_id, VERSION).await?;
            let file = files.into_iter().find(|file| file.part == self.part());
            takes.push((recording, file));
        }
        Ok(takes)
    }

    /// The keys of the call's files of this leg that begin as this one does, or the other way round.
    async fn akin(&self, app: &App, blob: &StoredBlob) -> Result<Seen, ServiceError> {
        let takes = self.takes(&mut app.database.read().await?).await?;
        let mut seen = Seen::default();
        for file in takes.into_iter().filter_map(|(_, file)| file) {
            if file.sha256 == self.sha256 || growth::is_akin(&*app.store, &file, blob).await? {
                seen.akin.insert(file.key.clone());
            }
            seen.all.insert(file.key);
        }
        Ok(seen)
    }

    /// Writes where the leg lies. A call that nobody announced is announced by its leg, as its announcement may have been lost
    /// where the leg was kept. Other sound than the call's recording has of this leg begins another recording of it.
    pub(crate) async fn commit(&self, app: &App, blob: &StoredBlob) -> Result<Added, ServiceError> {
        // What is in the store is compared before anything is locked.
        let seen = self.akin(app, blob).await?;
        let mut tx = app.begin().await?;
        let call = AnnouncedCall {
            id: RecordingId::new(),
            domain_id: self.domain_id,
            call_id: self.call_id.clone(),
            caller_number: String::new(),
            callee_number: String::new(),
            started_at: self.arrived_at,
        };
        // The call's end, if it comes at the same moment, sees this leg or is over before it.
        let latest = call.write(&mut tx).await?;
        let takes = self.takes(tx.connection()).await?;
        let mut grown = None;
        for (recording, file) in takes {
            let Some(file) = file else { continue };
            if file.sha256 != self.sha256 && !seen.all.contains(&file.key) {
                return Err(ServiceError::Unavailable(anyhow::anyhow!(
                    "another file of this leg came at the same moment"
                )));
            }
            let is_akin = file.sha256 == self.sha256 || seen.akin.contains(&file.key);
            if is_akin && file.bytes.unsigned_abs() >= blob.content.bytes {
                drop(tx);
                app.database.settled().await?;
                return Ok(Added { recording, kept: false, same_call_as: None });
            }
            if recording.id == latest.id {
                grown = Some((file, is_akin));
            }
        }
        let (recording, same_call_as) = match &grown {
            None if !latest.is_over() => (latest, None),
            Some((_, true)) if !latest.is_over() => (latest, None),
            _ => {
                let another = AnnouncedCall {
                    caller_number: latest.caller_number.clone(),
                    callee_number: latest.callee_number.clone(),
                    ..call
                };
                (another.begin(&mut tx, latest.take + 1).await?, Some(latest.id))
            }
        };
        if let (Some((before, true)), None) = (grown, same_call_as) {
            // The file has grown since the core sent it.
            media::rows::delete_original(tx.connection(), (recording.media_id, VERSION), self.part()).await?;
            let forget = ForgetBlobs { keys: vec![before.key], deletion: None };
            tx.enqueue(NewJob::new(self.domain_id.0, &forget).priority(Priority::Bulk)).await?;
        }
        let Some(media) = media::state::by_id(tx.connection(), recording.media_id).await? else {
            return Err(ServiceError::NotFound(Thing::Recording {}));
        };
        let original = blob.original(&media, self.part(), self.hint.clone(), Time::from(app.clock.now()));
        media::rows::insert_original(tx.connection(), self.domain_id, &original).await?;
        tx.commit().await?;
        Ok(Added { recording, kept: true, same_call_as })
    }
}

/// The files of a leg that were looked at, by key.
#[derive(Default)]
struct Seen {
    all: HashSet<String>,
    /// Those of which one begins with the other.
    akin: HashSet<String>,
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

    /// Queues the work on the call's recordings; without any leg, there is no recording and never will be. The latest is told.
    pub(crate) async fn commit(&self, app: &App) -> Result<Recording, ServiceError> {
        let mut tx = app.begin().await?;
        tx.connection().lock(call_identity(self.domain_id, &self.call_id)).await?;
        let takes = rows::of_call(tx.connection(), self.domain_id, &self.call_id).await?;
        for recording in takes.iter().filter(|recording| !recording.is_over()) {
            self.complete(&mut tx, recording).await?;
        }
        let latest = rows::by_call_id(tx.connection(), self.domain_id, &self.call_id).await?;
        tx.commit().await?;
        latest.ok_or(ServiceError::NotFound(Thing::Recording {}))
    }

    async fn complete(&self, tx: &mut Tx<'_>, recording: &Recording) -> Result<(), ServiceError> {
        let Some(media) = media::state::by_id(tx.connection(), recording.media_id).await? else { return Ok(()) };
        let now = Time::from(tx.app().clock.now());
        rows::set_completed(tx.connection(), recording.id, now).await?;
        if !media::rows::originals(tx.connection(), media.id, media.version).await?.is_empty() {
            return media::enqueue_render(tx, &media).await;
        }
        let reason = Failure::from(WorkFailure::NoMedia {});
        if media::state::none(tx.connection(), media.id, &reason).await? {
            let event = Event::RecordingNone { recording: recording.id, reason: reason.clone() };
            tx.emit(self.domain_id, event).await?;
        }
        Ok(())
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
