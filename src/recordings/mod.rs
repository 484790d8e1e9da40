//! Call recordings: announced, filled leg by leg, completed.

mod arrival;
mod growth;
pub(crate) mod plan;
mod purge;
mod recording;
pub(crate) mod rows;

pub(crate) use self::arrival::{AnnouncedCall, CallEnd, LeftLeg};
pub(crate) use self::purge::purge;
pub use self::{arrival::Added, recording::Recording};
pub use crate::media::MediaState as RecordingState;

use voicemill_queue::Outlook;
use voicemill_types::{LegRole, RecordingId, Time, Transcript};

use crate::{
    app::App,
    arrivals::{Arrival, Incoming, Receipt, intake, metadata},
    deadlines::promptly,
    domains::Domain,
    error::ServiceError,
    jobs::{self, operate::Listed},
    media::{self, RenderMedia, Rendition, state::job_key},
    refusal::{Rule, Thing},
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
#[derive(Clone, Debug)]
pub struct Details {
    /// The recording.
    pub recording: Recording,
    /// What was said.
    pub transcript: Option<Transcript>,
    /// Its renditions.
    pub renditions: Vec<Rendition>,
    /// Its place in the queue and when it should be there, while it is pending and all its legs are.
    pub queue: Option<Outlook>,
}

/// The version of a recording's sound, which is never replaced.
const VERSION: i64 = 1;

/// Most bytes kept of a call's id or a number.
const MAX_TEXT: usize = 200;

/// Says that a call is being recorded; the same call twice is one recording, unless the first is over and between others.
pub async fn announce(
    app: &App,
    domain: &Domain,
    call_id: &str,
    call: Call,
) -> Result<Receipt<Recording>, ServiceError> {
    let call_id = &*call_key(call_id)?;
    let announced = AnnouncedCall {
        id: RecordingId::new(),
        domain_id: domain.id,
        call_id: call_id.to_owned(),
        caller_number: metadata::text(&call.caller_number, MAX_TEXT),
        callee_number: metadata::text(&call.callee_number, MAX_TEXT),
        started_at: call.started_at.unwrap_or_else(|| Time::from(app.clock.now())),
    };
    let arrival = Arrival::Call(announced.clone());
    if let Some(waiting) = intake::waiting(app, arrival.identity()).await? {
        return Ok(Receipt::Spooled(waiting));
    }
    match promptly(&app.breakers.writes, announced.commit(app)).await {
        Ok(recording) => Ok(Receipt::Stored(recording)),
        Err(error) if error.is_transient() => {
            Ok(Receipt::Spooled(intake::spool(app, arrival, None, None, &error).await?))
        }
        Err(error) => Err(error),
    }
}

/// Takes one leg; the same leg twice is kept once, and one that has grown meanwhile takes the place of the shorter. Other
/// sound, or what comes after the call's end, begins another recording of the call, which has an end of its own.
pub async fn add_leg(
    app: &App,
    domain: &Domain,
    call_id: &str,
    role: LegRole,
    announced_bytes: Option<u64>,
    incoming: Incoming,
) -> Result<Receipt<Added>, ServiceError> {
    let call_id = &*call_key(call_id)?;
    let mut leg = LeftLeg {
        domain_id: domain.id,
        call_id: call_id.to_owned(),
        role,
        arrived_at: Time::from(app.clock.now()),
        hint: intake::plain_hint(incoming.hint),
        sha256: String::new(),
    };
    match promptly(&app.breakers.reads, by_call_id(app, domain, call_id)).await {
        Ok(_) => {}
        Err(error) if error.is_transient() => {}
        // The news of the call may itself wait in the spool.
        Err(ServiceError::NotFound(_)) if waits(app, domain, call_id) => {}
        Err(error) => return Err(error),
    }
    let landed = intake::land(app, incoming.body, announced_bytes).await?;
    leg.sha256.clone_from(&landed.content.sha256);
    let arrival = Arrival::Leg(leg.clone());
    if let Some((spooled, waiting)) = intake::waiting_arrival(app, arrival.identity()).await?
        && waiting.sha256() == arrival.sha256()
    {
        return Ok(Receipt::Spooled(spooled));
    }
    if waits(app, domain, call_id) {
        // After the news of its call, which has the numbers.
        let cause = ServiceError::Unavailable(anyhow::anyhow!("what comes before it waits in the spool"));
        return Ok(Receipt::Spooled(intake::spool(app, arrival, Some(landed), None, &cause).await?));
    }
    let blob = match intake::put(app, &arrival, &landed).await {
        Ok(blob) => blob,
        Err(error) => return Ok(Receipt::Spooled(intake::spool(app, arrival, Some(landed), None, &error).await?)),
    };
    match promptly(&app.breakers.writes, leg.commit(app, &blob)).await {
        Ok(added) => {
            if !added.kept {
                intake::forget(app, &blob.key).await;
            }
            Ok(Receipt::Stored(added))
        }
        Err(error) if error.is_transient() => {
            Ok(Receipt::Spooled(intake::spool(app, arrival, None, Some(blob), &error).await?))
        }
        Err(error) => Err(error),
    }
}

/// Says that every leg is there and queues the work; without any leg, there is no recording and never will be.
pub async fn complete(app: &App, domain: &Domain, call_id: &str) -> Result<Receipt<Recording>, ServiceError> {
    let call_id = &*call_key(call_id)?;
    let end = CallEnd { domain_id: domain.id, call_id: call_id.to_owned() };
    let arrival = Arrival::End(end.clone());
    if let Some(waiting) = intake::waiting(app, arrival.identity()).await? {
        return Ok(Receipt::Spooled(waiting));
    }
    let outcome = if waits(app, domain, call_id) {
        // Its legs are on their way: it follows them.
        Err(ServiceError::Unavailable(anyhow::anyhow!("what comes before it waits in the spool")))
    } else {
        promptly(&app.breakers.writes, end.commit(app)).await
    };
    match outcome {
        Ok(recording) => Ok(Receipt::Stored(recording)),
        Err(error) if error.is_transient() => {
            Ok(Receipt::Spooled(intake::spool(app, arrival, None, None, &error).await?))
        }
        Err(error) => Err(error),
    }
}

/// Whether the news of a call, or one of its legs, waits in the spool.
fn waits(app: &App, domain: &Domain, call_id: &str) -> bool {
    let end = CallEnd { domain_id: domain.id, call_id: call_id.to_owned() };
    end.comes_after().into_iter().any(|identity| app.spool.holds(identity))
}

/// A call's id as it is kept.
fn call_key(call_id: &str) -> Result<String, ServiceError> {
    let kept = metadata::id(call_id, MAX_TEXT);
    if kept.is_empty() {
        return Err(ServiceError::invalid("", Rule::IdMissing { thing: Thing::Recording {} }));
    }
    Ok(kept)
}

/// The latest recording of a call.
pub async fn by_call_id(app: &App, domain: &Domain, call_id: &str) -> Result<Recording, ServiceError> {
    let mut connection = app.database.read().await?;
    rows::by_call_id(&mut connection, domain.id, &metadata::id(call_id, MAX_TEXT))
        .await?
        .ok_or(ServiceError::NotFound(Thing::Recording {}))
}

/// One recording with what was made of it.
pub async fn details(app: &App, domain: &Domain, id: RecordingId) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let recording = rows::in_domain(connection, domain.id, id).await?;
    let recording = recording.ok_or(ServiceError::NotFound(Thing::Recording {}))?;
    let transcript = media::state::transcript(connection, recording.media_id).await?;
    let renditions = media::rows::list(connection, recording.media_id, VERSION).await?;
    drop(snapshot);
    let queue = match recording.state {
        RecordingState::Pending => {
            jobs::operate::outlook::<RenderMedia>(app, job_key(recording.media_id, VERSION)).await?
        }
        _ => None,
    };
    Ok(Details { transcript, renditions, queue, recording })
}

/// A page of the domain's recordings, newest first.
pub async fn list(
    app: &App,
    domain: &Domain,
    before: Option<RecordingId>,
    limit: u16,
) -> Result<Vec<Listed<Recording>>, ServiceError> {
    let mut connection = app.database.read().await?;
    let from = match before {
        None => (Time::from_microseconds(i64::MAX), RecordingId(uuid::Uuid::max())),
        Some(id) => {
            let last = rows::in_domain(&mut connection, domain.id, id).await?;
            (last.ok_or(ServiceError::NotFound(Thing::Recording {}))?.started_at, id)
        }
    };
    let listed = rows::list(&mut connection, domain.id, from, i64::from(limit)).await?;
    drop(connection);
    let mut listed = Listed::all(listed);
    let key = |recording: &Recording| {
        (recording.state == RecordingState::Pending).then(|| job_key(recording.media_id, VERSION))
    };
    jobs::operate::tell::<RenderMedia, _>(app, &mut listed, key).await?;
    Ok(listed)
}
