//! Call recordings: announced, filled leg by leg, completed.

use super::{Incoming, ServiceError, intake, jobs};
use crate::{
    app::App,
    db::{recordings, renditions},
    jobs::{StoreRecording, message::VERSION},
    model::{Domain, LegRole, Recording, RecordingId, RecordingState, Rendition, Time},
    queue::{NewJob, Outlook},
};

/// What a core says of a call it records.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// May be empty.
    pub caller_number: String,
    /// May be empty.
    pub callee_number: String,
    /// When it began; now if the core does not say.
    pub started_at: Option<Time>,
}

/// A recording with what was made of it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Details {
    /// The recording.
    #[serde(flatten)]
    pub recording: Recording,
    /// Its renditions.
    pub renditions: Vec<Rendition>,
    /// Its place in the queue and when it should be there, while it is pending and all its legs are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Outlook>,
}

/// Says that a call is being recorded; the same call twice is one recording.
pub async fn announce(app: &App, domain: &Domain, call_id: &str, call: Call) -> Result<Recording, ServiceError> {
    if call_id.is_empty() || call_id.len() > 200 {
        return Err(ServiceError::Invalid("a recording needs the call's id, 1 to 200 bytes".into()));
    }
    let now = Time::from(app.clock.now());
    let recording = Recording {
        id: RecordingId::new(),
        domain_id: domain.id,
        call_id: call_id.to_owned(),
        state: RecordingState::Pending,
        reason: None,
        caller_number: call.caller_number,
        callee_number: call.callee_number,
        started_at: call.started_at.unwrap_or(now),
        duration_ms: None,
        skew_ms: None,
        created_at: now,
    };
    let mut transaction = app.database.begin().await?;
    let standing = if recordings::insert(transaction.connection(), &recording).await? {
        Some(recording)
    } else {
        recordings::by_call_id(transaction.connection(), domain.id, call_id).await?
    };
    transaction.commit().await?;
    standing.ok_or(ServiceError::NotFound("recording"))
}

/// Takes one leg; the same leg twice is kept once.
pub async fn add_leg(
    app: &App,
    domain: &Domain,
    call_id: &str,
    role: LegRole,
    incoming: Incoming,
) -> Result<Recording, ServiceError> {
    let recording = by_call_id(app, domain, call_id).await?;
    if recording.state != RecordingState::Pending {
        return Ok(recording);
    }
    let part = match role {
        LegRole::Caller => "caller",
        LegRole::Callee => "callee",
    };
    let original = intake::store(app, domain.id, recording.id.0, VERSION, part, incoming).await?;
    let outcome: Result<bool, ServiceError> = async {
        let mut transaction = app.database.begin().await?;
        transaction.connection().lock(recording.id.0).await?;
        let fresh = renditions::insert_original(transaction.connection(), &original).await?;
        transaction.commit().await?;
        Ok(fresh)
    }
    .await;
    if !matches!(outcome, Ok(true)) {
        intake::forget(app, &original).await;
    }
    outcome.map(|_| recording)
}

/// Says that every leg is there and queues the work; without any leg, there is no recording and never will be.
pub async fn complete(app: &App, domain: &Domain, call_id: &str) -> Result<Recording, ServiceError> {
    let mut recording = by_call_id(app, domain, call_id).await?;
    if recording.state != RecordingState::Pending {
        return Ok(recording);
    }
    let mut transaction = app.database.begin().await?;
    transaction.connection().lock(recording.id.0).await?;
    if renditions::originals(transaction.connection(), recording.id.0, VERSION).await?.is_empty() {
        recording.state = RecordingState::None;
        recording.reason = Some("no media: the core sent no leg".to_owned());
        let (state, reason) = (recording.state, recording.reason.as_deref());
        recordings::set_state(transaction.connection(), recording.id, state, reason).await?;
    } else {
        let job = StoreRecording { recording: recording.id };
        let new = NewJob::new(domain.id.0, &job).unique(recording.id);
        app.queue.enqueue(transaction.connection(), new).await?;
    }
    transaction.commit().await?;
    app.queue.wake();
    Ok(recording)
}

/// The recording of a call.
pub async fn by_call_id(app: &App, domain: &Domain, call_id: &str) -> Result<Recording, ServiceError> {
    let mut connection = app.database.read().await?;
    recordings::by_call_id(&mut connection, domain.id, call_id).await?.ok_or(ServiceError::NotFound("recording"))
}

/// One recording with what was made of it.
pub async fn details(app: &App, domain: &Domain, id: RecordingId) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let recording = recordings::in_domain(connection, domain.id, id).await?;
    let recording = recording.ok_or(ServiceError::NotFound("recording"))?;
    let renditions = renditions::list(connection, id.0, VERSION).await?;
    drop(snapshot);
    let queue = match recording.state {
        RecordingState::Pending => jobs::outlook::<StoreRecording>(app, id).await?,
        _ => None,
    };
    Ok(Details { renditions, queue, recording })
}

/// A page of the domain's recordings, newest first.
pub async fn list(
    app: &App,
    domain: &Domain,
    before: Option<RecordingId>,
    limit: u16,
) -> Result<Vec<Recording>, ServiceError> {
    let mut connection = app.database.read().await?;
    let from = match before {
        None => (Time::from_microseconds(i64::MAX), RecordingId(uuid::Uuid::max())),
        Some(id) => {
            let last = recordings::in_domain(&mut connection, domain.id, id).await?;
            (last.ok_or(ServiceError::NotFound("recording"))?.started_at, id)
        }
    };
    Ok(recordings::list(&mut connection, domain.id, from, i64::from(limit)).await?)
}
