//! Originals out of the store, one decode in the sandbox, renditions into the store.

use std::{path::PathBuf, time::Duration};

use voicemill_audio::spec::{OutputSpec, RenderReport, RenderSpec, Role, SourceSpec};
use voicemill_queue::Attempt;
use voicemill_storage::BlobKey;
use voicemill_types::{RenditionId, Time};

use crate::{
    app::App,
    error::ServiceError,
    media::{Media, Original, Rendition, plan::Planned, rows},
};

/// What a render made: files in the store that no row names yet.
pub(crate) struct Rendered {
    pub(crate) report: RenderReport,
    pub(crate) renditions: Vec<Rendition>,
}

/// Renders the originals of the media's latest version as planned; `settings` has everything but sources and outputs.
///
/// Every attempt writes under keys of its own, so one that lost its lease never touches what its successor made.
pub(crate) async fn render(
    app: &App,
    attempt: &Attempt,
    media: &Media,
    planned: &[Planned],
    settings: RenderSpec,
) -> Result<Rendered, ServiceError> {
    let scratch = app.scratch()?;
    let originals = {
        let mut connection = app.database.read().await?;
        rows::originals(&mut connection, media.id, media.version).await?
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
    let report = app.scratch.while_there_is_room(app.sandbox.render(&spec, limit)).await??;

    let mut renditions = Vec::with_capacity(planned.len());
    for omitted in &report.omitted {
        // The others are right, and whoever plays them chooses among those that there are.
        tracing::warn!(media = %media.id.0, rendition = omitted.name, reason = omitted.reason, "a rendition is left out");
    }
    for planned in planned {
        let Some(output) = report.outputs.iter().find(|output| output.name == planned.name) else { continue };
        let key = BlobKey::derive(
            media.domain_id,
            media.id.0,
            &[&attempt.job_id.to_string(), &attempt.claim.to_string(), planned.name],
            planned.format.extension(),
        )
        .map_err(|error| ServiceError::Internal(error.into()))?;
        let stored = app.store.put_file(&key, &scratch.path().join(planned.name)).await?;
        if stored.sha256 != output.sha256 {
            return Err(ServiceError::Unavailable(anyhow::anyhow!("the store took other bytes than were written")));
        }
        renditions.push(Rendition {
            id: RenditionId::new(),
            media_id: media.id,
            version: media.version,
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

async fn source(app: &App, original: &Original, path: PathBuf) -> Result<SourceSpec, ServiceError> {
    let key: BlobKey = original.key.parse().map_err(voicemill_storage::StorageError::from)?;
    app.store.fetch_to(&key, &path).await?;
    let role = match original.part.as_str() {
        "caller" => Some(Role::Caller),
        "callee" => Some(Role::Callee),
        _ => None,
    };
    Ok(SourceSpec { path, hint: original.hint.clone(), role })
}

/// Whole milliseconds of a length in seconds.
pub(crate) fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
