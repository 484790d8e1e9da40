//! The write transaction of the service: what must not be forgotten happens in it, or right after its commit.
//!
//! [`App::begin`] is the only way to write. Jobs are enqueued through the transaction, which wakes the workers after its commit;
//! a job's own last transaction ends with [`Tx::finish`], which completes the job in the same commit, under its fence.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use jiff::Timestamp;
use voicemill_queue::{Attempt, Enqueued, FenceError, Job, NewJob, Queue, QueueError};
use voicemill_sql::{Connection, DbError, Transaction};

use voicemill_types::{DomainId, Time};

use crate::{
    app::App,
    audit::{self, Doing},
    error::ServiceError,
    events::{self, Event},
    idempotency,
};

/// A write transaction: dropped without a commit, it leaves nothing behind.
#[must_use = "without a commit, nothing of a transaction stays"]
pub struct Tx<'a> {
    app: &'a App,
    transaction: Held<'a>,
    /// Whether the queue was told something that workers should hear of.
    wakes: bool,
    /// For whom it is; nobody in jobs.
    doing: Option<Arc<Doing>>,
    /// What was put down first.
    effect: Option<String>,
}

enum Held<'a> {
    Own(Box<Transaction>),
    Joined(&'a mut Transaction),
}

/// Someone else's transaction, with what [`Tx`] can do inside it: its owner commits it, and wakes the workers.
#[must_use = "it is there to be written in"]
pub struct Joined<'a>(Tx<'a>);

impl App {
    /// Begins a write transaction.
    ///
    /// On SQLite it takes the write lock at once, and waits for it; on PostgreSQL others write meanwhile, and what must not
    /// change under it is held by [`Connection::lock`].
    ///
    /// What it changes is put down to whoever the request is done for.
    pub async fn begin(&self) -> Result<Tx<'_>, DbError> {
        Ok(Tx { doing: audit::current(), ..self.begin_unasked().await? })
    }

    /// Begins a write transaction for what the service does of its own accord, though a request may be the occasion.
    pub(crate) async fn begin_unasked(&self) -> Result<Tx<'_>, DbError> {
        let transaction = Held::Own(Box::new(self.database.begin().await?));
        Ok(Tx { app: self, transaction, wakes: false, doing: None, effect: None })
    }

    /// Writes in a transaction of the queue's own: the one that gives a job up.
    pub fn join<'a>(&'a self, transaction: &'a mut Transaction) -> Joined<'a> {
        let recent_links = self.recent_links.clone();
        transaction.after_commit(move || recent_links.clear());
        Joined(Tx { app: self, transaction: Held::Joined(transaction), wakes: false, doing: None, effect: None })
    }
}

impl<'a> Tx<'a> {
    /// The service that it writes for.
    pub fn app(&self) -> &'a App {
        self.app
    }

    /// The connection inside, for repository functions.
    pub fn connection(&mut self) -> &mut Connection {
        self.inner().connection()
    }

    fn inner(&mut self) -> &mut Transaction {
        match &mut self.transaction {
            Held::Own(transaction) => transaction.as_mut(),
            Held::Joined(transaction) => transaction,
        }
    }

    /// The queue and the connection to tell it something by; the workers are woken after the commit.
    pub fn queue(&mut self) -> (&'a Queue, &mut Connection) {
        self.wakes = true;
        (&self.app.queue, self.connection())
    }

    /// Adds a job; it may start as soon as this is committed.
    pub async fn enqueue<J: Job>(&mut self, new: NewJob<'_, J>) -> Result<Enqueued, QueueError> {
        let (queue, connection) = self.queue();
        queue.enqueue(connection, new).await
    }

    /// Brings the waiting job with this unique key forward to `run_at`; false if there is none that would run later.
    pub async fn expedite<J: Job>(&mut self, unique_key: &str, run_at: Timestamp) -> Result<bool, QueueError> {
        let (queue, connection) = self.queue();
        queue.expedite::<J>(connection, unique_key, run_at).await
    }

    /// Writes that something happened, and has the subscribers write what they do about it.
    ///
    /// Call it after the rows that it is about were written: their locks keep the events of a subject in order.
    pub async fn emit(&mut self, domain: DomainId, event: Event) -> Result<(), ServiceError> {
        let now = Time::from(self.app.clock.now());
        events::rows::insert(self.connection(), domain, &event, now).await?;
        if let Some(doing) = self.doing.clone().filter(|doing| doing.is_change(&event)) {
            let (kind, id) = event.subject();
            let kind = if kind == "mailbox" { "mailboxes".to_owned() } else { format!("{kind}s") };
            self.put_down(&doing, Some(domain), event.kind(), format!("{kind}/{id}")).await?;
        }
        // A subscriber may emit in its turn.
        Box::pin(events::tell(self, domain, &event)).await?;
        let committed = self.app.events.clone();
        // Whoever commits a joined one does not know of events, and who waits for one should not have to look.
        self.inner().after_commit(move || committed.send(event));
        Ok(())
    }

    /// Says what the change is about where no event does: a path below the domain's, such as `webhooks/ID`. Without either, it
    /// is the request's own address.
    pub async fn about(&mut self, domain: Option<DomainId>, subject: String) -> Result<(), DbError> {
        match self.doing.clone() {
            Some(doing) => self.put_down(&doing, domain, &doing.action, subject).await,
            None => Ok(()),
        }
    }

    /// Writes who did what.
    async fn put_down(
        &mut self,
        doing: &Doing,
        domain: Option<DomainId>,
        action: &str,
        subject: String,
    ) -> Result<(), DbError> {
        let entry = doing.entry(domain, action, subject, Time::from(self.app.clock.now()));
        audit::rows::insert(self.connection(), &entry).await?;
        self.effect.get_or_insert(entry.subject);
        Ok(())
    }

    /// Writes who did it where nothing else was put down, and that the request is done.
    async fn end(&mut self) -> Result<(), DbError> {
        let Some(doing) = self.doing.clone() else { return Ok(()) };
        if self.effect.is_none() && !doing.is_core() {
            let domain = doing.grant.domain.as_ref().map(|domain| domain.id);
            self.put_down(&doing, domain, &doing.action, doing.path.clone()).await?;
        }
        if let (Some(claim), Some(effect)) = (&doing.claim, self.effect.take()) {
            idempotency::rows::note_effect(self.connection(), claim, &effect).await?;
        }
        Ok(())
    }

    /// Makes it durable, all at once, and wakes the workers if there is something for them.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.end().await?;
        let Self { app, transaction, wakes, .. } = self;
        match transaction {
            Held::Own(transaction) => {
                let committed = transaction.commit().await;
                // A commit whose answer is lost may have happened.
                app.recent_links.clear();
                committed?;
                // What was written into a file that is gone is no commit.
                app.check_database().map_err(sqlx::Error::Io)?;
            }
            // Its owner commits: a joined one cannot be taken out of its cover.
            Held::Joined(_) => return Ok(()),
        }
        if wakes {
            app.queue.wake();
        }
        Ok(())
    }

    /// Completes the job and makes both durable in one commit; nothing if the attempt has lost its lease.
    pub async fn finish(mut self, attempt: &Attempt) -> Result<(), FenceError> {
        attempt.complete(self.connection()).await?;
        Ok(self.commit().await.map_err(QueueError::from)?)
    }

    /// Makes it durable while the job goes on; nothing if the attempt has lost its lease.
    pub async fn commit_under(mut self, attempt: &Attempt) -> Result<(), FenceError> {
        attempt.fence(self.connection()).await?;
        Ok(self.commit().await.map_err(QueueError::from)?)
    }
}

impl<'a> Deref for Joined<'a> {
    type Target = Tx<'a>;

    fn deref(&self) -> &Tx<'a> {
        &self.0
    }
}

impl<'a> DerefMut for Joined<'a> {
    fn deref_mut(&mut self) -> &mut Tx<'a> {
        &mut self.0
    }
}
