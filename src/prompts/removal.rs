//! Prompts that go: because somebody deletes them, or because nothing could be made of what was uploaded; and versions in whose
//! place others are served.

use std::time::Duration;

use voicemill_types::{PromptId, Time};

use crate::{
    app::App,
    domains::Domain,
    error::ServiceError,
    events::Event,
    mailboxes::usage,
    media,
    prompts::{
        Prompt, rows,
        uses::{self, Use},
        version_rows,
        versions::hold_mailbox,
    },
    refusal::{Conflict, Thing},
    transaction::Tx,
};

/// How long what could not be used is kept, so that support can look at it.
const KEEP_FAILED: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a version is kept after another took its place.
const KEEP_RETIRED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Most versions that are looked up at once; each goes in a transaction of its own.
const BATCH: i64 = 100;

/// Whether a prompt may be taken from those that use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// Then it stays.
    Hold,
    /// They go without.
    Give,
}

/// Deletes the domain's prompt, with all its versions.
pub async fn delete(app: &App, domain: &Domain, id: PromptId, hooks: Hooks) -> Result<(), ServiceError> {
    match try_delete(app, domain, id, hooks).await {
        // Somebody began to use it at this moment.
        Err(ServiceError::Conflict(Conflict::ChangedMeanwhile {})) => try_delete(app, domain, id, hooks).await,
        outcome => outcome,
    }
}

async fn try_delete(app: &App, domain: &Domain, id: PromptId, hooks: Hooks) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let prompt =
        rows::in_domain(tx.connection(), domain.id, id).await?.ok_or(ServiceError::NotFound(Thing::Prompt {}))?;
    media::state::hold(tx.connection(), prompt.media_id).await?;
    hold_mailbox(&mut tx, &prompt).await?;
    let uses = uses::of(tx.connection(), id).await?;
    if hooks == Hooks::Hold && !uses.is_empty() {
        let by = uses.iter().map(Use::to_string).collect();
        return Err(ServiceError::Conflict(Conflict::InUse { by }));
    }
    remove(&mut tx, &prompt).await?;
    Ok(tx.commit().await?)
}

/// Removes a prompt with all that belongs to it, wherever it is used.
async fn remove(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<(), ServiceError> {
    uses::unhook(tx, prompt.domain_id, prompt.id).await?;
    match rows::delete(tx.connection(), prompt.id).await {
        Ok(true) => {}
        Ok(false) => return Err(ServiceError::NotFound(Thing::Prompt {})),
        Err(error) if error.is_reference() => return Err(ServiceError::Conflict(Conflict::ChangedMeanwhile {})),
        Err(error) => return Err(error.into()),
    }
    media::release_prompt(tx, prompt.domain_id, prompt.media_id).await?;
    count(tx, prompt).await?;
    tx.emit(prompt.domain_id, Event::PromptDeleted { prompt: prompt.id, mailbox: prompt.mailbox_id }).await
}

/// Removes what could not be used after a day, and what was replaced after 30 days.
pub async fn sweep(app: &App) -> Result<(), ServiceError> {
    let now = Time::from(app.clock.now());
    loop {
        let failed = version_rows::failed(&mut app.database.read().await?, ago(now, KEEP_FAILED), BATCH).await?;
        let retired = version_rows::retired(&mut app.database.read().await?, ago(now, KEEP_RETIRED), BATCH).await?;
        if failed.is_empty() && retired.is_empty() {
            return Ok(());
        }
        for version in failed.into_iter().chain(retired) {
            forget(app, version).await?;
        }
    }
}

fn ago(now: Time, duration: Duration) -> Time {
    Time::from_microseconds(now.microseconds().saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
}

/// Removes a version with its bytes; with the last one, the prompt.
async fn forget(app: &App, (id, version): (PromptId, i64)) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    let Some(prompt) = rows::by_id(tx.connection(), id).await? else { return Ok(()) };
    media::state::hold(tx.connection(), prompt.media_id).await?;
    hold_mailbox(&mut tx, &prompt).await?;
    if !version_rows::delete(tx.connection(), (id, version)).await? {
        return Ok(());
    }
    if version_rows::count(tx.connection(), id).await? == 0 {
        remove(&mut tx, &prompt).await?;
    } else {
        media::release_version(&mut tx, prompt.domain_id, (prompt.media_id, version)).await?;
        count(&mut tx, &prompt).await?;
    }
    Ok(tx.commit().await?)
}

/// Counts what the prompt's mailbox holds anew.
async fn count(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<(), ServiceError> {
    match prompt.mailbox_id {
        Some(mailbox) => usage::count_greetings(tx, prompt.domain_id, mailbox, false).await,
        None => Ok(()),
    }
}
