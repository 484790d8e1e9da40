//! Who changed what, and from where: an entry beside each change, written in its transaction.
//!
//! A request says once who acts ([`doing`]); every transaction that commits meanwhile puts down what it did, whether its code
//! thinks of it or not. What jobs do, and what cores drop, is no person's change: events tell of it.

pub(crate) mod rows;

use std::{net::IpAddr, sync::Arc};

use uuid::Uuid;
use voicemill_types::{DomainId, Time};

use crate::{
    app::App,
    error::ServiceError,
    events::Event,
    idempotency::Claim,
    keys::{Bearer, Grant, Role},
};

/// How long entries are kept.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(400 * 24);

/// Most entries that are removed at once.
const BATCH: i64 = 1_000;

tokio::task_local! {
    static DOING: Arc<Doing>;
}

/// What a request does, and for whom.
#[derive(Debug)]
pub struct Doing {
    /// Who does it.
    pub grant: Grant,
    /// From which address.
    pub client: IpAddr,
    /// The request, as its answer and the log call it.
    pub request: Uuid,
    /// Its method and route, such as `PATCH /v1/webhooks/{id}`.
    pub action: String,
    /// Its address, without what stands after the `?`.
    pub path: String,
    /// What keeps it from being done twice, if its sender wants that.
    pub claim: Option<Claim>,
}

/// Does something for somebody: what it changes is put down to them.
pub async fn doing<T>(what: Doing, act: impl Future<Output = T>) -> T {
    DOING.scope(Arc::new(what), act).await
}

/// For whom something is done here; nobody in jobs and in what only reads.
pub(crate) fn current() -> Option<Arc<Doing>> {
    DOING.try_with(Arc::clone).ok()
}

impl Doing {
    /// Whether an event is a change by somebody: what a core drops is none.
    pub(crate) fn is_change(&self, event: &Event) -> bool {
        let drops = !matches!(
            event,
            Event::MessageMoved { .. }
                | Event::MessageRead { .. }
                | Event::MessageUnread { .. }
                | Event::MessageChanged { .. }
                | Event::MessagePurged { .. }
                | Event::PromptReplaced { .. }
        );
        !(drops && self.is_core())
    }

    /// Whether a core does it.
    pub(crate) fn is_core(&self) -> bool {
        self.grant.role == Role::Core
    }

    /// An entry about this.
    pub(crate) fn entry(&self, domain: Option<DomainId>, action: &str, subject: String, now: Time) -> Entry {
        Entry {
            id: Uuid::now_v7(),
            domain_id: domain,
            domain: None,
            at: now,
            bearer: match self.grant.bearer {
                Bearer::Configured => BearerKind::Operator,
                Bearer::Key(_) => BearerKind::Key,
                Bearer::Token(_) => BearerKind::Token,
            },
            bearer_id: self.grant.bearer.id(),
            role: self.grant.role,
            acts_for: self.grant.subject.clone(),
            action: action.to_owned(),
            subject,
            client: self.client.to_string(),
            request_id: self.request,
        }
    }
}

/// What proved who somebody was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum BearerKind {
    /// The operators' key of the configuration.
    Operator,
    /// A key.
    Key,
    /// A person's token.
    Token,
}

/// One change. It holds no secrets, words or numbers, but for those that are what its subject is called.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Entry {
    /// Identity; sorts by time.
    pub id: Uuid,
    /// Where; none for what is no domain's.
    pub domain_id: Option<DomainId>,
    /// What that domain is called.
    pub domain: Option<String>,
    /// When.
    pub at: Time,
    /// What proved who it was.
    pub bearer: BearerKind,
    /// Which key or token that was; zeros for the configured one.
    pub bearer_id: Uuid,
    /// In which part they acted.
    pub role: Role,
    /// For whom: the person of a token, or the mailbox that a portal acted for.
    pub acts_for: Option<String>,
    /// What was done: the type of an event, or a method and route.
    pub action: String,
    /// To what: a path below the domain's.
    pub subject: String,
    /// From which address.
    pub client: String,
    /// In which request.
    pub request_id: Uuid,
}

/// Which entries; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this domain; without one, all there are.
    pub domain: Option<DomainId>,
    /// About this subject.
    pub subject: Option<String>,
    /// From this moment on.
    pub from: Option<Time>,
    /// Until before this one.
    pub to: Option<Time>,
    /// Older than this entry.
    pub before: Option<Uuid>,
}

/// A page of entries, the latest first.
pub async fn list(app: &App, filter: &Filter, limit: u16) -> Result<Vec<Entry>, ServiceError> {
    Ok(rows::list(&mut app.database.read().await?, filter, i64::from(limit)).await?)
}

/// Removes entries that are too old to be kept.
pub(crate) async fn prune(app: &App) -> Result<(), ServiceError> {
    let before = app.clock.now().saturating_sub(KEPT).map_or(Time::from_microseconds(0), Time::from);
    loop {
        let mut tx = app.begin().await?;
        let removed = rows::prune(tx.connection(), before, BATCH).await?;
        tx.commit().await?;
        if removed < BATCH.unsigned_abs() {
            return Ok(());
        }
    }
}
