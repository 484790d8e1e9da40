//! Rate limits for clients that guess secrets: tokens of links, keys of hooks, keys of the API.
//!
//! Only failures are counted, and whoever has the right secret is never refused: many people share an address, and one who
//! guesses must not shut out the others.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Counts the failures of each client in windows of a minute.
pub(super) struct Limiter {
    windows: Mutex<HashMap<IpAddr, Window>>,
}

#[derive(Clone, Copy)]
struct Window {
    began: Instant,
    failures: u32,
}

impl Limiter {
    /// A person mistypes a few; a guesser needs 2^128.
    const MOST_FAILURES: u32 = 60;
    const WINDOW: Duration = Duration::from_secs(60);
    /// Clients remembered at once, about 3 MB.
    const MOST_CLIENTS: usize = 50_000;

    pub(super) fn new() -> Self {
        Self { windows: Mutex::new(HashMap::new()) }
    }

    /// Counts a failure; how long the client has to wait, if it had too many already.
    pub(super) fn failed(&self, client: IpAddr, now: Instant) -> Option<Duration> {
        let client = network(client);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= Self::MOST_CLIENTS && !windows.contains_key(&client) {
            make_room(&mut windows, now);
        }
        let window = windows.entry(client).or_insert(Window { began: now, failures: 0 });
        let mut passed = now.saturating_duration_since(window.began);
        if passed >= Self::WINDOW {
            *window = Window { began: now, failures: 0 };
            passed = Duration::ZERO;
        }
        let too_many = window.failures >= Self::MOST_FAILURES;
        window.failures = window.failures.saturating_add(1);
        too_many.then(|| Self::WINDOW - passed)
    }
}

/// Forgets the windows that are over; if that is not enough, the clients that are not limited yet, and at last all.
fn make_room(windows: &mut HashMap<IpAddr, Window>, now: Instant) {
    windows.retain(|_, window| now.saturating_duration_since(window.began) < Limiter::WINDOW);
    if windows.len() >= Limiter::MOST_CLIENTS {
        windows.retain(|_, window| window.failures >= Limiter::MOST_FAILURES);
    }
    if windows.len() >= Limiter::MOST_CLIENTS {
        windows.clear();
    }
}

/// What one client has of addresses: a whole /64 of IPv6 (RFC 6177), one address of IPv4.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhaust(limiter: &Limiter, client: IpAddr, now: Instant) {
        for _ in 0..Limiter::MOST_FAILURES {
            assert_eq!(limiter.failed(client, now), None);
        }
    }

    #[test]
    fn a_guesser_waits_and_others_do_not() {
        let (limiter, now) = (Limiter::new(), Instant::now());
        let (guesser, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        exhaust(&limiter, guesser, now);
        assert_eq!(limiter.failed(guesser, now), Some(Limiter::WINDOW));
        let half = now + Limiter::WINDOW / 2;
        assert_eq!(limiter.failed(guesser, half), Some(Limiter::WINDOW / 2), "it is told how long");
        assert_eq!(limiter.failed(other, now), None);
        assert_eq!(limiter.failed(guesser, now + Limiter::WINDOW), None, "the window is over");
    }

    #[test]
    fn a_client_is_a_64_of_ipv6() {
        let (limiter, now) = (Limiter::new(), Instant::now());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        exhaust(&limiter, address("2001:db8:0:1::1"), now);
        assert!(limiter.failed(address("2001:db8:0:1:ffff::2"), now).is_some());
        assert!(limiter.failed(address("2001:db8:0:2::1"), now).is_none());
        exhaust(&limiter, address("::ffff:192.0.2.1"), now);
        assert!(limiter.failed(address("192.0.2.1"), now).is_some(), "IPv4 by a socket of IPv6");
        assert!(limiter.failed(address("::ffff:192.0.2.2"), now).is_none());
    }

    #[test]
    fn memory_is_bounded_and_a_flood_sets_no_guesser_free() {
        let (limiter, now) = (Limiter::new(), Instant::now());
        let guesser = IpAddr::from([192, 0, 2, 1]);
        exhaust(&limiter, guesser, now);
        for number in 0..u32::try_from(2 * Limiter::MOST_CLIENTS).unwrap() {
            limiter.failed(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(limiter.windows.lock().unwrap().len() <= Limiter::MOST_CLIENTS);
        assert!(limiter.failed(guesser, now).is_some());
    }
}
