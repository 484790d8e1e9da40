//! Remembering that something is down, so that not everybody has to wait to find out.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// Open after a failure: for a while nobody need try.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Option<Instant>>);

impl Breaker {
    /// How long others are spared after a failure.
    const PAUSE: Duration = Duration::from_secs(2);

    /// Whether it failed just now.
    pub fn is_open(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    /// Notes how a try went.
    pub fn note(&self, failed: bool) {
        *self.lock() = failed.then(|| Instant::now() + Self::PAUSE);
    }

    fn until(&self) -> Option<Instant> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_with_a_failure_and_closes_with_a_success() {
        let breaker = Breaker::default();
        assert!(!breaker.is_open());
        breaker.note(true);
        assert!(breaker.is_open());
        breaker.note(false);
        assert!(!breaker.is_open());
    }
}
