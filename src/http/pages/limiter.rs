//! Slows down whoever guesses tokens.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Mutex,
    time::{Duration, Instant},
};

/// Counts the bad tokens of each address in windows of a minute.
pub(super) struct Limiter {
    windows: Mutex<HashMap<IpAddr, Window>>,
}

#[derive(Clone, Copy)]
struct Window {
    began: Instant,
    bad: u32,
}

impl Limiter {
    /// A person mistypes a few; a guesser needs 2^128.
    const MOST_BAD: u32 = 60;
    const WINDOW: Duration = Duration::from_secs(60);
    /// Addresses remembered at once; a flood from more is forgotten whole rather than kept.
    const MOST_ADDRESSES: usize = 50_000;

    pub(super) fn new() -> Self {
        Self { windows: Mutex::new(HashMap::new()) }
    }

    /// How long this address has to wait, if it has sent too many.
    pub(super) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let windows = self.windows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let window = windows.get(&address)?;
        let left = Self::WINDOW.checked_sub(now.duration_since(window.began))?;
        (window.bad >= Self::MOST_BAD).then_some(left)
    }

    /// Counts a bad token.
    pub(super) fn count(&self, address: IpAddr, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if windows.len() >= Self::MOST_ADDRESSES && !windows.contains_key(&address) {
            windows.retain(|_, window| now.duration_since(window.began) < Self::WINDOW);
            if windows.len() >= Self::MOST_ADDRESSES {
                windows.clear();
            }
        }
        let window = windows.entry(address).or_insert(Window { began: now, bad: 0 });
        if now.duration_since(window.began) >= Self::WINDOW {
            *window = Window { began: now, bad: 0 };
        }
        window.bad = window.bad.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_waits_and_others_do_not() {
        let (limiter, now) = (Limiter::new(), Instant::now());
        let (guesser, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..Limiter::MOST_BAD {
            assert_eq!(limiter.wait(guesser, now), None);
            limiter.count(guesser, now);
        }
        assert_eq!(limiter.wait(guesser, now), Some(Limiter::WINDOW));
        assert_eq!(limiter.wait(other, now), None);
        let later = now + Limiter::WINDOW + Duration::from_secs(1);
        assert_eq!(limiter.wait(guesser, later), None, "the window is over");
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, now) = (Limiter::new(), Instant::now());
        for number in 0..u32::try_from(Limiter::MOST_ADDRESSES + 10).unwrap() {
            limiter.count(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(limiter.windows.lock().unwrap().len() <= Limiter::MOST_ADDRESSES);
    }
}
