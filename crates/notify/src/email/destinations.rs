//! Limits of what is on its way to one destination, so that a slow one never holds back the others.
//!
//! A destination is the domain of the recipient's address. What finds it full is told when to come back and holds no
//! connection and no worker's slot meanwhile; how long that is follows from how long deliveries there take.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{Channel, NotifyError, Receipt, Recipient, Rendered};

/// Limits of one destination, or of every other.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DestinationLimits {
    /// Most mails on their way there at once.
    pub connections: u32,
    /// Most mails there a minute; 0 is no limit.
    pub per_minute: u32,
}

impl Default for DestinationLimits {
    fn default() -> Self {
        Self { connections: 8, per_minute: 0 }
    }
}

/// The shortest and the longest pause that somebody is sent away for.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// Idle destinations are forgotten when there are more than this.
const MOST_KEPT: usize = 10_000;

/// A channel whose destinations have limits.
pub struct Destinations {
    inner: Arc<dyn Channel>,
    limits: DestinationLimits,
    special: HashMap<String, DestinationLimits>,
    known: Mutex<HashMap<String, Destination>>,
}

#[derive(Debug)]
struct Destination {
    under_way: u32,
    /// How many were sent away since somebody had room: about as many wait.
    waiting: u32,
    /// How long a delivery takes, of late.
    pace: Duration,
    /// When the next mail is due at the allowed rate; earlier by a burst is let through.
    due: Instant,
}

impl Destinations {
    /// Limits `inner`; `special` are the destinations with limits of their own, by domain.
    pub fn new(
        inner: Arc<dyn Channel>,
        limits: DestinationLimits,
        special: HashMap<String, DestinationLimits>,
    ) -> Self {
        let special = special.into_iter().map(|(domain, limits)| (domain.to_ascii_lowercase(), limits)).collect();
        Self { inner, limits, special, known: Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Destination>> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A permit to deliver to `domain`, or how long to stay away.
    fn enter(&self, domain: &str) -> Result<Permit<'_>, Duration> {
        let limits = self.special.get(domain).unwrap_or(&self.limits);
        let now = Instant::now();
        let mut known = self.known();
        if known.len() > MOST_KEPT {
            known.retain(|_, destination| destination.under_way > 0 || destination.due > now);
        }
        let destination = known.entry(domain.to_owned()).or_insert_with(|| Destination {
            under_way: 0,
            waiting: 0,
            pace: PAUSES.0,
            due: now,
        });
        let connections = limits.connections.max(1);
        if destination.under_way >= connections {
            destination.waiting = destination.waiting.saturating_add(1);
            let pause = destination.pace * destination.waiting / connections;
            return Err(pause.clamp(PAUSES.0, PAUSES.1));
        }
        if limits.per_minute > 0 {
            let interval = Duration::from_secs(60) / limits.per_minute;
            let earliest = destination.due.checked_sub(interval * (connections - 1)).unwrap_or(now);
            if now < earliest {
                return Err((earliest - now).clamp(PAUSES.0, PAUSES.1));
            }
            destination.due = destination.due.max(now) + interval;
        }
        destination.under_way += 1;
        Ok(Permit { destinations: self, domain: domain.to_owned(), since: now })
    }
}

/// Counts a mail that is on its way until it is dropped, however the delivery ended.
struct Permit<'a> {
    destinations: &'a Destinations,
    domain: String,
    since: Instant,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(destination) = self.destinations.known().get_mut(&self.domain) {
            destination.under_way -= 1;
            destination.waiting = destination.waiting.saturating_sub(1);
            destination.pace = (destination.pace * 3 + self.since.elapsed()) / 4;
        }
    }
}

#[async_trait]
impl Channel for Destinations {
    async fn deliver(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let domain = to.address().rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let _permit = self.enter(&domain).map_err(NotifyError::Busy)?;
        self.inner.deliver(to, message).await
    }

    async fn takes_smtputf8(&self) -> Result<bool, NotifyError> {
        self.inner.takes_smtputf8().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Answer;
    use voicemill_types::{NoticeId, Time};

    /// How long every mail takes.
    const SENDING: Duration = Duration::from_millis(300);

    /// Counts how many mails it has in hand, and the most there were at once.
    #[derive(Default)]
    struct Slow(std::sync::atomic::AtomicU32, std::sync::atomic::AtomicU32);

    #[async_trait]
    impl Channel for Slow {
        async fn deliver(&self, _: &Recipient, _: &Rendered) -> Result<Receipt, NotifyError> {
            use std::sync::atomic::Ordering::SeqCst;

            self.1.fetch_max(self.0.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::time::sleep(SENDING).await;
            self.0.fetch_sub(1, SeqCst);
            Ok(Receipt::new(Answer::own("taken")))
        }
    }

    fn limited(connections: u32, per_minute: u32) -> Arc<Destinations> {
        limited_before(Arc::default(), connections, per_minute)
    }

    fn limited_before(slow: Arc<Slow>, connections: u32, per_minute: u32) -> Arc<Destinations> {
        let special = HashMap::from([("Slow.example".to_owned(), DestinationLimits { connections: 1, per_minute: 0 })]);
        Arc::new(Destinations::new(slow, DestinationLimits { connections, per_minute }, special))
    }

    async fn send(destinations: &Destinations, to: &str) -> Result<Receipt, NotifyError> {
        let message = Rendered {
            notice_id: NoticeId::new(),
            sender: String::new(),
            queued_at: Time::from_microseconds(0),
            bytes: bytes::Bytes::new(),
        };
        destinations.deliver(&Recipient::new(to), &message).await
    }

    #[tokio::test]
    async fn a_full_destination_sends_away_and_others_go_on() {
        let slow = Arc::<Slow>::default();
        let destinations = limited_before(slow.clone(), 2, 0);
        let full = ["a@full.example", "b@FULL.example", "c@full.example", "d@full.example", "e@other.example"];
        let answers = futures_util::future::join_all(full.map(|to| send(&destinations, to))).await;
        let busy: Vec<bool> = answers.iter().map(|answer| matches!(answer, Err(NotifyError::Busy(_)))).collect();
        assert_eq!(busy, [false, false, true, true, false]);
        assert_eq!(slow.1.load(std::sync::atomic::Ordering::SeqCst), 3, "they went side by side");
        // There is room again, and the domain with a limit of its own has one place.
        let answers = futures_util::future::join_all(
            ["c@full.example", "a@slow.example", "b@slow.example"].map(|to| send(&destinations, to)),
        )
        .await;
        assert!(answers[0].is_ok() && answers[1].is_ok() && answers[2].is_err());
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_the_delivery_is_given_up() {
        let destinations = limited(1, 0);
        let given_up = tokio::time::timeout(Duration::from_millis(10), send(&destinations, "a@full.example")).await;
        assert!(given_up.is_err());
        assert!(send(&destinations, "a@full.example").await.is_ok());
    }

    #[tokio::test]
    async fn a_rate_is_never_passed() {
        let destinations = limited(3, 600);
        // The burst of three goes at once, and the next is sent away for about a tenth of a second.
        for _ in 0..3 {
            destinations.enter("b.example").unwrap_or_else(|pause| panic!("{pause:?}"));
        }
        let Err(pause) = destinations.enter("b.example") else { panic!("at 10 a second") };
        assert!(pause <= PAUSES.0, "{pause:?}");
    }

    #[tokio::test]
    async fn whoever_waits_longer_in_a_longer_queue() {
        let destinations = limited(1, 0);
        let mut held = Box::pin(send(&destinations, "a@b.example"));
        assert!(futures_util::poll!(&mut held).is_pending());
        let mut last = Duration::ZERO;
        for _ in 0..200 {
            let Err(NotifyError::Busy(pause)) = send(&destinations, "a@b.example").await else { panic!() };
            assert!(pause >= last && pause <= PAUSES.1);
            last = pause;
        }
        assert!(last > Duration::from_secs(10), "{last:?}");
        held.await.unwrap();
    }
}
