//! How fast bytes go, apart from the time in which nobody waits for them: who is too slow only keeps a connection busy.

use std::time::Duration;

use tokio::time::Instant;

/// How many bytes have to go within how long a wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Least {
    pub(super) bytes: u64,
    pub(super) within: Duration,
}

/// The pace of one body, or of one connection.
#[derive(Debug)]
pub(super) struct Pace {
    least: Least,
    waiting_since: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

/// Bytes that go so slowly that they only keep a connection busy.
#[derive(Debug, thiserror::Error)]
#[error("the client is too slow")]
pub(super) struct TooSlow;

impl Pace {
    pub(super) fn new(least: Least) -> Self {
        Self { least, waiting_since: None, waited: Duration::ZERO, bytes: 0 }
    }

    /// Notes that the client is waited for.
    pub(super) fn waits(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    /// Notes that bytes went.
    pub(super) fn went(&mut self, bytes: usize, now: Instant) -> Result<(), TooSlow> {
        self.waited += self.waiting_since.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.bytes += bytes as u64;
        if self.waited < self.least.within {
            return Ok(());
        }
        let is_slow = self.bytes < self.least.bytes;
        *self = Self::new(self.least);
        if is_slow { Err(TooSlow) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_that_keeps_us_waiting_is_too_slow() {
        let second = Duration::from_secs(1);
        let pace = || Pace::new(Least { bytes: 60 * 100, within: 60 * second });
        let (mut slow, mut steady, mut busy) = (pace(), pace(), pace());
        let mut now = Instant::now();
        let mut slow_until = None;
        for at in 0..600 {
            slow.waits(now);
            steady.waits(now);
            now += second;
            if slow.went(1, now).is_err() {
                slow_until.get_or_insert(at);
            }
            assert!(steady.went(1_650, now).is_ok(), "GSM as it is spoken");
            assert!(busy.went(1, now).is_ok(), "nobody waited for it");
        }
        assert_eq!(slow_until, Some(59));
    }
}
