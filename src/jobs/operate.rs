//! The queue, for operators.

use std::fmt;

use voicemill_queue::{Job, JobFilter, JobId, JobInfo, Outlook, Pause, Paused, Stat, State};

use crate::{
    app::App,
    domains,
    error::ServiceError,
    lanes::Lane,
    refusal::{Conflict, Thing},
};

/// Which jobs; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Of the domain of this name.
    pub domain: Option<String>,
    /// Older than this one: for the next page, the last of the page before.
    pub before: Option<JobId>,
    /// At most this many.
    pub limit: Option<u32>,
}

/// What is to pause, by the names that people use.
#[derive(Clone, Debug)]
pub enum PauseRequest {
    /// A lane.
    Lane(Lane),
    /// A kind.
    Kind(String),
    /// The domain of this name.
    Domain(String),
}

impl fmt::Display for PauseRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lane(lane) => write!(formatter, "lane {lane}"),
            Self::Kind(kind) => write!(formatter, "kind {kind}"),
            Self::Domain(name) => write!(formatter, "domain {name}"),
        }
    }
}

/// To how many of a page of jobs something was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// To so many.
    pub changed: usize,
    /// The oldest of the page: what to send as [`Filter::before`] for the next; none when there is no more.
    pub next: Option<JobId>,
}

/// What the queue is like as a whole.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Unfinished jobs by lane, kind and state, each with the age of the oldest.
    pub stats: Vec<Stat>,
    /// What is paused.
    pub paused: Vec<Paused>,
}

/// The most jobs that one request lists or changes.
const MOST: u32 = 1_000;

async fn read(app: &App, wanted: Filter) -> Result<JobFilter, ServiceError> {
    let tenant = match wanted.domain {
        Some(name) => Some(domains::by_name(app, &name).await?.id.0),
        None => None,
    };
    let limit = wanted.limit.unwrap_or(100).clamp(1, MOST);
    Ok(JobFilter { state: wanted.state, kind: wanted.kind, tenant, before: wanted.before, limit })
}

/// Unfinished jobs, the newest first.
pub async fn list(app: &App, wanted: Filter) -> Result<Vec<JobInfo>, ServiceError> {
    let filter = read(app, wanted).await?;
    Ok(app.queue.list(&filter).await?)
}

/// One unfinished job.
pub async fn show(app: &App, id: JobId) -> Result<JobInfo, ServiceError> {
    app.queue.show(id).await?.ok_or(ServiceError::NotFound(Thing::Job {}))
}

/// What the queue is like as a whole.
pub async fn overview(app: &App) -> Result<Overview, ServiceError> {
    Ok(Overview { stats: app.queue.stats().await?, paused: app.queue.pauses().await? })
}

/// What can be done to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A dead letter starts anew from its original, with all its attempts.
    Retry,
    /// A dead letter is removed.
    Discard,
    /// One that is not finished is given up.
    Cancel,
}

/// Does it to one job, or says why it cannot be done.
pub async fn change(app: &App, id: JobId, action: Action) -> Result<(), ServiceError> {
    if change_each(app, &[id], action).await? == 1 {
        return Ok(());
    }
    show(app, id).await?;
    Err(ServiceError::Conflict(match action {
        Action::Retry => Conflict::NotRetryable {},
        Action::Discard => Conflict::NotDiscarded {},
        Action::Cancel => Conflict::AlreadyDiscarded {},
    }))
}

/// Does it to the jobs that the filter names, the newest first, at most a thousand at once.
pub async fn change_all(app: &App, wanted: Filter, action: Action) -> Result<Changed, ServiceError> {
    let state = match action {
        Action::Retry | Action::Discard => Some(State::Discarded),
        Action::Cancel => wanted.state,
    };
    let filter = read(app, Filter { state, limit: wanted.limit.or(Some(MOST)), ..wanted }).await?;
    let ids: Vec<JobId> = app.queue.list(&filter).await?.into_iter().map(|job| job.id).collect();
    let changed = change_each(app, &ids, action).await?;
    Ok(Changed { changed, next: ids.into_iter().min() })
}

async fn change_each(app: &App, ids: &[JobId], action: Action) -> Result<usize, ServiceError> {
    let mut ids = ids.to_vec();
    // Whoever takes several rows takes them in this order, so that no two wait for each other.
    ids.sort_unstable();
    let mut changed = 0;
    let mut transaction = app.begin().await?;
    for id in ids {
        let (queue, connection) = transaction.queue();
        let done = match action {
            Action::Retry => queue.retry(connection, id).await?,
            Action::Discard => queue.forget(connection, id).await?,
            Action::Cancel => queue.cancel(connection, id, "cancelled by an operator").await?,
        };
        changed += usize::from(done);
    }
    transaction.commit().await?;
    Ok(changed)
}

/// Pauses a lane, a kind or a domain; what runs goes on, and nothing new starts within a second. False if it was paused.
pub async fn pause(app: &App, what: PauseRequest) -> Result<bool, ServiceError> {
    let what = named(app, what).await?;
    let mut transaction = app.begin().await?;
    let (queue, connection) = transaction.queue();
    let paused = queue.pause(connection, &what).await?;
    transaction.commit().await?;
    Ok(paused)
}

/// Lets it go on; false if it was not paused.
pub async fn resume(app: &App, what: PauseRequest) -> Result<bool, ServiceError> {
    let what = named(app, what).await?;
    let mut transaction = app.begin().await?;
    let (queue, connection) = transaction.queue();
    let resumed = queue.resume(connection, &what).await?;
    transaction.commit().await?;
    Ok(resumed)
}

async fn named(app: &App, what: PauseRequest) -> Result<Pause, ServiceError> {
    Ok(match what {
        PauseRequest::Lane(lane) => Pause::Lane(lane.to_string()),
        PauseRequest::Kind(kind) => Pause::Kind(kind),
        PauseRequest::Domain(name) => Pause::Tenant(domains::by_name(app, &name).await?.id.0),
    })
}

/// One of a list, or all that there is of it, with what can be said of the work on it while it is pending.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// What is listed.
    pub item: T,
    /// Its place in the queue and when it should be there, while it is pending.
    pub queue: Option<Outlook>,
}

impl<T> Listed<T> {
    pub(crate) fn all(items: Vec<T>) -> Vec<Self> {
        items.into_iter().map(|item| Self { item, queue: None }).collect()
    }
}

/// Adds what can be said of the jobs of this kind, whose unique keys `key` gives for what is pending.
pub(crate) async fn tell<J: Job, T>(
    app: &App,
    listed: &mut [Listed<T>],
    key: impl Fn(&T) -> Option<String>,
) -> Result<(), ServiceError> {
    let keys: Vec<String> = listed.iter().filter(|one| one.queue.is_none()).filter_map(|one| key(&one.item)).collect();
    let mut outlooks = app.queue.outlooks::<J>(&keys).await?;
    for one in listed.iter_mut().filter(|one| one.queue.is_none()) {
        one.queue = key(&one.item).and_then(|key| outlooks.remove(&key));
    }
    Ok(())
}

/// When the work on something that is pending should be done; none when there is none under way.
pub(crate) async fn outlook<J: Job>(app: &App, key: impl std::fmt::Display) -> Result<Option<Outlook>, ServiceError> {
    Ok(app.queue.outlook::<J>(&key.to_string()).await?)
}
