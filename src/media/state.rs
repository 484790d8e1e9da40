//! The state machine of media: every change of its state and version, each guarded by both.
//!
//! A change that comes too late (another version has begun, the media is gone, somebody else was quicker) changes nothing and
//! says so; whoever made it leaves the rest of its transaction undone.
//!
//! ```text
//!            ┌─ begin_version ◄──────────┐
//!            ▼                           │
//! create → pending ── rendered ──► available
//!            │  ▲
//!            │  └ rendered ─────── failed      (a dead letter that an operator starts anew)
//!            ├─ failed ──────────► failed
//!            └─ none ────────────► none        (there is no sound and never will be)
//! ```

use sqlx::types::Json;
use voicemill_audio::{PhoneReport, spec::RenderReport};
use voicemill_types::{DomainId, MediaId, Time, Transcript};

use crate::{
    db::{Connection, DbError, on, statements},
    media::render::milliseconds,
    refusal::{Failure, WorkFailure},
};

statements! {
    CREATE = "INSERT INTO media (id, domain_id, owner_kind, version, state, truncated, waveform, transcript_state, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    BY_ID = "SELECT id, domain_id, owner_kind, version, state, transcript_state, created_at FROM media WHERE id = $1";
    HOLD = "UPDATE media SET version = version WHERE id = $1";
    LOOK = "SELECT version, state FROM media WHERE id = $1";
    BEGIN_VERSION = "UPDATE media SET version = $2 + 1, state = 'pending', failure = NULL, duration_ms = NULL, skew_ms = NULL, \
                         brief_start_ms = NULL, brief_end_ms = NULL, truncated = $3, waveform = $4, phone_report = NULL, \
                         transcript_state = 'off' WHERE id = $1 AND version = $2";
    RENDERED = "UPDATE media SET state = 'available', failure = NULL, duration_ms = $3, skew_ms = $4, brief_start_ms = $5, \
                    brief_end_ms = $6, truncated = $7, waveform = $8, phone_report = $9, transcript_state = $10 \
                WHERE id = $1 AND version = $2 AND state IN ('pending', 'failed')";
    NOTE_FAILURE = "UPDATE media SET failure = $3 WHERE id = $1 AND version = $2 AND state IN ('pending', 'failed')";
    FAILED = "UPDATE media SET state = 'failed', failure = COALESCE(failure, $3), transcript_state = 'off' \
              WHERE id = $1 AND version = $2 AND state = 'pending' RETURNING failure";
    NONE = "UPDATE media SET state = 'none', failure = $2, transcript_state = 'off' WHERE id = $1 AND state = 'pending'";
    TRANSCRIBED = "UPDATE media SET transcript_state = $3 \
                   WHERE id = $1 AND version = $2 AND transcript_state IN ('pending', 'failed')";
    WANT_TRANSCRIPT = "UPDATE media SET transcript_state = 'pending' \
                       WHERE id = $1 AND state = 'available' AND transcript_state = 'off'";
    NOT_TRANSCRIBED = "UPDATE media SET transcript_state = 'failed' \
                       WHERE id = $1 AND version = $2 AND transcript_state = 'pending'";
    SAVE_TRANSCRIPT = "INSERT INTO transcript (media_id, body, created_at) VALUES ($1, $2, $3) \
                       ON CONFLICT (media_id) DO UPDATE SET body = excluded.body, created_at = excluded.created_at";
    TRANSCRIPT = "SELECT body FROM transcript WHERE media_id = $1";
}

/// Where the work on media stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum MediaState {
    /// The original is durable, or its legs are arriving; renditions are being made.
    Pending,
    /// Every rendition is there.
    Available,
    /// No rendition can be made; the reason says why, and the original is kept.
    Failed,
    /// There is no sound, for the reason given.
    None,
}

/// Where the work on a transcript stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum TranscriptState {
    /// The mailbox or domain does not want one.
    Off,
    /// It is being made.
    Pending,
    /// It is there.
    Available,
    /// Nobody speaks.
    NoSpeech,
    /// Somebody speaks, and no word was understood: another language, or too much noise.
    NotUnderstood,
    /// It could not be made.
    Failed,
}

impl TranscriptState {
    /// Where the work stands once it gave a transcript.
    pub(crate) fn of(transcript: &Transcript) -> Self {
        match transcript {
            _ if transcript.not_understood => Self::NotUnderstood,
            _ if transcript.no_speech => Self::NoSpeech,
            _ => Self::Available,
        }
    }
}

/// Whose the media is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum OwnerKind {
    /// One or more messages.
    Message,
    /// A prompt.
    Prompt,
    /// A recording.
    Recording,
}

/// The sound of a message, a prompt or a recording.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Media {
    /// Identity.
    pub id: MediaId,
    /// The domain it belongs to.
    pub domain_id: DomainId,
    /// What kind of thing it is the sound of.
    pub owner_kind: OwnerKind,
    /// Counts up with every replacement, from 1; part of every rendition's address.
    pub version: i64,
    /// Where the work on the latest version stands.
    pub state: MediaState,
    /// Where the work on the transcript stands.
    pub transcript_state: TranscriptState,
    /// When its owner was stored.
    pub created_at: Time,
}

impl Media {
    /// The first version, on which no work was done yet.
    pub(crate) fn new(domain: DomainId, owner_kind: OwnerKind, transcript_state: TranscriptState, now: Time) -> Self {
        Self {
            id: MediaId::new(),
            domain_id: domain,
            owner_kind,
            version: 1,
            state: MediaState::Pending,
            transcript_state,
            created_at: now,
        }
    }

    /// Whether its latest version is still to be made, or may be made anew.
    pub(crate) fn is_unfinished(&self) -> bool {
        matches!(self.state, MediaState::Pending | MediaState::Failed)
    }

    /// The unique key of the jobs on its latest version.
    pub(crate) fn job_key(&self) -> String {
        job_key(self.id, self.version)
    }
}

/// The unique key of the jobs on a version.
pub(crate) fn job_key(media: MediaId, version: i64) -> String {
    format!("{media}/{version}")
}

/// What rendering found out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    duration_ms: i64,
    skew_ms: Option<i64>,
    brief_ms: Option<(i64, i64)>,
    truncated: bool,
    waveform: Vec<u8>,
    phone_report: Option<PhoneReport>,
}

impl From<&RenderReport> for Facts {
    fn from(report: &RenderReport) -> Self {
        let brief = report.brief.as_ref();
        Self {
            duration_ms: milliseconds(report.duration_seconds),
            skew_ms: report.skew_seconds.map(milliseconds),
            brief_ms: brief.map(|brief| (milliseconds(brief.start_seconds), milliseconds(brief.end_seconds))),
            truncated: report.truncated,
            waveform: report.waveform.clone(),
            phone_report: report.phone.clone(),
        }
    }
}

/// Stores new media.
pub(crate) async fn create(connection: &mut Connection, media: &Media) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(CREATE)
            .bind(media.id)
            .bind(media.domain_id)
            .bind(media.owner_kind)
            .bind(media.version)
            .bind(media.state)
            .bind(false)
            .bind(Vec::<u8>::new())
            .bind(media.transcript_state)
            .bind(media.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The media with that id.
pub(crate) async fn by_id(connection: &mut Connection, id: MediaId) -> Result<Option<Media>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// The latest version and its state, and nothing else: for those who wait for it.
pub(crate) async fn look(connection: &mut Connection, id: MediaId) -> Result<Option<(i64, MediaState)>, DbError> {
    Ok(on!(connection, sqlx::query_as(LOOK).bind(id).fetch_optional(connection).await?))
}

/// Keeps media as it is until the transaction ends, once whoever changes it now is done.
pub(crate) async fn hold(connection: &mut Connection, id: MediaId) -> Result<(), DbError> {
    on!(connection, sqlx::query(HOLD).bind(id).execute(connection).await?.rows_affected());
    Ok(())
}

/// Begins the version after this one; false when this is no longer the latest.
#[must_use = "when somebody else was quicker, nothing more may be written"]
pub(crate) async fn begin_version(connection: &mut Connection, id: MediaId, latest: i64) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(BEGIN_VERSION)
            .bind(id)
            .bind(latest)
            .bind(false)
            .bind(Vec::<u8>::new())
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// Makes a version available; false when it is not the latest any more, is available already, or is gone.
#[must_use = "when it came too late, nothing more may be written"]
pub(crate) async fn rendered(
    connection: &mut Connection,
    (id, version): (MediaId, i64),
    facts: &Facts,
    transcript: TranscriptState,
) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(RENDERED)
            .bind(id)
            .bind(version)
            .bind(facts.duration_ms)
            .bind(facts.skew_ms)
            .bind(facts.brief_ms.map(|brief| brief.0))
            .bind(facts.brief_ms.map(|brief| brief.1))
            .bind(facts.truncated)
            .bind(&facts.waveform)
            .bind(facts.phone_report.as_ref().map(Json))
            .bind(transcript)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// Notes why a version cannot be made, for when its job is given up: the queue passes on words only.
pub(crate) async fn note_failure(
    connection: &mut Connection,
    (id, version): (MediaId, i64),
    failure: &Failure,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(NOTE_FAILURE).bind(id).bind(version).bind(Json(failure)).execute(connection).await?.rows_affected()
    );
    Ok(())
}

/// Gives a version up, for the reason that was noted; returns the reason, and none unless it is the latest and still pending.
#[must_use = "when it came too late, nothing more may be written"]
pub(crate) async fn failed(
    connection: &mut Connection,
    (id, version): (MediaId, i64),
) -> Result<Option<Failure>, DbError> {
    let otherwise = Failure::from(WorkFailure::GivenUp {});
    let failure: Option<Json<Failure>> = on!(
        connection,
        sqlx::query_scalar(FAILED).bind(id).bind(version).bind(Json(otherwise)).fetch_optional(connection).await?
    );
    Ok(failure.map(|json| json.0))
}

/// Records why there is no sound and never will be; false unless it is still pending.
#[must_use = "when it came too late, nothing more may be written"]
pub(crate) async fn none(connection: &mut Connection, id: MediaId, reason: &Failure) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(NONE).bind(id).bind(Json(reason)).execute(connection).await?.rows_affected()) == 1)
}

/// Stores what was said; false when nobody waits for it any more, or it is there already.
#[must_use = "when it came too late, nothing more may be written"]
pub(crate) async fn transcribed(
    connection: &mut Connection,
    (id, version): (MediaId, i64),
    transcript: &Transcript,
    now: Time,
) -> Result<bool, DbError> {
    let state = TranscriptState::of(transcript);
    let rows = on!(
        connection,
        sqlx::query(TRANSCRIBED).bind(id).bind(version).bind(state).execute(&mut *connection).await?.rows_affected()
    );
    if rows == 0 {
        return Ok(false);
    }
    on!(
        connection,
        sqlx::query(SAVE_TRANSCRIPT)
            .bind(id)
            .bind(Json(transcript))
            .bind(now)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(true)
}

/// Waits for a transcript from now on; false unless there is sound, and nobody waited so far.
#[must_use = "where somebody waits already, no second job may be queued"]
pub(crate) async fn want_transcript(connection: &mut Connection, id: MediaId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(WANT_TRANSCRIPT).bind(id).execute(connection).await?.rows_affected()) == 1)
}

/// Records that it could not be transcribed; false when nobody waits for that.
#[must_use = "when it came too late, nothing more may be written"]
pub(crate) async fn not_transcribed(
    connection: &mut Connection,
    (id, version): (MediaId, i64),
) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(NOT_TRANSCRIBED).bind(id).bind(version).execute(connection).await?.rows_affected())
        == 1)
}

/// What was said, if it is known.
pub(crate) async fn transcript(connection: &mut Connection, id: MediaId) -> Result<Option<Transcript>, DbError> {
    let body: Option<Json<Transcript>> =
        on!(connection, sqlx::query_scalar(TRANSCRIPT).bind(id).fetch_optional(connection).await?);
    Ok(body.map(|json| json.0))
}
