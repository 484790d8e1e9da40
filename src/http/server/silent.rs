//! Connections on which nothing is asked: new ones, and those kept open for the next request.
//!
//! When all places are taken, one of them has to go for whoever comes, so that no client can shut out the others by opening
//! connections and saying nothing (or only half of a head, byte by byte).

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::http::limiter::network;

/// The silent connections of every client, each client's longest silent first.
#[derive(Clone, Default)]
pub(super) struct Silent(Arc<Mutex<Clients>>);

#[derive(Default)]
struct Clients {
    waiting: HashMap<IpAddr, VecDeque<(u64, CancellationToken)>>,
    next: u64,
}

/// One connection: silent, unless a request is in hand.
#[derive(Clone)]
pub(super) struct Place(Arc<Connection>);

struct Connection {
    silent: Silent,
    client: IpAddr,
    state: Mutex<State>,
    /// Cancelled when it has to go.
    evicted: CancellationToken,
}

#[derive(Default)]
struct State {
    /// Requests in hand; more than one where the next is read before the last answer is gone.
    busy: usize,
    /// Its number among the silent.
    number: Option<u64>,
}

/// A request in hand.
pub(super) struct Busy(Arc<Connection>);

impl Silent {
    /// A new connection, silent to begin with.
    pub(super) fn connect(&self, from: IpAddr) -> Place {
        let connection = Connection {
            silent: self.clone(),
            client: network(from),
            state: Mutex::default(),
            evicted: CancellationToken::new(),
        };
        connection.note(|_| ());
        Place(Arc::new(connection))
    }

    /// Ends the longest silent connection of the client that has the most of them; false if there is none.
    pub(super) fn evict(&self) -> bool {
        let mut clients = lock(&self.0);
        let most = clients.waiting.iter().max_by_key(|(_, waiting)| waiting.len()).map(|(client, _)| *client);
        let Some((client, waiting)) = most.and_then(|client| Some((client, clients.waiting.get_mut(&client)?))) else {
            return false;
        };
        let evicted = waiting.pop_front();
        if waiting.is_empty() {
            clients.waiting.remove(&client);
        }
        evicted.inspect(|(_, connection)| connection.cancel()).is_some()
    }
}

impl Place {
    /// Notes that a request is in hand, for as long as what is returned lives.
    pub(super) fn busy(&self) -> Busy {
        self.0.note(|state| state.busy += 1);
        Busy(Arc::clone(&self.0))
    }

    /// Waits until it has to go, which it need not while a request is in hand.
    pub(super) async fn evicted(&self) {
        self.0.evicted.cancelled().await;
        if lock(&self.0.state).busy > 0 {
            // A request came just then; its answer is the last.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the connection has to end after the request in hand.
    pub(super) fn has_to_go(&self) -> bool {
        self.0.evicted.is_cancelled()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.note(|state| state.busy -= 1);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let number = lock(&self.state).number.take();
        self.leave(number);
    }
}

impl Connection {
    /// Changes what it does, and keeps the silent in step.
    fn note(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        match (state.busy, state.number) {
            (0, None) if !self.evicted.is_cancelled() => {
                let mut clients = lock(&self.silent.0);
                clients.next += 1;
                let number = clients.next;
                clients.waiting.entry(self.client).or_default().push_back((number, self.evicted.clone()));
                state.number = Some(number);
            }
            (1.., Some(_)) => {
                let number = state.number.take();
                self.leave(number);
            }
            _ => {}
        }
    }

    fn leave(&self, number: Option<u64>) {
        let Some(number) = number else { return };
        let mut clients = lock(&self.silent.0);
        if let Some(waiting) = clients.waiting.get_mut(&self.client) {
            if let Ok(at) = waiting.binary_search_by_key(&number, |(number, _)| *number) {
                waiting.remove(at);
            }
            if waiting.is_empty() {
                clients.waiting.remove(&self.client);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silent_of_the_most_silent_client_goes_first() {
        let silent = Silent::default();
        let (one, two) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let others = silent.connect(two);
        let many: Vec<_> = (0..3).map(|_| silent.connect(one)).collect();
        let request = many[0].busy();
        assert!(silent.evict());
        assert!(many[1].has_to_go(), "the first has a request in hand");
        drop(request);
        assert!(silent.evict());
        assert!(many[2].has_to_go() && !many[0].has_to_go(), "it has spoken since");
        assert!(silent.evict() && silent.evict());
        assert!(others.has_to_go() && many[0].has_to_go());
        assert!(!silent.evict(), "there is none any more");
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let silent = Silent::default();
        let place = silent.connect(IpAddr::from([192, 0, 2, 1]));
        drop(place.busy());
        drop(place);
        assert!(lock(&silent.0).waiting.is_empty());
    }
}
