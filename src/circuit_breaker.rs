//! A circuit breaker: remembers that a dependency just failed, so that not every caller waits to find out.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Opens with a failure and stays open for two seconds: callers then fail at once, or take another way.
#[derive(Debug, Default)]
pub struct CircuitBreaker(Mutex<Option<Instant>>);

impl CircuitBreaker {
    /// How long callers are spared after a failure.
    const PAUSE: Duration = Duration::from_secs(2);

    /// Whether the dependency failed just now.
    pub fn is_open(&self) -> bool {
        self.lock().is_some_and(|until| Instant::now() < until)
    }

    /// Notes how a call went: a failure opens the breaker, a success closes it.
    pub fn note(&self, failed: bool) {
        *self.lock() = failed.then(|| Instant::now() + Self::PAUSE);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_with_a_failure_and_closes_with_a_success() {
        let breaker = CircuitBreaker::default();
        assert!(!breaker.is_open());
        breaker.note(true);
        assert!(breaker.is_open());
        breaker.note(false);
        assert!(!breaker.is_open());
    }
}
