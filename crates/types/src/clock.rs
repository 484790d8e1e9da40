//! The only source of wall-clock time, so that tests can set it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// A handle to wall-clock time: the system's, or one that a test moves by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    fixed_microseconds: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still at `start` until [`Clock::advance`] moves it.
    pub fn fixed(start: Timestamp) -> Self {
        Self { fixed_microseconds: Some(Arc::new(AtomicI64::new(start.as_microsecond()))) }
    }

    /// The present moment, to the microsecond (the precision that both databases keep).
    pub fn now(&self) -> Timestamp {
        let microseconds = match &self.fixed_microseconds {
            Some(fixed) => fixed.load(Ordering::SeqCst),
            #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the ambient clock")]
            None => Timestamp::now().as_microsecond(),
        };
        Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
    }

    /// Moves a fixed clock forward; a system clock is left alone.
    pub fn advance(&self, by: SignedDuration) {
        if let Some(fixed) = &self.fixed_microseconds {
            let microseconds = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            fixed.fetch_add(microseconds, Ordering::SeqCst);
        }
    }
}
