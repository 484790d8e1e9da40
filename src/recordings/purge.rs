//! A recording that goes for good: its row, and its sound.

use uuid::Uuid;
use voicemill_types::{RecordingId, Time};

use crate::{
    app::App,
    error::ServiceError,
    events::Event,
    media,
    recordings::rows,
    retention::{
        Cause,
        deletions::{self, Deletion},
        holds,
    },
};

/// Removes a recording that is older than its domain keeps it, unless it is held.
pub(crate) async fn purge(app: &App, id: RecordingId) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let Some((domain, media)) = rows::whose(tx.connection(), id).await? else { return Ok(()) };
    holds::lock(tx.connection(), domain).await?;
    let now = Time::from(app.clock.now());
    if holds::covers(tx.connection(), domain, (None, id.0), now).await? {
        return Ok(());
    }
    tx.connection().lock(media.0).await?;
    let sha256 = deletions::originals(tx.connection(), media).await?;
    if !rows::delete(tx.connection(), id).await? {
        return Ok(());
    }
    let deletion = Uuid::now_v7();
    media::release(&mut tx, domain, media, (Vec::new(), deletion)).await?;
    let gone = Deletion {
        id: deletion,
        domain_id: domain,
        kind: "recording".to_owned(),
        subject_id: id.0,
        mailbox_id: None,
        sha256,
        cause: Cause::Retention,
        shared: false,
        deleted_at: now,
        verified_at: None,
    };
    deletions::insert(tx.connection(), &gone).await?;
    tx.emit(domain, Event::RecordingPurged { recording: id, cause: Cause::Retention }).await?;
    Ok(tx.commit().await?)
}
