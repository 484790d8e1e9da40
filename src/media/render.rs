//! What the three rendering jobs share: originals out of the store, one decode in the sandbox, renditions into the store.

use std::{path::PathBuf, time::Duration};

use uuid::Uuid;
use voicemill_audio::{
    encode::OutputFormat,
    format::AudioError,
    spec::{ChannelLayout, OutputSpec, PhoneLine, RenderReport, RenderSpec, Role, SourceSpec, Span},
};
use voicemill_queue::{Attempt, Decide, JobError};
use voicemill_storage::BlobKey;
use voicemill_types::{DomainId, RenditionId, Time};

use crate::{
    app::App,
    db::DbError,
    media::{Original, Purpose, Rendition, rows},
    transaction::Tx,
};

/// One line of a job kind's list of renditions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) name: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) format: OutputFormat,
    pub(crate) rate_hz: u32,
    pub(crate) channels: ChannelLayout,
    pub(crate) span: Span,
    pub(crate) as_recorded: bool,
    pub(crate) through: Option<PhoneLine>,
}

impl Planned {
    /// The whole of it in mono.
    pub(crate) const fn mono(name: &'static str, purpose: Purpose, format: OutputFormat, rate_hz: u32) -> Self {
        Self {
            name,
            purpose,
            format,
            rate_hz,
            channels: ChannelLayout::Mono,
            span: Span::Full,
            as_recorded: false,
            through: None,
        }
    }

    /// The whole of it, caller left and callee right.
    pub(crate) const fn stereo(name: &'static str, purpose: Purpose, format: OutputFormat, rate_hz: u32) -> Self {
        Self { channels: ChannelLayout::Stereo, ..Self::mono(name, purpose, format, rate_hz) }
    }

    /// The brief clip in mono.
    pub(crate) const fn brief(name: &'static str, format: OutputFormat, rate_hz: u32) -> Self {
        Self { span: Span::Brief, ..Self::mono(name, Purpose::Brief, format, rate_hz) }
    }

    /// With the noise that came with it, whatever becomes of the others.
    pub(crate) const fn as_recorded(self) -> Self {
        Self { as_recorded: true, ..self }
    }

    /// What a phone makes of it, as a WAV that browsers play.
    pub(crate) const fn preview(name: &'static str) -> Self {
        let through = Some(PhoneLine::Ulaw);
        Self { through, ..Self::mono(name, Purpose::Preview, OutputFormat::Wav, 8_000) }
    }
}

/// Whose media is rendered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) domain: DomainId,
    pub(crate) id: Uuid,
    pub(crate) version: i64,
}

/// What a render made: files in the store that no row names yet.
pub(crate) struct Rendered {
    pub(crate) report: RenderReport,
    renditions: Vec<Rendition>,
}

/// Renders an owner's originals as planned; `settings` has everything but sources and outputs.
///
/// Every attempt writes under keys of its own, so a zombie never touches what its successor made.
pub(crate) async fn render(
    app: &App,
    attempt: &Attempt,
    owner: Owner,
    planned: &[Planned],
    settings: RenderSpec,
) -> Result<Rendered, JobError> {
    let scratch = app.scratch().retry()?;
    let originals = {
        let mut connection = app.database.read().await.retry()?;
        rows::originals(&mut connection, owner.id, owner.version).await.retry()?
    };
    let mut sources = Vec::with_capacity(originals.len());
    for (index, original) in originals.iter().enumerate() {
        sources.push(source(app, original, scratch.path().join(format!("original-{index}"))).await?);
    }
    let outputs = planned
        .iter()
        .map(|planned| OutputSpec {
            name: planned.name.to_owned(),
            path: scratch.path().join(planned.name),
            format: planned.format,
            rate_hz: planned.rate_hz,
            channels: planned.channels,
            span: planned.span,
            as_recorded: planned.as_recorded,
            through: planned.through,
        })
        .collect();
    let spec = RenderSpec { sources, outputs, ..settings };
    let limit = Duration::from_secs(app.config.media.render_timeout_seconds).min(attempt.remaining());
    let report = app.sandbox.render(&spec, limit).await.map_err(audio_error)?;

    let mut renditions = Vec::with_capacity(planned.len());
    for planned in planned {
        let output = report.outputs.iter().find(|output| output.name == planned.name);
        let output = output.ok_or_else(|| JobError::Retry(anyhow::anyhow!("{} was not rendered", planned.name)))?;
        let key = BlobKey::derive(
            owner.domain,
            owner.id,
            &[&attempt.job_id.to_string(), &attempt.claim.to_string(), planned.name],
            planned.format.extension(),
        )
        .discard()?;
        let stored = app.store.put_file(&key, &scratch.path().join(planned.name)).await.retry()?;
        if stored.sha256 != output.sha256 {
            return Err(JobError::Retry(anyhow::anyhow!("the store took other bytes than were written")));
        }
        renditions.push(Rendition {
            id: RenditionId::new(),
            owner_id: owner.id,
            version: owner.version,
            name: planned.name.to_owned(),
            purpose: planned.purpose,
            format: planned.format.name(),
            content_type: planned.format.content_type().to_owned(),
            rate_hz: i64::from(planned.rate_hz),
            duration_ms: milliseconds(output.duration_seconds),
            bytes: i64::try_from(stored.bytes).unwrap_or(i64::MAX),
            sha256: stored.sha256,
            key: key.to_string(),
            created_at: Time::from(app.clock.now()),
        });
    }
    Ok(Rendered { report, renditions })
}

async fn source(app: &App, original: &Original, path: PathBuf) -> Result<SourceSpec, JobError> {
    let key: BlobKey = original.key.parse().discard()?;
    app.store.fetch_to(&key, &path).await.retry()?;
    let role = match original.part.as_str() {
        "caller" => Some(Role::Caller),
        "callee" => Some(Role::Callee),
        _ => None,
    };
    Ok(SourceSpec { path, hint: original.hint.clone(), role })
}

/// Writes the rows of what was rendered, in the transaction that makes its owner available.
pub(crate) async fn insert(tx: &mut Tx<'_>, rendered: &Rendered) -> Result<(), DbError> {
    for rendition in &rendered.renditions {
        rows::insert(tx.connection(), rendition).await?;
    }
    Ok(())
}

/// Bad audio stays bad; a full disk or a killed child may not.
fn audio_error(error: AudioError) -> JobError {
    if error.is_transient() { JobError::Retry(error.into()) } else { JobError::Discard(error.into()) }
}

/// Whole milliseconds of a length in seconds.
pub(crate) fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
