//! The job kinds that a worker knows.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{Attempt, Decide, Job, JobError};

/// A job about to run, or to tell its owner that it was given up.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<(), JobError>> + Send>>;

/// Decodes a payload and makes the future to run; with a give_up_reason, the one that tells the owner.
type Prepare<C> = fn(&str, Arc<C>, Attempt, Option<String>) -> Result<Work, serde_json::Error>;

/// The job kinds that run on a context, by stored name: `Registry::new().with::<RenderMessage>().with::<NotifyMessage>()`.
pub struct Registry<C> {
    kinds: HashMap<&'static str, Kind<C>>,
}

/// What a worker needs to know of a kind, with its type erased.
pub(super) struct Kind<C> {
    pub(super) timeout: Duration,
    prepare: Prepare<C>,
}

impl<C: Send + Sync + 'static> Registry<C> {
    /// A registry that knows no kind.
    pub fn new() -> Self {
        Self { kinds: HashMap::new() }
    }

    /// Adds a kind under its name and its aliases.
    ///
    /// # Panics
    /// If another kind has one of the names: no worker could tell them apart.
    #[must_use]
    pub fn with<J: Job<Context = C>>(mut self) -> Self {
        for name in std::iter::once(&J::KIND).chain(J::ALIASES) {
            let kind = Kind { timeout: J::TIMEOUT, prepare: prepare::<J> };
            assert!(self.kinds.insert(name, kind).is_none(), "two job kinds are called {name:?}");
        }
        self
    }

    pub(super) fn get(&self, kind: &str) -> Option<&Kind<C>> {
        self.kinds.get(kind)
    }
}

impl<C: Send + Sync + 'static> Default for Registry<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Kind<C> {
    /// Decodes the payload and makes the future to run; with a `give_up_reason`, the one that tells the owner.
    pub(super) fn prepare(
        &self,
        payload: &str,
        context: Arc<C>,
        attempt: Attempt,
        give_up_reason: Option<String>,
    ) -> Result<Work, serde_json::Error> {
        (self.prepare)(payload, context, attempt, give_up_reason)
    }
}

fn prepare<J: Job>(
    payload: &str,
    context: Arc<J::Context>,
    attempt: Attempt,
    give_up_reason: Option<String>,
) -> Result<Work, serde_json::Error> {
    let job: J = serde_json::from_str(payload)?;
    Ok(Box::pin(async move {
        match give_up_reason {
            None => job.run(&context, &attempt).await,
            Some(reason) => {
                let mut transaction = attempt.begin().await.retry()?;
                job.given_up(&context, &mut transaction, &reason).await?;
                attempt.give_up(transaction, &reason).await.retry()
            }
        }
    }))
}
